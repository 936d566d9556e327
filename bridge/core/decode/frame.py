"""What stands around the payload in a body of format 3.0: its type and the siblings of the payload.

The vendor sends the payload of a type among its other payload fields, which are null. Very many bodies have
the same frame, so it is judged once and cached by its bytes; `core.decode.v3` decodes what stands in it.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec
from msgspec import Raw, Struct

from bridge.core.catalogue import BY_NAME, EventType
from bridge.core.decode.json_values import NULL, canonical, decode
from bridge.core.outcome import RejectedError

FRAME_PART_MAX_BYTES = 4096
"""Of each part. All payload fields of the catalogue as null members, indented, are shorter."""

_PLACEHOLDER = Raw(b"{}")
_DELIVERY_MEMBERS = frozenset({"EventHandle", "Sign", "T"})
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode


class Frame(Struct, frozen=True):
    """A frame that the fast path can use: the payload stands in the own field of its type.

    ``members`` are all members in their order, without those that belong to the delivery, ``{}`` for the
    payload; empty where there are none beside type and payload but null ones. Then the canonical JSON of what
    was delivered is that of the payload, else it is that between ``content_before`` and ``content_after``.
    """

    row: EventType
    members: Mapping[str, Raw] = {}
    content_before: bytes = b""
    content_after: bytes = b""


@lru_cache(maxsize=512)
def judge_frame(before: bytes, after: bytes) -> Frame | None:
    """Judge the bytes before and after a payload; None where the body needs the slow path.

    ``before`` must hold no ``{`` after its first byte, and ``after`` no more than one ``}``. Then only the
    placeholder between them can be a member ``{}``, and if one is, it stands outside of any text: a whole
    object in its place makes a body of exactly these members.
    """
    text = before + b"{}" + after
    if not text.isascii():  # nothing here would find out that it is no UTF-8
        return None
    content_before = content_after = b""
    try:
        members = _decode_members(text)
        if not _DELIVERY_MEMBERS.isdisjoint(members):
            members.pop("EventHandle", None)
            if members.pop("Sign", NULL) != NULL or members.pop("T", NULL) != NULL:
                return None
        name = _decode_text(members["EventType"])
        row = BY_NAME[name]
        field = row.field
        if row.name != name or members.get(field) != _PLACEHOLDER:
            return None
        for key in sorted(members):
            raw = members[key]
            if raw == NULL or key in (field, "EventType"):
                continue
            sibling = _encode(key) + b":" + canonical(decode(raw))
            if key < field:
                content_before += sibling + b","
            else:
                content_after += b"," + sibling
    except (msgspec.DecodeError, RecursionError, KeyError, RejectedError):
        return None
    if not content_before and not content_after:
        return Frame(row)
    return Frame(row, members, b"{" + content_before + _encode(field) + b":", content_after + b"}")
