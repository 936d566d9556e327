"""The table of event types: complete, unambiguous, each row with its struct and its sample."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from bridge.core.catalogue import BY_NAME, BY_PAYLOAD_FIELD, EVENT_TYPES, UNKNOWN_TYPE, EventType
from bridge.core.decode.schema import ObjectSchema, schema_of
from bridge.core.identity import escape_part

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
CASES = sorted(SCHEMAS.glob("examples/*/*.in.json"))


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SCHEMAS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_37_types_and_no_name_or_sibling_means_two() -> None:
    assert len(EVENT_TYPES) == 37
    assert len(BY_NAME) == sum(1 + len(row.aliases) for row in EVENT_TYPES)
    assert len(BY_PAYLOAD_FIELD) == sum(1 + len(row.field_aliases) for row in EVENT_TYPES)


def test_the_generated_structs_are_what_the_generator_gives() -> None:
    assert tool("gen_payload_structs").main(["--check"]) == 0


def test_every_golden_pair_is_what_the_bridge_makes_of_it_today() -> None:
    assert tool("gen_examples").main(["--check"]) == 0


@pytest.mark.parametrize("row", EVENT_TYPES, ids=lambda row: row.name)
def test_a_row_without_its_sample_is_refused(row: EventType) -> None:
    samples = [case for case in CASES if case.parent.name == row.name and "legacy" not in case.name]
    assert samples, f"schemas/examples/{row.name} wants a notification in the 3.0 format"


@pytest.mark.parametrize("row", EVENT_TYPES, ids=lambda row: row.name)
def test_what_a_row_names_is_in_its_struct(row: EventType) -> None:
    shape = schema_of(row.struct)
    for path in row.file_id_paths:
        assert holds(shape, path.split(".")), path
    assert all(row.has_field(name) for name in (*row.state_fields, *row.result_sets))
    assert row.status_field is None or row.has_field(row.status_field.field)
    assert row.no_subject or row.has_field("TaskId") or row.has_field("CastId") or row.file_id_paths


@pytest.mark.parametrize("row", EVENT_TYPES, ids=lambda row: row.name)
def test_what_is_taken_over_without_a_look_needs_none(row: EventType) -> None:
    kinds = schema_of(row.struct).fields
    ids = ("TaskId", "CastId", "SessionId", "SessionContext")
    assert all(kinds[name].accepts is str for name in ids if name in kinds)
    assert escape_part(row.name) == row.name


def holds(shape: ObjectSchema | None, steps: list[str]) -> bool:
    if shape is None or steps[0].removesuffix("[]") not in shape.fields:
        return False
    kind = shape.fields[steps[0].removesuffix("[]")]
    return kind.is_array == steps[0].endswith("[]") and (len(steps) == 1 or holds(kind.schema, steps[1:]))


def test_a_type_without_a_row_has_no_fields_of_its_own() -> None:
    assert not UNKNOWN_TYPE.has_field("TaskId")
    assert not schema_of(UNKNOWN_TYPE.struct).fields
