"""What the API answers, as structs: `openapi` describes them, `console` fills them, pages show them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from bridge.observability.recent_deliveries import DeliverySummary
from bridge.operations.callback_probe import ProbeAnswer
from bridge.operations.check.finding import Finding
from bridge.operations.dead_letter_overview import DeadLetterGroup
from bridge.operations.find import FindProgress
from bridge.operations.found_record import FoundRecord
from bridge.operations.topic_lag import GroupState, TopicState
from bridge.operations.vendor_states import VendorState


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

    ``callback_url`` is with `http.public_url` before it; empty where that is not set.
    ``last_event`` is when this process received its last event, empty for none since the start.
    """

    name: str
    mode: str
    sub_app_id: int | None
    callback_path: str
    callback_url: str
    has_token: bool
    sign_keys: int
    signature_required: bool
    last_event: str


class WorkerState(Struct, frozen=True, kw_only=True):
    """A worker process. ``state`` is as its supervisor knows it; ``reason`` says why it does not answer."""

    number: int
    pid: int
    state: str
    answered: bool
    reason: str = ""
    events_per_second: float = 0
    in_flight: int = 0


class PeerSpool(Struct, frozen=True):
    """The spool of another replica."""

    records: int = 0


class PeerStatus(Struct, frozen=True, kw_only=True):
    """What another replica says of itself; other releases may say less."""

    host: str = ""
    version: str = ""
    state: str = ""
    problems: Sequence[StatusProblem] = ()
    events_per_second: float = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    in_flight: int = 0
    outcomes: Mapping[str, int] = {}
    refused_requests: int = 0
    spool: PeerSpool = PeerSpool()
    instance: str = ""


class PeerState(Struct, frozen=True, kw_only=True):
    """Another replica of `admin.peers`; ``reason`` says why it cannot be reached."""

    address: str
    reachable: bool
    reason: str = ""
    status: PeerStatus | None = None


class PeerReach(Struct, frozen=True, kw_only=True):
    """Whether another replica answered; ``name`` is its host's, empty where it is not known."""

    address: str
    reachable: bool
    reason: str = ""
    name: str = ""


class Status(Struct, frozen=True, kw_only=True):
    """How this replica is. Rates and durations are of the last minute, or of the last 1,000 deliveries.

    With several worker processes, it is the sum over ``workers``. ``peers`` are the other replicas.
    ``instance`` is made anew at each start: by it a replica knows itself.
    """

    version: str
    host: str
    instance: str
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
    workers: Sequence[WorkerState] = ()
    peers: Sequence[PeerState] = ()


class Deliveries(Struct, frozen=True, kw_only=True):
    """Recent deliveries, the newest first. ``left_out``: how many more match, or came and are lost.

    ``last_number`` is what to give as ``after`` for those that come; a text where there are several worker
    processes, or other replicas. ``silent_workers`` did not answer in time: theirs are missing.
    """

    deliveries: Sequence[DeliverySummary]
    last_number: int | str
    left_out: int
    host: str = ""
    instance: str = ""
    silent_workers: Sequence[WorkerState] = ()
    peers: Sequence[PeerReach] = ()


class Applications(Struct, frozen=True):
    """All applications."""

    applications: Sequence[ApplicationState]


class VendorStates(Struct, frozen=True):
    """What the vendor says of all applications."""

    states: Sequence[VendorState]


class CallbackTest(Struct, frozen=True, kw_only=True):
    """A test of a public callback URL. ``url`` and ``body`` show neither token nor signature.

    ``delivery`` is the test as a bridge received it: None in a dry run, or where it did not arrive here.
    """

    application: str
    url: str
    body: str
    task_id: str
    dry_run: bool
    answer: ProbeAnswer | None = None
    delivery: DeliverySummary | None = None
    problem: str = ""
    remedy: str = ""


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
