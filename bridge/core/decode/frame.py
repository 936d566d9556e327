"""What stands around the payload in a body of format 3.0: its type and the siblings of the payload.

The vendor sends the payload of a type among its other payload fields, which are null. Very many bodies have
the same frame, so it is judged once and cached by its bytes; `core.decode.v3` decodes what stands in it. A
sibling that the catalogue does not know and whose value varies is cut out first. That changes the speed only.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bridge.core.catalogue import BY_NAME, BY_PAYLOAD_FIELD, UNKNOWN_TYPE, EventType
from bridge.core.decode.json_values import NULL, canonical, decode
from bridge.core.outcome import RejectedError

FRAME_PART_MAX_BYTES = 4096
"""Of each part. All payload fields of the catalogue as null members, indented, are shorter."""

VARYING_SIBLINGS_MAX = 4
"""Each is searched for in every frame, and their names come from the sender."""

_PLACEHOLDER = Raw(b"{}")
_CUT = b"0"
_DELIVERY_MEMBERS = frozenset({"EventHandle", "Sign", "T"})
_NOT_SIBLINGS = frozenset({"EventType", *_DELIVERY_MEMBERS, *BY_PAYLOAD_FIELD})
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
# A quote behind one of these begins a key or a value: if it ended a text, the name behind it were no JSON.
_BEFORE_KEY = b"{, \n\r\t"
# Values whose canonical JSON are their own bytes.
_VALUE = rb'("[ !#-\[\]-~]*"|0|-?[1-9][0-9]{0,17}|true|false)'
_is_plain = re.compile(_VALUE).fullmatch
_match_value = re.compile(rb"[ \n\r\t]*:[ \n\r\t]*" + _VALUE + rb"(?=[ \n\r\t]*[,}])").match
_SIBLINGS_SEEN_MAX = 64
_JUDGED_MAX = 512
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode

Values = dict[bytes, bytes | Raw]
"""The values that were cut out of a frame, by the names of their members."""


class Template(Struct, frozen=True):
    """JSON text with gaps: every second one of ``parts`` is the name of a value that belongs there."""

    parts: tuple[bytes, ...]

    def fill(self, values: Values) -> bytes:
        """Return the text with these values."""
        parts: list[bytes | Raw] = [*self.parts]
        for gap in range(1, len(parts), 2):
            parts[gap] = values[self.parts[gap]]
        return b"".join(parts)


class Frame(Struct, frozen=True):
    """A frame that the fast path can use: the payload stands in the own field of its type.

    ``content`` and ``original`` are None where all members beside type and payload are null: then the
    canonical JSON of what was delivered is that of the payload. Else they are templates of that JSON, and of
    all members in their order, without those that belong to the delivery. Their gaps are the payload, by the
    name of its ``field``, and the siblings that were cut out.
    """

    row: EventType
    field: bytes
    content: Template | None = None
    original: Template | None = None


_NEW = Frame(UNKNOWN_TYPE, b"")
_VaryingSibling = tuple[bytes, bytes]
"""A sibling to cut out: its name, and that in quotes."""


class Frames:
    """Judges frames. Remembers up to 512 that it judged, and which siblings vary.

    For several threads at once, of which each may go on between any two lines here: then one more is
    remembered, or a sibling is learned later.
    """

    def __init__(self) -> None:
        self._varying: tuple[_VaryingSibling, ...] = ()
        self._seen: dict[str, bytes] = {}  # the first value of each sibling
        self._judged: dict[tuple[bytes, ...], Frame | None] = {}

    def find(self, before: bytes, after: bytes) -> tuple[Frame | None, Values]:
        """Judge the bytes before and after a payload; None where the body needs the slow path.

        ``before`` must hold no ``{`` after its first byte, and ``after`` no more than one ``}``. Then only
        the placeholder between them can be a member ``{}``, and if one is, it stands outside of any text: a
        whole object in its place makes a body of exactly these members. So does a value in place of one that
        was cut out: what follows a name and a colon outside of any text is the value of a member.
        """
        cut: Values = {}
        for sibling in self._varying:
            key = sibling[1]
            at = after.find(key)
            if at > 0:
                after = _cut_out(after, at, sibling, cut)
            elif (at := before.find(key)) > 0:
                before = _cut_out(before, at, sibling, cut)
        parts = (before, after, *cut) if cut else (before, after)
        frame = self._judged.get(parts, _NEW)
        if frame is _NEW:
            if len(self._judged) >= _JUDGED_MAX:
                self._judged.clear()
            frame = self._judged[parts] = self._judge(before, after, parts[2:])
        return frame, cut

    def _judge(self, before: bytes, after: bytes, cut: tuple[bytes, ...]) -> Frame | None:
        text = before + b"{}" + after
        if not text.isascii():  # nothing here would find out that it is no UTF-8
            return None
        try:
            members = _decode_members(text)
            if not _DELIVERY_MEMBERS.isdisjoint(members):
                members.pop("EventHandle", None)
                if members.pop("Sign", NULL) != NULL or members.pop("T", NULL) != NULL:
                    return None
            name = _decode_text(members["EventType"])
            row = BY_NAME[name]
            if row.name != name or members.get(row.field) != _PLACEHOLDER or not _stand_once(cut, text):
                return None
            frame = _frame_of(row, members, cut)
        except (msgspec.DecodeError, RecursionError, KeyError, RejectedError):
            return None
        if frame.original is not None:
            self._learn(members)
        return frame

    def _learn(self, members: Mapping[str, Raw]) -> None:
        """Cut out, from now on, each sibling whose value differs from the one that it had before."""
        varying = self._varying  # read once: a name that stood in it twice would be cut out twice, and lost
        known = {*_NOT_SIBLINGS, *(name.decode() for name, _ in varying)}
        for name, raw in members.items():
            if name in known or not _NAME.fullmatch(name) or not _is_plain(raw):
                continue
            if name not in self._seen and len(self._seen) >= _SIBLINGS_SEEN_MAX:
                continue
            value = bytes(raw)
            if self._seen.setdefault(name, value) != value and len(varying) < VARYING_SIBLINGS_MAX:
                varying += ((name.encode(), b'"%b"' % name.encode()),)
        self._varying = varying


def _cut_out(part: bytes, at: int, sibling: _VaryingSibling, cut: Values) -> bytes:
    name, key = sibling
    found = _match_value(part, at + len(key))
    if found is None or part[at - 1] not in _BEFORE_KEY:
        return part
    start, end = found.span(1)
    cut[name] = part[start:end]
    return part[:start] + _CUT + part[end:]


def _stand_once(cut: tuple[bytes, ...], text: bytes) -> bool:
    """Whether each sibling that was cut out is one member: of duplicates the last one would count."""
    if not cut:
        return True
    keys: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        keys[:] = [key for key, _ in pairs]  # the last call is that for the whole

    json.loads(text, object_pairs_hook=note, parse_int=str)  # Python may be set to refuse long integers
    return all(keys.count(name.decode()) == 1 for name in cut)


def _frame_of(row: EventType, members: Mapping[str, Raw], cut: tuple[bytes, ...]) -> Frame:
    field = row.field.encode()
    gaps = {*cut, field}
    siblings: dict[str, tuple[bytes, ...]] = {}
    original: list[tuple[bytes, ...]] = []
    for key, raw in members.items():
        start, name = _encode(key) + b":", key.encode()
        original.append((start, name, b"") if name in gaps else (start + bytes(raw),))
        if key != "EventType" and raw != NULL:
            siblings[key] = (start, name, b"") if name in gaps else (start + canonical(decode(raw)),)
    if len(siblings) == 1:
        return Frame(row, field)
    return Frame(row, field, _object_of([siblings[key] for key in sorted(siblings)]), _object_of(original))


def _object_of(members: Sequence[tuple[bytes, ...]]) -> Template:
    parts = [b"{"]
    for start, *gap in members:
        parts[-1] += start if parts == [b"{"] else b"," + start
        parts += gap
    parts[-1] += b"}"
    return Template(tuple(parts))
