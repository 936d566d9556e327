"""The table of event types: complete, unambiguous, each row with its struct and its sample."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from bridge.core.catalogue import BY_FIELD, BY_NAME, OTHER, ROWS, Row
from bridge.core.identity import part
from bridge.core.shape import Shape, shape_of

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
    assert len(ROWS) == 37
    assert len(BY_NAME) == sum(1 + len(row.names) for row in ROWS)
    assert len(BY_FIELD) == sum(1 + len(row.fields) for row in ROWS)


def test_the_generated_structs_are_what_the_generator_gives() -> None:
    assert tool("generate").main(["--check"]) == 0


def test_every_golden_pair_is_what_the_bridge_makes_of_it_today() -> None:
    assert tool("goldens").main(["--check"]) == 0


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_without_its_sample_is_refused(row: Row) -> None:
    samples = [case for case in CASES if case.parent.name == row.name and "legacy" not in case.name]
    assert samples, f"schemas/examples/{row.name} wants a notification in the 3.0 format"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_row_names_stands_in_its_struct(row: Row) -> None:
    shape = shape_of(row.struct)
    for path in row.file_id:
        assert holds(shape, path.split(".")), path
    assert all(row.has(name) for name in (*row.states, *row.results))
    assert row.word is None or row.has(row.word.field)
    assert row.anonymous or row.has("TaskId") or row.has("CastId") or row.file_id


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_is_taken_over_without_a_look_needs_none(row: Row) -> None:
    kinds = shape_of(row.struct).kinds
    ids = ("TaskId", "CastId", "SessionId", "SessionContext")
    assert all(kinds[name].passes is str for name in ids if name in kinds)
    assert part(row.name) == row.name


def holds(shape: Shape | None, steps: list[str]) -> bool:
    if shape is None or steps[0].removesuffix("[]") not in shape.kinds:
        return False
    kind = shape.kinds[steps[0].removesuffix("[]")]
    return kind.array == steps[0].endswith("[]") and (len(steps) == 1 or holds(kind.shape, steps[1:]))


def test_a_type_without_a_row_has_no_fields_of_its_own() -> None:
    assert not OTHER.has("TaskId")
    assert not shape_of(OTHER.struct).kinds
