"""What stands around the payload in a body of format 3.0: its type and the siblings of the payload.

The vendor sends the payload of a type among its other payload fields, which are null. Very many bodies have
the same frame, so it is judged once and cached by its bytes; `core.decode.v3` decodes what stands in it.
Siblings that the catalogue does not know are cut out first (`siblings`). That changes the speed only.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bridge.core.catalogue import BY_NAME, UNKNOWN_TYPE, EventType
from bridge.core.decode.json_values import NULL, canonical, decode
from bridge.core.decode.siblings import DELIVERY_MEMBERS, SiblingLearner, Values
from bridge.core.outcome import RejectedError

_PLACEHOLDER = Raw(b"{}")
_JUDGED_MAX = 512
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode


class Template(Struct, frozen=True):
    """JSON text with gaps: bytes to format with what ``values_of`` takes of the values."""

    text: bytes
    values_of: Callable[[Values], object]

    def fill(self, values: Values) -> bytes:
        """Return the text with these values."""
        return self.text % self.values_of(values)


class Frame(Struct, frozen=True):
    """A frame that the fast path can use: the payload stands in the own field of its type.

    ``content`` and ``original`` are None where all members beside type and payload are null: then the
    canonical JSON of what was delivered is that of the payload. Else they are templates of that JSON, and of
    all members in their order, without those that belong to the delivery. Their gaps are the payload, by the
    name of its ``field``, and the siblings that were cut out. ``is_compact``: filled, ``original`` is
    the body.
    """

    row: EventType
    field: bytes
    content: Template | None = None
    original: Template | None = None
    is_compact: bool = False


_NEW = Frame(UNKNOWN_TYPE, b"")


class Frames:
    """Judges frames. Remembers up to 512 that it judged, and which siblings are cut out.

    For several threads at once, of which each may go on between any two lines here: then one more is
    remembered, or a sibling is learned later.
    """

    def __init__(self) -> None:
        self.learner = SiblingLearner()
        self._judged: dict[tuple[bytes, ...], Frame | None] = {}

    def find(self, before: bytes, after: bytes, cut: Values) -> Frame | None:
        """Judge the bytes before and after a payload; None where the body needs the slow path.

        ``cut`` is what was cut out of them; more may be. ``before`` must hold no ``{`` after its first byte,
        and ``after`` no more than one ``}``. Then only the placeholder between them can be a member ``{}``,
        and if one is, it stands outside of any text: a whole object in its place makes a body of exactly
        these members. So does a value in place of one that was cut out: what follows a name and a colon
        outside of any text is the value of a member.
        """
        siblings = self.learner.siblings
        if siblings.varying:
            before, after = siblings.cut_varying(before, after, cut)
        frame = self._judged.get((before, after, *cut), _NEW)
        if frame is _NEW and siblings.varying:
            before, after = siblings.search_varying(before, after, cut)
            frame = self._judged.get((before, after, *cut), _NEW)
        if frame is _NEW:
            if len(self._judged) >= _JUDGED_MAX:
                self._judged.clear()
            frame = self._judged[(before, after, *cut)] = self._judge(before, after, tuple(cut))
        return frame

    def _judge(self, before: bytes, after: bytes, cut: tuple[bytes, ...]) -> Frame | None:
        text = before + b"{}" + after
        if not text.isascii():  # nothing here would find out that it is no UTF-8
            return None
        try:
            members = _decode_members(text)
            if not DELIVERY_MEMBERS.isdisjoint(members):
                members.pop("EventHandle", None)
                if members.pop("Sign", NULL) != NULL or members.pop("T", NULL) != NULL:
                    return None
            name = _decode_text(members["EventType"])
            row = BY_NAME[name]
            if row.name != name or members.get(row.field) != _PLACEHOLDER or not _stand_once(cut, text):
                return None
            frame = _frame_of(row, members, cut, text)
        except (msgspec.DecodeError, RecursionError, KeyError, RejectedError):
            return None
        if frame.original is not None:
            self.learner.learn(members)
        return frame


def _stand_once(cut: tuple[bytes, ...], text: bytes) -> bool:
    """Whether each sibling that was cut out is one member: of duplicates the last one would count."""
    if not cut:
        return True
    keys: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        keys[:] = [key for key, _ in pairs]  # the last call is that for the whole

    json.loads(text, object_pairs_hook=note, parse_int=str)  # Python may be set to refuse long integers
    return all(keys.count(name.decode()) == 1 for name in cut)


def _frame_of(row: EventType, members: Mapping[str, Raw], cut: tuple[bytes, ...], text: bytes) -> Frame:
    field = row.field.encode()
    gaps = {*cut, field}
    siblings: dict[str, tuple[bytes, ...]] = {}
    original: list[tuple[bytes, ...]] = []
    for key, raw in members.items():
        start, name = _encode(key) + b":", key.encode()
        original.append((start, name) if name in gaps else (start + bytes(raw),))
        if key != "EventType" and raw != NULL:
            siblings[key] = (start, name) if name in gaps else (start + canonical(decode(raw)),)
    if len(siblings) == 1:
        return Frame(row, field)
    content, filled = _object_of([siblings[key] for key in sorted(siblings)]), _object_of(original)
    placeholders: Values = {name.encode(): raw for name, raw in members.items()}
    return Frame(row, field, content, filled, filled.fill(placeholders) == text)


def _object_of(members: Sequence[tuple[bytes, ...]]) -> Template:
    """Join members: each a text, and the name of the value behind it where there is a gap."""
    parts, names = [], []
    for start, *gap in members:
        parts.append(start.replace(b"%", b"%%") + b"%b" * len(gap))
        names += gap
    return Template(b"{%b}" % b",".join(parts), itemgetter(*names))
