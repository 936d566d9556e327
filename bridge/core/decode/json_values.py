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

from bridge.core.decode.exact_json import decode_exactly
from bridge.core.outcome import Reason, RejectedError

NULL = Raw(b"null")
_BRACE = ord("{")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)

# Any value this deep can be walked, whatever the interpreter and however deep the caller stands.
DEPTH_MAX = 256
_DEPTH_CHANGE = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - _DEPTH_CHANGE.keys())


def is_null(raw: Raw) -> bool:
    """Tell whether the JSON text is null, which everywhere means the same as absent."""
    return raw == NULL


def is_object(raw: Raw) -> bool:
    """Tell whether the JSON text is an object."""
    return memoryview(raw)[0] == _BRACE


def decode(raw: Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Read any JSON text as values. Numbers that no Python number holds stay the text they are, as `Raw`."""
    check_depth(raw)
    return decode_exactly(raw)


def check_depth(raw: Raw) -> None:
    """Refuse what nests deeper than can be walked. What the catalogue knows all of never does."""
    if len(raw) <= 2 * DEPTH_MAX:  # each level is opened and closed
        return
    encoded = bytes(raw)
    if len(encoded.translate(None, _NO_BRACKETS)) <= 2 * DEPTH_MAX:
        return
    brackets = _STRING.sub(b"", encoded).translate(None, _NO_BRACKETS)
    depth = 0
    for start in range(0, len(brackets), _DEPTH_BLOCK):
        depths = list(
            accumulate(map(_DEPTH_CHANGE.__getitem__, brackets[start : start + _DEPTH_BLOCK]), initial=depth)
        )
        if max(depths) > DEPTH_MAX:
            raise RejectedError(Reason.MALFORMED, "too deep")
        depth = depths[-1]


# Blocks, so that other threads have their turns between two of them: 5 ms each.
_DEPTH_BLOCK = 64 * 1024


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Spell a content the one way: no null members, keys sorted, compact, floats at their shortest.

    The null members are dropped from ``value`` itself: to whoever reads it they mean the same as absent.
    """
    if type(value) in _CONTAINER_TYPES:
        _drop_nulls(value)
    return _encode_sorted(value)


def canonical_of(raw: Raw, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Spell as `canonical` does a ``value`` that was delivered as ``raw``, which may need no preparation."""
    encoded = bytes(raw)
    # No object has more keys than there are colons.
    if encoded.count(b":") <= _MANY_KEYS and b"null" not in encoded:
        return _encode_sorted(value)
    return canonical(value)


_CONTAINER_TYPES = {dict, list}
_CONTAINER_OR_NULL_TYPES = {dict, list, NoneType}

# msgspec's own sorting needs the square of the number of keys, and a call inside a call for each, where their
# order is unlucky: very many end the process. Keys that are in order already are lucky.
_MANY_KEYS = 500
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def _drop_nulls(value: dict[str, Any] | list[Any]) -> None:
    """Drop null members, all the way down, and put very many in order."""
    pending: list[Any] = [value]
    for one in pending:  # which grows meanwhile
        if type(one) is dict:
            found = [member for member in one.values() if type(member) in _CONTAINER_OR_NULL_TYPES]
            if None in found:
                for key in [key for key, member in one.items() if member is None]:
                    del one[key]
            if len(one) > _MANY_KEYS:
                _sort_keys(one)
            pending += found
        # A million plain elements are looked at once, by the interpreter's own loop.
        elif type(one) is list and not _CONTAINER_TYPES.isdisjoint(map(type, one)):
            pending += [element for element in one if type(element) in _CONTAINER_TYPES]


def _sort_keys(value: dict[str, Any]) -> None:
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
    state = _BLAKE2.copy()
    state.update(content)
    return state.hexdigest()


# Copying one costs less than setting one up, which is more than hashing a small content.
_BLAKE2 = blake2b(digest_size=8)


def get_member(value: Any, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Take a member of a dict or of a struct; None where there is none."""
    return value.get(name) if type(value) is dict else getattr(value, name, None)


def id_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Spell a value that can be part of an id: integers in decimal, other kinds are absent."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    return ""


def first_text(value: Any, paths: tuple[str, ...]) -> str:  # noqa: ANN401 - any JSON value
    """Take the first text at paths like ``Input.FileInfos[].FileId``, of the first element that has one."""
    for steps in _parse_paths(paths):
        if found := _id_text_at(value, steps):
            return found
    return ""


class _PathStep(Struct, frozen=True):
    """One name of a path, whether a set is there, and what follows."""

    name: str
    is_set: bool
    rest: "_PathStep | None"


@cache
def _parse_paths(paths: tuple[str, ...]) -> "tuple[_PathStep, ...]":
    """Cut paths into names. They are the catalogue's: few."""
    return tuple(map(_parse_path, paths))


def _parse_path(path: str) -> _PathStep:
    name, _, rest = path.partition(".")
    return _PathStep(name.removesuffix("[]"), name.endswith("[]"), _parse_path(rest) if rest else None)


def _id_text_at(value: Any, step: _PathStep | None) -> str:  # noqa: ANN401 - any JSON value
    while step is not None and value is not None:
        name = step.name
        value = value.get(name) if type(value) is dict else getattr(value, name, None)
        if step.is_set and type(value) is list:
            for element in value:
                if element and (found := _id_text_at(element, step.rest)):
                    return found
            return ""
        step = step.rest
    return value if type(value) is str else id_text(value)
