"""Rebuilds a record's topic, key and headers from its value, a canonical event.

For events on the dead-letter topic, whose own topic refused them for their size: the dead letter keeps only
the value.
"""

from datetime import datetime

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from bridge.core.application import Application
from bridge.core.catalogue import BY_NAME, EventType
from bridge.core.decode.json_values import id_text
from bridge.core.event import DecodedEvent, DedupStamp, EventOutcome, Format, Identity, Notification, Record
from bridge.core.record import Routing, event_record


class _Delivery(Struct):
    format: Format


class _Canonical(Struct):
    id: str
    type: str
    app: str
    time: datetime
    outcome: EventOutcome
    delivery: _Delivery
    conformance: str
    payload: Raw
    task_id: str = ""
    file_id: str = ""


class _CastIdOnly(Struct):
    CastId: str | int | None = None


_decode_canonical = msgspec.json.Decoder(_Canonical).decode


def record_from_value(value: bytes, routing: Routing) -> Record | None:
    """Return the record that publishes ``value`` unchanged; None where it is no canonical event."""
    try:
        canonical = _decode_canonical(value)
        value.decode()  # also the members that are skipped above
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    row = BY_NAME.get(canonical.type)
    if row is not None and row.name != canonical.type:
        row = None  # an alias, which canonical events never have
    event = DecodedEvent(
        type=canonical.type,
        known=row is not None,
        format=canonical.delivery.format,
        identity=Identity(key=canonical.id, digest=""),
        outcome=canonical.outcome,
        payload=Raw(b"{}"),
        task_id=canonical.task_id,
        file_id=canonical.file_id,
        cast_id=_cast_id(canonical.payload, row),
    )
    notification = Notification(
        application=Application(name=canonical.app),
        body=b"",
        received_ms=round(canonical.time.timestamp() * 1000),
    )
    record = event_record(event, DedupStamp(id=canonical.id), notification, routing)
    return replace(record, value=value)


def _cast_id(payload: Raw, row: EventType | None) -> str:
    if row is not None and not row.has_field("CastId"):
        return ""
    try:
        return id_text(msgspec.json.decode(payload, type=_CastIdOnly).CastId)
    except msgspec.ValidationError:
        return ""
