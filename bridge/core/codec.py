"""Bytes to event: the envelope, the format, and what a format's reader found put into one canonical event.

Any bytes give an `Event` or `Rejected`. How an event is written stands in `record`.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct

from bridge.core import legacy, v3
from bridge.core.catalogue import BY_NAME, OTHER, Row
from bridge.core.conformance import REPAIRS_MAX, fit_value
from bridge.core.content import canonical_of, decode, first_text, is_null, is_object, refuse_depth, text
from bridge.core.event import Conformance, Event
from bridge.core.identity import identify
from bridge.core.outcome import Reason, Rejected
from bridge.core.reading import Reading
from bridge.core.result import NO_CODE, OwnCode, is_failure, judge
from bridge.core.signature import BOM, proof_text
from bridge.core.surrogates import mended

_members = msgspec.json.Decoder(dict[str, Raw]).decode
_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode

# Members that concern a body's delivery only.
_OF_DELIVERY = frozenset({"EventHandle", "Sign", "T"})


class Envelope(Struct, frozen=True, gc=False):
    """A body opened: its top-level members as they came, without what only concerns its delivery.

    Of duplicate keys the last one counts. ``sign`` and ``t`` are the signature's, empty where there is none.
    ``reading`` is set where a body could be opened and read in one go, and all there is then.
    """

    members: dict[str, Raw]
    sign: str = ""
    t: str = ""
    repairs: tuple[str, ...] = ()
    reading: Reading | None = None


def open_envelope(body: bytes, *, may_be_plain: bool = True) -> Envelope:
    """Open a body. It is an object, or `Rejected`. ``may_be_plain`` is False where it is known to be none."""
    if may_be_plain and (reading := v3.read_plain(body)) is not None:
        return Envelope({}, "", "", (), reading)
    body = body.removeprefix(BOM)
    repairs: tuple[str, ...] = ()
    try:
        if not body.isascii():
            body.decode()
        try:
            members = _members(body)
        except msgspec.DecodeError:
            whole = mended(body)
            if whole is body:
                raise
            members = _members(whole)
            repairs = ("lone surrogate: to U+FFFD",)
    except UnicodeDecodeError as error:
        raise Rejected(Reason.MALFORMED, f"not UTF-8 (byte {error.start})") from None
    except msgspec.ValidationError:
        raise Rejected(Reason.MALFORMED, "JSON, but no object") from None
    except msgspec.DecodeError as error:
        raise Rejected(Reason.MALFORMED, f"not JSON: {error}") from None
    except RecursionError:
        raise Rejected(Reason.MALFORMED, "too deep") from None
    if _OF_DELIVERY.isdisjoint(members):
        return Envelope(members, "", "", repairs)
    members.pop("EventHandle", None)
    sign, t = (proof_text(members.pop(name)) if name in members else "" for name in ("Sign", "T"))
    return Envelope(members, sign, t, repairs)


def read_event(envelope: Envelope) -> Event:
    """Read an opened body as the event it is, or `Rejected`."""
    if envelope.reading is not None:
        return _event(envelope.reading, envelope)
    name = _event_type(envelope.members, "EventType")
    if not name and (legacy_name := _event_type(envelope.members, "eventType")):
        reading = _read_legacy(envelope.members, legacy_name)
    else:
        reading = v3.read(envelope.members, name)
    return _event(reading, envelope)


def _event_type(members: dict[str, Raw], key: str) -> str:
    """Take the type that a body names; null and the empty text are none."""
    raw = members.get(key)
    if raw is None:
        return ""
    try:
        return _text(raw)
    except msgspec.ValidationError:
        if is_null(raw):
            return ""
        raise Rejected(Reason.NOT_AN_EVENT, f"an {key} that is no text") from None


def _read_legacy(members: dict[str, Raw], name: str) -> Reading:
    raw = members.get("data")
    if raw is None or not is_object(raw):
        raise Rejected(Reason.NO_PAYLOAD, "an eventType without data")
    for beside in members.values():
        if beside is not raw:
            refuse_depth(beside)
    data: dict[str, Any] = decode(raw)
    translation = legacy.translate(name, data)
    row = BY_NAME[translation.type] if translation.known else OTHER
    walked = fit_value(translation.payload, row)
    payload = Raw(_encode(walked.repaired)) if translation.known else raw
    code = translation.own_code
    return Reading(  # in the fields' order, as everything that is made for each event
        "legacy",
        translation.type,
        translation.known,
        row,
        walked.value,
        payload,  # spelled before the null members are dropped
        canonical_of(raw, data),
        tuple([f"{path}: no 3.0 field" for path in _without_place(translation)]) + walked.repairs,
        walked.repairs_more,
        walked.misfit or translation.misfit,
        True,  # noqa: FBT003 - further: the body is not in the 3.0 shape
        NO_CODE if code is None else OwnCode(code, translation.own_message),
        translation.task_id,
        translation.file_id,
        tuple([(one.path, one.result) for one in translation.results]),
    )


def _without_place(translation: legacy.Translation) -> Sequence[str]:
    """Name what of a legacy body has no place in the payload.

    The table's own "no place" is conforming (§4.1), but not where a failed subtask is lost by it.
    """
    if translation.unmapped or not translation.results:
        return translation.unmapped
    return [one.delivered for one in translation.results if is_failure(one.result)]


def _event(reading: Reading, envelope: Envelope) -> Event:
    row, value = reading.row, reading.value
    if type(value) is dict:
        task_id, cast_id, status, session_id, session_context = _named(value, row)
    else:  # which has no field that the catalogue does not know, and of these no other kinds
        task_id, cast_id, status = value.TaskId, value.CastId, value.Status
        session_id, session_context = value.SessionId, value.SessionContext
    task_id = reading.task_id or task_id or ""
    file_id = reading.file_id or first_text(value, row.file_id)
    judgement = judge(value, row, reading.own, reading.unplaced)
    repairs = envelope.repairs + reading.repairs
    conformance: Conformance = "nonconforming" if reading.misfit else "repaired" if repairs else "conforming"
    return Event(  # in the fields' order: so many names would cost more than the rest
        reading.type,
        reading.known,
        reading.format,
        identify(reading.type, row, task_id or file_id or cast_id or "", value, reading.content),
        judgement.verdict,
        reading.payload,
        task_id,
        file_id,
        cast_id or "",
        status if type(status) is str else text(status),
        judgement.failures,
        judgement.failures_more,
        session_id or "",
        session_context or "",
        conformance,
        repairs[:REPAIRS_MAX],
        reading.repairs_more + max(0, len(repairs) - REPAIRS_MAX) if repairs else reading.repairs_more,
        Raw(_encode(envelope.members)) if repairs or reading.further else UNSET,  # digits and all
    )


# The fields that the event repeats; an id only where the catalogue knows it of the type.
_IDS = ("TaskId", "CastId")
_NAMED = (*_IDS, "Status", "SessionId", "SessionContext")


def _named(value: dict[str, Any], row: Row) -> list[str]:
    found = [text(value.get(name)) for name in _NAMED]
    if row is not OTHER:
        found[: len(_IDS)] = [one if row.has(name) else "" for name, one in zip(_IDS, found, strict=False)]
    return found
