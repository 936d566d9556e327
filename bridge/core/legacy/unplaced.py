"""Results of a legacy body without a place in the 3.0 shape: lists of subtasks and reviews of any name.

The payload cannot hold them, but a failed subtask is a failed subtask: they vote on the event's outcome like
those that have a place (§4, addendum). Names are read as the legacy format spells them, and as 3.0 does.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

# Deeper than any body that was seen; what lies deeper has no vote.
DEPTH_MAX = 16

_RESULT_KEYS = (("errCode", "ErrCode"), ("errCodeExt", "ErrCodeExt"), ("message", "Message"))


class Unplaced(Struct, frozen=True):
    """A part of a legacy body without a place in the payload.

    ``path`` is its position in the payload where it has one, else as ``delivered``, the path in the body.
    ``value`` is an object or an array. ``is_element``: it is an element of an array, whose integer status is
    a code.
    """

    path: str
    delivered: str
    value: Any
    is_element: bool = False

    def below(self, step: str, value: Any, *, is_element: bool = False) -> "Unplaced":  # noqa: ANN401 - any JSON value
        """Give a member or an element of this part, which has no position in the payload."""
        path = self.delivered + step
        return Unplaced(path, path, value, is_element)


class Result(Struct, frozen=True):
    """What one subtask reports, under the names of 3.0 (ErrCode, ErrCodeExt, Status, Message)."""

    path: str
    delivered: str
    result: dict[str, Any]


def results_in(part: Unplaced, depth: int = DEPTH_MAX) -> Iterator[Result]:
    """Give what the objects in ``part`` report, itself included, in the order of the body."""
    if type(part.value) is list:
        children = [
            part.below(f"[{index}]", child, is_element=True)
            for index, child in enumerate(part.value)
            if child and type(child) in _NESTING
        ]
    else:
        result = _result_of(part.value, is_element=part.is_element)
        if result:
            yield Result(part.path, part.delivered, result)
        children = [
            part.below(f".{key}", child)
            for key, child in part.value.items()
            if child and type(child) in _NESTING
        ]
    if depth:
        for child in children:
            yield from results_in(child, depth - 1)


_NESTING = {dict, list}


def _result_of(value: Mapping[str, Any], *, is_element: bool) -> dict[str, Any]:
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
