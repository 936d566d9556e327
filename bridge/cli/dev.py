"""``vod-bridge dev``: all of it on a laptop, shown at work; nothing outlives it.

The settings of the environment are left aside on purpose: a laptop's demonstration must not write to the
Kafka that a variable happens to name.
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
from bridge.cli.dev_hints import look_commands, post_command, preparation
from bridge.cli.dev_ports import PortInUseError, Ports
from bridge.cli.drawing import Seen, answer_line, event_line, event_lines
from bridge.cli.ending import FAILED, USED_WRONGLY, fail
from bridge.cli.send_secrets import signed
from bridge.cli.topics import expected_topics
from bridge.cli.trouble import hush_library
from bridge.cli.watch import watching
from bridge.embedded import HOST, MissingDependencyError, StartError, embedded_kafka, embedded_redis
from bridge.io.kafka.client import kafka_options
from bridge.observability.logging import configure_logging
from bridge.settings.settings import Settings, SettingsError, load

_AGAIN = 2  # the step that repeats the first
_WITHIN_S = 15.0


class _Step(Struct, frozen=True):
    words: str
    sample: str
    status: int
    ending: str
    arrives: bool


_STEPS = (
    _Step("a notification in format 3.0", "notification-3.0.json", 200, "published", arrives=True),
    _Step("one in the legacy format", "notification-legacy.json", 200, "published", arrives=True),
    _Step(
        "the first one again, as the vendor resends it",
        "notification-3.0.json",
        200,
        "duplicate",
        arrives=False,
    ),
    _Step("a broken one", "broken.txt", 422, "rejected", arrives=True),
)


class Unexpected(Exception):  # noqa: N818 - it says what happened, not that code broke
    """A step of the demonstration did not come as it should."""


class _Asked(Struct, frozen=True, kw_only=True):
    """The options: ports (None: the usual one or, where that is in use, another), and an application."""

    port: int | None
    admin_port: int | None
    kafka_port: int | None
    redis_port: int | None
    app: str
    token: str
    sign_key: str

    def application(self) -> dict[str, str]:
        """Give the application as settings; empty where none is asked for."""
        if not (self.app or self.token or self.sign_key):
            return {}
        stem = self._variable()
        secrets = {f"{stem}__TOKEN": self.token, f"{stem}__SIGN_KEY": self.sign_key}
        return {f"{stem}__MODE": "push"} | {name: value for name, value in secrets.items() if value}

    def as_options(self, error: SettingsError) -> str:
        """Say what is wrong with the settings by the names of the options that they came from."""
        stem = self._variable()
        options = {f"{stem}__TOKEN": "--token", f"{stem}__SIGN_KEY": "--sign-key"}
        return "\n  ".join(
            str(mistake._replace(name=options.get(mistake.name, f"--app {self.app}")))
            for mistake in error.issues
        )

    def _variable(self) -> str:
        return f"BRIDGE_APPS__{(self.app or 'default').upper().replace('-', '_')}"


def _port_option(name: str, what: str) -> Any:  # noqa: ANN401 - typer's marker has no type
    return typer.Option(name, min=0, max=65535, help=f"Port of {what}; 0: any free one.", show_default=False)


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
    hush_library()
    configure_logging("error", "console")
    console = Console(highlight=False, soft_wrap=True)
    _let_signals_interrupt()
    ports = {"port": port, "admin_port": admin_port, "kafka_port": kafka_port, "redis_port": redis_port}
    asked = _Asked(**ports, app=app, token=token, sign_key=sign_key)
    try:
        with ExitStack() as parts:
            settings = _settings(asked, parts, console)
            asyncio.run(_demonstrate(settings, asked, console, once=once))
    except SettingsError as error:
        fail(asked.as_options(error), USED_WRONGLY)
    except (MissingDependencyError, StartError, PortInUseError, OSError) as error:
        fail(str(error))
    except Unexpected as difference:
        fail(f"the demonstration did not come as expected: {difference}", FAILED)
    except KeyboardInterrupt:
        console.print("stopped; nothing of it is left", style="dim")


def _let_signals_interrupt() -> None:
    """Let what is started here end with this process, however it is told to end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def _settings(asked: _Asked, parts: ExitStack, console: Console) -> Settings:
    """Start Kafka and Redis, on ``parts``, and give the settings of a bridge that uses them."""
    own = {
        "BRIDGE_HTTP__HOST": HOST,
        "BRIDGE_ADMIN__HOST": HOST,
        "BRIDGE_LOG__DELIVERIES": "none",
        "BRIDGE_LOG__LEVEL": "error",
        "BRIDGE_SPOOL__MAX_BYTES": "0",
        **asked.application(),
    }
    topics = expected_topics(load(None, own))
    ports = Ports()
    own["BRIDGE_HTTP__PORT"] = str(ports.take("the bridge", "--port", asked.port, 8080))
    own["BRIDGE_ADMIN__PORT"] = str(ports.take("the admin server", "--admin-port", asked.admin_port, 9090))
    kafka_port = ports.take("Kafka", "--kafka-port", asked.kafka_port, 9092)
    redis_port = ports.take("Redis", "--redis-port", asked.redis_port, 6379)
    for line in ports.moved:
        console.print(line, style="yellow")
    own["BRIDGE_REDIS__URL"] = parts.enter_context(embedded_redis(redis_port))
    own["BRIDGE_KAFKA__BOOTSTRAP_SERVERS"] = parts.enter_context(embedded_kafka(topics, kafka_port))
    return load(None, own)


