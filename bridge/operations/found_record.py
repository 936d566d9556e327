"""A record of the bridge's topics as the console and `find` show it: what names it, and how it ended.

Only ids and codes are taken from a value; see `masked_value` for the rest.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import ConsumerRecord
from msgspec import Struct

from bridge.core.printable import cut
from bridge.core.record import SOURCE_PREFIX, TYPE_PREFIX, timestamp
from bridge.core.schema_ids import header_text

DECODE_ERRORS = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding arbitrary bytes may raise."""
DEAD_LETTER = "dead_letter"
_ERRORS_SHOWN_MAX = 5
_TEXT_MAX = 512  # a sender may write an id of a megabyte


class _Failure(Struct, frozen=True):
    path: str = ""
    code: int | str = ""
    code_ext: str = ""


class _Delivery(Struct, frozen=True):
    mode: str = ""
    deduplicated: bool = True
    revision: bool = False


class EventSummary(Struct):
    """The members of a canonical event that name it."""

    id: str = ""
    type: str = ""
    app: str = ""
    time: str = ""
    task_id: str = ""
    file_id: str = ""
    status: str = ""
    outcome: str = ""
    errors: Sequence[_Failure] = ()
    session_id: str = ""
    delivery: _Delivery = _Delivery()
    conformance: str = ""


class GroupDistance(Struct, frozen=True):
    """How far a consumer group is past a record: ``past`` records of its partition, this one included.

    0 or less: it has not committed the record yet, and is so many records before it.
    """

    group: str
    past: int


class FoundRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One record. ``kind`` is ``event`` or ``dead_letter``; empty fields are left out.

    ``time`` is when the delivery was received, ``written`` when Kafka took the record. ``outcome`` is the
    event's; ``errors`` are its first failures as text, codes only. ``reason`` and ``detail`` are a dead
    letter's, and ``failed_replays`` how often it was replayed in vain. ``groups`` are those that
    have committed an offset in its partition.
    """

    topic: str
    partition: int
    offset: int
    kind: str
    written: str
    time: str = ""
    id: str = ""
    type: str = ""
    application: str = ""
    outcome: str = ""
    status: str = ""
    file_id: str = ""
    task_id: str = ""
    session_id: str = ""
    errors: Sequence[str] = ()
    mode: str = ""
    revision: bool = False
    deduplicated: bool = True
    conformance: str = ""
    reason: str = ""
    detail: str = ""
    failed_replays: int = 0
    groups: Sequence[GroupDistance] = ()
    bytes: int = 0


def distance_text(group: str, past: int) -> str:
    """Return in words how far a group is past a record."""
    if past > 1:
        return f"{group}: {past - 1} past it"
    return f"{group}: just past it" if past == 1 else f"{group}: {1 - past} to go"


def headers_of(record: ConsumerRecord) -> dict[str, str]:
    """Return the headers as text."""
    return {name: header_text(name, value or b"") for name, value in record.headers}


def summary_of(value: bytes) -> EventSummary | None:
    """Return what names a canonical event; None where the value is none."""
    try:
        return msgspec.json.decode(value, type=EventSummary)
    except DECODE_ERRORS:
        return None


def found_record(record: ConsumerRecord) -> FoundRecord:
    """Return how a record is shown."""
    headers = headers_of(record)
    value = record.value or b""
    where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    written = timestamp(max(0, record.timestamp))
    event = summary_of(value) if "ce_id" in headers else None
    if event is None:
        return FoundRecord(
            **where,
            kind=DEAD_LETTER if "reason" in headers else "event",
            written=written,
            time=_shortened(headers.get("received_at", "")),
            type=_shortened(headers.get("ce_type", "").removeprefix(TYPE_PREFIX)),
            id=_shortened(headers.get("ce_id", "")),
            application=_shortened(_application(headers)),
            mode=_shortened(headers.get("mode", "")),
            reason=_shortened(headers.get("reason", "")),
            detail=_shortened(headers.get("detail", "")),
            bytes=len(value),
        )
    return FoundRecord(
        **where,
        kind="event",
        written=written,
        time=_shortened(event.time),
        id=_shortened(event.id),
        type=_shortened(event.type),
        application=_shortened(event.app),
        outcome=_shortened(event.outcome),
        status=_shortened(event.status),
        file_id=_shortened(event.file_id),
        task_id=_shortened(event.task_id),
        session_id=_shortened(event.session_id),
        errors=[_failure_text(one) for one in event.errors[:_ERRORS_SHOWN_MAX]],
        mode=_shortened(event.delivery.mode),
        revision=event.delivery.revision,
        deduplicated=event.delivery.deduplicated,
        conformance=_shortened(event.conformance),
        bytes=len(value),
    )


_OPEN_KEYS = frozenset(
    (
        *("id", "type", "app", "sub_app_id", "time", "task_id", "file_id", "session_id", "status", "outcome"),
        *("errors", "path", "code", "code_ext", "errors_truncated", "delivery", "format", "mode"),
        *("deduplicated", "revision", "conformance", "repairs", "repairs_truncated", "payload", "original"),
        *("EventType", "Status", "Progress", "Type", "Definition"),
    )
)
_OPEN_ENDINGS = ("Id", "IdSet", "ErrCode", "ErrCodeExt", "Code", "CodeExt")
_ID_KEYS = frozenset(("id", "file_id", "task_id", "session_id"))
_ID_ENDINGS = ("Id", "IdSet")
_ID_BEFORE = rb'"(?:id|file_id|task_id|session_id|[0-9A-Za-z_]*Id)"\s*:\s*"?'
_MASK = "****"


def masked_value(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a canonical event's value with ids and codes, and all other texts and numbers masked."""
    if isinstance(value, dict):
        return {name: _masked_member(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked_value(one) if isinstance(one, dict | list) else _MASK for one in value]
    return _MASK


def json_forms(text: str) -> tuple[bytes, ...]:
    """Return how a text stands in JSON: as we write it, and as others do, who escape ``/`` and non-ASCII."""
    plain = msgspec.json.encode(text)[1:-1].decode()
    lower, upper = ("".join(_escaped(one, form) for one in plain) for form in ("\\u%04x", "\\u%04X"))
    forms = (plain, lower, upper)
    return tuple({one.encode(): None for form in forms for one in (form, form.replace("/", "\\/"))})


def _escaped(character: str, form: str) -> str:
    """Return a character by the numbers of its UTF-16, unless it is of ASCII."""
    if character.isascii():
        return character
    encoded = character.encode("utf-16-be")
    return "".join(form % int.from_bytes(encoded[at : at + 2]) for at in range(0, len(encoded), 2))


def has_id(value: bytes, text: str) -> bool:
    """Whether ``text`` is an id in a record's value, at any depth; what is not JSON is searched as text."""
    try:
        return _has_id(msgspec.json.decode(value), text)
    except DECODE_ERRORS:
        return _has_id_as_text(value, text)


def _has_id_as_text(value: bytes, text: str) -> bool:
    """Whether ``text`` follows the key of an id: a dead letter may be cut off, or not JSON at all."""
    as_json = b"|".join(map(re.escape, json_forms(text)))
    return re.search(_ID_BEFORE + b"(?:" + as_json + b")" + rb"(?![0-9A-Za-z_-])", value) is not None


def _has_id(value: Any, text: str) -> bool:  # noqa: ANN401 - any JSON value
    if isinstance(value, list):
        return any(_has_id(one, text) for one in value)
    if not isinstance(value, dict):
        return False
    return any(
        _has_id(inner, text) or ((name in _ID_KEYS or name.endswith(_ID_ENDINGS)) and _is_or_has(inner, text))
        for name, inner in value.items()
    )


def _is_or_has(value: Any, text: str) -> bool:  # noqa: ANN401 - any JSON value
    return text in map(str, value) if isinstance(value, list) else str(value) == text


def _masked_member(name: str, value: Any) -> Any:  # noqa: ANN401 - any JSON value
    is_open = name in _OPEN_KEYS or name.endswith(_OPEN_ENDINGS)
    if isinstance(value, dict) or (isinstance(value, list) and not is_open):
        return masked_value(value)
    if isinstance(value, list):
        return [masked_value(one) if isinstance(one, dict | list) else one for one in value]
    return value if is_open or value is None or isinstance(value, bool) else _MASK


def _application(headers: Mapping[str, str]) -> str:
    return headers.get("app") or headers.get("ce_source", "").removeprefix(SOURCE_PREFIX)


def _failure_text(failure: _Failure) -> str:
    parts = (failure.path, failure.code, failure.code_ext)
    return _shortened(" ".join(str(part) for part in parts if part != ""))


def _shortened(text: str) -> str:
    return cut(text, _TEXT_MAX)
