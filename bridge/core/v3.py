"""A 3.0 body: which type it is of, which sibling holds the payload, what stands beside it (§2, §3.1).

Only the envelope is judged here; the payload is for `conformance`, what the codes say for `result`.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Raw
from msgspec.json import encode

from bridge.core.catalogue import BY_FIELD, BY_NAME, OTHER, ROWS, Row
from bridge.core.conformance import fit, strictly
from bridge.core.content import canonical, decode, is_null, is_object
from bridge.core.outcome import Reason, Rejected
from bridge.core.reading import Reading

Members = Mapping[str, Raw]

# Where the payload stands, and what had to be assumed to find it.
_Place = tuple[str, tuple[str, ...]]

# How a body begins, up to its payload, where it is nothing but the type and the payload: as nearly all are.
_BEGINNINGS: Mapping[bytes, Row] = {
    b'{"EventType":"%b","%b":' % (row.name.encode(), row.field.encode()): row for row in ROWS
}

_ENDING = b"}}"  # of the payload and the body


def read_plain(body: bytes) -> Reading | None:
    """Read in one go a body that is just as the catalogue says; None where it takes the long way.

    Between such a beginning and the last brace there is one whole object, so there is no other member; and of
    what is in it nothing was passed over, so it needs no other look. The long way sees the same.
    """
    start = body.find(b"{", 1)
    row = _BEGINNINGS.get(body[:start])
    if row is None or not body.endswith(_ENDING):
        return None
    payload = Raw(memoryview(body)[start:-1])  # not a copy, which would be held beside the body
    value = strictly(payload, row)
    if value is None:
        return None
    return Reading("v3", row.name, True, row, value, payload, encode(value))  # noqa: FBT003 - known


def read(members: Members, name: str) -> Reading:
    """Read a body whose EventType is ``name``; empty where it has none."""
    row = BY_NAME.get(name)
    if row is not None:
        key, repairs = _placed(members, row)
        if name != row.name:
            repairs = (f"{name}: alias of {row.name}", *repairs)
    elif name:
        row, key, repairs = OTHER, _only_object(members), ()
    else:
        row, key, repairs = _typeless(members)
    fitted = fit(members[key], row)
    further = _further(members, key)
    return Reading(  # in the fields' order, as everything that is made for each event
        "v3",
        row.name or name,
        row is not OTHER,
        row,
        fitted.value,
        fitted.payload,
        canonical({key: Raw(fitted.content), **further}) if further else fitted.content,
        repairs + fitted.repairs,
        fitted.repairs_more,
        fitted.misfit,
        bool(further),
    )


def _placed(members: Members, row: Row) -> _Place:
    """Find the payload of a known type: its own sibling, an alias, or the only one that looks like it."""
    field = row.field
    if field in members and is_object(members[field]):
        return field, ()
    for field in row.fields:
        if field in members and is_object(members[field]):
            return field, _alias(row, field)
    objects = _objects(members)
    if any(key in BY_FIELD for key in objects):
        raise Rejected(Reason.CONFLICT, f"an EventType {row.name} with the payload of another one")
    if len(objects) == 1 and _resembles(members[objects[0]], row):
        return objects[0], (f"{objects[0]}: read as {row.field}",)
    raise Rejected(Reason.NO_PAYLOAD, f"an EventType {row.name} without its {row.field}")


def _typeless(members: Members) -> tuple[Row, str, tuple[str, ...]]:
    """Find the payload of a body without an EventType: its only known sibling tells the type."""
    fields = [key for key in _objects(members) if key in BY_FIELD]
    if len(fields) != 1:
        raise Rejected(Reason.NOT_AN_EVENT, "neither an EventType nor exactly one sibling that tells it")
    row = BY_FIELD[fields[0]]
    return row, fields[0], ("EventType: missing", *_alias(row, fields[0]))


def _only_object(members: Members) -> str:
    """Find the payload of an unknown type: its only object."""
    objects = _objects(members)
    if len(objects) != 1:
        raise Rejected(Reason.NO_PAYLOAD, f"an unknown EventType with {len(objects)} objects instead of one")
    return objects[0]


def _objects(members: Members) -> list[str]:
    return [key for key, raw in members.items() if is_object(raw)]


def _alias(row: Row, field: str) -> tuple[str, ...]:
    return () if field == row.field else (f"{field}: alias of {row.field}",)


# Words that other products' events have as well (§9): they tell nothing of a type.
_COMMON = frozenset(
    {"ErrCode", "ErrCodeExt", "Message", "Status", "Code", "Data", "FileId", "TaskId", "RequestId"}
)


def _resembles(raw: Raw, row: Row) -> bool:
    """Whether an object shares a key with the type's payload that is not one of the common words."""
    keys = msgspec.json.decode(raw, type=dict[str, Raw])
    names = {key[:1].upper() + key[1:] for key in keys} if row.lower_camel else keys.keys()
    return not _COMMON.issuperset(names & set(row.struct.__struct_fields__))


def _further(members: Members, key: str) -> dict[str, Raw]:
    """Take what else at the top has a value, in its canonical spelling."""
    return {
        name: Raw(canonical(decode(raw)))
        for name, raw in members.items()
        if not is_null(raw) and name not in (key, "EventType")
    }
