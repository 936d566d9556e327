"""How this process is: its status, applications, spool and settings, from what it has in memory."""

import re
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct

from bridge.console.answers import (
    ApplicationState,
    EventTypeInfo,
    EventTypes,
    PeerState,
    Setting,
    SettingsInForce,
    SpoolState,
    Status,
    StatusProblem,
)
from bridge.console.view import BridgeReport, Numbers, OwnDeliveries, ProcessReport
from bridge.core.application import Application
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.record import timestamp
from bridge.io.admin import Readiness
from bridge.observability.recent_deliveries import DeliveryFilter
from bridge.observability.spool_backlog import SpoolReport, backlog_of
from bridge.observability.telemetry import Telemetry
from bridge.operations.callback_probe import callback_url
from bridge.operations.vendor_states import without_token
from bridge.settings.settings import Settings

_PERCENTILES = (0.5, 0.99)
# By the beginning of a line of `Readiness.degraded`.
_REMEDIES = {
    "kafka: not answering": "see Check: it tries each address, and says what is wrong and what to do",
    "kafka:": "`vod-bridge topics --create` makes the missing topics; their events wait in the spool",
    "spool:": "nothing while Kafka is back: it is emptied in order; else see Check",
    "redis:": "see Check; nothing is lost meanwhile",
    "vendor:": "see Check: it asks the vendor for this application",
}


class ProcessView(Struct, frozen=True, kw_only=True):
    """What the console sees of one process. The first of ``spools`` is the process's own.

    The others are those that earlier processes left behind, and that are being emptied.
    """

    settings: Settings
    telemetry: Telemetry
    spools: Callable[[], Sequence[SpoolReport]]
    readiness: Callable[[], Readiness]

    async def report(self) -> BridgeReport:
        """Return how this process is."""
        return BridgeReport(total=self.process_report(), readiness=self.readiness())

    async def deliveries(
        self, after: Numbers | None, wanted: DeliveryFilter | None, limit: int
    ) -> OwnDeliveries:
        """Return at most ``limit`` of the newest deliveries that came after the number."""
        found = self.telemetry.recent.since((after or {}).get("", 0), wanted, limit)
        return OwnDeliveries(
            summaries=found.summaries, numbers={"": found.last_number}, left_out=found.left_out
        )

    def may_have_more(self, after: Numbers) -> bool:
        """Whether any came since."""
        return self.telemetry.recent.last_number != after.get("", 0)

    def count_internal_error(self) -> None:
        """Count an exception that nobody expected."""
        self.telemetry.internal_errors.inc()

    def process_report(self) -> ProcessReport:
        """Return what a supervisor adds up."""
        telemetry = self.telemetry
        return ProcessReport(
            events_per_second=telemetry.recent.per_second(now_ms()),
            durations_s=telemetry.recent.durations_s(),
            in_flight=telemetry.deliveries_in_flight,
            outcomes=telemetry.outcome_counts(),
            refused_requests=telemetry.rejected_request_count,
            spool=self._spool_state(),
            last_event_ms={app: telemetry.last_event_ms(app) for app in self.settings.applications()},
        )

    def _spool_state(self) -> SpoolState:
        """Return how full the spool is, with what others left behind."""
        spools, settings = self.spools(), self.settings.spool
        own, *left_behind = spools
        backlog = backlog_of(spools, now_ms())
        return SpoolState(
            path=settings.path,
            records=backlog.records,
            left_behind_records=sum(one.records for one in left_behind),
            bytes=backlog.bytes,
            max_bytes=int(settings.max_bytes),
            oldest_age_s=backlog.oldest_age_ms // 1000,
            problem=own.unavailable_reason if settings.max_bytes else "there is no spool (max_bytes = 0)",
        )


