"""Decodes a body into an event: opens the envelope, picks the format, builds the canonical event.

Any bytes give a `DecodedEvent` or raise `RejectedError`. `core.record` encodes the event.
"""

from collections.abc import Mapping, Sequence
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
from bridge.core.event import Conformance, DecodedEvent
from bridge.core.identity import identify
from bridge.core.outcome import Reason, RejectedError
from bridge.core.result import NO_CODE, TopLevelCode, evaluate_result, is_failure
from bridge.core.signature import BOM, signature_text

_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode

_NO_MEMBERS: Mapping[str, Raw] = {}

# Members that belong to the delivery, not to the event.
_ENVELOPE_ONLY = frozenset({"EventHandle", "Sign", "T"})


class Envelope(Struct, frozen=True, gc=False):
    """The top-level members of a body as JSON text, without those that belong to the delivery.

    Of duplicate keys the last one counts. ``sign`` and ``t`` are the signature, empty where there is none.
    ``decoded`` is set where the fast path decoded the whole body: then ``members`` is empty.
    """

    members: Mapping[str, Raw]
    sign: str = ""
    t: str = ""
    repairs: tuple[str, ...] = ()
    decoded: DecodedBody | None = None


def open_envelope(body: bytes, *, try_fast_path: bool = True) -> Envelope:
    """Split a body into its members; raises `RejectedError` if it is no JSON object.

    ``try_fast_path`` is False where the body is known not to qualify for it.
    """
    if try_fast_path and (fast := v3.decode_fast(body)) is not None:
        return Envelope(_NO_MEMBERS, "", "", (), fast)
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


def read_event(envelope: Envelope) -> DecodedEvent:
    """Build the event of an opened body; raises `RejectedError` where it is none."""
    decoded = envelope.decoded or _read_members(envelope.members)
    row, value = decoded.row, decoded.value
    if type(value) is dict:
        task_id, cast_id, status, session_id, session_context = _repeated_fields(value, row)
    else:  # a strict struct: only known fields, each of the catalogue's type
        task_id, cast_id, status = value.TaskId, value.CastId, value.Status
        session_id, session_context = value.SessionId, value.SessionContext
    task_id = decoded.task_id or task_id or ""
    file_id = decoded.file_id or first_text(value, row.file_id_paths)
    summary = evaluate_result(value, row, decoded.top_level_code, decoded.unmapped_results)
    repairs = envelope.repairs + decoded.repairs
    conformance: Conformance = (
        "nonconforming" if decoded.nonconforming else "repaired" if repairs else "conforming"
    )
    return DecodedEvent(  # positional, in the fields' order: 18 keywords cost 0.6 us more, measured
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
        Raw(decoded.original or _encode(envelope.members))  # digits and all
        if repairs or decoded.has_extra_members
        else UNSET,
    )


def _read_members(members: Mapping[str, Raw]) -> DecodedBody:
    """Decode a body by its members, in whichever format it is."""
    name = _event_type(members, "EventType")
    if not name and (legacy_name := _event_type(members, "eventType")):
        return _read_legacy(members, legacy_name)
    return v3.read(members, name)


def _event_type(members: Mapping[str, Raw], key: str) -> str:
    """Return the type at ``key``, empty for absent, null and the empty text. Raises `RejectedError`."""
    raw = members.get(key)
    if raw is None:
        return ""
    try:
        return _decode_text(raw)
    except msgspec.ValidationError:
        if is_null(raw):
            return ""
        raise RejectedError(Reason.NOT_AN_EVENT, f"an {key} that is no text") from None


def _read_legacy(members: Mapping[str, Raw], name: str) -> DecodedBody:
    raw = members.get("data")
    if raw is None or not is_object(raw):
        raise RejectedError(Reason.NO_PAYLOAD, "an eventType without data")
    for sibling in members.values():
        if sibling is not raw:
            check_depth(sibling)
    if (typed := legacy.translate_typed(name, raw)) is not None:
        return _typed_body(typed)
    data: dict[str, Any] = decode(raw)
    translation = legacy.translate(name, data)
    row = BY_NAME[translation.type] if translation.known else UNKNOWN_TYPE
    repaired = repair(translation.payload, row)
    payload = Raw(_encode(repaired.repaired)) if translation.known else raw
    code = translation.top_level_code
    return DecodedBody(
        format="legacy",
        type=translation.type,
        known=translation.known,
        row=row,
        value=repaired.value,
        payload=payload,  # encoded before the null members are removed
        content=canonical_of(raw, data),
        repairs=_unmapped_repairs(translation.unknown_paths, translation.results) + repaired.repairs,
        repairs_more=repaired.repairs_more,
        nonconforming=repaired.nonconforming or translation.nonconforming,
        has_extra_members=True,  # the body is not in the 3.0 shape
        top_level_code=NO_CODE if code is None else TopLevelCode(code, translation.top_level_message),
        task_id=translation.task_id,
        file_id=translation.file_id,
        unmapped_results=_codes_by_path(translation.results),
    )


def _typed_body(typed: legacy.TypedTranslation) -> DecodedBody:
    return DecodedBody(
        format="legacy",
        type=typed.type,
        known=True,
        row=BY_NAME[typed.type],
        value=typed.value,
        payload=Raw(_encode(typed.value)),
        content=typed.content,
        repairs=_unmapped_repairs((), typed.results),
        has_extra_members=True,
        unmapped_results=_codes_by_path(typed.results),
    )


def _codes_by_path(results: Sequence[legacy.SubtaskResult]) -> tuple[tuple[str, dict[str, Any]], ...]:
    return tuple([(one.path, one.result) for one in results])


def _unmapped_repairs(
    unknown_paths: Sequence[str], results: Sequence[legacy.SubtaskResult]
) -> tuple[str, ...]:
    """Return a repair for each path of a legacy body that has no field in the payload.

    Keys that the mapping table drops on purpose are conforming (vod-domain §4.1), unless that would lose a
    failed subtask.
    """
    if not unknown_paths:
        unknown_paths = [one.source_path for one in results if is_failure(one.result)]
    return tuple([f"{path}: no 3.0 field" for path in unknown_paths])


# The payload's fields that the event repeats; an id only where the catalogue has it for the type.
_ID_FIELDS = ("TaskId", "CastId")
_REPEATED_FIELDS = (*_ID_FIELDS, "Status", "SessionId", "SessionContext")


def _repeated_fields(value: dict[str, Any], row: EventType) -> list[str]:
    found = [id_text(value.get(name)) for name in _REPEATED_FIELDS]
    if row is not UNKNOWN_TYPE:
        found[: len(_ID_FIELDS)] = [
            one if row.has_field(name) else "" for name, one in zip(_ID_FIELDS, found, strict=False)
        ]
    return found
