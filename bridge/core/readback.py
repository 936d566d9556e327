"""A canonical event's value, read back as the record it is the value of.

For events that had to be kept without their headers and key: on the dead-letter topic, where a topic refused
them for their size.
"""

from datetime import datetime

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from bridge.core.application import Application
from bridge.core.catalogue import BY_NAME, Row
from bridge.core.content import text
from bridge.core.event import Event, Format, Identity, Notification, Record, Stamp, Verdict
from bridge.core.record import Routing, event_record


class _Delivery(Struct):
    format: Format


class _Canonical(Struct):
    id: str
    type: str
    app: str
    time: datetime
    outcome: Verdict
    delivery: _Delivery
    conformance: str
    payload: Raw
    task_id: str = ""
    file_id: str = ""


class _OfCast(Struct):
    CastId: str | int | None = None


_read = msgspec.json.Decoder(_Canonical).decode


def read_back(value: bytes, routing: Routing) -> Record | None:
    """Give the record by which the event ``value`` is published, as it stands; None where it is none."""
    try:
        canonical = _read(value)
        value.decode()  # also what is only passed over here
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    row = BY_NAME.get(canonical.type)
    if row is not None and row.name != canonical.type:
        row = None  # a word that only deliveries use
    event = Event(
        type=canonical.type,
        known=row is not None,
        format=canonical.delivery.format,
        identity=Identity(key=canonical.id, digest=""),
        verdict=canonical.outcome,
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
    record = event_record(event, Stamp(id=canonical.id), notification, routing)
    return replace(record, value=value)


def _cast_id(payload: Raw, row: Row | None) -> str:
    if row is not None and not row.has("CastId"):
        return ""
    try:
        return text(msgspec.json.decode(payload, type=_OfCast).CastId)
    except msgspec.ValidationError:
        return ""
