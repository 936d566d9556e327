"""``vod-bridge dev``: a complete bridge on a laptop, with a demonstration; nothing remains afterwards.

The settings of the environment are ignored on purpose: a demonstration must not write to the Kafka that a
variable happens to name.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import Annotated, Any

import aiohttp
import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from bridge.app import Bridge
from bridge.cli.dev_hints import inspect_commands, post_command, setup_lines
from bridge.cli.dev_ports import PortAllocator, PortInUseError
from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, fail
from bridge.cli.support.follow import following
from bridge.cli.support.render import ShownRecord, render_full, render_line, render_response
from bridge.cli.support.signing import sign_body
from bridge.cli.topics import expected_topics
from bridge.embedded import HOST, MissingDependencyError, StartError, embedded_kafka, embedded_redis
from bridge.io.kafka.client import kafka_options
from bridge.observability.logging import configure_logging
from bridge.operations.kafka_errors import silence_aiokafka
from bridge.settings.settings import Settings, SettingsError, load

_REDELIVERY_STEP = 2  # the step that repeats the first
_EVENT_TIMEOUT_S = 15.0


class _DemoStep(Struct, frozen=True):
    title: str
    sample: str
    status: int
    outcome: str
    is_published: bool


_DEMO_STEPS = (
    _DemoStep("a notification in format 3.0", "notification-3.0.json", 200, "published", is_published=True),
    _DemoStep("one in the legacy format", "notification-legacy.json", 200, "published", is_published=True),
    _DemoStep(
        "the first one again, as the vendor resends it",
        "notification-3.0.json",
        200,
        "duplicate",
        is_published=False,
    ),
    _DemoStep("a broken one", "broken.txt", 422, "rejected", is_published=True),
)


class UnexpectedResultError(Exception):
    """A step of the demonstration had another result than expected."""


class _DevOptions(Struct, frozen=True, kw_only=True):
    """The options: ports (None: the default, or another where that is in use), and an application."""

    port: int | None
    admin_port: int | None
    kafka_port: int | None
    redis_port: int | None
    app: str
    token: str
    sign_key: str

    def application_settings(self) -> dict[str, str]:
        """Return the application's settings; empty where no application is named."""
        if not (self.app or self.token or self.sign_key):
            return {}
        prefix = self._env_prefix()
        secrets = {f"{prefix}__TOKEN": self.token, f"{prefix}__SIGN_KEY": self.sign_key}
        return {f"{prefix}__MODE": "push"} | {name: value for name, value in secrets.items() if value}

    def explain_settings_error(self, error: SettingsError) -> str:
        """Describe an error in the settings by the names of the options that they came from."""
        prefix = self._env_prefix()
        options = {f"{prefix}__TOKEN": "--token", f"{prefix}__SIGN_KEY": "--sign-key"}
        return "\n  ".join(
            str(issue._replace(name=options.get(issue.name, f"--app {self.app}"))) for issue in error.issues
        )

    def _env_prefix(self) -> str:
        return f"BRIDGE_APPS__{(self.app or 'default').upper().replace('-', '_')}"


def _port_option(name: str, service: str) -> Any:  # noqa: ANN401 - typer's marker has no type
    return typer.Option(
        name, min=0, max=65535, help=f"Port of {service}; 0: any free one.", show_default=False
    )


def dev(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    port: Annotated[int | None, _port_option("--port", "the bridge (usually 8080)")] = None,
    admin_port: Annotated[
        int | None, _port_option("--admin-port", "the admin server, with the metrics (9090)")
    ] = None,
    kafka_port: Annotated[int | None, _port_option("--kafka-port", "Kafka (9092)")] = None,
    redis_port: Annotated[int | None, _port_option("--redis-port", "Redis (6379)")] = None,
    app: Annotated[
        str, typer.Option(help="Name of an application; its URL ends with it.", show_default=False)
    ] = "",
    token: Annotated[str, typer.Option(help="Its token, the last part of its URL.", show_default=False)] = "",
    sign_key: Annotated[
        str, typer.Option(help="Its SignKey: deliveries must be signed then.", show_default=False)
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="End after the demonstration.")] = False,
) -> None:
    """Try the bridge on this machine: an embedded Kafka, a Redis, the bridge, and four notifications posted.

    Then it shows every event that arrives, until Ctrl-C, and says what to type in another terminal.

    Needs no settings, and takes none.

    A usual port that is in use is replaced: by the one 10000 higher, and so on.

    Example: vod-bridge dev --app my-shop --token a-long-word --sign-key secret
    """
    silence_aiokafka()
    configure_logging("error", "console")
    console = Console(highlight=False, soft_wrap=True)
    _interrupt_on_signals()
    ports = {"port": port, "admin_port": admin_port, "kafka_port": kafka_port, "redis_port": redis_port}
    dev_options = _DevOptions(**ports, app=app, token=token, sign_key=sign_key)
    try:
        with ExitStack() as stack:
            settings = _start_services(dev_options, stack, console)
            asyncio.run(_run_demo(settings, dev_options, console, once=once))
    except SettingsError as error:
        fail(dev_options.explain_settings_error(error), EXIT_USAGE)
    except (MissingDependencyError, StartError, PortInUseError, OSError) as error:
        fail(str(error))
    except UnexpectedResultError as difference:
        fail(f"the demonstration did not come as expected: {difference}", EXIT_FAILED)
    except KeyboardInterrupt:
        console.print("stopped; nothing of it is left", style="dim")


