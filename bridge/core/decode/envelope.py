"""Bytes to event: the envelope, the format, and what a format's reader found put into one canonical event.

Any bytes give an `Event` or `Rejected`. How an event is written stands in `record`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from bridge.core.catalogue import BY_NAME, UNKNOWN_TYPE, EventType
from bridge.core.decode import legacy, v3
from bridge.core.decode.decoded import DecodedBody
from bridge.core.decode.json_values import (
    canonical_of,
    check_depth,
    decode,
    first_text,
    id_text,
    is_null,
    is_object,
)
from bridge.core.decode.normalize import REPAIRS_MAX, repair
from bridge.core.decode.surrogates import replace_lone_surrogates
from bridge.core.event import Conformance, Event
from bridge.core.identity import identify
from bridge.core.outcome import Reason, RejectedError
from bridge.core.result import NO_CODE, TopLevelCode, evaluate_result, is_failure
from bridge.core.signature import BOM, signature_text

_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode

# Members that concern a body's delivery only.
_ENVELOPE_ONLY = frozenset({"EventHandle", "Sign", "T"})


class Envelope(Struct, frozen=True, gc=False):
    """A body opened: its top-level members as they came, without what only concerns its delivery.

    Of duplicate keys the last one counts. ``sign`` and ``t`` are the signature's, empty where there is none.
    ``reading`` is set where a body could be opened and read in one go, and all there is then.
    """

    members: dict[str, Raw]
    sign: str = ""
    t: str = ""
    repairs: tuple[str, ...] = ()
    decoded: DecodedBody | None = None


def open_envelope(body: bytes, *, try_fast_path: bool = True) -> Envelope:
    """Open a body. It is an object, or `Rejected`. ``try_fast_path`` is False where it is known to be none."""
    if try_fast_path and (decoded := v3.decode_fast(body)) is not None:
        return Envelope({}, "", "", (), decoded)
    body = body.removeprefix(BOM)
    repairs: tuple[str, ...] = ()
    try:
        if not body.isascii():
            body.decode()
        try:
            members = _decode_members(body)
        except msgspec.DecodeError:
            repaired_body = replace_lone_surrogates(body)
            if repaired_body is body:
                raise
            members = _decode_members(repaired_body)
            repairs = ("lone surrogate: to U+FFFD",)
    except UnicodeDecodeError as error:
        raise RejectedError(Reason.MALFORMED, f"not UTF-8 (byte {error.start})") from None
    except msgspec.ValidationError:
        raise RejectedError(Reason.MALFORMED, "JSON, but no object") from None
    except msgspec.DecodeError as error:
        raise RejectedError(Reason.MALFORMED, f"not JSON: {error}") from None
    except RecursionError:
        raise RejectedError(Reason.MALFORMED, "too deep") from None
    if _ENVELOPE_ONLY.isdisjoint(members):
        return Envelope(members, "", "", repairs)
    members.pop("EventHandle", None)
    sign, t = (signature_text(members.pop(name)) if name in members else "" for name in ("Sign", "T"))
    return Envelope(members, sign, t, repairs)


def read_event(envelope: Envelope) -> Event:
    """Read an opened body as the event it is, or `Rejected`."""
    if envelope.decoded is not None:
        return _build_event(envelope.decoded, envelope)
    name = _event_type(envelope.members, "EventType")
    if not name and (legacy_name := _event_type(envelope.members, "eventType")):
        decoded = _read_legacy(envelope.members, legacy_name)
    else:
        decoded = v3.read(envelope.members, name)
    return _build_event(decoded, envelope)


def _event_type(members: dict[str, Raw], key: str) -> str:
    """Take the type that a body names; null and the empty text are none."""
    raw = members.get(key)
    if raw is None:
        return ""
    try:
        return _decode_text(raw)
    except msgspec.ValidationError:
        if is_null(raw):
            return ""
        raise RejectedError(Reason.NOT_AN_EVENT, f"an {key} that is no text") from None


def _read_legacy(members: dict[str, Raw], name: str) -> DecodedBody:
    raw = members.get("data")
    if raw is None or not is_object(raw):
        raise RejectedError(Reason.NO_PAYLOAD, "an eventType without data")
    for sibling in members.values():
        if sibling is not raw:
            check_depth(sibling)
    data: dict[str, Any] = decode(raw)
    translation = legacy.translate(name, data)
    row = BY_NAME[translation.type] if translation.known else UNKNOWN_TYPE
    repaired = repair(translation.payload, row)
    payload = Raw(_encode(repaired.repaired)) if translation.known else raw
    code = translation.top_level_code
    return DecodedBody(  # in the fields' order, as everything that is made for each event
        "legacy",
        translation.type,
        translation.known,
        row,
        repaired.value,
        payload,  # spelled before the null members are dropped
        canonical_of(raw, data),
        tuple([f"{path}: no 3.0 field" for path in _unmapped_paths(translation)]) + repaired.repairs,
        repaired.repairs_more,
        repaired.nonconforming or translation.nonconforming,
        True,  # noqa: FBT003 - further: the body is not in the 3.0 shape
        NO_CODE if code is None else TopLevelCode(code, translation.top_level_message),
        translation.task_id,
        translation.file_id,
        tuple([(one.path, one.result) for one in translation.results]),
    )


def _unmapped_paths(translation: legacy.Translation) -> Sequence[str]:
    """Name what of a legacy body has no place in the payload.

    The table's own "no place" is conforming (§4.1), but not where a failed subtask is lost by it.
    """
    if translation.unknown_paths or not translation.results:
        return translation.unknown_paths
    return [one.source_path for one in translation.results if is_failure(one.result)]


def _build_event(decoded: DecodedBody, envelope: Envelope) -> Event:
    row, value = decoded.row, decoded.value
    if type(value) is dict:
        task_id, cast_id, status, session_id, session_context = _repeated_fields(value, row)
    else:  # which has no field that the catalogue does not know, and of these no other kinds
        task_id, cast_id, status = value.TaskId, value.CastId, value.Status
        session_id, session_context = value.SessionId, value.SessionContext
    task_id = decoded.task_id or task_id or ""
    file_id = decoded.file_id or first_text(value, row.file_id_paths)
    summary = evaluate_result(value, row, decoded.top_level_code, decoded.unmapped_results)
    repairs = envelope.repairs + decoded.repairs
    conformance: Conformance = (
        "nonconforming" if decoded.nonconforming else "repaired" if repairs else "conforming"
    )
    return Event(  # in the fields' order: so many names would cost more than the rest
        decoded.type,
        decoded.known,
        decoded.format,
        identify(decoded.type, row, task_id or file_id or cast_id or "", value, decoded.content),
        summary.outcome,
        decoded.payload,
        task_id,
        file_id,
        cast_id or "",
        status if type(status) is str else id_text(status),
        summary.failures,
        summary.failures_more,
        session_id or "",
        session_context or "",
        conformance,
        repairs[:REPAIRS_MAX],
        decoded.repairs_more + max(0, len(repairs) - REPAIRS_MAX) if repairs else decoded.repairs_more,
        Raw(_encode(envelope.members)) if repairs or decoded.has_extra_members else UNSET,  # digits and all
    )


# The fields that the event repeats; an id only where the catalogue knows it of the type.
_ID_FIELDS = ("TaskId", "CastId")
_REPEATED_FIELDS = (*_ID_FIELDS, "Status", "SessionId", "SessionContext")


def _repeated_fields(value: dict[str, Any], row: EventType) -> list[str]:
    found = [id_text(value.get(name)) for name in _REPEATED_FIELDS]
    if row is not UNKNOWN_TYPE:
        found[: len(_ID_FIELDS)] = [
            one if row.has_field(name) else "" for name, one in zip(_ID_FIELDS, found, strict=False)
        ]
    return found
