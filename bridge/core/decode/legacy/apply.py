"""Walk a legacy object along its table. No event type is named here: what goes where is the tables' matter.

Any JSON value gives a result. A value without an inner structure goes to its place whatever its kind (the
catalogue judges it there); only where a table needs an object or an array and finds something else is there
a misfit, and its place stays empty.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from msgspec import UNSET, Struct

from bridge.core.decode.legacy.rules import (
    OTHER_KEYS,
    Conversion,
    FirstOfList,
    MapObject,
    MapObjects,
    MappingTable,
    MapValues,
    Pluck,
    ToList,
    WrapElements,
)
from bridge.core.payloads import Payload

# Where an object stands: what holds it, and its key or index there. Spelled only where something is amiss.
JsonPath = tuple["JsonPath | str", str | int]


class MappingReport(Struct):
    """What a walk met on its way.

    ``unmapped`` are the paths of keys without a row. ``unplaced`` are the members that no row has a place
    for: the path of their object, and these members by their keys. ``misfit``: something had a wrong kind.
    """

    unknown_paths: list[str] = []
    unmapped_members: list[tuple[JsonPath | str, dict[str, object]]] = []
    nonconforming: bool = False


def apply(
    table: MappingTable, data: Mapping[str, object], path: JsonPath | str, report: MappingReport
) -> dict[str, Any]:
    """Map one object. ``data`` is never changed, but values of it are taken over as they are."""
    try:
        plan = _plan(table, tuple(data))
    except LookupError:
        plan = _plan(table, tuple(filter(table.rows.__contains__, data)))
        if plan.unmapped_keys:
            _record_unmapped(plan.unmapped_keys, data, path, report)
        mapped = _map_fields(plan, data, path, report)
        _copy_known_keys(table, data, mapped, path, report)
        return mapped
    if plan.unmapped_keys:
        _record_unmapped(plan.unmapped_keys, data, path, report)
    if plan.renamed:
        mapped = {name: data[key] for key, name in plan.renamed}
        if None not in mapped.values():
            return mapped
    return _map_fields(plan, data, path, report)


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
    unmapped_keys: Sequence[str]


@lru_cache(maxsize=1024)
def _plan(table: MappingTable, keys: tuple[str, ...]) -> _Plan:
    """Look up once what holds for all objects of a place that have the same keys in the same order.

    A key without a row is a `LookupError`: what senders make up is not kept.
    """
    rows = table.rows
    if any(key not in rows for key in keys):
        raise LookupError
    steps = [_step(key, rule) for key, rule in rows.items() if key in keys and rule is not None]
    renamed = [(key, name) for key, parents, name, rule, _ in steps if not parents and rule is None]
    unmapped_keys = [key for key in keys if rows[key] is None]
    only_renamed = len(steps) == len({name for _, name in renamed})
    return _Plan(steps, renamed if only_renamed else (), unmapped_keys)


def _step(key: str, rule: str | Conversion) -> _Step:
    if isinstance(rule, str):
        *parents, name = rule.split(".")
        return key, parents, name, None, None
    *parents, name = rule.to.split(".")
    return key, parents, name, rule, _CONVERSIONS[type(rule)]


def _map_fields(
    plan: _Plan, data: Mapping[str, object], path: JsonPath | str, report: MappingReport
) -> dict[str, Any]:
    mapped: dict[str, Any] = {}
    for key, parents, name, rule, convert in plan.steps:
        value = data[key]
        if value is None:
            continue
        if convert is not None:
            value = convert(rule, value, (path, key), report)
            if value is UNSET:
                report.nonconforming = True
                continue
        into = mapped
        for parent in parents:
            into = into.setdefault(parent, {})
        into[name] = _prefer(into[name], value) if name in into else value
    return mapped


def _record_unmapped(
    keys: Sequence[str], data: Mapping[str, object], path: JsonPath | str, report: MappingReport
) -> None:
    """Note objects and arrays at keys that 3.0 has no place for: there may be results in them."""
    nested = {key: data[key] for key in keys if data[key] and type(data[key]) in _CONTAINER_TYPES}
    if nested:
        report.unmapped_members.append((path, nested))


_CONTAINER_TYPES = {dict, list}


def _copy_known_keys(
    table: MappingTable,
    data: Mapping[str, object],
    mapped: dict[str, Any],
    path: JsonPath | str,
    report: MappingReport,
) -> None:
    """Take over what is called as in 3.0, which is preferred to what was mapped; note what has no row."""
    unmapped_members: dict[str, object] = {}
    for key, value in data.items():
        if value is None or key in table.rows:
            continue
        if key in table.struct.__struct_fields__:
            mapped[key] = _prefer(value, mapped.get(key))
        else:
            unmapped_members[key] = value
            if OTHER_KEYS not in table.rows:
                report.unknown_paths.append(format_path((path, key)))
    if unmapped_members:
        report.unmapped_members.append((path, unmapped_members))


def format_path(path: JsonPath | str) -> str:
    """Spell a path as ``data.fileInfo[0].status``."""
    if isinstance(path, str):
        return path
    holder, step = path
    return f"{format_path(holder)}.{step}" if isinstance(step, str) else f"{format_path(holder)}[{step}]"


def deep_merge(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, Any]:
    """Join two objects into a new one, all the way down. What both have is the first one's, unless empty."""
    return {**second, **{key: _prefer(value, second.get(key)) for key, value in first.items()}}


