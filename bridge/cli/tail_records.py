"""The records that ``tail`` and ``record`` read, and the options that choose them."""

from collections.abc import AsyncGenerator, Sequence
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import typer
from msgspec import Struct

from bridge.cli.support.follow import following, shown_record, written_at
from bridge.cli.support.render import ShownRecord
from bridge.cli.tail_filter import RecordFilter, catalogue_name
from bridge.operations.start_offsets import NO_TIME_LOOKUP_NOTE
from bridge.operations.topic_range import TimeRange, open_range
from bridge.settings.settings import Settings

_NO_TOPICS_NOTE = "none of the topics exists yet: `vod-bridge topics --create` makes them"


class OutcomeChoice(StrEnum):
    """The values of ``--outcome``; a dead letter counts as rejected."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    PARTIAL = "partial"
    IN_PROGRESS = "in_progress"
    UNKNOWN = "unknown"
    REJECTED = "rejected"


TypeOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only this EventType, or other: types unknown to the catalogue; repeatable."),
]
AppOption = Annotated[list[str] | None, typer.Option("--app", help="Only this application; may be repeated.")]
OutcomeOption = Annotated[
    list[OutcomeChoice] | None,
    typer.Option(
        "--outcome", help="Only this outcome; rejected is the same as --dead-letters; may be repeated."
    ),
]
DeadLettersOption = Annotated[
    bool, typer.Option("--dead-letters", help="Only dead letters, or with --outcome these too.")
]
FileOption = Annotated[
    list[str] | None, typer.Option("--file", help="Only events of this file_id; may be repeated.")
]
TaskOption = Annotated[
    list[str] | None, typer.Option("--task", help="Only events of this task_id; may be repeated.")
]
IdOption = Annotated[
    list[str] | None, typer.Option("--id", help="Only the event of this id; may be repeated.")
]


class Chosen(NamedTuple):
    """Which records: the values of the options; none of a kind is all of it."""

    types: Sequence[str] | None
    apps: Sequence[str] | None
    outcomes: Sequence[str] | None
    files: Sequence[str] | None
    tasks: Sequence[str] | None
    ids: Sequence[str] | None


def make_filter(chosen: Chosen, settings: Settings, *, dead_letters: bool) -> RecordFilter:
    """Return the filter that the options describe."""
    return RecordFilter(
        types=[catalogue_name(name) for name in chosen.types or ()],
        apps=chosen.apps or (),
        outcomes=[*(chosen.outcomes or ()), *([OutcomeChoice.REJECTED] if dead_letters else ())],
        files=chosen.files or (),
        tasks=chosen.tasks or (),
        ids=chosen.ids or (),
        topic_other=settings.kafka.topic_other,
    )


class TailOptions(NamedTuple):
    """From when on, how much, and how it is shown."""

    since: str
    from_beginning: bool
    follow: bool
    max_records: int
    show_ids: bool
    as_json: bool


class TailRequest(Struct, frozen=True, kw_only=True):
    """Which records are read, from when on (unix ms; None: only what comes), and how many are shown."""

    options: dict[str, Any]
    topics: Sequence[str]
    record_filter: RecordFilter
    unverified_apps: Sequence[str]
    since_ms: int | None
    follow: bool
    max_records: int


def print_note(text: str) -> None:
    """Print a note on standard error."""
    typer.echo(text, err=True)


async def followed_records(request: TailRequest, note: str = "") -> AsyncGenerator[ShownRecord, None]:
    """Yield the records from ``since_ms`` on, and go on with what comes.

    ``note`` is printed once it is known where that begins: what is written from then on is yielded.
    """
    async with following(request.options, request.topics, request.since_ms) as follower:
        if note:
            print_note(note)
        if not follower.topics:
            print_note(_NO_TOPICS_NOTE)
        if not follower.is_by_time:
            print_note(NO_TIME_LOOKUP_NOTE)
        async for record in follower.records():
            yield record


async def existing_records(request: TailRequest) -> AsyncGenerator[ShownRecord, None]:
    """Yield the records that there are."""
    time_range = TimeRange(request.since_ms)
    async with open_range(request.options, request.topics, time_range) as reader:
        if not reader.start_offsets:
            print_note(_NO_TOPICS_NOTE)
        if not reader.is_by_time:
            print_note(NO_TIME_LOOKUP_NOTE)
        async for batch in reader.batches():
            for record in sorted(batch.records, key=written_at):
                if reader.is_by_time or time_range.contains(record):
                    yield shown_record(record)
