"""Siblings of the payload that the catalogue does not know: learned by name, cut out of a body by name.

What is left is a frame that `core.decode.frame` may know already. A cut is a guess: whoever uses it judges
what is left, decodes what was cut out (`make_canonical`), and takes the slow path where either is wrong.
"""

import re
from collections.abc import Callable, Mapping
from operator import itemgetter

from msgspec import Raw, Struct

from bridge.core.catalogue import BY_PAYLOAD_FIELD
from bridge.core.decode.json_values import NULL, canonical, decode

FRAME_PART_MAX_BYTES = 4096
"""Of what stands before the payload, of what stands behind it, and of a value that is cut out. All payload
fields of the catalogue as null members, indented, are shorter."""

SIBLINGS_MAX = 4
"""Each is searched for in every body, and their names come from the sender."""

BRACED_BODY_MAX_BYTES = 64 * 1024
"""A body with a braced sibling is copied, and that copy is kept beside it."""

DELIVERY_MEMBERS = frozenset({"EventHandle", "Sign", "T"})
_NOT_SIBLINGS = frozenset({"EventType", *DELIVERY_MEMBERS, *BY_PAYLOAD_FIELD})
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")
# A quote behind one of these begins a key or a value: if it ended a text, the name behind it were no JSON.
_NAMED = rb'(?<=[{, \n\r\t])"%b"[ \n\r\t]*:[ \n\r\t]*'
# The first group's values have their own bytes as canonical JSON; the second group's are to be decoded. The
# third group begins a value whose end is yet to be found.
_VALUE = (
    rb'(?:(?:("[ !#-\[\]-~]*"|0|-?[1-9][0-9]{0,17}|true|false)|("(?:[^"\\]++|\\.)*+"|-?[0-9][0-9.eE+-]*))'
    rb"(?=[ \n\r\t]*[,}])|([{[]))"
)
# What may stand in place of a value that is cut out. Behind a number others could follow, as in `0.5`: it is
# used only where a comma or a brace was seen there.
_CUT, _CUT_BRACED = b"0", b'""'
_CLOSING = {b"{": b"}", b"[": b"]"}
_CLOSING_MAX = 16  # closing brackets that are tried as the end of a value
_SEEN_MAX = 64
_PLAIN, _, _OPENING = range(1, 4)  # the groups of a pattern

Values = dict[bytes, bytes | Raw]
"""What was cut out, by the names of the members. Bytes are canonical JSON; a `Raw` may not even be JSON."""


def make_canonical(values: Values) -> None:
    """Replace each `Raw` by its canonical JSON. Raises what decoding it raises, and UnicodeDecodeError."""
    for name, value in values.items():
        if type(value) is Raw:
            text = bytes(value)
            if not text.isascii():
                text.decode()  # nothing else would find out that it is no UTF-8
            values[name] = canonical(decode(value))


class Sibling(Struct, eq=False):
    """A sibling to cut out: its name, that in quotes, and where it stood last behind and before the payload.

    ``match`` is that of a pattern for the whole member. Bodies are alike: to look first where it stood last
    costs less than to search.
    """

    name: bytes
    key: bytes
    match: Callable[[bytes, int], re.Match[bytes] | None]
    after_at: int = 0
    before_at: int = 0

    def cut_out(self, part: bytes, found: re.Match[bytes], values: Values) -> bytes:
        """Cut its value out of a part of a body, where its pattern matched."""
        group = found.lastindex or 0
        start, end = found.span(group)
        if group == _PLAIN:
            values[self.name] = part[start:end]
            return part[:start] + _CUT + part[end:]
        if group == _OPENING:
            end = _end_of_container(part, start)
            if not end:
                return part
        values[self.name] = Raw(part[start:end])
        return part[:start] + (_CUT_BRACED if group == _OPENING else _CUT) + part[end:]


