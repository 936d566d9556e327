"""Walk a legacy object along its table. No event type is named here: what goes where is the tables' matter.

Any JSON value gives a result. A value without an inner structure goes to its place whatever its kind (the
catalogue judges it there); only where a table needs an object or an array and finds something else is there
a misfit, and its place stays empty.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

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
    rows = place.rows
    keys = tuple(filter(rows.__contains__, data))
    plan = _plan(place, keys)
    if plan.names and None not in (values := [*map(data.__getitem__, plan.keys)]):
        mapped = dict(zip(plan.names, values, strict=True))
    else:
        mapped = _mapped(plan, data, path, findings)
    if len(keys) < len(data):
        _pass(place, data, mapped, path, findings)
    return mapped


class _Step(NamedTuple):
    """What becomes of the value at ``key``: where it goes, and how it is converted on the way, if at all."""

    key: str
    parents: Sequence[str]
    name: str
    rule: Conversion | None
    convert: "_Convert | None"


class _Plan(NamedTuple):
    """The steps for an object with certain keys, in the table's order.

    Where each value only changes its name, ``names`` are the new ones of ``keys``, else they are empty.
    """

    steps: Sequence[_Step]
    keys: Sequence[str]
    names: Sequence[str]


@lru_cache(maxsize=1024)
def _plan(place: Place, keys: tuple[str, ...]) -> _Plan:
    """Look up once what holds for all objects of a place that have the same of its keys in the same order."""
    steps = [_step(key, rule) for key, rule in place.rows.items() if key in keys and rule is not None]
    names = [step.name for step in steps if not step.parents and step.rule is None]
    renamed = len(names) == len(steps) == len(set(names))
    return _Plan(steps, [step.key for step in steps], names if renamed else ())


def _step(key: str, rule: str | Conversion) -> _Step:
    if isinstance(rule, str):
        *parents, name = rule.split(".")
        return _Step(key, parents, name, None, None)
    *parents, name = rule.to.split(".")
    return _Step(key, parents, name, rule, _CONVERSIONS[type(rule)])


def _mapped(plan: _Plan, data: Mapping[str, object], path: str, findings: Findings) -> dict[str, Any]:
    mapped: dict[str, Any] = {}
    for key, parents, name, rule, convert in plan.steps:
        value = data[key]
        if value is None:
            continue
        if convert is not None and (value := convert(rule, value, f"{path}.{key}", findings)) is UNSET:
            findings.misfit = True
            continue
        into = mapped
        for parent in parents:
            into = into.setdefault(parent, {})
        into[name] = _preferred(into[name], value) if name in into else value
    return mapped


def _pass(
    place: Place, data: Mapping[str, object], mapped: dict[str, Any], path: str, findings: Findings
) -> None:
    """Take over what is called as in 3.0, which is preferred to what was mapped; note what has no row."""
    for key, value in data.items():
        if value is None or key in place.rows:
            continue
        if key in place.struct.__struct_fields__:
            mapped[key] = _preferred(value, mapped.get(key))
        elif REST not in place.rows:
            findings.unmapped.append(f"{path}.{key}")


def joined(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, Any]:
    """Join two objects into a new one, all the way down. What both have is the first one's, unless empty."""
    return {**second, **{key: _preferred(value, second.get(key)) for key, value in first.items()}}


def _preferred(first: object, second: object) -> object:
    if second is None:
        return first
    if isinstance(first, dict) and isinstance(second, dict):
        return joined(first, second)
    return second if first is None or first == "" else first


# The conversions: of a rule, a value that is not None, its path, and what is found on the way. Where the
# value is of a wrong kind they give UNSET.

_Convert = Callable[[Any, Any, str, Findings], Any]


def _words(rule: Words, value: object, _path: str, _findings: Findings) -> object:
    return rule.words.get(value, value) if isinstance(value, str) else value


def _single(_rule: Single, value: object, _path: str, _findings: Findings) -> object:
    return [value]


def _unwrapped(_rule: Unwrapped, value: object, _path: str, _findings: Findings) -> object:
    return _only(value)


def _wrapped(rule: Wrapped, value: object, _path: str, _findings: Findings) -> object:
    if not isinstance(value, list):
        return UNSET
    return [{} if element is None else {rule.name: element} for element in value]


def _object(rule: Object, value: object, path: str, findings: Findings) -> object:
    found = _only(value) if rule.or_one else value
    return apply(rule.place, found, path, findings) if isinstance(found, dict) else UNSET


def _plucked(rule: Plucked, value: object, path: str, findings: Findings) -> object:
    elements = _objects(Objects("", _only_key(rule.key)), value, path, findings)
    if not isinstance(elements, list):
        return UNSET
    return [element[rule.key] for element in elements if rule.key in element]


@cache
def _only_key(key: str) -> Place:
    return Place(Payload, {key: key})


def _objects(rule: Objects, value: object, path: str, findings: Findings) -> object:
    if not isinstance(value, list):
        return UNSET
    elements: list[dict[str, Any]] = []
    for index, member in enumerate(value):
        # What is no object keeps its position with nothing in it: the paths of errors count on it.
        element: dict[str, object] = member if isinstance(member, dict) else {}
        findings.misfit |= element is not member and member is not None
        elements.append(apply(_place_of(rule, element), element, f"{path}[{index}]", findings))
    return elements


def _place_of(rule: Objects, element: Mapping[str, object]) -> Place:
    if not rule.kinds:
        return rule.place
    kind = element.get("Type") or element.get("taskType")
    return rule.kinds.get(kind, rule.place) if isinstance(kind, str) else rule.place


def _only(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


_CONVERSIONS: Mapping[type, _Convert] = {
    Words: _words,
    Single: _single,
    Unwrapped: _unwrapped,
    Wrapped: _wrapped,
    Plucked: _plucked,
    Object: _object,
    Objects: _objects,
}
