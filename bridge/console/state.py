"""How this process is: its status, applications, spool and settings, from what it has in memory."""

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
    Setting,
    SettingsInForce,
    SpoolState,
    Status,
    StatusProblem,
)
from bridge.core.application import Application
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.record import timestamp
from bridge.io.admin import Readiness
from bridge.observability.spool_backlog import SpoolReport, backlog_of
from bridge.observability.telemetry import Telemetry
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


class BridgeView(Struct, frozen=True, kw_only=True):
    """What the console sees of the running bridge. The first of ``spools`` is this process's own.

    The others are those that earlier processes left behind, and that are being emptied.
    """

    settings: Settings
    telemetry: Telemetry
    spools: Callable[[], Sequence[SpoolReport]]
    readiness: Callable[[], Readiness]


def status_of(bridge: BridgeView, *, can_act: bool) -> Status:
    """Return the status of this process."""
    telemetry, readiness = bridge.telemetry, bridge.readiness()
    durations = telemetry.recent.durations_s()
    p50, p99 = (_percentile(durations, part) for part in _PERCENTILES)
    return Status(
        version=version("vod-event-bridge"),
        host=socket.gethostname(),
        state=_state_name(readiness),
        problems=[StatusProblem(text, _remedy(text)) for text in readiness.degraded],
        events_per_second=round(telemetry.recent.per_second(now_ms()), 2),
        p50_ms=p50,
        p99_ms=p99,
        in_flight=telemetry.deliveries_in_flight,
        outcomes=telemetry.outcome_counts(),
        refused_requests=telemetry.rejected_request_count,
        spool=spool_state(bridge),
        applications=application_states(bridge),
        can_act=can_act,
        shows_payloads=bridge.settings.admin.show_payloads,
    )


def application_states(bridge: BridgeView) -> list[ApplicationState]:
    """Return all applications; of secrets only whether they are set."""
    return [
        _application_state(app, bridge.telemetry.last_event_ms(app.name))
        for app in bridge.settings.applications().values()
    ]


def spool_state(bridge: BridgeView) -> SpoolState:
    """Return how full the spool is, with what others left behind."""
    spools, settings = bridge.spools(), bridge.settings.spool
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


def _application_state(app: Application, last_event_ms: int) -> ApplicationState:
    return ApplicationState(
        name=app.name,
        mode=app.mode,
        sub_app_id=app.sub_app_id,
        callback_path=app.callback_path,
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
