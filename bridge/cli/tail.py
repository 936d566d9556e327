"""``vod-bridge tail``: shows the records of the topics, one line each."""

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bridge.cli.support.exit import EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.pipe import discard_stdout, watch_broken_pipe
from bridge.cli.support.render import ShownRecord, render_json, render_line, safe_text
from bridge.cli.support.time_arg import parse_time
from bridge.cli.tail_api import ApiAddress, tail_api
from bridge.cli.tail_filter import RecordFilter, require_known_apps, require_known_types
from bridge.cli.tail_records import (
    AppOption,
    Chosen,
    DeadLettersOption,
    FileOption,
    IdOption,
    OutcomeChoice,
    OutcomeOption,
    TailOptions,
    TailRequest,
    TaskOption,
    TypeOption,
    existing_records,
    followed_records,
    make_filter,
    print_note,
)
from bridge.io.kafka.client import kafka_options
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

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
_Api = Annotated[
    str,
    typer.Option(
        "--api",
        metavar="URL",
        help="Ask the admin port of a bridge in place of Kafka: shows its deliveries, refused ones too.",
        show_default=False,
    ),
]
_TokenFile = Annotated[
    Path | None,
    typer.Option(help="For --api: the file with the token, where it asks for one.", show_default=False),
]
_API_HINT = (
    "Where Kafka cannot be reached from here, `vod-bridge tail --api http://<bridge>:9090` asks the bridge"
)


def tail(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    types: TypeOption = None,
    apps: AppOption = None,
    outcomes: OutcomeOption = None,
    dead_letters: DeadLettersOption = False,
    files: FileOption = None,
    tasks: TaskOption = None,
    ids: IdOption = None,
    since: _Since = "",
    from_beginning: _Beginning = False,
    follow: _Follow = True,
    max_records: _Max = 0,
    show_ids: _ShowIds = False,
    as_json: _Json = False,
    api: _Api = "",
    token_file: _TokenFile = None,
    config: ConfigFile = None,
) -> None:
    """Watch the topics, one line an event: time, type, application, outcome, file and task, errors.

    Dead letters are shown with their reason. --no-follow alone shows all that is there.

    Example: vod-bridge tail --type TranscodeComplete --outcome failed --since 2h

    Example: vod-bridge tail --api http://localhost:9090 --app my-shop

    Example: vod-bridge tail --no-follow --file 24961954183923290 --ids
    """
    silence_aiokafka()
    settings = load_settings_or_exit(config)
    record_filter = make_filter(
        Chosen(types, apps, outcomes, files, tasks, ids), settings, dead_letters=dead_letters
    )
    _check_dead_letter_filter(record_filter)
    wanted = TailOptions(since, from_beginning, follow, max_records, show_ids, as_json)
    if api:
        tail_api(ApiAddress(api, token_file), record_filter, wanted, settings)
    else:
        _tail_kafka(record_filter, wanted, settings)


def _tail_kafka(record_filter: RecordFilter, wanted: TailOptions, settings: Settings) -> None:
    since_ms = _start_time_ms(wanted)
    request = TailRequest(
        options=kafka_options(settings.kafka),
        topics=record_filter.topics(settings),
        record_filter=record_filter,
        unverified_apps=require_known_apps(record_filter, settings),
        since_ms=since_ms,
        follow=wanted.follow,
        max_records=wanted.max_records,
    )
    _run(request, settings, _printer(wanted, with_date=since_ms is not None))


def _check_dead_letter_filter(record_filter: RecordFilter) -> None:
    if OutcomeChoice.REJECTED in record_filter.outcomes and record_filter.is_for_events_only:
        fail(
            "--dead-letters: dead letters have no type, file, task or id;"
            " leave --type, --file, --task and --id out",
            EXIT_USAGE,
        )


def _start_time_ms(wanted: TailOptions) -> int | None:
    """Return the time to start at, in unix ms: 0 for the beginning, None for new records only."""
    if wanted.since and wanted.from_beginning:
        fail("either --since or --from-beginning", EXIT_USAGE)
    if wanted.since:
        return parse_time("--since", wanted.since, now_ms())
    return 0 if wanted.from_beginning or not wanted.follow else None


def _run(request: TailRequest, settings: Settings, print_record: Callable[[ShownRecord], None]) -> None:
    for name in request.unverified_apps:
        print_note(
            f"--app {name}: no application is configured here, so nothing tells whether this one exists"
        )

    async def run_all() -> None:
        await require_known_types(request.record_filter, settings, request.options)
        await _tail(request, print_record)

    try:
        run_interruptible(run_all())
    except BrokenPipeError:
        discard_stdout()
    except KeyboardInterrupt:
        return  # before the first record was looked for
    except typer.Exit:
        raise
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(f"{run_interruptible(explain_error(request.options, error))}\n  {_API_HINT}")


def _printer(wanted: TailOptions, *, with_date: bool) -> Callable[[ShownRecord], None]:
    """Return a function that prints a record; it raises BrokenPipeError once the reader is gone."""
    console = Console(highlight=False, soft_wrap=True)

    def print_record(record: ShownRecord) -> None:
        if wanted.as_json:
            typer.echo(render_json(record))
            return
        line = render_line(record, with_date=with_date)
        if wanted.show_ids:
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


async def _tail(request: TailRequest, print_record: Callable[[ShownRecord], None]) -> None:
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    shown_count = 0
    apps: set[str] = set()
    pipe_watcher = asyncio.create_task(watch_broken_pipe(task))
    try:
        async with aclosing((followed_records if request.follow else existing_records)(request)) as records:
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
            print_note(f"--app {name}: no record of it was read; applications with records: {app_names}")
