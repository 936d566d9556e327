"""Decodes a body of format 3.0: its type, the member that holds the payload, the members beside it.

Only the envelope is checked here (vod-domain §2, §3.1); `normalize` checks the payload, `core.result` its
codes.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw
from msgspec.json import encode

from bridge.core.catalogue import BY_NAME, BY_PAYLOAD_FIELD, UNKNOWN_TYPE, EventType
from bridge.core.decode.decoded import DecodedBody
from bridge.core.decode.frame import Frames
from bridge.core.decode.json_values import canonical, decode, is_null, is_object
from bridge.core.decode.normalize import decode_strict, normalize
from bridge.core.decode.siblings import (
    BRACED_BODY_MAX_BYTES,
    FRAME_PART_MAX_BYTES,
    Values,
    make_canonical,
)
from bridge.core.outcome import Reason, RejectedError

Members = Mapping[str, Raw]

# The member that holds the payload, and the repairs that were needed to find it.
_PayloadLocation = tuple[str, tuple[str, ...]]

_frames = Frames()
_CLOSING_BRACE = ord("}")


def decode_fast(body: bytes) -> DecodedBody | None:
    """Fast path: decode a conforming payload in a known frame; None where `read` is needed.

    `read` gives the same result.
    """
    siblings = _frames.learner.siblings
    if siblings.braced and len(body) <= BRACED_BODY_MAX_BYTES:
        cut: Values = {}
        rest, first_cut = siblings.cut_braced(body, cut)
        if cut and (decoded := _decode_framed(body, rest, cut, first_cut)) is not None:
            return decoded
    return _decode_framed(body, body, {}, len(body))


def _decode_framed(whole: bytes, body: bytes, cut: Values, payload_end_max: int) -> DecodedBody | None:
    """Decode ``body``: the ``whole`` one, less ``cut``. The payload must not go beyond ``payload_end_max``.

    It is taken to end before the last brace but one: if it does not, no whole object is there. The strict
    decoder skips nothing in it, so no further check is needed.
    """
    start = body.find(b"{", 1)
    if not 0 < start <= FRAME_PART_MAX_BYTES:
        return None
    size = len(body)
    last = size - 1 if body[-1] == _CLOSING_BRACE else body.rfind(b"}")
    end = body.rfind(b"}", start, last) + 1
    if not 0 < end <= payload_end_max or size - end > FRAME_PART_MAX_BYTES:
        return None
    frame = _frames.find(body[:start], body[end:], cut)
    if frame is None:
        return None
    row = frame.row
    payload = Raw(memoryview(body)[start:end])  # a view: a copy would be kept in memory beside the body
    value = decode_strict(payload, row)
    if value is None:
        return None
    content, original = encode(value), b""
    if frame.original is not None and frame.content is not None:
        original = whole if frame.is_compact else frame.original.fill({frame.field: payload, **cut})
        try:
            make_canonical(cut)
        except (RejectedError, UnicodeDecodeError, msgspec.DecodeError):
            return None
        cut[frame.field] = content
        content = frame.content.fill(cut)
    return DecodedBody(
        format="v3",
        type=row.name,
        known=True,
        row=row,
        value=value,
        payload=payload,
        content=content,
        has_extra_members=bool(original),
        original=original,
    )


def read(members: Members, name: str) -> DecodedBody:
    """Decode a body whose EventType is ``name``, empty where it has none. Raises `RejectedError`."""
    row = BY_NAME.get(name)
    if row is not None:
        key, repairs = _find_payload(members, row)
        if name != row.name:
            repairs = (f"{name}: alias of {row.name}", *repairs)
    elif name:
        row, key, repairs = UNKNOWN_TYPE, _only_object(members), ()
    else:
        row, key, repairs = _infer_type(members)
    normalized = normalize(members[key], row)
    extra_members = _extra_members(members, key)
    content = normalized.content
    if extra_members:
        content = canonical({key: Raw(content), **extra_members})
        if not repairs and row.field == key:  # else there is no frame to cut anything out of
            _frames.learner.learn(members)
    return DecodedBody(
        format="v3",
        type=row.name or name,
        known=row is not UNKNOWN_TYPE,
        row=row,
        value=normalized.value,
        payload=normalized.payload,
        content=content,
        repairs=repairs + normalized.repairs,
        repairs_more=normalized.repairs_more,
        nonconforming=normalized.nonconforming,
        has_extra_members=bool(extra_members),
    )


def _find_payload(members: Members, row: EventType) -> _PayloadLocation:
    """Find the payload of a known type: in its own field, an alias, or the only object with its keys."""
    field = row.field
    if field in members and is_object(members[field]):
        return field, ()
    for field in row.field_aliases:
        if field in members and is_object(members[field]):
            return field, _alias_repair(row, field)
    objects = _objects(members)
    if any(key in BY_PAYLOAD_FIELD for key in objects):
        raise RejectedError(Reason.CONFLICT, f"an EventType {row.name} with the payload of another one")
    if len(objects) == 1 and _shares_keys(members[objects[0]], row):
        return objects[0], (f"{objects[0]}: read as {row.field}",)
    raise RejectedError(Reason.NO_PAYLOAD, f"an EventType {row.name} without its {row.field}")


def _infer_type(members: Members) -> tuple[EventType, str, tuple[str, ...]]:
    """Find the payload of a body without an EventType; its only known payload field gives the type."""
    fields = [key for key in _objects(members) if key in BY_PAYLOAD_FIELD]
    if len(fields) != 1:
        raise RejectedError(Reason.NOT_AN_EVENT, "neither an EventType nor exactly one sibling that tells it")
    row = BY_PAYLOAD_FIELD[fields[0]]
    return row, fields[0], ("EventType: missing", *_alias_repair(row, fields[0]))


def _only_object(members: Members) -> str:
    """Find the payload of an unknown type: the body's only object. Raises `RejectedError`."""
    objects = _objects(members)
    if len(objects) != 1:
        raise RejectedError(
            Reason.NO_PAYLOAD, f"an unknown EventType with {len(objects)} objects instead of one"
        )
    return objects[0]


def _objects(members: Members) -> list[str]:
    return [key for key, raw in members.items() if is_object(raw)]


def _alias_repair(row: EventType, field: str) -> tuple[str, ...]:
    return () if field == row.field else (f"{field}: alias of {row.field}",)


# Keys that other products' events have as well (vod-domain §9): no evidence of a type.
_COMMON_KEYS = frozenset(
    {"ErrCode", "ErrCodeExt", "Message", "Status", "Code", "Data", "FileId", "TaskId", "RequestId"}
)


def _shares_keys(raw: Raw, row: EventType) -> bool:
    """Whether an object shares a key with the type's payload that is not one of the common keys."""
    keys = msgspec.json.decode(raw, type=dict[str, Raw])
    names = {key[:1].upper() + key[1:] for key in keys} if row.lower_camel else keys.keys()
    return not _COMMON_KEYS.issuperset(names & set(row.struct.__struct_fields__))


def _extra_members(members: Members, key: str) -> dict[str, Raw]:
    """Return the other top-level members that are not null, as canonical JSON."""
    return {
        name: Raw(canonical(decode(raw)))
        for name, raw in members.items()
        if not is_null(raw) and name not in (key, "EventType")
    }
