"""Walk a legacy object along its table. No event type is named here: what goes where is the tables' matter.

Any JSON value gives a result. A value without an inner structure goes to its place whatever its kind (the
catalogue judges it there); only where a table needs an object or an array and finds something else is there
a misfit, and its place stays empty.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct

from bridge.core.legacy.rules import (
    REST,
    Conversion,
    Object,
    Objects,
    Place,
    Plucked,
    Single,
    Unwrapped,
    Words,
    Wrapped,
)
from bridge.core.payloads import Payload


class Findings(Struct):
    """What a walk met on its way: paths of keys without a row, and whether something had a wrong kind."""

    unmapped: list[str] = []
    misfit: bool = False


def apply(place: Place, data: Mapping[str, object], path: str, findings: Findings) -> dict[str, Any]:
    """Map one object. ``data`` is never changed, but values of it are taken over as they are."""
    mapped: dict[str, Any] = {}
    for key, rule in place.rows.items():
        value = data.get(key)
        if rule is None or value is None:
            continue
        if isinstance(rule, str):
            _put(mapped, rule, value)
            continue
        converted = _converted(rule, value, f"{path}.{key}", findings)
        if converted is UNSET:
            findings.misfit = True
        else:
            _put(mapped, rule.to, converted)
    passed: dict[str, object] = {}
    for key, value in data.items():
        if value is None or key in place.rows:
            continue
        if key in place.struct.__struct_fields__:
            passed[key] = value
        elif REST not in place.rows:
            findings.unmapped.append(f"{path}.{key}")
    return joined(passed, mapped)


def joined(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, Any]:
    """Join two objects into a new one, all the way down. What both have is the first one's, unless empty."""
    return {**second, **{key: _preferred(value, second.get(key)) for key, value in first.items()}}


def _preferred(first: object, second: object) -> object:
    if second is None:
        return first
    if isinstance(first, dict) and isinstance(second, dict):
        return joined(first, second)
    return second if first is None or first == "" else first


def _put(mapped: dict[str, Any], to: str, value: object) -> None:
    *parents, name = to.split(".")
    for parent in parents:
        mapped = mapped.setdefault(parent, {})
    mapped[name] = _preferred(mapped.get(name), value)


def _converted(rule: Conversion, value: object, path: str, findings: Findings) -> object:
    match rule:
        case Words(words=words):
            return words.get(value, value) if isinstance(value, str) else value
        case Single():
            return [value]
        case Unwrapped():
            return _only(value)
        case Object(place=place, or_one=or_one):
            found = _only(value) if or_one else value
            return apply(place, found, path, findings) if isinstance(found, dict) else UNSET
        case _:
            return _elements(rule, value, path, findings) if isinstance(value, list) else UNSET


def _elements(
    rule: Wrapped | Plucked | Objects, values: Sequence[object], path: str, findings: Findings
) -> list[object]:
    if isinstance(rule, Wrapped):
        return [{} if value is None else {rule.name: value} for value in values]
    elements: list[dict[str, Any]] = []
    for index, value in enumerate(values):
        # What is no object keeps its position with nothing in it: the paths of errors count on it.
        element: dict[str, object] = value if isinstance(value, dict) else {}
        findings.misfit |= element is not value and value is not None
        elements.append(apply(_place_of(rule, element), element, f"{path}[{index}]", findings))
    if isinstance(rule, Plucked):
        return [element[rule.key] for element in elements if rule.key in element]
    return [*elements]


def _place_of(rule: Plucked | Objects, element: Mapping[str, object]) -> Place:
    if isinstance(rule, Plucked):
        return Place(Payload, {rule.key: rule.key})
    kind = element.get("Type") or element.get("taskType")
    return rule.kinds.get(kind, rule.place) if isinstance(kind, str) else rule.place


def _only(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else value