def _prefer(first: object, second: object) -> object:
    if second is None:
        return first
    if isinstance(first, dict) and isinstance(second, dict):
        return deep_merge(first, second)
    return second if first is None or first == "" else first


# The conversions: of a rule, a value that is not None, its path, and what is found on the way. Where the
# value is of a wrong kind they give UNSET.

_Convert = Callable[[Any, Any, JsonPath, MappingReport], Any]


def _map_values(rule: MapValues, value: object, _path: JsonPath, _report: MappingReport) -> object:
    return rule.values.get(value, value) if isinstance(value, str) else value


def _to_list(_rule: ToList, value: object, _path: JsonPath, _report: MappingReport) -> object:
    return [value]


def _first_of_list(_rule: FirstOfList, value: object, _path: JsonPath, _report: MappingReport) -> object:
    return _single_item(value)


def _wrap_elements(rule: WrapElements, value: object, _path: JsonPath, _report: MappingReport) -> object:
    if not isinstance(value, list):
        return UNSET
    return [{} if element is None else {rule.name: element} for element in value]


def _map_object(rule: MapObject, value: object, path: JsonPath, report: MappingReport) -> object:
    found = _single_item(value) if rule.or_single else value
    return apply(rule.table, found, path, report) if isinstance(found, dict) else UNSET


def _pluck(rule: Pluck, value: object, path: JsonPath, report: MappingReport) -> object:
    if not isinstance(value, list):
        return UNSET
    elements = _map_elements(_pluck_rule(rule.key), value, path, report)
    return [element[rule.key] for element in elements if rule.key in element]


@cache
def _pluck_rule(key: str) -> MapObjects:
    return MapObjects("", MappingTable(Payload, {key: key}))


def _map_objects(rule: MapObjects, value: object, path: JsonPath, report: MappingReport) -> object:
    return _map_elements(rule, value, path, report) if isinstance(value, list) else UNSET


def _map_elements(
    rule: MapObjects, values: Sequence[object], path: JsonPath, report: MappingReport
) -> list[dict[str, Any]]:
    elements: list[dict[str, Any]] = []
    for index, value in enumerate(values):
        if isinstance(value, dict):
            # Of very many empty ones none is worth a look.
            elements.append(apply(_table_for(rule, value), value, (path, index), report) if value else {})
        else:
            # What is no object keeps its position with nothing in it: the paths of errors count on it.
            elements.append({})
            report.nonconforming |= value is not None
    return elements


def _table_for(rule: MapObjects, element: Mapping[str, object]) -> MappingTable:
    if not rule.by_kind:
        return rule.table
    kind = element.get("Type") or element.get("taskType")
    return rule.by_kind.get(kind, rule.table) if isinstance(kind, str) else rule.table


def _single_item(value: object) -> object:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


_CONVERSIONS: Mapping[type, _Convert] = {
    MapValues: _map_values,
    ToList: _to_list,
    FirstOfList: _first_of_list,
    WrapElements: _wrap_elements,
    Pluck: _pluck,
    MapObject: _map_object,
    MapObjects: _map_objects,
}
