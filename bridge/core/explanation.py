"""Explains what the bridge makes of one body, and why: for `vod-bridge explain`.

Every value is computed by the code that handles deliveries; only the reasons are added here. Redis is not
asked, so an event that is a duplicate is shown as published.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from bridge.core.catalogue import BY_NAME, UNKNOWN_TYPE, EventType
from bridge.core.decode.envelope import Envelope, open_envelope, read_event
from bridge.core.event import (
    Conformance,
    DecodedEvent,
    DedupStamp,
    EventOutcome,
    FailedResult,
    Format,
    Notification,
)
from bridge.core.outcome import Reason, RejectedError
from bridge.core.partition import hash_key, partition_for
from bridge.core.record import Routing, event_record
from bridge.core.schema_ids import header_text
from bridge.core.task_status import KNOWN_STATUSES

HELP: Mapping[str, str] = {
    Reason.MALFORMED: "no release reads this: look at what the sender wrote, and whether it was cut",
    Reason.NOT_AN_EVENT: (
        "a notification names its EventType (3.0) or eventType (legacy); is this from VOD, and whole?"
    ),
    Reason.NO_PAYLOAD: (
        "if the vendor really sends this, the catalogue needs another spelling; a release that has it"
        " reads it, and `vod-bridge replay --dead-letters --reason no_payload --execute` brings it in"
    ),
    Reason.CONFLICT: (
        "EventType and payload are of different types: one of them is wrong, and the bridge does not guess"
    ),
}
_RECORD_HELP = (
    "this looks like an event of the bridge itself; the notification it was made of is in `original`, else"
    " in `payload`"
)


class IdPart(Struct, frozen=True):
    """A part of an id, with its meaning."""

    text: str
    meaning: str


class Explanation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The explanation of one body; its fields are the keys of `explain --json`, empty ones are left out.

    ``delivery_outcome`` is published or rejected; with rejected there are ``reason``, ``detail`` and
    ``remedy``. ``id`` ends in ``@<ms>`` where the time of the first delivery is part of it. ``schema_error``
    is the first violation of the catalogue in the payload. ``event`` is the record's value.
    """

    delivery_outcome: str
    bytes: int
    signed: bool = False
    reason: str = ""
    detail: str = ""
    remedy: str = ""
    format: Format | UnsetType = UNSET
    type: str = ""
    is_known_type: bool | UnsetType = UNSET
    received_type: str = ""
    id: str = ""
    id_parts: Sequence[IdPart] = ()
    dedup_note: str = ""
    outcome: EventOutcome | UnsetType = UNSET
    outcome_reason: str = ""
    errors: Sequence[FailedResult] = ()
    errors_truncated: int = 0
    conformance: Conformance | UnsetType = UNSET
    repairs: Sequence[str] = ()
    repairs_truncated: int = 0
    schema_error: str = ""
    topic: str = ""
    key: str = ""
    key_reason: str = ""
    partition: int | UnsetType = UNSET
    original_reason: str = ""
    headers: Mapping[str, str] = {}
    event: Raw | UnsetType = UNSET


def explain(notification: Notification, routing: Routing, partitions: int = 0) -> Explanation:
    """Explain a notification; ``partitions`` is the topic's number of partitions, 0 to omit the partition."""
    size = len(notification.body)
    envelope = Envelope({})
    try:
        envelope = open_envelope(notification.body)
        event = read_event(envelope)
    except RejectedError as rejected:
        help_ = _RECORD_HELP if _is_record(envelope) else HELP.get(rejected.reason, "")
        return Explanation(
            delivery_outcome="rejected",
            bytes=size,
            signed=bool(envelope.sign),
            reason=str(rejected.reason),
            detail=rejected.detail,
            remedy=help_,
        )
    row = BY_NAME.get(event.type, UNKNOWN_TYPE)
    identity = event.identity
    event_id = f"{identity.key}@{notification.received_ms}" if identity.recurring else identity.key
    record = event_record(event, DedupStamp(id=event_id), notification, routing)
    return Explanation(
        delivery_outcome="published",
        bytes=size,
        signed=bool(envelope.sign),
        format=event.format,
        type=event.type,
        is_known_type=event.known,
        received_type=_name_in_body(envelope, event),
        id=event_id,
        id_parts=tuple(_id_parts(event, row, event_id)),
        dedup_note="for a minute: equal content may truly come again" if identity.recurring else "",
        outcome=event.outcome,
        outcome_reason=_explain_outcome(event, row),
        errors=event.failures,
        errors_truncated=event.failures_more,
        conformance=event.conformance,
        repairs=event.repairs,
        repairs_truncated=event.repairs_more,
        schema_error=_nonconforming_reason(event, row),
        topic=record.topic,
        key=record.key.decode(),
        key_reason=_explain_key(event, row),
        partition=partition_for(hash_key(record.key), partitions) if partitions else UNSET,
        original_reason=_explain_original(event),
        headers={name: header_text(name, value) for name, value in record.headers},
        event=Raw(record.value),
    )


