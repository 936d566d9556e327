"""``vod-bridge record``: saves the notification of a record as a fixture, which ``fire`` sends again."""

from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.fixtures import DEFAULT_DIR, Directory, Source, fixture_path, save_fixture
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.render import ShownRecord, render_line
from bridge.cli.support.time_arg import parse_time
from bridge.cli.tail_filter import require_known_apps, require_known_types
from bridge.cli.tail_records import (
    AppOption,
    Chosen,
    DeadLettersOption,
    FileOption,
    IdOption,
    OutcomeOption,
    TailRequest,
    TaskOption,
    TypeOption,
    existing_records,
    followed_records,
    make_filter,
    print_note,
)
from bridge.core.outcome import Reason
from bridge.io.kafka.client import kafka_options
from bridge.operations.delivered_body import delivered_body, inflated
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

_Last = Annotated[
    bool, typer.Option("--last", help="Save the newest that is there; else the next that comes.")
]
_Since = Annotated[str, typer.Option(metavar="WHEN", help="How far --last looks back: 2h, 30d, RFC 3339.")]
_WAITING_NOTE = "waiting for the next record that matches; Ctrl-C ends it"
_Force = Annotated[bool, typer.Option("--force", help="Replace a fixture of this name.")]


class _TypeOnly(msgspec.Struct):
    type: str = ""


def record(  # noqa: PLR0913 - one parameter is one option of the command
    name: Annotated[str, typer.Argument(metavar="NAME", help="The fixture's name.", show_default=False)],
    *,
    last: _Last = False,
    since: _Since = "24h",
    types: TypeOption = None,
    apps: AppOption = None,
    outcomes: OutcomeOption = None,
    dead_letters: DeadLettersOption = False,
    files: FileOption = None,
    tasks: TaskOption = None,
    ids: IdOption = None,
    folder: Directory = DEFAULT_DIR,
    force: _Force = False,
    config: ConfigFile = None,
) -> None:
    """Save the notification of a record in a file, to be sent again by its name.

    It is read from Kafka: the next record that matches, or with --last the newest one.

    The file is JSON, without signature: to read, to change, to commit. It holds the whole notification.

    Example: vod-bridge record failed-transcode --type TranscodeComplete --outcome failed --last
    """
    path = fixture_path(folder, name)
    if path.exists() and not force:
        fail(f"{path}: is there already; --force replaces it", EXIT_USAGE)
    silence_aiokafka()
    settings = load_settings_or_exit(config)
    record_filter = make_filter(
        Chosen(types, apps, outcomes, files, tasks, ids), settings, dead_letters=dead_letters
    )
    request = TailRequest(
        options=kafka_options(settings.kafka),
        topics=record_filter.topics(settings),
        record_filter=record_filter,
        unverified_apps=require_known_apps(record_filter, settings),
        since_ms=parse_time("--since", since, now_ms()) if last else None,
        follow=not last,
        max_records=1,
    )
    found = _find(request, settings)
    if found is None:
        print_note(f"nothing matches since {since}; --since looks further back" if last else "nothing saved")
        raise typer.Exit(EXIT_FAILED)
    _save(found, path, settings, force=force)


def _find(request: TailRequest, settings: Settings) -> ShownRecord | None:
    async def find() -> ShownRecord | None:
        await require_known_types(request.record_filter, settings, request.options)
        found = None
        reads = followed_records(request, _WAITING_NOTE) if request.follow else existing_records(request)
        async with aclosing(reads) as records:
            async for one in records:
                if request.record_filter.matches(one):
                    found = one
                    if request.follow:
                        break
        return found

    try:
        return run_interruptible(find())
    except KeyboardInterrupt:
        return None
    except typer.Exit:
        raise
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(run_interruptible(explain_error(request.options, error))))


def _save(found: ShownRecord, path: Path, settings: Settings, *, force: bool) -> None:
    source = Source(
        application=found.app,
        type=found.type,
        outcome="" if found.reason else found.outcome,
        reason=found.reason,
        id=found.headers.get("ce_id", ""),
        topic=found.topic,
        partition=found.partition,
        offset=found.offset,
    )
    recorded = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        save_fixture(path, _notification(found, settings), recorded, source, replace_existing=force)
    except OSError as error:
        fail(f"{path}: cannot be written: {error.strerror}")
    typer.echo(f"{path}: {render_line(found, with_date=True).plain}")


def _notification(found: ShownRecord, settings: Settings) -> bytes:
    """Return the notification that a record was made of."""
    if not found.reason:
        return delivered_body(found.value, found.type)
    value = inflated(found.value, found.headers.get("content-encoding", ""), settings.http.body_max_bytes)
    if found.reason != Reason.TOO_LARGE:
        return value
    # An event that its topic refused for its size.
    try:
        return delivered_body(value, msgspec.json.decode(value, type=_TypeOnly).type)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return value
