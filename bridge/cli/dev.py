"""``vod-bridge dev``: all of it on a laptop, shown at work; nothing outlives it.

The settings of the environment are left aside on purpose: a laptop's demonstration must not write to the
Kafka that a variable happens to name.
"""

import asyncio
import errno
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib.resources import files
from typing import Annotated

import aiohttp
import msgspec
import typer
from msgspec import Struct
from rich.console import Console

from bridge.app import Bridge
from bridge.cli.drawing import Seen, answer_line, event_line, event_lines
from bridge.cli.ending import FAILED, fail
from bridge.cli.topics import expected_topics
from bridge.cli.trouble import hush_library
from bridge.cli.watch import watching
from bridge.embedded import NotInstalled, embedded_kafka, embedded_redis
from bridge.links import kafka_options
from bridge.logs import set_up_logging
from bridge.settings import Settings, load

_AGAIN = 2  # the step that repeats the first
_HOST = "127.0.0.1"
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


def dev(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the bridge; 0 takes a free one.")
    ] = 8080,
    once: Annotated[bool, typer.Option("--once", help="End after the demonstration.")] = False,
) -> None:
    """Try the bridge on this machine: an embedded Kafka, a Redis, the bridge, and four notifications posted.

    Then it keeps running and shows every event that arrives, until Ctrl-C. Needs no settings, and takes none.

    Example: vod-bridge dev --port 0
    """
    hush_library()
    set_up_logging("error", "console")
    console = Console(highlight=False, soft_wrap=True)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # What is started here ends with this process, however it is told to end.
        signal.signal(number, signal.default_int_handler)
    try:
        _port_is_free(port)
        with ExitStack() as parts:
            settings = _settings(port, parts)
            asyncio.run(_demonstrate(settings, console, once=once))
    except NotInstalled as missing:
        fail(str(missing))
    except Unexpected as difference:
        fail(f"the demonstration did not come as expected: {difference}", FAILED)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            fail(str(error))
        fail(f"port {port} is in use: end what listens there, or `vod-bridge dev --port 0` takes a free one")
    except KeyboardInterrupt:
        console.print("stopped; nothing of it is left", style="dim")


def _port_is_free(port: int) -> None:
    """Raise OSError where somebody listens, before anything is started that would have to be ended."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((_HOST, port))


def _settings(port: int, parts: ExitStack) -> Settings:
    own = {
        "BRIDGE_HTTP__HOST": _HOST,
        "BRIDGE_HTTP__PORT": str(port),
        "BRIDGE_ADMIN__HOST": _HOST,
        "BRIDGE_ADMIN__PORT": "0",
        "BRIDGE_LOG__DELIVERIES": "none",
        "BRIDGE_LOG__LEVEL": "error",
        "BRIDGE_SPOOL__MAX_BYTES": "0",
    }
    own["BRIDGE_REDIS__URL"] = parts.enter_context(embedded_redis())
    own["BRIDGE_KAFKA__BOOTSTRAP_SERVERS"] = parts.enter_context(
        embedded_kafka(expected_topics(load(None, own)))
    )
    return load(None, own)


async def _demonstrate(settings: Settings, console: Console, *, once: bool) -> None:
    async with (
        _running(settings) as bridge,
        watching(kafka_options(settings.kafka), expected_topics(settings)) as watch,
    ):
        url = f"http://{_HOST}:{bridge.http_port}/callbacks"
        console.print(
            f"[bold]the bridge listens[/bold] at {url}; Kafka at {settings.kafka.bootstrap_servers}"
        )
        arriving = watch.records()
        async with aiohttp.ClientSession() as session:
            ids = [await _take(step, session, url, arriving, console) for step in _STEPS]
        if ids[_AGAIN] != ids[0]:
            raise Unexpected(f"the redelivery's id is {ids[_AGAIN]}, the first one's {ids[0]}")
        _say_how_to_go_on(console, url, bridge.admin_port, once=once)
        if not once:
            async for seen in arriving:
                _show_event(console, seen)


async def _take(
    step: _Step, session: aiohttp.ClientSession, url: str, arriving: AsyncIterator[Seen], console: Console
) -> str:
    console.print(f"\n[bold]posted[/bold]  {step.words}")
    body = files("bridge").joinpath("samples", step.sample).read_bytes()
    async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as response:
        answer = await response.read()
    line = answer_line(response.status, answer)
    console.print("[dim]answer[/dim] ", line)
    if response.status != step.status or step.ending not in line.plain:
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


def _say_how_to_go_on(console: Console, url: str, admin_port: int, *, once: bool) -> None:
    if once:
        return
    # The time as its FileId: pasted again, it is another event.
    body = """'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"'$(date +%s)'"}}'"""
    console.print("\n[bold]Post one yourself[/bold], from another terminal:\n")
    console.print(f"  curl -d {body} {url}\n", markup=False)
    console.print(
        f"Metrics: http://{_HOST}:{admin_port}/metrics   Every event is shown here; Ctrl-C ends it all.\n"
    )