async def _demonstrate(settings: Settings, asked: _Asked, console: Console, *, once: bool) -> None:
    async with (
        _running(settings) as bridge,
        watching(kafka_options(settings.kafka), expected_topics(settings)) as watch,
    ):
        (app,) = settings.applications().values()
        url = f"http://{HOST}:{bridge.http_port}/callbacks"
        if asked.application():
            url += "/".join(["", app.name, *([app.token] if app.token else [])])
        console.print(
            f"[bold]the bridge listens[/bold] at {url}; Kafka at {settings.kafka.bootstrap_servers};"
            f" Redis at {settings.redis.url}"
        )
        arriving = watch.records()
        async with aiohttp.ClientSession() as session:
            post = partial(_post, session, url, sign_key=asked.sign_key)
            ids = [await _take(step, post, arriving, console) for step in _STEPS]
        if ids[_AGAIN] != ids[0]:
            raise Unexpected(f"the redelivery's id is {ids[_AGAIN]}, the first one's {ids[0]}")
        if once:
            return
        _say_how_to_go_on(console, settings, asked, url)
        console.print(
            f"Metrics: http://{HOST}:{bridge.admin_port}/metrics   Every event is shown here;"
            " Ctrl-C ends it all.\n"
        )
        async for seen in arriving:
            _show_event(console, seen)


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, *, sign_key: str) -> tuple[int, bytes]:
    body, query = signed(body, sign_key)
    headers = {"Content-Type": "application/json"}
    async with session.post(url, data=body, params=query, headers=headers) as response:
        return response.status, await response.read()


async def _take(
    step: _Step,
    post: Callable[[bytes], Awaitable[tuple[int, bytes]]],
    arriving: AsyncIterator[Seen],
    console: Console,
) -> str:
    console.print(f"\n[bold]posted[/bold]  {step.words}")
    status, answer = await post(files("bridge").joinpath("samples", step.sample).read_bytes())
    line = answer_line(status, answer)
    console.print("[dim]answer[/dim] ", line)
    if status != step.status or step.ending not in line.plain:
        raise Unexpected(f"{step.words} was answered {line.plain}, not {step.status} {step.ending}")
    event_id = _id_in(answer)
    if not step.arrives:
        return event_id
    try:
        async with asyncio.timeout(_WITHIN_S):
            seen = await anext(arriving)
    except TimeoutError:
        raise Unexpected(f"of {step.words} nothing reached a consumer within {_WITHIN_S:.0f} s") from None
    _show_event(console, seen)
    if bool(seen.reason) != (step.ending == "rejected") or seen.headers.get("ce_id", "") != event_id:
        raise Unexpected(f"{step.words} reached consumers as {event_line(seen).plain}")
    return event_id


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[Bridge]:
    bridge = Bridge(settings)
    try:
        await bridge.start()
        yield bridge
    finally:
        await bridge.stop()


def _id_in(answer: bytes) -> str:
    return msgspec.json.decode(answer, type=dict[str, str]).get("event_id", "")


def _show_event(console: Console, seen: Seen) -> None:
    console.print("[dim]event[/dim]  ", event_line(seen))
    console.print("[dim]on[/dim]     ", event_lines(seen))


def _say_how_to_go_on(console: Console, settings: Settings, asked: _Asked, url: str) -> None:
    (app,) = settings.applications().values()
    own = asked.application() | ({"VOD_SIGN_KEY": asked.sign_key} if asked.sign_key else {})
    console.print("\n[bold]In another terminal[/bold], so that every command finds what runs here:\n")
    for line in preparation(settings, own):
        console.print(f"  {line}", markup=False)
    console.print("\n[bold]Post one yourself[/bold], and look at what is there:\n")
    for line in (post_command(url, app), *look_commands(settings)):
        console.print(f"  {line}", markup=False)
    console.print()
