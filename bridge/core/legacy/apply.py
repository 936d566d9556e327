"""Walk a legacy object along its table. No event type is named here: what goes where is the tables' matter.

Any JSON value gives a result. A value without an inner structure goes to its place whatever its kind (the
catalogue judges it there); only where a table needs an object or an array and finds something else is there
a misfit, and its place stays empty.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
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

# Where an object stands: what holds it, and its key or index there. Spelled only where something is amiss.
Path = tuple["Path | str", str | int]


class Findings(Struct):
    """What a walk met on its way.

    ``unmapped`` are the paths of keys without a row. ``unplaced`` are the members that no row has a place
    for: the path of their object, and these members by their keys. ``misfit``: something had a wrong kind.
    """

    unmapped: list[str] = []
    unplaced: list[tuple[Path | str, dict[str, object]]] = []
    misfit: bool = False


def apply(place: Place, data: Mapping[str, object], path: Path | str, findings: Findings) -> dict[str, Any]:
    """Map one object. ``data`` is never changed, but values of it are taken over as they are."""
    try:
        plan = _plan(place, tuple(data))
    except LookupError:
        plan = _plan(place, tuple(filter(place.rows.__contains__, data)))
        if plan.placeless:
            _note_placeless(plan.placeless, data, path, findings)
        mapped = _mapped(plan, data, path, findings)
        _pass(place, data, mapped, path, findings)
        return mapped
    if plan.placeless:
        _note_placeless(plan.placeless, data, path, findings)
    if plan.renamed:
        mapped = {name: data[key] for key, name in plan.renamed}
        if None not in mapped.values():
            return mapped
    return _mapped(plan, data, path, findings)


# What becomes of the value at a key: the key, the parents and the name of its place, and how it is converted
# on the way, if at all. Plain tuples, which are unpacked fastest.
_Step = tuple[str, Sequence[str], str, Conversion | None, "_Convert | None"]


class _Plan(Struct, frozen=True):
    """The steps for an object with certain keys, in the table's order.

    Where each value only changes its name, ``renamed`` are the old and the new ones, else it is empty.
    ``placeless`` are the keys that 3.0 has no place for.
    """

    steps: Sequence[_Step]
    renamed: Sequence[tuple[str, str]]
    placeless: Sequence[str]


@lru_cache(maxsize=1024)
def _plan(place: Place, keys: tuple[str, ...]) -> _Plan:
    """Look up once what holds for all objects of a place that have the same keys in the same order.

    A key without a row is a `LookupError`: what senders make up is not kept.
    """
    rows = place.rows
    if any(key not in rows for key in keys):
        raise LookupError
    steps = [_step(key, rule) for key, rule in rows.items() if key in keys and rule is not None]
    renamed = [(key, name) for key, parents, name, rule, _ in steps if not parents and rule is None]
    placeless = [key for key in keys if rows[key] is None]
    only_renamed = len(steps) == len({name for _, name in renamed})
    return _Plan(steps, renamed if only_renamed else (), placeless)


def _step(key: str, rule: str | Conversion) -> _Step:
    if isinstance(rule, str):
        *parents, name = rule.split(".")
        return key, parents, name, None, None
    *parents, name = rule.to.split(".")
    return key, parents, name, rule, _CONVERSIONS[type(rule)]


def _mapped(plan: _Plan, data: Mapping[str, object], path: Path | str, findings: Findings) -> dict[str, Any]:
    mapped: dict[str, Any] = {}
    for key, parents, name, rule, convert in plan.steps:
        value = data[key]
        if value is None:
            continue
        if convert is not None:
            value = convert(rule, value, (path, key), findings)
            if value is UNSET:
                findings.misfit = True
                continue
        into = mapped
        for parent in parents:
            into = into.setdefault(parent, {})
        into[name] = _preferred(into[name], value) if name in into else value
    return mapped


def _note_placeless(
    keys: Sequence[str], data: Mapping[str, object], path: Path | str, findings: Findings
) -> None:
    """Note objects and arrays at keys that 3.0 has no place for: there may be results in them."""
    nested = {key: data[key] for key in keys if data[key] and type(data[key]) in _NESTING}
    if nested:
        findings.unplaced.append((path, nested))


_NESTING = {dict, list}


def _pass(
    place: Place,
    data: Mapping[str, object],
    mapped: dict[str, Any],
    path: Path | str,
    findings: Findings,
) -> None:
    """Take over what is called as in 3.0, which is preferred to what was mapped; note what has no row."""
    unplaced: dict[str, object] = {}
    for key, value in data.items():
        if value is None or key in place.rows:
            continue
        if key in place.struct.__struct_fields__:
            mapped[key] = _preferred(value, mapped.get(key))
        else:
            unplaced[key] = value
            if REST not in place.rows:
                findings.unmapped.append(spelled((path, key)))
    if unplaced:
        findings.unplaced.append((path, unplaced))


def spelled(path: Path | str) -> str:
    """Spell a path as ``data.fileInfo[0].status``."""
    if isinstance(path, str):
        return path
    holder, step = path
    return f"{spelled(holder)}.{step}" if isinstance(step, str) else f"{spelled(holder)}[{step}]"


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

_Convert = Callable[[Any, Any, Path, Findings], Any]


def _words(rule: Words, value: object, _path: Path, _findings: Findings) -> object:
    return rule.words.get(value, value) if isinstance(value, str) else value


def _single(_rule: Single, value: object, _path: Path, _findings: Findings) -> object:
    return [value]


def _unwrapped(_rule: Unwrapped, value: object, _path: Path, _findings: Findings) -> object:
    return _only(value)


def _wrapped(rule: Wrapped, value: object, _path: Path, _findings: Findings) -> object:
    if not isinstance(value, list):
        return UNSET
    return [{} if element is None else {rule.name: element} for element in value]


def _object(rule: Object, value: object, path: Path, findings: Findings) -> object:
    found = _only(value) if rule.or_one else value
    return apply(rule.place, found, path, findings) if isinstance(found, dict) else UNSET


def _plucked(rule: Plucked, value: object, path: Path, findings: Findings) -> object:
    if not isinstance(value, list):
        return UNSET
    elements = _elements(_holding(rule.key), value, path, findings)
    return [element[rule.key] for element in elements if rule.key in element]


@cache
def _holding(key: str) -> Objects:
    return Objects("", Place(Payload, {key: key}))


def _objects(rule: Objects, value: object, path: Path, findings: Findings) -> object:
    return _elements(rule, value, path, findings) if isinstance(value, list) else UNSET


def _elements(
    rule: Objects, values: Sequence[object], path: Path, findings: Findings
) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = []
    for index, value in enumerate(values):
        if isinstance(value, dict):
            # Of very many empty ones none is worth a look.
            elements.append(apply(_place_of(rule, value), value, (path, index), findings) if value else {})
        else:
            # What is no object keeps its position with nothing in it: the paths of errors count on it.
            elements.append({})
            findings.misfit |= value is not None
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
