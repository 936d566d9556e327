"""``vod-bridge tail``: shows the records of the topics, one line each."""

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

from bridge.cli.support.exit import EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.follow import following, shown_record, written_at
from bridge.cli.support.render import ShownRecord, render_json, render_line, safe_text
from bridge.cli.support.time_arg import parse_time
from bridge.cli.tail_filter import RecordFilter, catalogue_name, require_known_apps, require_known_types
from bridge.io.kafka.client import kafka_options
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.operations.start_offsets import NO_TIME_LOOKUP_NOTE
from bridge.operations.topic_range import TimeRange, open_range
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

_PIPE_POLL_S = 0.5
_NO_TOPICS_NOTE = "none of the topics exists yet: `vod-bridge topics --create` makes them"


class OutcomeChoice(StrEnum):
    """The values of ``--outcome``; a dead letter counts as rejected."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARTIAL = "partial"
    IN_PROGRESS = "in_progress"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


class _TailRequest(Struct, frozen=True, kw_only=True):
    options: dict[str, Any]
    topics: Sequence[str]
    record_filter: RecordFilter
    unverified_apps: Sequence[str]
    since_ms: int | None
    follow: bool
    max_records: int


_Types = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only this EventType, or other: types unknown to the catalogue; repeatable."),
]
_Apps = Annotated[list[str] | None, typer.Option("--app", help="Only this application; may be repeated.")]
_Outcomes = Annotated[
    list[OutcomeChoice] | None,
    typer.Option(
        "--outcome", help="Only this outcome; rejected is the same as --dead-letters; may be repeated."
    ),
]
_DeadLetters = Annotated[
    bool, typer.Option("--dead-letters", help="Only dead letters, or with --outcome these too.")
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
_Max = Annotated[
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
    dead_letters: _DeadLetters = False,
    files: _Files = None,
    tasks: _Tasks = None,
    ids: _Ids = None,
    since: _Since = "",
    from_beginning: _Beginning = False,
    follow: _Follow = True,
    max_records: _Max = 0,
    show_ids: _ShowIds = False,
    as_json: _Json = False,
    config: ConfigFile = None,
) -> None:
    """Watch the topics, one line an event: time, type, application, outcome, file and task, errors.

    Dead letters are shown with their reason. --no-follow alone shows all that is there.

    Example: vod-bridge tail --type TranscodeComplete --outcome failed --since 2h

    Example: vod-bridge tail --no-follow --file 24961954183923290 --ids
    """
    silence_aiokafka()
    settings = load_settings_or_exit(config)
    record_filter = RecordFilter(
        types=[catalogue_name(name) for name in types or ()],
        apps=apps or (),
        outcomes=[*(outcomes or ()), *([OutcomeChoice.REJECTED] if dead_letters else ())],
        files=files or (),
        tasks=tasks or (),
        ids=ids or (),
        topic_other=settings.kafka.topic_other,
    )
    _check_dead_letter_filter(record_filter)
    since_ms = _start_time_ms(since, from_beginning=from_beginning, follow=follow)
    request = _TailRequest(
        options=kafka_options(settings.kafka),
        topics=record_filter.topics(settings),
        record_filter=record_filter,
        unverified_apps=require_known_apps(record_filter, settings),
        since_ms=since_ms,
        follow=follow,
        max_records=max_records,
    )
    _run(request, settings, _printer(with_date=since_ms is not None, show_ids=show_ids, as_json=as_json))


def _check_dead_letter_filter(record_filter: RecordFilter) -> None:
    if OutcomeChoice.REJECTED in record_filter.outcomes and record_filter.is_for_events_only:
        fail(
            "--dead-letters: dead letters have no type, file, task or id;"
            " leave --type, --file, --task and --id out",
            EXIT_USAGE,
        )


def _start_time_ms(since: str, *, from_beginning: bool, follow: bool) -> int | None:
    """Return the time to start at, in unix ms: 0 for the beginning, None for new records only."""
    if since and from_beginning:
        fail("either --since or --from-beginning", EXIT_USAGE)
    if since:
        return parse_time("--since", since, now_ms())
    return 0 if from_beginning or not follow else None


def _run(request: _TailRequest, settings: Settings, print_record: Callable[[ShownRecord], None]) -> None:
    for name in request.unverified_apps:
        _print_note(
            f"--app {name}: no application is configured here, so nothing tells whether this one exists"
        )

    async def run_all() -> None:
        await require_known_types(request.record_filter, settings, request.options)
        await _tail(request, print_record)

    try:
        asyncio.run(run_all())
    except BrokenPipeError:
        _discard_stdout()
    except typer.Exit:
        raise
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(asyncio.run(explain_error(request.options, error))))


def _printer(*, with_date: bool, show_ids: bool, as_json: bool) -> Callable[[ShownRecord], None]:
    """Return a function that prints a record; it raises BrokenPipeError once the reader is gone."""
    console = Console(highlight=False, soft_wrap=True)

    def print_record(record: ShownRecord) -> None:
        if as_json:
            typer.echo(render_json(record))
            return
        line = render_line(record, with_date=with_date)
        if show_ids:
            line.append(f"  {_format_position(record)}", "blue")
        with console.capture() as capture:  # rich would exit at a broken pipe
            console.print(line)
        sys.stdout.write(capture.get())
        sys.stdout.flush()

    return print_record


def _format_position(record: ShownRecord) -> str:
    """Return id, topic, partition and offset; a dead letter has no id."""
    position = f"{record.topic}/{record.partition}/{record.offset}"
    event_id = safe_text(record.headers.get("ce_id", ""))
    return f"id {event_id} at {position}" if event_id else f"at {position}"


def _print_note(text: str) -> None:
    typer.echo(text, err=True)


async def _tail(request: _TailRequest, print_record: Callable[[ShownRecord], None]) -> None:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    shown_count = 0
    apps: set[str] = set()
    pipe_watcher = asyncio.create_task(_watch_broken_pipe(task))
    try:
        async with aclosing((_followed_records if request.follow else _existing_records)(request)) as records:
            async for record in records:
                apps.add(record.app)
                if request.record_filter.matches(record):
                    print_record(record)
                    shown_count += 1
                if shown_count == request.max_records > 0:
                    return
    except asyncio.CancelledError:
        return  # Ctrl-C ends this command successfully
    finally:
        pipe_watcher.cancel()
    app_names = ", ".join(sorted(apps)) or "none"
    for name in request.unverified_apps:
        if name not in apps:
            _print_note(f"--app {name}: no record of it was read; applications with records: {app_names}")


async def _followed_records(request: _TailRequest) -> AsyncGenerator[ShownRecord, None]:
    async with following(request.options, request.topics, request.since_ms) as follower:
        if not follower.topics:
            _print_note(_NO_TOPICS_NOTE)
        if not follower.is_by_time:
            _print_note(NO_TIME_LOOKUP_NOTE)
        async for record in follower.records():
            yield record


async def _existing_records(request: _TailRequest) -> AsyncGenerator[ShownRecord, None]:
    time_range = TimeRange(request.since_ms)
    async with open_range(request.options, request.topics, time_range) as reader:
        if not reader.start_offsets:
            _print_note(_NO_TOPICS_NOTE)
        if not reader.is_by_time:
            _print_note(NO_TIME_LOOKUP_NOTE)
        async for batch in reader.batches():
            for record in sorted(batch.records, key=written_at):
                if reader.is_by_time or time_range.contains(record):
                    yield shown_record(record)


async def _watch_broken_pipe(task: "asyncio.Task[Any] | None") -> None:
    """End a ``tail | head`` when head has ended, not with the next event, which may take hours."""
    poller = select.poll()
    with suppress(OSError, ValueError):  # stdout has no file descriptor
        poller.register(sys.stdout.fileno(), 0)
    while task is not None:
        await asyncio.sleep(_PIPE_POLL_S)
        if any(events & select.POLLERR for _, events in poller.poll(0)):
            _discard_stdout()
            task.cancel()
            return


def _discard_stdout() -> None:
    """Send the rest of the buffer to /dev/null: the reader is gone, and that is no error."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    os.close(devnull)
