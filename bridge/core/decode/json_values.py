"""JSON as plain values: exact decoding, canonical JSON (which digests are made of), lookup by path.

Nothing here knows an event type. A value is what `decode` returns, or a strict struct; `get_member` reads
both.
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
CONTAINER_TYPES = frozenset({dict, list})
"""What a decoded object or array is an instance of, exactly."""
_BRACE = ord("{")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)

# Values this deep can be walked by recursion, on every supported Python and from any caller.
DEPTH_MAX = 256
_DEPTH_CHANGE = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NO_BRACKETS = bytes(set(range(256)) - _DEPTH_CHANGE.keys())


def is_null(raw: Raw) -> bool:
    """Whether the JSON text is null, which everywhere means the same as absent."""
    return raw == NULL


def is_object(raw: Raw) -> bool:
    """Whether the JSON text is an object."""
    return memoryview(raw)[0] == _BRACE


def decode(raw: Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Decode any JSON text; numbers that fit no Python number become `Raw`. Raises `RejectedError`."""
    check_depth(raw)
    return decode_exactly(raw)


def check_depth(raw: Raw) -> None:
    """Raise `RejectedError` for a text nested deeper than `DEPTH_MAX`. Conforming payloads never are."""
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


# Bytes a block, 5 ms each: other threads get the GIL between two of them.
_DEPTH_BLOCK = 64 * 1024


def canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Encode canonical JSON: no null members, keys sorted, compact, floats in their shortest form.

    Null members are removed from ``value`` itself: they mean the same as absent.
    """
    if type(value) in CONTAINER_TYPES:
        _drop_nulls(value)
    return _encode_sorted(value)


def canonical_of(raw: Raw, value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return `canonical` of ``value``, faster where its JSON text ``raw`` has no nulls and few keys."""
    encoded = bytes(raw)
    # No object has more keys than there are colons.
    if encoded.count(b":") <= _MANY_KEYS and b"null" not in encoded:
        return _encode_sorted(value)
    return canonical(value)


_CONTAINER_OR_NULL_TYPES = {dict, list, NoneType}

# In the worst order, msgspec's own sorting takes time with the square of the number of keys and recurses once
# for each: very many overflow the stack and end the process. Keys that are sorted already are its best case.
_MANY_KEYS = 500
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


def _drop_nulls(value: dict[str, Any] | list[Any]) -> None:
    """Remove null members at every level, and sort the keys of objects with very many."""
    pending: list[Any] = [value]
    for one in pending:  # grows during the loop
        if type(one) is dict:
            found = [member for member in one.values() if type(member) in _CONTAINER_OR_NULL_TYPES]
            if None in found:
                for key in [key for key, member in one.items() if member is None]:
                    del one[key]
            if len(one) > _MANY_KEYS:
                _sort_keys(one)
            pending += found
        # One C loop over the elements: a list may hold a million plain ones.
        elif type(one) is list and not CONTAINER_TYPES.isdisjoint(map(type, one)):
            pending += [element for element in one if type(element) in CONTAINER_TYPES]


def _sort_keys(value: dict[str, Any]) -> None:
    """Sort the keys of an object in runs, then merge the runs: other threads get the GIL in between."""
    keys = list(value)
    for start in range(0, len(keys), _SORT_RUN):
        keys[start : start + _SORT_RUN] = sorted(keys[start : start + _SORT_RUN])
    keys.sort()
    ordered = {key: value[key] for key in keys}
    value.clear()
    value.update(ordered)


_SORT_RUN = 32 * 1024


def digest(content: bytes) -> str:
    """Return the digest of canonical JSON: BLAKE2b of 8 bytes, as 16 hex digits."""
    state = _BLAKE2.copy()
    state.update(content)
    return state.hexdigest()


# Copying the state costs less than creating one, which costs more than hashing a small content.
_BLAKE2 = blake2b(digest_size=8)


def get_member(value: Any, name: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return a member of a dict or of a struct; None where there is none."""
    return value.get(name) if type(value) is dict else getattr(value, name, None)


def id_text(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return a text as it is and an integer in decimal; an empty text for any other type."""
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    return ""


def first_text(value: Any, paths: tuple[str, ...]) -> str:  # noqa: ANN401 - any JSON value
    """Return the first id text at paths like ``Input.FileInfos[].FileId``; empty where there is none."""
    for steps in _parse_paths(paths):
        if found := _id_text_at(value, steps):
            return found
    return ""


class _PathStep(Struct, frozen=True):
    """One name of a path; ``is_set``: an array is expected there; ``rest``: the steps after it."""

    name: str
    is_set: bool
    rest: "_PathStep | None"


@cache
def _parse_paths(paths: tuple[str, ...]) -> "tuple[_PathStep, ...]":
    """Parse paths, cached: only the catalogue's, which are few."""
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
