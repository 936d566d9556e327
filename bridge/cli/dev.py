"""``vod-bridge dev``: a complete bridge on a laptop, with a demonstration; nothing remains afterwards.

The settings of the environment are ignored on purpose: a demonstration must not write to the Kafka that a
variable happens to name.
"""

import signal
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, NoReturn

import aiohttp
import typer
from rich.console import Console

from bridge.app import Bridge
from bridge.cli.dev_demo import UnexpectedResultError, print_event, run_demo
from bridge.cli.dev_next_steps import DevUrls, has_display, print_next_steps
from bridge.cli.dev_options import DevOptions, DevPorts, OptionError, PullOptions
from bridge.cli.dev_ports import PortInUseError
from bridge.cli.dev_services import Services
from bridge.cli.dev_vendor import Twin, introduce_pull
from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, fail
from bridge.cli.support.follow import following
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.signing import sign_body
from bridge.cli.support.terminal import mask_secrets_of
from bridge.cli.topics import expected_topics
from bridge.embedded import HOST, MissingDependencyError, StartError
from bridge.io.kafka.client import kafka_options
from bridge.observability.logging import configure_logging
from bridge.operations.kafka_errors import silence_aiokafka
from bridge.settings.settings import Settings, SettingsError, load


def _port_option(name: str, service: str) -> Any:  # noqa: ANN401 - typer's marker has no type
    return typer.Option(
        name, min=0, max=65535, help=f"Port of {service}; 0: any free one.", show_default=False
    )


def _secret_option(name: str, variable: str) -> Any:  # noqa: ANN401 - as above
    text = f"For --pull: the file with the {name}; else the variable {variable}."
    return typer.Option(exists=True, dir_okay=False, help=text, show_default=False)


_Port = Annotated[int | None, _port_option("--port", "the bridge (usually 8080)")]
_AdminPort = Annotated[
    int | None, _port_option("--admin-port", "the admin server, with console and metrics (9090)")
]
_KafkaPort = Annotated[int | None, _port_option("--kafka-port", "Kafka (9092)")]
_RedisPort = Annotated[int | None, _port_option("--redis-port", "Redis (6379)")]
_VendorPort = Annotated[int | None, _port_option("--vendor-port", "the vendor's twin (7070)")]
_Vendor = Annotated[
    bool,
    typer.Option("--vendor", help="Run a twin of the vendor beside it, which pushes and is pulled."),
]
_Pull = Annotated[
    bool, typer.Option("--pull", help="Pull the queue of an application of yours at the vendor.")
]
_SecretIdFile = Annotated[Path | None, _secret_option("SecretId", "VOD_SECRET_ID")]
_SecretKeyFile = Annotated[Path | None, _secret_option("SecretKey", "VOD_SECRET_KEY")]
_SubAppId = Annotated[int | None, typer.Option(min=0, help="For --pull: the SubAppId.", show_default=False)]
_Endpoint = Annotated[
    str,
    typer.Option(
        help="For --pull: host or URL of the vendor's API; international: vod.intl.tencentcloudapi.com.",
        show_default=False,
    ),
]
_Confirm = Annotated[
    bool,
    typer.Option(
        "--confirm",
        help="For --pull: take the events away from the queue. Without it the vendor hands them out again"
        " 30 s later.",
    ),
]
_App = Annotated[str, typer.Option(help="Name of an application; its URL ends with it.", show_default=False)]
_Token = Annotated[str, typer.Option(help="Its token, the last part of its URL.", show_default=False)]
_SignKey = Annotated[
    str, typer.Option(help="Its SignKey: deliveries must be signed then.", show_default=False)
]
_Open = Annotated[bool, typer.Option("--open", help="Open the console in a browser.")]
_Once = Annotated[bool, typer.Option("--once", help="End after the demonstration.")]


def dev(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    port: _Port = None,
    admin_port: _AdminPort = None,
    kafka_port: _KafkaPort = None,
    redis_port: _RedisPort = None,
    vendor_port: _VendorPort = None,
    app: _App = "",
    token: _Token = "",
    sign_key: _SignKey = "",
    vendor: _Vendor = False,
    pull: _Pull = False,
    secret_id_file: _SecretIdFile = None,
    secret_key_file: _SecretKeyFile = None,
    sub_app_id: _SubAppId = None,
    endpoint: _Endpoint = "",
    confirm: _Confirm = False,
    open_console: _Open = False,
    once: _Once = False,
) -> None:
    """Try the bridge on this machine: an embedded Kafka, a Redis, the bridge, and four notifications posted.

    Then it shows every event that arrives, until Ctrl-C, and says what to type in another terminal.

    Takes no settings. A usual port that is in use is replaced: by the one 10000 higher, and so on.

    Example: vod-bridge dev --vendor

    Example: vod-bridge dev --app my-shop --token a-long-word --sign-key secret
    """
    ports = DevPorts(bridge=port, admin=admin_port, kafka=kafka_port, redis=redis_port, vendor=vendor_port)
    pull_options = PullOptions(
        secret_id_file=secret_id_file,
        secret_key_file=secret_key_file,
        sub_app_id=sub_app_id,
        endpoint=endpoint,
        confirm=confirm,
    )
    dev_options = DevOptions(
        ports=ports,
        app=app,
        token=token,
        sign_key=sign_key,
        vendor=vendor,
        pull=pull_options if pull else None,
    )
    if not pull and pull_options != _NO_PULL:
        fail("--secret-id-file, --sub-app-id, --endpoint and --confirm are for --pull", EXIT_USAGE)
    _run(dev_options, once=once, open_console=open_console)


