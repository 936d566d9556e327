"""The mapping tables against the vendor's documents: nothing left out, nothing added, no place made up."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.core.decode.legacy import translate
from bridge.core.decode.legacy.event_types import LEGACY_TYPES
from bridge.core.decode.legacy.rules import MapObject, MapObjects, MappingTable, Pluck, ToList, WrapElements

VENDOR = Path(__file__).parents[3] / "schemas" / "vendor"
EVENTS: list[dict[str, Any]] = json.loads((VENDOR / "legacy.json").read_text())["events"]
STRUCTS: dict[str, list[dict[str, Any]]] = json.loads((VENDOR / "structs.json").read_text())["structs"]
MAPPED = [pytest.param(event, id=event["event_type"]) for event in EVENTS if event["v3_event_type"]]

WITHOUT_A_ROW = {"data.processTaskList[Transcode].input.disableHigherBitrate"}
"""Documented in 2017, and named by no page that compares the formats."""

BEYOND_THE_STRUCTS = {
    "MediaProcessResultSet[].AnimatedGraphicTask.Input.WatermarkSet[].Definition",
    "MediaProcessResultSet[].ImageSpriteTask.Input.WatermarkSet[].Definition",
}
"""The row for watermarks holds for every kind; 3.0 knows none on these two."""


def rows_of(table: MappingTable, legacy: str = "data", v3: str = "") -> Iterator[tuple[str, str | None]]:
    """Every row of a table and of the tables below it, in the notation of the vendor's list."""
    for key, rule in table.rows.items():
        path = f"{legacy}.{key}"
        if rule is None:
            yield path, None
            continue
        to = v3 + (rule if isinstance(rule, str) else rule.to)
        match rule:
            case MapObject(table=inner):
                yield from rows_of(inner, path, f"{to}.")
            case MapObjects(table=other, by_kind=by_kind):
                for kind, inner in (by_kind or {"": other}).items():
                    yield from rows_of(inner, f"{path}[{kind}]", f"{to}[].")
            case ToList():
                yield path, f"{to}[0]"
            case WrapElements(name=name):
                yield f"{path}[]", f"{to}[].{name}"
            case Pluck(key=inner_key):
                yield f"{path}[].{inner_key}", f"{to}[]"
            case _:
                yield path, to


def documented_rows(event: dict[str, Any]) -> set[tuple[str, str | None]]:
    # Arrays of plain values are taken over whole: there the tables name the array, not its elements.
    return {
        (row["legacy"].removesuffix("[]"), row["v3"].removesuffix("[]"))
        if row["v3"] and row["v3"].endswith("[]") and row["legacy"].endswith("[]")
        else (row["legacy"], row["v3"])
        for row in event["rows"]
    }


def steps_of(path: str) -> list[tuple[str, str | None]]:
    """Split a path: `a[Kind].b` is a's elements of that kind, then their b; None where there is no array."""
    return [
        (name, inside if bracket else None)
        for name, bracket, inside in re.findall(r"([^.\[]+)(\[(\w*)\])?", path)
    ]


def put(body: dict[str, Any], path: str, value: object) -> None:
    """Write a value into a legacy body, under the path of a row."""
    *parents, (last, array) = steps_of(path)
    for name, kind in parents:
        if kind is None:
            body = body.setdefault(name, {})
            continue
        elements: list[dict[str, Any]] = body.setdefault(name, [])
        found = next((element for element in elements if element.get("taskType", "") == kind), None)
        if found is None:
            found = {"taskType": kind} if kind else {}
            elements.append(found)
        body = found
    if last != "taskType":
        body[last] = value if array is None else [value]


def value_at(payload: Any, path: str) -> object:  # noqa: ANN401 - JSON of every kind
    for name, array in steps_of(path):
        payload = payload[name]
        if array is not None:
            payload = payload[0]
    return payload