def _is_record(envelope: Envelope) -> bool:
    return {"id", "type", "app", "delivery", "payload"} <= envelope.members.keys()


def _name_in_body(envelope: Envelope, event: DecodedEvent) -> str:
    """Return the type's name in the body where it is an alias, else empty."""
    raw = envelope.members.get("EventType" if event.format == "v3" else "eventType")
    try:
        name = msgspec.json.decode(raw, type=str) if raw is not None else ""
    except msgspec.ValidationError:  # null: none
        name = ""
    return name if name != event.type else ""


def _id_parts(event: DecodedEvent, row: EventType, event_id: str) -> Iterator[IdPart]:
    key, at, first = event_id.partition("@")
    stem, separator, digest = key.partition("#")
    name, *rest = stem.split(":")
    yield IdPart(name, "the type")
    if rest:
        id_field = "TaskId" if event.task_id else "FileId" if event.file_id else "CastId"
        yield IdPart(rest[0], f"{id_field}: whose event it is")
        for state, field in zip(rest[1:], row.state_fields, strict=False):
            yield IdPart(state, f"{field}: which of its events")
    if separator:
        digest_reason = (
            "its states do not tell its events apart" if rest else "no id in it names the occurrence"
        )
        yield IdPart(f"#{digest}", f"of the delivered content, because {digest_reason}")
    if at:
        yield IdPart(f"@{first}", "when it was first received, unix ms: the same may truly happen again")


_UNKNOWN_STATUS = "no code is bad, but its Status {} does not say how it ended"


def _explain_outcome(event: DecodedEvent, row: EventType) -> str:
    if event.outcome == "in_progress":
        return f"its Status is {event.status}, whatever its codes say"
    if row.always_succeeds:
        return "the type states a fact"
    if event.outcome == "unknown":
        is_known = event.status in KNOWN_STATUSES
        return "nothing in it tells a result" if is_known else _UNKNOWN_STATUS.format(event.status)
    if event.outcome == "succeeded":
        return "every code in it is good"
    if event.outcome == "partial":
        return "some of its results failed, and some did not"
    return "its own code is bad" if any(not one.path for one in event.failures) else "all its results failed"


def _nonconforming_reason(event: DecodedEvent, row: EventType) -> str:
    if event.conformance != "nonconforming":
        return ""
    try:
        msgspec.json.decode(event.payload, type=row.struct)
    except msgspec.ValidationError as error:
        return str(error)
    return (
        "a value of the legacy body has another kind than its row"
        if event.format == "legacy"
        else ("a number beyond 64 bits")
    )


def _explain_key(event: DecodedEvent, row: EventType) -> str:
    if event.file_id:
        return f"the FileId, first found of {', '.join(row.file_id_paths) or 'the legacy fileId'}"
    if event.task_id:
        return "the TaskId: it has no FileId"
    if event.cast_id:
        return "the CastId: it has neither FileId nor TaskId"
    return "the application: no id in it"


def _explain_original(event: DecodedEvent) -> str:
    if event.original is UNSET:
        return ""
    if event.format == "legacy":
        return "a legacy body, kept as delivered"
    return "it was repaired" if event.repairs else "it has further keys beside the payload"