_NO_PULL = PullOptions(secret_id_file=None, secret_key_file=None, sub_app_id=None, endpoint="", confirm=False)


def _run(dev_options: DevOptions, *, once: bool, open_console: bool) -> None:
    silence_aiokafka()
    configure_logging("warning" if dev_options.pull else "error", "console")
    console = Console(highlight=False, soft_wrap=True)
    _handle_signals(signal.default_int_handler)  # KeyboardInterrupt, so that the services are stopped
    try:
        dev_options.check()
        with ExitStack() as stack:
            try:
                services = Services(dev_options, stack, console)
                # The bridge stops within its budget: cut off by one more signal, it would leave connections.
                run_interruptible(
                    _run_bridge(services, console, once=once, open_console=open_console), only_once=True
                )
            finally:
                _handle_signals(signal.SIG_IGN)  # one more must not leave a service behind; it takes seconds
    except OptionError as error:
        fail(str(error), EXIT_USAGE)
    except SettingsError as error:
        fail(dev_options.explain_settings_error(error), EXIT_USAGE)
    except (MissingDependencyError, StartError, PortInUseError, OSError) as error:
        fail(str(error))
    except UnexpectedResultError as difference:
        fail(f"the demonstration did not come as expected: {difference}", EXIT_FAILED)
    except KeyboardInterrupt:
        console.print("stopped; nothing of it is left", style="dim")


def _handle_signals(handler: signal.Handlers | Callable[[int, FrameType | None], NoReturn]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handler)


async def _run_bridge(services: Services, console: Console, *, once: bool, open_console: bool) -> None:
    dev_options, env = services.dev_options, dict(services.env)
    async with AsyncExitStack() as stack:
        twin = None
        if dev_options.vendor:
            twin = Twin(dev_options, lambda line: console.print("[dim]vendor[/dim] ", line))
            await stack.enter_async_context(twin.running(services.vendor_port))
            env |= twin.settings()
        settings = load(None, env)
        if dev_options.pull:
            mask_secrets_of(settings)
            await introduce_pull(dev_options.pull, settings, console)
        confirm = dev_options.pull is None or dev_options.pull.confirm
        bridge = await stack.enter_async_context(_started_bridge(settings, confirm=confirm))
        topics = expected_topics(settings)
        follower = await stack.enter_async_context(following(kafka_options(settings.kafka), topics))
        url = _callback_url(dev_options, bridge.http_port)
        _print_addresses(settings, bridge, url, console, open_console=open_console)
        arriving_records = follower.records()
        session = await stack.enter_async_context(aiohttp.ClientSession())
        await run_demo(partial(_post, session, url, sign_key=dev_options.sign_key), arriving_records, console)
        if twin is not None:
            await twin.demonstrate(url, arriving_records, console)
        if once:
            return
        print_next_steps(console, settings, dev_options, DevUrls(url, _console_url(bridge)), twin)
        console.print(f"{_console_line(bridge)}   Every event is shown here; Ctrl-C ends it all.\n")
        async for record in arriving_records:
            print_event(console, record)


def _callback_url(dev_options: DevOptions, port: int) -> str:
    url = f"http://{HOST}:{port}/callbacks"
    if not (dev_options.app or dev_options.token or dev_options.sign_key):
        return url
    return "/".join([url, dev_options.pushed_app, *([dev_options.token] if dev_options.token else [])])


def _print_addresses(
    settings: Settings, bridge: Bridge, url: str, console: Console, *, open_console: bool
) -> None:
    console.print(
        f"[bold]the bridge listens[/bold] at {url}; Kafka at {settings.kafka.bootstrap_servers};"
        f" Redis at {settings.redis.url}"
    )
    console.print(_console_line(bridge))
    if not open_console:
        return
    if not has_display() or not webbrowser.open(f"{_console_url(bridge)}/"):
        console.print("there is no browser here to open it: open this address yourself", style="yellow")


def _console_line(bridge: Bridge) -> str:
    return f"[bold]Console:[/bold] {_console_url(bridge)}/"


def _console_url(bridge: Bridge) -> str:
    return f"http://{HOST}:{bridge.admin_port}"


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, *, sign_key: str) -> tuple[int, bytes]:
    body, query = sign_body(body, sign_key)
    headers = {"Content-Type": "application/json"}
    async with session.post(url, data=body, params=query, headers=headers) as response:
        return response.status, await response.read()


@asynccontextmanager
async def _started_bridge(settings: Settings, *, confirm: bool) -> AsyncIterator[Bridge]:
    bridge = Bridge(settings, confirm_pulled=confirm)
    try:
        await bridge.start()
        yield bridge
    finally:
        await bridge.stop()
