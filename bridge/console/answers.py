"""What the API answers, as structs: `openapi` describes them, `console` fills them, pages show them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from bridge.observability.recent_deliveries import DeliverySummary
from bridge.operations.check.finding import Finding
from bridge.operations.dead_letter_overview import DeadLetterGroup
from bridge.operations.find import FindProgress
from bridge.operations.found_record import FoundRecord
from bridge.operations.topic_lag import GroupState, TopicState


class StatusProblem(Struct, frozen=True):
    """Something that the bridge does without now, and what to do about it."""

    problem: str
    remedy: str


class SpoolState(Struct, frozen=True, kw_only=True):
    """The spool of this process. ``oldest_age_s`` is 0 where it is empty.

    ``left_behind_records`` of the records are in folders of processes that have ended; they are sent too.
    ``problem`` is why it takes no records now.
    """

    path: str
    records: int
    left_behind_records: int
    bytes: int
    max_bytes: int
    oldest_age_s: int
    problem: str


class ApplicationState(Struct, frozen=True, kw_only=True):
    """An application. ``callback_path`` shows ``***`` for a token; empty where it is pulled.

    ``last_event`` is when this process received its last event, empty for none since the start.
    """

    name: str
    mode: str
    sub_app_id: int | None
    callback_path: str
    has_token: bool
    sign_keys: int
    signature_required: bool
    last_event: str


class Status(Struct, frozen=True, kw_only=True):
    """How this process is. Rates and durations are of the last minute, or of the last 1,000 deliveries."""

    version: str
    host: str
    state: Literal["ready", "degraded", "starting", "stopping"]
    problems: Sequence[StatusProblem]
    events_per_second: float
    p50_ms: float | None
    p99_ms: float | None
    in_flight: int
    outcomes: Mapping[str, int]
    refused_requests: int
    spool: SpoolState
    applications: Sequence[ApplicationState]
    can_act: bool
    shows_payloads: bool


class Deliveries(Struct, frozen=True, kw_only=True):
    """Recent deliveries, the newest first. ``left_out``: how many more match, or came and are lost.

    ``last_number`` is what to give as ``after`` for those that come.
    """

    deliveries: Sequence[DeliverySummary]
    last_number: int
    left_out: int


class Applications(Struct, frozen=True):
    """All applications."""

    applications: Sequence[ApplicationState]


class Setting(Struct, frozen=True):
    """A setting in force; ``origin`` is ``environment``, the file's path, or ``default``."""

    name: str
    value: str
    origin: str


class SettingsInForce(Struct, frozen=True):
    """All settings."""

    settings: Sequence[Setting]


class EventTypeInfo(Struct, frozen=True, kw_only=True):
    """An event type of the catalogue. ``schema`` is the path of its JSON Schema below this document."""

    name: str
    meaning: str
    topics: Sequence[str]
    payload_field: str
    aliases: Sequence[str]
    schema: str


class EventTypes(Struct, frozen=True):
    """The catalogue."""

    types: Sequence[EventTypeInfo]


class Topics(Struct, frozen=True):
    """The topics that the bridge writes to."""

    topics: Sequence[TopicState]


class Groups(Struct, frozen=True):
    """The consumer groups on them."""

    groups: Sequence[GroupState]


class Found(Struct, frozen=True, kw_only=True):
    """What was found, the newest first, and how far was looked.

    ``groups_problem`` is why the records do not tell how far the consumer groups are.
    """

    records: Sequence[FoundRecord]
    progress: FindProgress | None
    groups_problem: str = ""


class DeadLetters(Struct, frozen=True):
    """The dead letters by reason and application."""

    groups: Sequence[DeadLetterGroup]


class Findings(Struct, frozen=True):
    """What a check found."""

    findings: Sequence[Finding]


class Job(Struct, frozen=True, kw_only=True):
    """A replay under way or over. ``result`` is as `ReplayState`; ``problem`` why it failed."""

    id: str
    state: Literal["running", "done", "failed"]
    result: Mapping[str, Any] | None = None
    problem: str = ""
