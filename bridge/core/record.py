"""Event to record: the canonical event as it is written; the one place that knows topics, keys, headers."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from bridge.core.catalogue import ROWS
from bridge.core.event import (
    Conformance,
    DeliveryMode,
    Event,
    Failure,
    Format,
    Notification,
    Record,
    Stamp,
    Verdict,
)

Headers = list[tuple[str, bytes]]

# Topics are made to take it and the producer may send it: the largest body twice over, and room beside.
RECORD_MAX_BYTES = 16 * 1024 * 1024

_encode = msgspec.json.encode


class Routing(Struct, frozen=True):
    """Where records go. ``topic`` may hold ``{type}`` and ``{app}``."""

    topic: str = "vod.{type}"
    topic_other: str = "vod.other"
    topic_dead_letter: str = "vod.dead-letter"
    schema_base_uri: str = "urn:vod-event-bridge:schemas:"

    def topic_of(self, event: Event, app: str) -> str:
        """Choose the topic of an event of that application."""
        return _fill(self.topic, event.type, app) if event.known else self.topic_other

    def topics(self, apps: Sequence[str]) -> list[str]:
        """List every topic that may be written to."""
        named = {_fill(self.topic, row.name, app) for row in ROWS for app in apps}
        return sorted(named | {self.topic_other, self.topic_dead_letter})


@lru_cache(maxsize=1024)
def _fill(template: str, event_type: str, app: str) -> str:
    return template.replace("{type}", event_type).replace("{app}", app)


class _Delivery(Struct, omit_defaults=True):
    format: Format
    mode: DeliveryMode
    deduplicated: bool
    revision: bool = False


class _Canonical(Struct, omit_defaults=True):
    """The canonical event: keys in the order in which they are written."""

    id: str
    type: str
    app: str
    sub_app_id: int | UnsetType
    time: str
    task_id: str | UnsetType
    file_id: str | UnsetType
    status: str | UnsetType
    outcome: Verdict
    errors: Sequence[Failure] | UnsetType
    errors_truncated: int | UnsetType
    session_id: str | UnsetType
    session_context: str | UnsetType
    delivery: _Delivery
    conformance: Conformance
    repairs: Sequence[str] | UnsetType
    repairs_truncated: int | UnsetType
    payload: Raw
    original: Raw | UnsetType


def event_record(event: Event, stamp: Stamp, notification: Notification, routing: Routing) -> Record:
    """Write the record by which an event is published."""
    app = notification.application
    time = timestamp(notification.received_ms)
    value = _Canonical(  # in the fields' order: so many names would cost more than the encoding
        stamp.id,
        event.type,
        app.name,
        UNSET if app.sub_app_id is None else app.sub_app_id,
        time,
        event.task_id or UNSET,
        event.file_id or UNSET,
        event.status or UNSET,
        event.verdict,
        event.failures or UNSET,
        event.failures_more or UNSET,
        event.session_id or UNSET,
        event.session_context or UNSET,
        _Delivery(event.format, notification.mode, stamp.deduplicated, stamp.revision),
        event.conformance,
        event.repairs or UNSET,
        event.repairs_more or UNSET,
        event.payload,
        event.original,
    )
    key = event.file_id or event.task_id or event.cast_id or app.name
    headers = _event_headers(event, stamp.id, app.name, time, routing)
    return Record(routing.topic_of(event, app.name), key.encode(), _encode(value), headers)


def _event_headers(event: Event, event_id: str, app: str, time: str, routing: Routing) -> Headers:
    """CloudEvents 1.0, binary mode, and the outcome as an extension of ours."""
    if event.known:
        fixed = _headers_of_a_type(event.type, event.type, app, routing.schema_base_uri)
    else:  # whose names are the sender's, of any number and length: not worth keeping
        fixed = _fixed_headers(event.type, "event", app, routing.schema_base_uri)
    version, source, kind, schema, content_type = fixed
    headers = [version, ("ce_id", event_id.encode()), source, kind, ("ce_time", time.encode())]
    if subject := event.file_id or event.task_id:
        headers.append(("ce_subject", subject.encode()))
    headers += (schema, content_type, ("ce_outcome", event.verdict.encode()))
    return headers


def _fixed_headers(event_type: str, schema: str, app: str, base_uri: str) -> Headers:
    """Spell what all events of a type and an application share."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/vod/{app}".encode()),
        ("ce_type", f"com.tencentcloud.vod.{event_type}".encode()),
        ("ce_dataschema", f"{base_uri}{schema}.v1".encode()),
        ("content-type", b"application/json"),
    ]


_headers_of_a_type = lru_cache(maxsize=1024)(_fixed_headers)


def dead_letter(notification: Notification, reason: str, detail: str, routing: Routing) -> Record:
    """Write the record by which bytes are kept that will never be an event."""
    app = notification.application.name
    content_type = notification.content_type or "application/octet-stream"
    return Record(
        topic=routing.topic_dead_letter,
        key=app.encode(),
        value=notification.body,
        headers=[
            ("reason", reason.encode()),
            ("detail", detail.encode()),
            ("app", app.encode()),
            ("mode", notification.mode.encode()),
            ("received_at", timestamp(notification.received_ms).encode()),
            ("content-type", content_type.encode(errors="surrogateescape")),  # as received, whatever it is
        ],
    )


def dead_letter_instead(record: Record, reason: str, detail: str, routing: Routing) -> Record | None:
    """Write the dead letter for a canonical event whose topic refuses it; None where it is no such event.

    The delivered body is no longer at hand: the value is the event, which holds all of it (§5's payload and
    original).
    """
    if record.topic == routing.topic_dead_letter:
        return None
    try:
        mode = _decode_mode(record.value).delivery.mode
    except msgspec.DecodeError:  # a dead letter of a time in which they had another topic
        return None
    headers = dict(record.headers)
    app = headers.get("ce_source", b"").rpartition(b"/")[2]
    return Record(
        topic=routing.topic_dead_letter,
        key=app,
        value=record.value,
        headers=[
            ("reason", reason.encode()),
            ("detail", detail.encode()),
            ("app", app),
            ("mode", mode.encode()),
            ("received_at", headers.get("ce_time", b"")),
            ("content-type", b"application/json"),
            *((name, headers[name]) for name in ("traceparent", "tracestate") if name in headers),
        ],
    )


class _ModeOfDelivery(Struct):
    mode: str = "push"


class _OfEvent(Struct):
    delivery: _ModeOfDelivery


_decode_mode = msgspec.json.Decoder(_OfEvent).decode


def timestamp(unix_ms: int) -> str:
    """Spell a time as RFC 3339, UTC, with milliseconds."""
    second, ms = divmod(unix_ms, 1000)
    return f"{_second(second)}.{ms:03d}Z"


@lru_cache(maxsize=64)
def _second(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
