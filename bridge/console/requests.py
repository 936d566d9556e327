"""What the bridge and its helper process write to each other, and the arguments of actions.

Here, so that the bridge does not load what only the helper needs.
"""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Raw, Struct

from bridge.operations.replay.attempt_counter import MAX_ATTEMPTS
from bridge.operations.replay.report import ItemResult, ReplaySummary

CANCEL = "cancel"

_Count = Annotated[int, Meta(ge=0, le=1_000_000)]
_Time = Annotated[datetime, Meta(tz=True)]
_Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Request(Struct, frozen=True):
    """A question; ``kind`` is one of `questions.QUESTIONS`, or `CANCEL` for the question ``id``."""

    id: int
    kind: str
    args: Raw = Raw(b"{}")


class Message(Struct, frozen=True):
    """A part of an answer; the last one's event is ``end`` or ``error``."""

    id: int
    event: str
    data: Raw = Raw(b"null")


class RecordPosition(Struct, frozen=True, kw_only=True):
    """Where a record is."""

    topic: str
    partition: int
    offset: int


class DeadLettersArgs(Struct, frozen=True, kw_only=True):
    """Which dead letters are shown: written from ``since`` on and before ``until``; null for no limit."""

    since: _Time | None = None
    until: _Time | None = None


class ReplayArgs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters are replayed; empty lists stand for all.

    They were written from ``since`` on and before ``until``, RFC 3339 with a zone; null for no limit.
    ``records`` are partitions and offsets of the dead-letter topic. With ``dry_run`` nothing is written.
    ``without_dedup`` goes on while Redis is unavailable, and may publish repeats. What was replayed in vain
    ``max_attempts`` times is left; 0 for no limit.
    """

    dry_run: bool = True
    reasons: list[str] = []
    applications: list[str] = []
    records: list[tuple[_Count, _Offset]] = []
    since: _Time | None = None
    until: _Time | None = None
    without_dedup: bool = False
    max_attempts: _Count = MAX_ATTEMPTS


class RedriveArgs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters of a consumer group are redriven to it, as `ReplayArgs`.

    ``records`` are partitions and offsets of the group's dead-letter topic.
    """

    dry_run: bool = True
    reasons: list[str] = []
    records: list[tuple[_Count, _Offset]] = []
    since: _Time | None = None
    until: _Time | None = None
    max_attempts: _Count = MAX_ATTEMPTS


class RedriveRequest(Struct, frozen=True, kw_only=True):
    """A redrive, and whose dead letters they are."""

    group: str
    args: RedriveArgs


class CallbackTestArgs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With ``dry_run`` nothing is posted: the answer shows what would be."""

    dry_run: bool = True


class ProbeArgs(Struct, frozen=True, kw_only=True):
    """Which application's callback URL is tested; ``task_id`` is the test's own."""

    application: str
    task_id: str


class ReplayState(Struct, frozen=True, kw_only=True):
    """How far a replay is. ``items`` are the first that were not, or would not be, published."""

    total: int | None
    done: int
    summary: ReplaySummary
    items: list[ItemResult]
