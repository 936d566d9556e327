"""The way in: a legacy type and its ``data``, as the 3.0 format would have said it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from bridge.core.legacy.apply import Findings, apply, joined, spelled
from bridge.core.legacy.rules import Objects, Rule, Successor
from bridge.core.legacy.successors import SUCCESSORS
from bridge.core.legacy.unplaced import Result, Unplaced, results_in

_NUMBER = re.compile("-?[0-9]+")
_DATA = "data"
_NESTING = {dict, list}


class Translation(Struct, frozen=True, kw_only=True):
    """A legacy notification in the 3.0 shape.

    ``known`` is False for types without a successor: their ``payload`` is the data itself, and only they have
    ``task_id`` and ``file_id``. ``unmapped`` are the paths of keys without a row, ``misfit`` tells that
    a value could not be mapped. ``own_code`` and ``own_message`` are the notification's own result where the
    3.0 shape has no place for it, ``results`` are those of its subtasks where it has none.
    """

    type: str
    known: bool
    payload: dict[str, Any]
    task_id: str = ""
    file_id: str = ""
    unmapped: tuple[str, ...] = ()
    misfit: bool = False
    own_code: int | str | None = None
    own_message: str = ""
    results: tuple[Result, ...] = ()


def translate(event_type: str, data: dict[str, Any]) -> Translation:
    """Translate one notification; ``data`` is left as it is. Any JSON object gives a translation."""
    successor = SUCCESSORS.get(event_type)
    if successor is not None:
        return _translated(successor, data)
    code = _code(data, "status", "errCode")
    return Translation(
        type=event_type,
        known=False,
        payload=data,
        task_id=_text(data, "vodTaskId", "TaskId"),
        file_id=_text(data, "fileId", "FileId"),
        own_code=code,
        own_message=_message(data, code),
        results=tuple(_results_below(data)),
    )


def _translated(successor: Successor, data: Mapping[str, Any]) -> Translation:
    findings = Findings()
    payload = apply(successor.place, data, _DATA, findings)
    if successor.always:
        payload = joined(payload, successor.always)
    placed = successor.place.rows.get("status") is not None
    code = None if placed else _code(data, "status")
    if successor.folded:
        findings.misfit |= code is None and data.get("status") is not None
        _fold(payload, successor.folded, code)
    results = tuple(_results(successor, data, findings)) if findings.unplaced else ()
    return Translation(
        type=successor.type,
        known=True,
        payload=payload,
        unmapped=tuple(findings.unmapped),
        results=results,
        misfit=findings.misfit,
        own_code=code,
        own_message=_message(data, code),
    )


def _results(successor: Successor, data: Mapping[str, Any], findings: Findings) -> Iterator[Result]:
    """Give the results of the subtasks that have no place in the payload."""
    for path, members in findings.unplaced:
        if path == _DATA:  # whose own result is `own_code`
            yield from _results_below(members)
        else:
            is_element = type(path) is tuple and type(path[1]) is int
            position = _position(successor.place.rows, data, path) if is_element else ""
            yield from results_in(Unplaced(position or spelled(path), spelled(path), members, is_element))


def _results_below(members: Mapping[str, Any]) -> Iterator[Result]:
    """Give the results in the objects and arrays among the members of ``data``."""
    for key, value in members.items():
        if type(value) in _NESTING:
            path = f"{_DATA}.{key}"
            yield from results_in(Unplaced(path, path, value))


def _position(rows: Mapping[str, Rule], data: Mapping[str, Any], path: Any) -> str:  # noqa: ANN401 - a path
    """Spell where a 3.0 body would hold the result of an element of a list in ``data``; empty for others.

    The element itself has its position in the payload; its task has one where 3.0 has a field for the kind.
    """
    (holder, key), index = path
    rule = rows.get(key) if holder == _DATA else None
    if not isinstance(rule, Objects):
        return ""
    element = data[key][index]
    kind = element.get("Type") or element.get("taskType")
    task = f"{kind}Task".replace(".", "")
    position = f"{rule.to}[{index}]"
    return f"{position}.{task}" if task in rule.place.struct.__struct_fields__ else position


def _fold(payload: dict[str, Any], name: str, code: int | str | None) -> None:
    """Give the code of all to each element that has none of its own."""
    elements = payload.get(name)
    if code is not None and isinstance(elements, list):
        alone = {"ErrCode": code}  # one for all that have nothing else: they may be a million
        payload[name] = [
            (element | alone if element else alone)
            if isinstance(element, dict) and element.get("ErrCode") is None
            else element
            for element in elements
        ]


def _code(data: Mapping[str, object], *keys: str) -> int | str | None:
    """Read the notification's own code. Words like PROCESSING are none: they tell no result."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            return value
    return None


def _message(data: Mapping[str, object], code: int | str | None) -> str:
    message = data.get("message")
    return message if code is not None and isinstance(message, str) else ""


def _text(data: Mapping[str, object], *keys: str) -> str:
    """Read an id: the first text that is not empty, or an integer's digits."""
    for key in keys:
        value = data.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return ""
