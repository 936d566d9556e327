"""The canonical event as a consumer sees it, and how a record is decoded as one.

A tolerant reader: unknown fields and values are no error. No I/O here.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import force_setattr

from bridge.consumer.errors import NoRecordError, UnreadableRecordError
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.decode.exact_json import SLOW_NUMBER_SCAN_MIN_BYTES, decode_exactly, has_slow_numbers
from bridge.core.payloads import Payload

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

    Outcome = Literal["succeeded", "failed", "partial", "in_progress", "unknown"]
    Conformance = Literal["conforming", "repaired", "nonconforming"]
    Format = Literal["v3", "legacy"]
    Mode = Literal["push", "pull", "replay", "audit"]
else:  # a reader is tolerant: a value that this version does not know is no error
    Outcome = Conformance = Format = Mode = str

P = TypeVar("P")
Headers = Mapping[str, bytes | str | None] | Iterable[tuple[str, bytes | str | None]]
"""The headers of a record, as clients of Kafka give them."""


class Delivery(Struct, frozen=True):
    """How the notification came: ``format`` v3 or legacy; ``mode`` push, pull, replay or audit.

    ``deduplicated`` is False where Redis was unavailable, so that this may be a repeat; a ``revision``
    is a later, different result of the same occurrence.
    """

    format: Format
    mode: Mode
    deduplicated: bool = True
    revision: bool = False


class Failure(Struct, frozen=True, omit_defaults=True):
    """One thing that went wrong at the vendor; an empty ``path`` is the payload itself."""

    path: str = ""
    code: int | str | None = None
    code_ext: str | None = None
    message: str | None = None


class Event(Struct, Generic[P], frozen=True, kw_only=True):
    """One event: the keys of the canonical event, and where its record stands.

    ``id`` names the occurrence and is the same for every repeat: the key for idempotent work. ``time`` is
    when the bridge received it, aware, UTC. ``outcome`` is succeeded, failed, partial, in_progress or
    unknown, ``conformance`` conforming, repaired or nonconforming: no other value comes within version 1 of
    the schemas. What does not apply is None or empty.

    ``payload`` is a struct of `bridge.core.payloads` where the type is known and the payload fits it
    (``typed``), plain data otherwise. In plain data a number that no Python number holds (1e999, or over
    4,300 digits) is the `msgspec.Raw` of its text. ``record`` is aiokafka's own, with the bytes. An event
    built by hand, as in a test, needs none: ``raw`` and ``key`` are then what the bridge would make of the
    rest, while ``topic``, ``partition``, ``offset`` and ``headers`` raise `NoRecordError`.
    """

    id: str
    type: str
    app: str
    time: datetime
    outcome: Outcome
    delivery: Delivery
    conformance: Conformance
    payload: P
    sub_app_id: int | None = None
    task_id: str | None = None
    file_id: str | None = None
    status: str | None = None
    errors: tuple[Failure, ...] = ()
    errors_truncated: int = 0
    session_id: str | None = None
    session_context: str | None = None
    repairs: tuple[str, ...] = ()
    repairs_truncated: int = 0
    # Set once the rest is read; the name is none that a key of the canonical event may come to have.
    record: Any = msgspec.field(name="(record)", default=None)

    @property
    def typed(self) -> bool:
        """Whether the payload is a struct of the catalogue, not plain data."""
        return isinstance(self.payload, Payload)

    @property
    def raw(self) -> dict[str, Any]:
        """The whole canonical event as plain data, fields included that this version does not know."""
        if self.record is None:
            return _to_plain_data(self)
        value: dict[str, Any] = decode_exactly(self.record.value)
        return value

    @property
    def original(self) -> Any:  # noqa: ANN401 - any JSON value
        """The delivered body, where ``payload`` alone does not say everything; else None."""
        return self.raw.get("original")

    @property
    def topic(self) -> str:
        """The topic of its record."""
        return str(self._require_record("topic").topic)

    @property
    def partition(self) -> int:
        """The partition of its record."""
        return int(self._require_record("partition").partition)

    @property
    def offset(self) -> int:
        """The offset of its record."""
        return int(self._require_record("offset").offset)

    @property
    def key(self) -> str:
        """The record's key: events of one key are in order."""
        if self.record is None or isinstance(self.record, _ValueOnly):
            return self.file_id or self.task_id or _cast_id(self.payload) or self.app
        return (self.record.key or b"").decode(errors="replace")

    @property
    def headers(self) -> dict[str, str]:
        """The record's headers as texts (``ce_id``, ``ce_subject``, …); of a repeated one the last."""
        headers = self._require_record("headers").headers
        return {name: _header_text(value) for name, value in headers}

    def _require_record(self, name: str) -> Any:  # noqa: ANN401 - aiokafka's record
        """Return the record; `NoRecordError` for ``name`` where there is none."""
        if getattr(self.record, name, None) is None:
            raise NoRecordError(name)
        return self.record

    def __repr__(self) -> str:
        has_position = getattr(self.record, "topic", None) is not None
        position = f"{self.topic}[{self.partition}]@{self.offset}" if has_position else "no record"
        return f"<Event {self.id} {self.outcome} {position}>"


