"""``vod-bridge tail``: watch the topics, one line an event."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from enum import StrEnum
from typing import Annotated, Any

import typer
from msgspec import Struct
from rich.console import Console

from bridge.build import now_ms, routing_of
from bridge.cli.drawing import Seen, event_line, json_line
from bridge.cli.ending import USED_WRONGLY, ConfigFile, fail, settings_of
from bridge.cli.moments import moment
from bridge.cli.stretch import Span, reading
from bridge.cli.topics import expected_topics
from bridge.cli.trouble import hush_library, trouble_of
from bridge.cli.watch import seen_of, watching, written
from bridge.core.catalogue import BY_NAME
from bridge.links import kafka_options
from bridge.settings import Settings

_LOOK_S = 0.5
_NONE_YET = "none of the topics exists yet: `vod-bridge topics --create` makes them"


class Outcome(StrEnum):
    """What an event's outcome may be; a dead letter is what was rejected."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARTIAL = "partial"
    IN_PROGRESS = "in_progress"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


class _Wish(Struct, frozen=True, kw_only=True):
    types: Sequence[str]
    apps: Sequence[str]
    outcomes: Sequence[str]
    since_ms: int | None
    follow: bool
    most: int

    def wants(self, seen: Seen) -> bool:
        return (
            (not self.types or seen.type in self.types)
            and (not self.apps or seen.app in self.apps)
            and (not self.outcomes or seen.outcome in self.outcomes)
        )

    def topics(self, settings: Settings) -> list[str]:
        """Choose the topics on which what is wanted may be."""
        if not self.types:
            return expected_topics(settings)
        routing = routing_of(settings)
        apps = self.apps or list(settings.applications())
        known = [routing.topic.replace("{type}", name) for name in self.types if name in BY_NAME]
        topics = {topic.replace("{app}", app) for topic in known for app in apps}
        return sorted(topics | ({routing.topic_other} if len(known) < len(self.types) else set()))


_Types = Annotated[list[str] | None, typer.Option("--type", help="Only this EventType; may be repeated.")]
_Apps = Annotated[list[str] | None, typer.Option("--app", help="Only this application; may be repeated.")]
_Outcomes = Annotated[
    list[Outcome] | None,
    typer.Option("--outcome", help="Only this outcome; rejected: dead letters; may be repeated."),
]
_Since = Annotated[
    str,
    typer.Option(
        metavar="WHEN", help="Begin with what was written then: 2h, 30m, RFC 3339.", show_default=False
    ),
]
_Beginning = Annotated[
    bool, typer.Option("--from-beginning", help="Begin with all there is; else with what comes.")
]
_Follow = Annotated[
    bool, typer.Option("--follow/--no-follow", help="Go on until Ctrl-C, or end with what is there now.")
]
_Most = Annotated[
    int, typer.Option("--max", min=0, help="End after so many; 0 = do not end for that.", metavar="N")
]
_Json = Annotated[
    bool, typer.Option("--json", help="One JSON object a line: where it stands, headers, value.")
]


def tail(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    types: _Types = None,
    apps: _Apps = None,
    outcomes: _Outcomes = None,
    since: _Since = "",
    from_beginning: _Beginning = False,
    follow: _Follow = True,
    most: _Most = 0,
    as_json: _Json = False,
    config: ConfigFile = None,
) -> None:
    """Watch the topics, one line an event: time, type, application, outcome, file and task, errors.

    Dead letters are shown with their reason. --no-follow alone shows all that is there.

    Example: vod-bridge tail --type TranscodeComplete --outcome failed --since 2h

    Example: vod-bridge tail --no-follow --json
    """
    hush_library()
    settings = settings_of(config)
    options = kafka_options(settings.kafka)
    if since and from_beginning:
        fail("either --since or --from-beginning", USED_WRONGLY)
    if types and Outcome.REJECTED in (outcomes or ()):
        fail("--outcome rejected: dead letters have no type; leave --type out", USED_WRONGLY)
    since_ms = moment("--since", since, now_ms()) if since else None
    if from_beginning or (not follow and not since):
        since_ms = 0
    wish = _Wish(
        types=[BY_NAME[name].name if name in BY_NAME else name for name in types or ()],
        apps=apps or (),
        outcomes=outcomes or (),
        since_ms=since_ms,
        follow=follow,
        most=most,
    )
    try:
        asyncio.run(_tail(options, wish.topics(settings), wish, _pen(wish, as_json=as_json)))
    except BrokenPipeError:
        _let_go_of_output()
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(asyncio.run(trouble_of(options, error))))


def _pen(wish: _Wish, *, as_json: bool) -> Callable[[Seen], None]:
    """Give what writes a line; raises BrokenPipeError once nobody reads any more."""
    console = Console(highlight=False, soft_wrap=True)
    dated = wish.since_ms is not None

    def show(seen: Seen) -> None:
        if as_json:
            typer.echo(json_line(seen))
            return
        with console.capture() as drawn:  # the console itself would end the program at a closed pipe
            console.print(event_line(seen, dated=dated))
        sys.stdout.write(drawn.get())
        sys.stdout.flush()

    return show


async def _tail(
    options: dict[str, Any], topics: Sequence[str], wish: _Wish, show: Callable[[Seen], None]
) -> None:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    shown = 0
    seen_by_whom = asyncio.create_task(_until_nobody_reads(task))
    try:
        async with aclosing((_followed if wish.follow else _there)(options, topics, wish)) as records:
            async for seen in records:
                if wish.wants(seen):
                    show(seen)
                    shown += 1
                if shown == wish.most > 0:
                    return
    except asyncio.CancelledError:
        return  # Ctrl-C is how this command ends well
    finally:
        seen_by_whom.cancel()


async def _followed(
    options: dict[str, Any], topics: Sequence[str], wish: _Wish
) -> AsyncGenerator[Seen, None]:
    async with watching(options, topics, wish.since_ms) as watch:
        if not watch.topics:
            typer.echo(_NONE_YET, err=True)
        async for seen in watch.records():
            yield seen


async def _there(options: dict[str, Any], topics: Sequence[str], wish: _Wish) -> AsyncGenerator[Seen, None]:
    async with reading(options, topics, Span(wish.since_ms)) as stretch:
        if not stretch.begins:
            typer.echo(_NONE_YET, err=True)
        async for batch in stretch.batches():
            for record in sorted(batch.records, key=written):
                yield seen_of(record)


async def _until_nobody_reads(task: "asyncio.Task[Any] | None") -> None:
    """End a ``tail | head`` when head has ended, not with the next event, which may take hours."""
    looking = select.poll()
    with suppress(OSError, ValueError):  # an output that is no file at all
        looking.register(sys.stdout.fileno(), 0)
    while task is not None:
        await asyncio.sleep(_LOOK_S)
        if any(what & select.POLLERR for _, what in looking.poll(0)):
            _let_go_of_output()
            task.cancel()
            return


def _let_go_of_output() -> None:
    """Nobody reads it: what is in the buffer still goes nowhere, without a word at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
