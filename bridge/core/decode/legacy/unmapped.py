"""Finds results in the parts of a legacy body that have no 3.0 field: lists of subtasks and reviews.

The payload cannot hold them, but a failed subtask is a failed subtask: they count towards the event's outcome
like the mapped ones (vod-domain §4, addendum). Both the legacy and the 3.0 spelling of the keys are read.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from bridge.core.decode.json_values import CONTAINER_TYPES

# Deeper than any body that was seen; results below it do not count.
SEARCH_DEPTH_MAX = 16

_KEY_PARTS = (b"rrCode", b"tatus")
_RESULT_KEYS = (("errCode", "ErrCode"), ("errCodeExt", "ErrCodeExt"), ("message", "Message"))


class UnmappedPart(Struct, frozen=True):
    """A part of a legacy body that has no field in the payload.

    ``path`` is its path in the payload where it has one, else equal to ``source_path``, its path in the body.
    ``value`` is an object or an array. ``is_element``: it is an element of an array, so that an integer
    status is its code.
    """

    path: str
    source_path: str
    value: Any
    is_element: bool = False

    def child(self, step: str, value: Any, *, is_element: bool = False) -> "UnmappedPart":  # noqa: ANN401 - any JSON value
        """Return a member or an element of this part, which has no path in the payload."""
        path = self.source_path + step
        return UnmappedPart(path, path, value, is_element)


class SubtaskResult(Struct, frozen=True):
    """The result of one subtask, by its 3.0 keys (ErrCode, ErrCodeExt, Status, Message)."""

    path: str
    source_path: str
    result: dict[str, Any]


def may_have_results(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether `find_results` may find one in a value: a fast search for the keys of results."""
    text = msgspec.json.encode(value)
    return any(part in text for part in _KEY_PARTS)


def find_results(part: UnmappedPart, depth: int = SEARCH_DEPTH_MAX) -> Iterator[SubtaskResult]:
    """Yield the results of the objects in ``part``, itself included, in the order of the body."""
    if type(part.value) is list:
        children = [
            part.child(f"[{index}]", child, is_element=True)
            for index, child in enumerate(part.value)
            if child and type(child) in CONTAINER_TYPES
        ]
    else:
        result = _read_result(part.value, is_element=part.is_element)
        if result:
            yield SubtaskResult(part.path, part.source_path, result)
        children = [
            part.child(f".{key}", child)
            for key, child in part.value.items()
            if child and type(child) in CONTAINER_TYPES
        ]
    if depth:
        for child in children:
            yield from find_results(child, depth - 1)


def _read_result(value: Mapping[str, Any], *, is_element: bool) -> dict[str, Any]:
    """Return the result keys of an object, under their 3.0 names; empty where it has none."""
    result = {
        name: value[key]
        for legacy, name in _RESULT_KEYS
        for key in (name, legacy)
        if value.get(key) is not None
    }
    status = value.get("status", value.get("Status"))
    if type(status) is str and not status.isdecimal():
        result["Status"] = status
    elif is_element and "ErrCode" not in result and type(status) in (int, str):
        result["ErrCode"] = status  # older lists have their code there
    return {} if result.keys() == {"Message"} else result
