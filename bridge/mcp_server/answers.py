"""The answers of the tools. Their JSON schemas are drawn from here."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from bridge.console.answers import EventTypeInfo, Setting
from bridge.core.explanation import Explanation
from bridge.operations.check.finding import Finding
from bridge.operations.dead_letter_overview import DeadLetterGroup
from bridge.operations.find import FindProgress
from bridge.operations.found_record import FoundRecord
from bridge.operations.read_record import RecordDetails
from bridge.operations.replay.report import ItemResult, ReplaySummary
from bridge.operations.topic_lag import GroupState, TopicState


class ExplainAnswer(Struct, frozen=True, kw_only=True):
    """What the bridge makes of a notification. ``is_masked``: its event has ids and codes only.

    ``omitted_bytes``: how long an event is that is too large to be shown.
    """

    explanation: Explanation
    event: Any = None
    is_masked: bool = True
    omitted_bytes: int = 0


class CheckAnswer(Struct, frozen=True, kw_only=True):
    """The result of every check."""

    failed: int
    warnings: int
    findings: Sequence[Finding]


class FindAnswer(Struct, frozen=True, kw_only=True):
    """Records, the newest first. ``left_out`` were found, too, but are more than the limit."""

    records: Sequence[FoundRecord]
    left_out: int
    progress: FindProgress | None = None


class RecordAnswer(Struct, frozen=True, kw_only=True):
    """One record whole; ``text`` is a dead letter's body. Values are masked where ``is_masked``."""

    details: RecordDetails


class TailAnswer(Struct, frozen=True, kw_only=True):
    """The newest records that match. Of ``records_total`` that are kept ``records_read`` were looked at."""

    records: Sequence[FoundRecord]
    records_read: int
    records_total: int


class DeadLettersAnswer(Struct, frozen=True, kw_only=True):
    """Dead letters by reason and application, those with the most pending ones first."""

    groups: Sequence[DeadLetterGroup]
    count: int
    pending: int


class SchemaAnswer(Struct, frozen=True, kw_only=True):
    """Either all types, or the JSON schema of one and an example of what is published for it."""

    types: Sequence[EventTypeInfo] = ()
    type: str = ""
    schema: Mapping[str, Any] = {}
    example: Any = None


class MetricSample(Struct, frozen=True, kw_only=True):
    """One sample; ``value`` is None where it is no finite number."""

    name: str
    labels: Mapping[str, str]
    value: float | None


class MetricsAnswer(Struct, frozen=True, kw_only=True):
    """Samples of the bridge at ``url``; ``left_out`` are more than the limit."""

    url: str
    samples: Sequence[MetricSample]
    left_out: int


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """How the bridge at ``url`` is: state, problems, rates, outcomes, spool, applications."""

    url: str
    status: Mapping[str, Any]


class TopicsAnswer(Struct, frozen=True, kw_only=True):
    """The topics that the bridge writes to, and the consumer groups that read them, with their lag."""

    topics: Sequence[TopicState]
    groups: Sequence[GroupState]


class SettingsAnswer(Struct, frozen=True, kw_only=True):
    """The settings that this server works with, secrets masked."""

    settings: Sequence[Setting]


class ReplayAnswer(Struct, frozen=True, kw_only=True):
    """A replay, or what it would be: then ``plan`` is what starts it, empty where nothing is to be done.

    ``items`` are the first of it. ``next_step`` says what to do.
    """

    dry_run: bool
    summary: ReplaySummary
    items: Sequence[ItemResult]
    plan: str = ""
    next_step: str = ""


class CreateTopicsAnswer(Struct, frozen=True, kw_only=True):
    """Topics that were created, or would be: then ``plan`` is what creates them, empty where none is missing.

    ``warnings``: values that the cluster did not allow, and what was taken instead.
    """

    dry_run: bool
    topics: Sequence[str]
    warnings: Sequence[str] = ()
    plan: str = ""
    next_step: str = ""
