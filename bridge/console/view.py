"""What the console sees of the running bridge, be it one process or several, and how that is added up."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from bridge.console.answers import SpoolState, WorkerState
from bridge.io.admin import Readiness
from bridge.observability.recent_deliveries import DeliveryFilter, DeliverySummary
from bridge.settings.settings import Settings

Numbers = Mapping[str, int]
"""The last number seen of each process; the key of the only one is empty."""


class ProcessReport(Struct, frozen=True, kw_only=True):
    """How one process is. Durations are ascending; ``last_event_ms`` is by application, 0 for none."""

    events_per_second: float
    durations_s: list[float]
    in_flight: int
    outcomes: dict[str, int]
    refused_requests: int
    spool: SpoolState
    last_event_ms: dict[str, int]


class BridgeReport(Struct, frozen=True, kw_only=True):
    """How the bridge is: the sum over its processes, and each of its workers."""

    total: ProcessReport
    readiness: Readiness
    workers: Sequence[WorkerState] = ()


class OwnDeliveries(Struct, frozen=True, kw_only=True):
    """Deliveries of this bridge, the oldest first; ``numbers`` is where to go on."""

    summaries: Sequence[DeliverySummary]
    numbers: Numbers
    left_out: int = 0
    silent_workers: Sequence[WorkerState] = ()


class BridgeView(Protocol):
    """What the console sees of the bridge."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    async def report(self) -> BridgeReport:
        """Return how it is."""

    async def deliveries(
        self, after: Numbers | None, wanted: DeliveryFilter | None, limit: int
    ) -> OwnDeliveries:
        """Return at most ``limit`` of the newest deliveries that came after these numbers."""

    def may_have_more(self, after: Numbers) -> bool:
        """Whether any may have come after these numbers; costs next to nothing."""

    def count_internal_error(self) -> None:
        """Count an exception that nobody expected."""


def added_up(reports: Sequence[ProcessReport], settings: Settings, problem: str = "") -> ProcessReport:
    """Return several reports as one; ``problem`` is what is wrong with their spools."""
    outcomes: dict[str, int] = {}
    last_event_ms: dict[str, int] = {}
    for one in reports:
        for name, count in one.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
        for app, at_ms in one.last_event_ms.items():
            last_event_ms[app] = max(last_event_ms.get(app, 0), at_ms)
    return ProcessReport(
        events_per_second=sum(one.events_per_second for one in reports),
        durations_s=sorted(seconds for one in reports for seconds in one.durations_s),
        in_flight=sum(one.in_flight for one in reports),
        outcomes=outcomes,
        refused_requests=sum(one.refused_requests for one in reports),
        spool=SpoolState(
            path=settings.spool.path,
            records=sum(one.spool.records for one in reports),
            left_behind_records=sum(one.spool.left_behind_records for one in reports),
            bytes=sum(one.spool.bytes for one in reports),
            max_bytes=int(settings.spool.max_bytes),
            oldest_age_s=max((one.spool.oldest_age_s for one in reports), default=0),
            problem=problem,
        ),
        last_event_ms=last_event_ms,
    )


def newest(summaries: Sequence[DeliverySummary], limit: int) -> tuple[list[DeliverySummary], int]:
    """Return at most ``limit`` of the newest, the oldest first, and how many are left out."""
    ordered = sorted(summaries, key=lambda one: one.time)  # of one process and time: as they came
    first = max(0, len(ordered) - limit)
    return ordered[first:], first
