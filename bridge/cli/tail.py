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

from bridge.cli.drawing import Seen, event_line, json_line, plain
from bridge.cli.ending import USED_WRONGLY, ConfigFile, fail, settings_of
from bridge.cli.moments import moment
from bridge.cli.offsets import NOT_BY_TIME
from bridge.cli.stretch import Span, reading
from bridge.cli.tail_filter import Filter, catalogue_name, refuse_unknown_apps, refuse_unknown_types
from bridge.cli.trouble import hush_library, trouble_of
from bridge.cli.watch import seen_of, watching, written
from bridge.io.kafka.client import kafka_options
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

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


class _Reading(Struct, frozen=True, kw_only=True):
    options: dict[str, Any]
    topics: Sequence[str]
    wanted: Filter
    unsure_apps: Sequence[str]
    since_ms: int | None
    follow: bool
    most: int


_Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only this EventType, or other: types unknown to the catalogue; repeatable."),
]
_Apps = Annotated[list[str] | None, typer.Option("--app", help="Only this application; may be repeated.")]
_Outcomes = Annotated[
    list[Outcome] | None,
    typer.Option("--outcome", help="Only this outcome; rejected: dead letters; may be repeated."),
]
_Files = Annotated[
    list[str] | None, typer.Option("--file", help="Only events of this file_id; may be repeated.")
]
_Tasks = Annotated[
    list[str] | None, typer.Option("--task", help="Only events of this task_id; may be repeated.")
]
_Ids = Annotated[list[str] | None, typer.Option("--id", help="Only the event of this id; may be repeated.")]
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
_ShowIds = Annotated[
    bool, typer.Option("--ids", help="End each line with the event's id and topic/partition/offset.")
]
_Json = Annotated[
    bool, typer.Option("--json", help="One JSON object a line: where it stands, headers, value.")
]


def tail(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    types: _Types = None,
    apps: _Apps = None,
    outcomes: _Outcomes = None,
    files: _Files = None,
    tasks: _Tasks = None,
    ids: _Ids = None,
    since: _Since = "",
    from_beginning: _Beginning = False,
    follow: _Follow = True,
    most: _Most = 0,
    show_ids: _ShowIds = False,
    as_json: _Json = False,
    config: ConfigFile = None,
) -> None:
    """Watch the topics, one line an event: time, type, application, outcome, file and task, errors.

    Dead letters are shown with their reason. --no-follow alone shows all that is there.

    Example: vod-bridge tail --type TranscodeComplete --outcome failed --since 2h

    Example: vod-bridge tail --no-follow --file 24961954183923290 --ids
    """
    hush_library()
    settings = settings_of(config)
    wanted = Filter(
        types=[catalogue_name(name) for name in types or ()],
        apps=apps or (),
        outcomes=outcomes or (),
        files=files or (),
        tasks=tasks or (),
        ids=ids or (),
        topic_other=settings.kafka.topic_other,
    )
    _refuse_dead_letters_of_events(wanted)
    since_ms = _begin(since, from_beginning=from_beginning, follow=follow)
    asked = _Reading(
        options=kafka_options(settings.kafka),
        topics=wanted.topics(settings),
        wanted=wanted,
        unsure_apps=refuse_unknown_apps(wanted, settings),
        since_ms=since_ms,
        follow=follow,
        most=most,
    )
    _run(asked, settings, _pen(dated=since_ms is not None, show_ids=show_ids, as_json=as_json))


def _refuse_dead_letters_of_events(wanted: Filter) -> None:
    if Outcome.REJECTED in wanted.outcomes and wanted.of_events:
        fail(
            "--outcome rejected: dead letters have no type, file, task or id;"
            " leave --type, --file, --task and --id out",
            USED_WRONGLY,
        )


def _begin(since: str, *, from_beginning: bool, follow: bool) -> int | None:
    """Give the time from which on to read, in unix ms: 0 for all there is, None for what comes."""
    if since and from_beginning:
        fail("either --since or --from-beginning", USED_WRONGLY)
    if since:
        return moment("--since", since, now_ms())
    return 0 if from_beginning or not follow else None


def _run(asked: _Reading, settings: Settings, show: Callable[[Seen], None]) -> None:
    for name in asked.unsure_apps:
        _note(f"--app {name}: no application is configured here, so nothing tells whether this one exists")

    async def all_of_it() -> None:
        await refuse_unknown_types(asked.wanted, settings, asked.options)
        await _tail(asked, show)

    try:
        asyncio.run(all_of_it())
    except BrokenPipeError:
        _let_go_of_output()
    except typer.Exit:
        raise
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(asyncio.run(trouble_of(asked.options, error))))


def _pen(*, dated: bool, show_ids: bool, as_json: bool) -> Callable[[Seen], None]:
    """Give what writes a line; raises BrokenPipeError once nobody reads any more."""
    console = Console(highlight=False, soft_wrap=True)

    def show(seen: Seen) -> None:
        if as_json:
            typer.echo(json_line(seen))
            return
        line = event_line(seen, dated=dated)
        if show_ids:
            line.append(f"  {_position(seen)}", "blue")
        with console.capture() as drawn:  # the console itself would end the program at a closed pipe
            console.print(line)
        sys.stdout.write(drawn.get())
        sys.stdout.flush()

    return show


def _position(seen: Seen) -> str:
    """Give id, topic, partition and offset; a dead letter has no id."""
    place = f"{seen.topic}/{seen.partition}/{seen.offset}"
    event_id = plain(seen.headers.get("ce_id", ""))
    return f"id {event_id} at {place}" if event_id else f"at {place}"


def _note(text: str) -> None:
    typer.echo(text, err=True)


async def _tail(asked: _Reading, show: Callable[[Seen], None]) -> None:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    shown = 0
    apps: set[str] = set()
    seen_by_whom = asyncio.create_task(_until_nobody_reads(task))
    try:
        async with aclosing((_followed if asked.follow else _there)(asked)) as records:
            async for seen in records:
                apps.add(seen.app)
                if asked.wanted.wants(seen):
                    show(seen)
                    shown += 1
                if shown == asked.most > 0:
                    return
    except asyncio.CancelledError:
        return  # Ctrl-C is how this command ends well
    finally:
        seen_by_whom.cancel()
    there = ", ".join(sorted(apps)) or "none"
    for name in asked.unsure_apps:
        if name not in apps:
            _note(f"--app {name}: no record of it was read; applications with records: {there}")


async def _followed(asked: _Reading) -> AsyncGenerator[Seen, None]:
    async with watching(asked.options, asked.topics, asked.since_ms) as watch:
        if not watch.topics:
            _note(_NONE_YET)
        if not watch.by_time:
            _note(NOT_BY_TIME)
        async for seen in watch.records():
            yield seen


async def _there(asked: _Reading) -> AsyncGenerator[Seen, None]:
    span = Span(asked.since_ms)
    async with reading(asked.options, asked.topics, span) as stretch:
        if not stretch.begins:
            _note(_NONE_YET)
        if not stretch.by_time:
            _note(NOT_BY_TIME)
        async for batch in stretch.batches():
            for record in sorted(batch.records, key=written):
                if stretch.by_time or span.holds(record):
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
