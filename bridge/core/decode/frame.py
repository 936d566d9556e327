"""What stands around the payload in a body of format 3.0: its type and the siblings of the payload.

The vendor sends the payload of a type among its other payload fields, which are null. Very many bodies have
the same frame, so it is judged once and cached by its bytes; `core.decode.v3` decodes what stands in it.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec
from msgspec import Raw, Struct

from bridge.core.catalogue import BY_NAME, EventType
from bridge.core.decode.json_values import canonical, decode, is_null
from bridge.core.outcome import RejectedError

FRAME_PART_MAX_BYTES = 4096
"""Of each part. All payload fields of the catalogue as null members, indented, are shorter."""

_PLACEHOLDER = Raw(b"{}")
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


class Frame(Struct, frozen=True):
    """A frame that the fast path can use: the payload stands in the own field of its type.

    ``siblings`` is the canonical JSON of the members that are not null, without type and payload. ``members``
    are all members in their order, without those that belong to the delivery, ``{}`` for the payload; empty
    where there are no such siblings.
    """

    row: EventType
    siblings: Mapping[str, Raw]
    members: Mapping[str, Raw]


@lru_cache(maxsize=512)
def judge_frame(before: bytes, after: bytes) -> Frame | None:
    """Judge the bytes before and after a payload; None where the body needs the slow path.

    ``before`` must hold no ``{`` after its first byte, and ``after`` no more than one ``}``. Then only the
    placeholder between them can be a member ``{}``, and if one is, it stands outside of any text: a whole
    object in its place makes a body of exactly these members.
    """
    text = b"%b%b%b" % (before, _PLACEHOLDER, after)
    if not text.isascii():  # nothing here would find out that it is no UTF-8
        return None
    try:
        members = _decode_members(text)
        if not all(is_null(members.pop(name)) for name in ("Sign", "T") if name in members):
            return None
        members.pop("EventHandle", None)
        name = _decode_text(members["EventType"])
        row = BY_NAME[name]
        if row.name != name or members.get(row.field) != _PLACEHOLDER:
            return None
        siblings = {
            key: Raw(canonical(decode(raw)))
            for key, raw in members.items()
            if not is_null(raw) and key not in (row.field, "EventType")
        }
    except (msgspec.DecodeError, RecursionError, KeyError, RejectedError):
        return None
    return Frame(row, siblings, members if siblings else {})