@pytest.mark.parametrize("event", MAPPED)
def test_every_documented_row_is_in_the_tables(event: dict[str, Any]) -> None:
    table = set(rows_of(LEGACY_TYPES[event["event_type"]].table, "data"))
    assert documented_rows(event) - table == set()


@pytest.mark.parametrize("event", MAPPED)
def test_the_tables_add_only_an_older_kind_and_names_that_are_3_0_already(event: dict[str, Any]) -> None:
    added = set(rows_of(LEGACY_TYPES[event["event_type"]].table, "data")) - documented_rows(event)
    for legacy, v3 in added:
        already = v3 is not None and legacy.rsplit(".", 1)[-1] == v3.rsplit(".", 1)[-1]
        assert already or legacy.startswith("data.processTaskList[ImageSprite].")


@pytest.mark.parametrize("event", MAPPED)
def test_a_body_of_all_documented_keys_leaves_none_unmapped(event: dict[str, Any]) -> None:
    data: dict[str, Any] = {}
    for field in event["fields"]:
        if field not in WITHOUT_A_ROW:
            put(data, field.removeprefix("data."), 1)
    translation = translate(event["event_type"], data)
    assert translation.unknown_paths == ()
    assert not translation.nonconforming
    assert translation.known
    assert translation.type == event["v3_event_type"]


@pytest.mark.parametrize("event", MAPPED)
def test_every_value_arrives_where_its_row_maps_it(event: dict[str, Any]) -> None:
    for row in event["rows"]:
        data: dict[str, Any] = {}
        put(data, row["legacy"].removeprefix("data."), 4711)
        translation = translate(event["event_type"], data)
        assert (translation.unknown_paths, translation.nonconforming) == ((), False)
        if row["v3"] is None:
            assert "4711" not in json.dumps(translation.payload)
        elif not row["v3"].endswith(".Type"):
            assert value_at(translation.payload, row["v3"]) == 4711, row


@pytest.mark.parametrize("event", MAPPED)
def test_every_target_field_exists_in_the_vendors_structs(event: dict[str, Any]) -> None:
    table = LEGACY_TYPES[event["event_type"]].table
    assert table.struct.__name__ == event["v3_struct"]
    for _, v3 in rows_of(table, "data"):
        if v3 is None or v3 in BEYOND_THE_STRUCTS:
            continue
        struct = event["v3_struct"]
        for name, array in steps_of(v3):
            field = next((field for field in STRUCTS[struct] if field["name"] == name), None)
            assert field is not None, f"{struct} has no {name}: {v3}"
            assert array is None or field.get("array"), f"{struct}.{name} is no array: {v3}"
            struct = field.get("struct", "")


@pytest.mark.parametrize("event", MAPPED)
def test_no_plain_value_is_the_parent_of_another_field(event: dict[str, Any]) -> None:
    """The walk relies on it: else a row could write into an object of the delivered body."""
    targets = {v3 for _, v3 in rows_of(LEGACY_TYPES[event["event_type"]].table, "data") if v3}
    parent_path = {
        (one, other)
        for one in targets
        for other in targets
        if other.startswith(f"{one}.") and not re.search(r"Task\.(Input|Output)$", one)
    }
    assert parent_path == set()


def test_the_keys_of_a_table_are_never_names_of_its_struct() -> None:
    def targets(table: MappingTable) -> Iterator[MappingTable]:
        yield table
        for rule in table.rows.values():
            if isinstance(rule, MapObject | MapObjects):
                yield from targets(rule.table)
            if isinstance(rule, MapObjects):
                for kind in rule.by_kind.values():
                    yield from targets(kind)

    for successor in LEGACY_TYPES.values():
        for table in targets(successor.table):
            assert not set(table.rows) & set(table.struct.__struct_fields__)


def test_types_without_a_successor_have_no_table() -> None:
    assert {event["event_type"] for event in EVENTS if event["v3_event_type"]} == set(LEGACY_TYPES)
