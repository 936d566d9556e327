"""Maps a legacy object by its table. No event type is named here; the tables say what goes where.

Any JSON value gives a result. A scalar is copied to its target whatever its type (`normalize` checks it
there). Only where a table needs an object or an array and finds something else is the body nonconforming,
and the target stays empty.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from typing import Any

from msgspec import UNSET, Struct

from bridge.core.decode.json_values import CONTAINER_TYPES
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

# The path of an object: its parent's path, and its key or index there. Formatted only for a report.
JsonPath = tuple["JsonPath | str", str | int]


class MappingReport(Struct):
    """What `apply` could not map.

    ``unknown_paths``: the paths of keys without a row. ``unmapped_members``: (path of the object, members)
    for members with no 3.0 field. ``unmapped_values``: (path, object or array) for values that have a row and
    yet are not in the payload: of a type that the table cannot map, or there is another one for the field.
    ``nonconforming``: a value had a type that its table cannot map.
    """

    unknown_paths: list[str] = []
    unmapped_members: list[tuple[JsonPath | str, dict[str, object]]] = []
    unmapped_values: list[tuple[JsonPath, object]] = []
    nonconforming: bool = False

    def record_unmappable(self, path: JsonPath, value: object) -> None:
        """Report a value of a type that its table cannot map."""
        self.nonconforming = True
        is_array = type(value) is list and not CONTAINER_TYPES.isdisjoint(map(type, value))
        if is_array or type(value) is dict:  # an array of numbers or texts holds no result
            self.unmapped_values.append((path, value))


def apply(
    table: MappingTable, data: Mapping[str, object], path: JsonPath | str, report: MappingReport
) -> dict[str, Any]:
    """Map one object to 3.0 keys. ``data`` is never changed; the result shares unmapped values with it."""
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


# The mapping of one key: the key, the parents and the name of its target, its rule and conversion, if any.
# A plain tuple, which is unpacked fastest.
_Step = tuple[str, Sequence[str], str, Conversion | None, "_Convert | None"]


class _Plan(Struct, frozen=True):
    """The steps to map an object with certain keys, in the table's order.

    ``renamed``: (old, new) key pairs where every value is only renamed, else empty. ``unmapped_keys``: the
    keys that have no 3.0 field.
    """

    steps: Sequence[_Step]
    renamed: Sequence[tuple[str, str]]
    unmapped_keys: Sequence[str]


@lru_cache(maxsize=1024)
def _plan(table: MappingTable, keys: tuple[str, ...]) -> _Plan:
    """Return the plan for objects of a table with the same keys in the same order, cached.

    Raises `LookupError` for a key without a row: keys that senders make up must not fill the cache.
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
                report.record_unmappable((path, key), data[key])
                continue
        into = mapped
        for parent in parents:
            into = into.setdefault(parent, {})
        into[name] = _prefer(into[name], value) if name in into else value
    return mapped


def _record_unmapped(
    keys: Sequence[str], data: Mapping[str, object], path: JsonPath | str, report: MappingReport
) -> None:
    """Report objects and arrays at keys that have no 3.0 field: there may be results in them."""
    nested = {key: data[key] for key in keys if data[key] and type(data[key]) in CONTAINER_TYPES}
    if nested:
        report.unmapped_members.append((path, nested))


def _copy_known_keys(
    table: MappingTable,
    data: Mapping[str, object],
    mapped: dict[str, Any],
    path: JsonPath | str,
    report: MappingReport,
) -> None:
    """Copy keys that are 3.0 fields already, which win over mapped ones; report keys without a row."""
    unmapped_members: dict[str, object] = {}
    for key, value in data.items():
        if value is None or key in table.rows:
            continue
        if key in table.struct.__struct_fields__:
            if value != "" and type(mapped.get(key)) is list:
                _record_replaced(table, key, data, path, report)
            mapped[key] = _prefer(value, mapped.get(key))
        else:
            unmapped_members[key] = value
            if OTHER_KEYS not in table.rows:
                report.unknown_paths.append(format_path((path, key)))
    if unmapped_members:
        report.unmapped_members.append((path, unmapped_members))


def _record_replaced(
    table: MappingTable, name: str, data: Mapping[str, object], path: JsonPath | str, report: MappingReport
) -> None:
    """Report the arrays of objects that were mapped to the field ``name``: ``data`` has its own value."""
    for key, rule in table.rows.items():
        if not isinstance(rule, MapObjects) or rule.to != name or type(data.get(key)) is not list:
            continue
        report.unmapped_values.append(((path, key), data[key]))


def format_path(path: JsonPath | str) -> str:
    """Format a path as ``data.fileInfo[0].status``."""
    if isinstance(path, str):
        return path
    holder, step = path
    return f"{format_path(holder)}.{step}" if isinstance(step, str) else f"{format_path(holder)}[{step}]"


def deep_merge(first: Mapping[str, object], second: Mapping[str, object]) -> dict[str, Any]:
    """Merge two objects into a new one, at every level. Of two values the first one's wins, unless empty."""
    return {**second, **{key: _prefer(value, second.get(key)) for key, value in first.items()}}


def _prefer(first: object, second: object) -> object:
    if second is None:
        return first
    if isinstance(first, dict) and isinstance(second, dict):
        return deep_merge(first, second)
    return second if first is None or first == "" else first


# The conversions: (rule, value that is not None, its path, report) to the mapped value; UNSET for a wrong
# type.

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
            # Empty objects need no mapping, and there may be very many.
            elements.append(apply(_table_for(rule, value), value, (path, index), report) if value else {})
        else:
            # An element that is no object becomes {}: the indexes in the paths of errors must not shift.
            elements.append({})
            if value is not None:
                report.record_unmappable((path, index), value)
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