class Siblings(Struct, frozen=True):
    """Which siblings are cut out.

    ``braced`` are those with an object, or with a brace in a text or an array: they hide where the payload
    begins or ends. ``varying`` are the others whose value varies.
    """

    varying: tuple[Sibling, ...] = ()
    braced: tuple[Sibling, ...] = ()

    def cut_varying(self, before: bytes, after: bytes, values: Values) -> tuple[bytes, bytes]:
        """Cut the varying ones out of what stands before and behind the payload, where they stood last."""
        for sibling in self.varying:
            if values and sibling.name in values:  # it was braced a moment ago, for another thread
                continue
            if found := sibling.match(after, sibling.after_at):
                after = sibling.cut_out(after, found, values)
            elif found := sibling.match(before, sibling.before_at):
                before = sibling.cut_out(before, found, values)
        return before, after

    def search_varying(self, before: bytes, after: bytes, values: Values) -> tuple[bytes, bytes]:
        """Do the same where they stand elsewhere."""
        for sibling in self.varying:
            if sibling.name in values:
                continue
            if (at := after.find(sibling.key)) > 0:
                if found := sibling.match(after, at):
                    sibling.after_at = at
                    after = sibling.cut_out(after, found, values)
            elif (at := before.find(sibling.key)) > 0 and (found := sibling.match(before, at)):
                sibling.before_at = at
                before = sibling.cut_out(before, found, values)
        return before, after

    def cut_braced(self, body: bytes, values: Values) -> tuple[bytes, int]:
        """Cut the braced ones out of a body. The payload, if any, must end before the position returned.

        Else what was cut out there is a part of it.
        """
        hidden = list(self.braced)
        while hidden:  # one that stands before the payload hides the next one
            before_end = body.find(b"{", 1) + 1
            for sibling in hidden:
                if (at := body.find(sibling.key, 1, before_end)) > 0:
                    break
            else:
                break
            hidden.remove(sibling)
            if not (found := sibling.match(body, at)):
                break
            body = sibling.cut_out(body, found, values)
        return self._cut_behind(body, hidden, values) if hidden else (body, len(body))

    def _cut_behind(self, body: bytes, hidden: list[Sibling], values: Values) -> tuple[bytes, int]:
        size, first = len(body), 0
        from_end = [(size - body.rfind(one.key, max(1, size - FRAME_PART_MAX_BYTES)), one) for one in hidden]
        rest_bytes = size  # behind the value that was cut out last
        for back, sibling in sorted(from_end, key=itemgetter(0), reverse=True):
            if back > rest_bytes:  # not found, or a member of that value
                continue
            found = sibling.match(body, len(body) - back)
            cut_body = sibling.cut_out(body, found, values) if found else body
            if found and cut_body is not body:
                first = first or found.start()
                rest_bytes = len(body) - found.start(found.lastindex or 0) - len(values[sibling.name])
                body = cut_body
        return body, first or len(body)


class SiblingLearner:
    """Learns which siblings to cut out.

    For several threads at once: of what two learn at the same moment, one part may be forgotten.
    """

    def __init__(self) -> None:
        self.siblings = Siblings()
        self._seen: dict[str, bytes] = {}  # the first value of each sibling

    def learn(self, members: Mapping[str, Raw]) -> None:
        """Cut out, from now on, each braced sibling, and each whose value differs from the one before."""
        for name, raw in members.items():
            if name in _NOT_SIBLINGS or raw == NULL or len(raw) > FRAME_PART_MAX_BYTES:
                continue
            value = bytes(raw)
            is_braced = b"{" in value or b"}" in value
            if (is_braced or self._varies(name, value)) and _NAME.fullmatch(name):
                self._add(name.encode(), is_braced=is_braced)

    def _varies(self, name: str, value: bytes) -> bool:
        if name not in self._seen and len(self._seen) >= _SEEN_MAX:
            return False
        return self._seen.setdefault(name, value) != value

    def _add(self, name: bytes, *, is_braced: bool) -> None:
        varying, braced = self.siblings.varying, self.siblings.braced
        others = tuple(one for one in varying if one.name != name)
        if name in [one.name for one in braced] or (len(others) < len(varying) and not is_braced):
            return
        if len(others) + len(braced) >= SIBLINGS_MAX:
            return
        # Both at once: in both it would be cut out twice.
        self.siblings = (
            Siblings(others, (*braced, _sibling(name)))
            if is_braced
            else Siblings((*varying, _sibling(name)), braced)
        )


def _sibling(name: bytes) -> Sibling:
    pattern = re.compile(_NAMED % re.escape(name) + _VALUE, re.DOTALL)
    return Sibling(name, b'"%b"' % name, pattern.match)


def _end_of_container(text: bytes, start: int) -> int:
    """Return where as many brackets were closed as opened, those in texts included; 0 if that is far away."""
    opening = text[start : start + 1]
    closing, end = _CLOSING[opening], start
    for _ in range(_CLOSING_MAX):
        end = text.find(closing, end, start + FRAME_PART_MAX_BYTES) + 1
        if not end or text.count(opening, start, end) == text.count(closing, start, end):
            return end
    return 0