def _to_plain_data(event: Event[Any]) -> dict[str, Any]:
    """Return the canonical event as plain data: without its record, and without what does not apply."""
    value: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    for field in msgspec.structs.fields(Event):
        if not field.required and value[field.encode_name] in (None, 0, []):
            del value[field.encode_name]
    return value


class _ValueOnly(Struct, frozen=True):
    """What `decode` knows of a record."""

    value: bytes
    headers: tuple[tuple[str, bytes | str | None], ...]


def decode(value: bytes | None, headers: Headers | None = None) -> Event[Any]:
    """Decode a record's value as an event, whatever client of Kafka read it.

    ::

        event = decode(message.value(), message.headers())  # confluent-kafka

    ``headers`` as pairs or as a mapping: with them one pass over the value is enough. The event has no topic,
    partition and offset: they are the client's. Raises `UnreadableRecordError`, whose ``record`` is None.
    """
    pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers or ())
    event = _decode_value(value, pairs, None)
    force_setattr(event, "record", _ValueOnly(value or b"", pairs))
    return event


def read(record: "ConsumerRecord") -> Event[Any]:
    """Decode aiokafka's record as an event. Raises `UnreadableRecordError`."""
    event = _decode_value(record.value, record.headers, record)
    force_setattr(event, "record", record)
    return event


def _decode_value(
    value: bytes | None, headers: Iterable[tuple[str, bytes | str | None]], record: "ConsumerRecord | None"
) -> Event[Any]:
    if value is None:
        raise UnreadableRecordError(record, "it has no value")
    try:
        return _decode(value, _type_from_headers(headers))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableRecordError(record, str(error) or type(error).__name__) from error


def _decode(value: bytes, name: str) -> Event[Any]:
    if len(value) > SLOW_NUMBER_SCAN_MIN_BYTES and has_slow_numbers(value):
        return _decode_slow_numbers(value)
    if name in _STRUCTS:
        with suppress(msgspec.ValidationError):
            event = _typed_decoder(name)(value)
            if event.type == name:
                return event
    try:
        event = _decode_untyped(value)
    except msgspec.ValidationError:
        return _decode_slow_numbers(value)
    if event.type != name and event.type in _STRUCTS:
        return _decode(value, event.type)
    return event


def _decode_slow_numbers(value: bytes) -> Event[Any]:
    """Read an event whose payload has numbers that no Python number holds, or very many slow ones."""
    event = _decode_raw_payload(value)
    value.decode()  # Raw is not validated: it may be no UTF-8
    payload = decode_exactly(event.payload)
    if event.type in _STRUCTS:
        with suppress(msgspec.ValidationError):
            payload = msgspec.convert(payload, _STRUCTS[event.type])
    force_setattr(event, "payload", payload)
    return event


def _type_from_headers(headers: Iterable[tuple[str, bytes | str | None]]) -> str:
    """Take the type that the CloudEvents header names, so that one pass over the value is enough."""
    for name, value in headers:
        if name == "ce_type":
            return _header_text(value).rpartition(".")[2]
    return ""


def _cast_id(payload: object) -> str:
    found = payload.get("CastId") if isinstance(payload, dict) else getattr(payload, "CastId", None)
    return found if isinstance(found, str) else ""


def _header_text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


_STRUCTS = {row.name: row.struct for row in EVENT_TYPES}
_decode_untyped: Callable[[bytes], Event[Any]] = msgspec.json.Decoder(Event[Any]).decode
_decode_raw_payload: Callable[[bytes], Event[Any]] = msgspec.json.Decoder[Event[Any]](Event[Raw]).decode


@cache
def _typed_decoder(name: str) -> Callable[[bytes], Event[Any]]:
    generic: Any = Event  # its argument is known at run time only
    return msgspec.json.Decoder[Event[Any]](generic[_STRUCTS[name]]).decode