def _interrupt_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that the services started here are stopped."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _start_services(dev_options: _DevOptions, stack: ExitStack, console: Console) -> Settings:
    """Start Kafka and Redis on ``stack``, and return the settings of a bridge that uses them."""
    own_env = {
        "BRIDGE_HTTP__HOST": HOST,
        "BRIDGE_ADMIN__HOST": HOST,
        "BRIDGE_LOG__DELIVERIES": "none",
        "BRIDGE_LOG__LEVEL": "error",
        "BRIDGE_SPOOL__MAX_BYTES": "0",
        **dev_options.application_settings(),
    }
    topics = expected_topics(load(None, own_env))
    ports = PortAllocator()
    own_env["BRIDGE_HTTP__PORT"] = str(ports.allocate("the bridge", "--port", dev_options.port, 8080))
    own_env["BRIDGE_ADMIN__PORT"] = str(
        ports.allocate("the admin server", "--admin-port", dev_options.admin_port, 9090)
    )
    kafka_port = ports.allocate("Kafka", "--kafka-port", dev_options.kafka_port, 9092)
    redis_port = ports.allocate("Redis", "--redis-port", dev_options.redis_port, 6379)
    for text in ports.notices:
        console.print(text, style="yellow")
    own_env["BRIDGE_REDIS__URL"] = stack.enter_context(embedded_redis(redis_port))
    own_env["BRIDGE_KAFKA__BOOTSTRAP_SERVERS"] = stack.enter_context(embedded_kafka(topics, kafka_port))
    return load(None, own_env)


async def _run_demo(settings: Settings, dev_options: _DevOptions, console: Console, *, once: bool) -> None:
    async with (
        _started_bridge(settings) as bridge,
        following(kafka_options(settings.kafka), expected_topics(settings)) as follower,
    ):
        (app,) = settings.applications().values()
        url = f"http://{HOST}:{bridge.http_port}/callbacks"
        if dev_options.application_settings():
            url += "/".join(["", app.name, *([app.token] if app.token else [])])
        console.print(
            f"[bold]the bridge listens[/bold] at {url}; Kafka at {settings.kafka.bootstrap_servers};"
            f" Redis at {settings.redis.url}"
        )
        arriving_records = follower.records()
        async with aiohttp.ClientSession() as session:
            post = partial(_post, session, url, sign_key=dev_options.sign_key)
            ids = [await _run_step(step, post, arriving_records, console) for step in _DEMO_STEPS]
        if ids[_REDELIVERY_STEP] != ids[0]:
            raise UnexpectedResultError(
                f"the redelivery's id is {ids[_REDELIVERY_STEP]}, the first one's {ids[0]}"
            )
        if once:
            return
        _print_next_steps(console, settings, dev_options, url)
        console.print(
            f"Console: http://{HOST}:{bridge.admin_port}/   Every event is shown here; Ctrl-C ends it all.\n"
        )
        async for record in arriving_records:
            _print_event(console, record)


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, *, sign_key: str) -> tuple[int, bytes]:
    body, query = sign_body(body, sign_key)
    headers = {"Content-Type": "application/json"}
    async with session.post(url, data=body, params=query, headers=headers) as response:
        return response.status, await response.read()


async def _run_step(
    step: _DemoStep,
    post: Callable[[bytes], Awaitable[tuple[int, bytes]]],
    arriving_records: AsyncIterator[ShownRecord],
    console: Console,
) -> str:
    console.print(f"\n[bold]posted[/bold]  {step.title}")
    status, response_body = await post(files("bridge").joinpath("samples", step.sample).read_bytes())
    text = render_response(status, response_body)
    console.print("[dim]answer[/dim] ", text)
    if status != step.status or step.outcome not in text.plain:
        raise UnexpectedResultError(
            f"{step.title} was answered {text.plain}, not {step.status} {step.outcome}"
        )
    event_id = _event_id(response_body)
    if not step.is_published:
        return event_id
    try:
        async with asyncio.timeout(_EVENT_TIMEOUT_S):
            record = await anext(arriving_records)
    except TimeoutError:
        raise UnexpectedResultError(
            f"of {step.title} nothing reached a consumer within {_EVENT_TIMEOUT_S:.0f} s"
        ) from None
    _print_event(console, record)
    if bool(record.reason) != (step.outcome == "rejected") or record.headers.get("ce_id", "") != event_id:
        raise UnexpectedResultError(f"{step.title} reached consumers as {render_line(record).plain}")
    return event_id


@asynccontextmanager
async def _started_bridge(settings: Settings) -> AsyncIterator[Bridge]:
    bridge = Bridge(settings)
    try:
        await bridge.start()
        yield bridge
    finally:
        await bridge.stop()


def _event_id(response_body: bytes) -> str:
    return msgspec.json.decode(response_body, type=dict[str, str]).get("event_id", "")


def _print_event(console: Console, record: ShownRecord) -> None:
    console.print("[dim]event[/dim]  ", render_line(record))
    console.print("[dim]on[/dim]     ", render_full(record))


def _print_next_steps(console: Console, settings: Settings, dev_options: _DevOptions, url: str) -> None:
    (app,) = settings.applications().values()
    own_env = dev_options.application_settings() | (
        {"VOD_SIGN_KEY": dev_options.sign_key} if dev_options.sign_key else {}
    )
    console.print("\n[bold]In another terminal[/bold], so that every command finds what runs here:\n")
    for text in setup_lines(settings, own_env):
        console.print(f"  {text}", markup=False)
    console.print("\n[bold]Post one yourself[/bold], and look at what is there:\n")
    for text in (post_command(url, app), *inspect_commands(settings)):
        console.print(f"  {text}", markup=False)
    console.print()
