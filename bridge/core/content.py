"""JSON content as plain values: exact reading, the canonical bytes that digests are made of, reading by path.

Nothing here knows an event type. A value is what `decode` gives, or a struct of the strict reading; both are
read alike by `pick`.
"""

import re
from functools import cache
from hashlib import blake2b
from itertools import accumulate
from types import NoneType
from typing import Any

import msgspec
from msgspec import Raw, Struct

from bridge.core.decoding import decode_exactly
from bridge.core.outcome import Reason, Rejected

NULL = Raw(b"null")
_BRACE = ord("{")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)

# Any value this deep can be walked, whatever the interpreter and however deep the caller stands.
DEPTH_MAX = 256
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - _STEPS.keys())


def is_null(raw: Raw) -> bool:
    """Tell whether the JSON text is null, which everywhere means the same as absent."""
    return raw == NULL


def is_object(raw: Raw) -> bool:
    """Tell whether the JSON text is an object."""
    return memoryview(raw)[0] == _BRACE


def decode(raw: Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Read any JSON text as values. Numbers that no Python number holds stay the text they are, as `Raw`."""
    refuse_depth(raw)
    return decode_exactly(raw)


def refuse_depth(raw: Raw) -> None:
    """Refuse what nests deeper than can be walked. What the catalogue knows all of never does."""
    if len(raw) <= 2 * DEPTH_MAX:  # each level is opened and closed
        return
    written = bytes(raw)
    if len(written.translate(None, _NO_BRACKETS)) <= 2 * DEPTH_MAX:
        return
    brackets = _STRING.sub(b"", written).translate(None, _NO_BRACKETS)
    depth = 0
    for start in range(0, len(brackets), _DEPTH_BLOCK):
        depths = list(
            accumulate(map(_STEPS.__getitem__, brackets[start : start + _DEPTH_BLOCK]), initial=depth)
        )
        if max(depths) > DEPTH_MAX:
            raise Rejected(Reason.MALFORMED, "too deep")
        depth = depths[-1]


# Blocks, so that other threads have their turns between two of them: 5 ms each.
_DEPTH_BLOCK = 64 * 1024


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Spell a content the one way: no null members, keys sorted, compact, floats at their shortest.

    The null members are dropped from ``value`` itself: to whoever reads it they mean the same as absent.
    """
    if type(value) in _NESTING:
        _prepare(value)
    return _sorted(value)


def canonical_of(raw: Raw, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Spell as `canonical` does a ``value`` that was delivered as ``raw``, which may need no preparation."""
    written = bytes(raw)
    # No object has more keys than there are colons.
    if written.count(b":") <= _MANY and b"null" not in written:
        return _sorted(value)
    return canonical(value)


_NESTING = {dict, list}
_NESTING_ORNULL = {dict, list, NoneType}

# msgspec's own sorting needs the square of the number of keys, and a call inside a call for each, where their
# order is unlucky: very many end the process. Keys that are in order already are lucky.
_MANY = 500
_sorted = msgspec.json.Encoder(order="sorted").encode


def _prepare(value: dict[str, Any] | list[Any]) -> None:
    """Drop null members, all the way down, and put very many in order."""
    ahead: list[Any] = [value]
    for one in ahead:  # which grows meanwhile
        if type(one) is dict:
            found = [member for member in one.values() if type(member) in _NESTING_ORNULL]
            if None in found:
                for key in [key for key, member in one.items() if member is None]:
                    del one[key]
            if len(one) > _MANY:
                _put_in_order(one)
            ahead += found
        # A million plain elements are looked at once, by the interpreter's own loop.
        elif type(one) is list and not _NESTING.isdisjoint(map(type, one)):
            ahead += [element for element in one if type(element) in _NESTING]


def _put_in_order(value: dict[str, Any]) -> None:
    """Sort the keys of an object: by runs, so that other threads have their turns, then the runs together."""
    keys = list(value)
    for start in range(0, len(keys), _SORT_RUN):
        keys[start : start + _SORT_RUN] = sorted(keys[start : start + _SORT_RUN])
    keys.sort()
    ordered = {key: value[key] for key in keys}
    value.clear()
    value.update(ordered)


_SORT_RUN = 32 * 1024


def digest(content: bytes) -> str:
    """Give the 16 hex digits that stand for a content."""
    state = _UNFED.copy()
    state.update(content)
    return state.hexdigest()


# Copying one costs less than setting one up, which is more than hashing a small content.
_UNFED = blake2b(digest_size=8)


def pick(value: Any, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Take a member of a dict or of a struct; None where there is none."""
    return value.get(name) if type(value) is dict else getattr(value, name, None)


def text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Spell a value that can be part of an id: integers in decimal, other kinds are absent."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    return ""


def first_text(value: Any, paths: tuple[str, ...]) -> str:  # noqa: ANN401 - any JSON value
    """Take the first text at paths like ``Input.FileInfos[].FileId``, of the first element that has one."""
    for steps in _all_steps(paths):
        if found := _text_at(value, steps):
            return found
    return ""


class _Step(Struct, frozen=True):
    """One name of a path, whether a set is there, and what follows."""

    name: str
    is_set: bool
    rest: "_Step | None"


@cache
def _all_steps(paths: tuple[str, ...]) -> "tuple[_Step, ...]":
    """Cut paths into names. They are the catalogue's: few."""
    return tuple(map(_steps, paths))


def _steps(path: str) -> _Step:
    name, _, rest = path.partition(".")
    return _Step(name.removesuffix("[]"), name.endswith("[]"), _steps(rest) if rest else None)


def _text_at(value: Any, step: _Step | None) -> str:  # noqa: ANN401 - any JSON value
    while step is not None and value is not None:
        name = step.name
        value = value.get(name) if type(value) is dict else getattr(value, name, None)
        if step.is_set and type(value) is list:
            for element in value:
                if element and (found := _text_at(element, step.rest)):
                    return found
            return ""
        step = step.rest
    return value if type(value) is str else text(value)