def status_of(
    report: BridgeReport,
    settings: Settings,
    *,
    instance: str,
    can_act: bool,
    peers: Sequence[PeerState] = (),
) -> Status:
    """Return the status that a report describes."""
    total = report.total
    p50, p99 = (_percentile(total.durations_s, part) for part in _PERCENTILES)
    return Status(
        version=version("vod-event-bridge"),
        host=socket.gethostname(),
        instance=instance,
        state=_state_name(report.readiness),
        problems=[StatusProblem(text, _remedy(text)) for text in report.readiness.degraded],
        events_per_second=round(total.events_per_second, 2),
        p50_ms=p50,
        p99_ms=p99,
        in_flight=total.in_flight,
        outcomes=total.outcomes,
        refused_requests=total.refused_requests,
        spool=total.spool,
        applications=application_states(settings, total.last_event_ms),
        can_act=can_act,
        shows_payloads=settings.admin.show_payloads,
        workers=report.workers,
        peers=peers,
    )


def application_states(settings: Settings, last_event_ms: Mapping[str, int]) -> list[ApplicationState]:
    """Return all applications; of secrets only whether they are set."""
    return [
        _application_state(app, last_event_ms.get(app.name, 0), without_token(callback_url(settings, app)))
        for app in settings.applications().values()
    ]


def settings_in_force(settings: Settings) -> SettingsInForce:
    """Return all settings, secrets masked."""
    return SettingsInForce([Setting(*one) for one in settings.in_force()])


class _SchemaHead(Struct):
    description: str = ""


def event_types(settings: Settings) -> EventTypes:
    """Return the catalogue, with each type's meaning as its schema has it. Reads files, once."""
    routing, apps = settings.routing(), sorted(settings.applications())
    found = []
    for row in EVENT_TYPES:
        topics = {routing.topic_of_type(row.name, app) for app in apps}
        found.append(
            EventTypeInfo(
                name=row.name,
                meaning=_meanings()[row.name],
                topics=sorted(topics),
                payload_field=row.field,
                aliases=[*row.aliases, *row.field_aliases],
                schema=f"types/{row.name}/schema",
            )
        )
    return EventTypes(found)


@lru_cache(maxsize=1)
def _meanings() -> Mapping[str, str]:
    heads = {
        row.name: msgspec.json.decode(schema_of(row.name) or b"{}", type=_SchemaHead) for row in EVENT_TYPES
    }
    return {name: head.description.partition(": ")[2] or head.description for name, head in heads.items()}


def schema_of(event_type: str) -> bytes | None:
    """Return the JSON Schema of a catalogue's type; None where there is none. Reads a file."""
    if event_type not in _TYPE_NAMES:
        return None
    return files("bridge").joinpath("schemas", f"{event_type}.v1.schema.json").read_bytes()


_TYPE_NAMES: Mapping[str, None] = dict.fromkeys(row.name for row in EVENT_TYPES)


def _application_state(app: Application, last_event_ms: int, url: str) -> ApplicationState:
    return ApplicationState(
        name=app.name,
        mode=app.mode,
        sub_app_id=app.sub_app_id,
        callback_path=app.callback_path,
        callback_url=url,
        has_token=bool(app.token),
        sign_keys=len(app.sign_keys),
        signature_required=bool(app.sign_keys) and app.signature_required,
        last_event=timestamp(last_event_ms) if last_event_ms else "",
    )


def _state_name(readiness: Readiness) -> Literal["ready", "degraded", "starting", "stopping"]:
    if readiness.stopping:
        return "stopping"
    if readiness.ready:
        return "degraded" if readiness.degraded else "ready"
    return "degraded" if readiness.degraded else "starting"


def _remedy(problem: str) -> str:
    problem = re.sub(r"^worker [0-9, ]+: ", "", problem)
    fitting = [begin for begin in _REMEDIES if problem.startswith(begin)]
    return _REMEDIES[max(fitting, key=len)] if fitting else "see Check"


def _percentile(ascending: list[float], part: float) -> float | None:
    """Return a percentile in milliseconds; None where there is no value."""
    if not ascending:
        return None
    return round(ascending[min(len(ascending) - 1, int(len(ascending) * part))] * 1000, 1)


def now_ms() -> int:
    """Return the time in unix milliseconds."""
    return time.time_ns() // 1_000_000
