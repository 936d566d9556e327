"""The notification that a record was made of."""

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from bridge.core.catalogue import BY_NAME
from bridge.core.inflate import CODINGS, inflate
from bridge.operations.found_record import DECODE_ERRORS


class _Delivered(Struct):
    payload: Raw
    original: Raw | UnsetType = UNSET


def inflated(value: bytes, encoding: str, max_bytes: int) -> bytes:
    """Return a dead letter's bytes without their ``content-encoding``; as they are where that is broken."""
    coding = CODINGS.get(encoding)
    if coding is None:
        return value
    return inflate(value, coding, max_bytes).body or value


def delivered_body(value: bytes, event_type: str) -> bytes:
    """Return the notification that an event was made of: ``original``, else its payload in its envelope.

    A value that is no event is returned as it is.
    """
    try:
        event = msgspec.json.decode(value, type=_Delivered)
    except DECODE_ERRORS:
        return value
    if event.original is not UNSET:
        return bytes(event.original)
    field = BY_NAME[event_type].field if event_type in BY_NAME else f"{event_type}Event"
    return msgspec.json.encode({"EventType": event_type, field: event.payload})
