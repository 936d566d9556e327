"""Results of a legacy body without a place in the 3.0 shape: lists of subtasks and reviews of any name.

The payload cannot hold them, but a failed subtask is a failed subtask: they vote on the event's outcome like
those that have a place (§4, addendum). Names are read as the legacy format spells them, and as 3.0 does.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

# Deeper than any body that was seen; what lies deeper has no vote.
SEARCH_DEPTH_MAX = 16

_RESULT_KEYS = (("errCode", "ErrCode"), ("errCodeExt", "ErrCodeExt"), ("message", "Message"))


class UnmappedPart(Struct, frozen=True):
    """A part of a legacy body without a place in the payload.

    ``path`` is its position in the payload where it has one, else as ``delivered``, the path in the body.
    ``value`` is an object or an array. ``is_element``: it is an element of an array, whose integer status is
    a code.
    """

    path: str
    source_path: str
    value: Any
    is_element: bool = False

    def child(self, step: str, value: Any, *, is_element: bool = False) -> "UnmappedPart":  # noqa: ANN401 - any JSON value
        """Give a member or an element of this part, which has no position in the payload."""
        path = self.source_path + step
        return UnmappedPart(path, path, value, is_element)


class SubtaskResult(Struct, frozen=True):
    """What one subtask reports, under the names of 3.0 (ErrCode, ErrCodeExt, Status, Message)."""

    path: str
    source_path: str
    result: dict[str, Any]


def find_results(part: UnmappedPart, depth: int = SEARCH_DEPTH_MAX) -> Iterator[SubtaskResult]:
    """Give what the objects in ``part`` report, itself included, in the order of the body."""
    if type(part.value) is list:
        children = [
            part.child(f"[{index}]", child, is_element=True)
            for index, child in enumerate(part.value)
            if child and type(child) in _CONTAINER_TYPES
        ]
    else:
        result = _read_result(part.value, is_element=part.is_element)
        if result:
            yield SubtaskResult(part.path, part.source_path, result)
        children = [
            part.child(f".{key}", child)
            for key, child in part.value.items()
            if child and type(child) in _CONTAINER_TYPES
        ]
    if depth:
        for child in children:
            yield from find_results(child, depth - 1)


_CONTAINER_TYPES = {dict, list}


def _read_result(value: Mapping[str, Any], *, is_element: bool) -> dict[str, Any]:
    """Read the result keys of an object; empty where it has none."""
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
        result["ErrCode"] = status  # older lists say their code so
    return {} if result.keys() == {"Message"} else result
