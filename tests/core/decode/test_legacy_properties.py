"""Any legacy body gives a translation, and nothing in it is made up."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.decode import normalize
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.legacy import Translation, translate
from bridge.core.decode.legacy.event_types import LEGACY_TYPES
from bridge.core.decode.legacy.rules import MapObject, MapObjects, MappingTable, Pluck
from bridge.core.outcome import RejectedError

MAPPED_VALUES = {"FINISH", "Upload", "ImageSprites"}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def object_of(table: MappingTable) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with the table's own keys, and wild values as well as fitting ones under each."""
    keys: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(table.struct.__struct_fields__, VALUES)
    for key, rule in table.rows.items():
        match rule:
            case MapObject(table=inner):
                fitting: st.SearchStrategy[Any] = object_of(inner)
                keys[key] = VALUES | fitting | st.lists(fitting, max_size=2)
            case MapObjects(table=other, by_kind=by_kind):
                elements = [element_of(kind, inner) for kind, inner in by_kind.items()]
                keys[key] = VALUES | st.lists(st.one_of(VALUES, object_of(other), *elements), max_size=3)
            case Pluck(key=inner_key):
                keys[key] = VALUES | st.lists(st.fixed_dictionaries({inner_key: SCALARS}), max_size=3)
            case _:
                keys[key] = VALUES | SCALARS
    pairs = st.lists(
        st.sampled_from(sorted(keys)).flatmap(lambda key: st.tuples(st.just(key), keys[key])), max_size=8
    )
    return st.builds(
        lambda known, other: {**other, **dict(known)}, pairs, st.dictionaries(st.text(), SCALARS, max_size=2)
    )


def element_of(kind: str, table: MappingTable) -> st.SearchStrategy[dict[str, Any]]:
    return object_of(table).map(lambda element: {**element, "taskType": kind})


BODIES = st.one_of(
    st.tuples(
        st.sampled_from([*LEGACY_TYPES, "PorncheckComplete", "Новое"]), st.dictionaries(st.text(), VALUES)
    ),
    *(
        st.tuples(st.just(event_type), object_of(successor.table))
        for event_type, successor in LEGACY_TYPES.items()
    ),
)


def leaves(value: object) -> Iterator[str]:
    match value:
        case dict():
            for inner in value.values():
                yield from leaves(inner)
        case list():
            for inner in value:
                yield from leaves(inner)
        case _:
            yield repr(value)


@given(BODIES)
def test_any_body_gives_a_translation_and_stays_as_it_was(body: tuple[str, dict[str, Any]]) -> None:
    event_type, data = body
    before = copy.deepcopy(data)
    translation = translate(event_type, data)
    assert isinstance(translation, Translation)
    assert data == before
    assert all(path.startswith("data.") for path in translation.unknown_paths)


@given(BODIES)
def test_nothing_in_a_payload_is_made_up(body: tuple[str, dict[str, Any]]) -> None:
    event_type, data = body
    allowed = {*leaves(data), *map(repr, MAPPED_VALUES)}
    assert set(leaves(translate(event_type, data).payload)) <= allowed


@given(BODIES)
def test_every_top_level_key_is_mapped_or_named(body: tuple[str, dict[str, Any]]) -> None:
    event_type, data = body
    translation = translate(event_type, data)
    if not translation.known:
        assert translation.payload is data
        return
    table = LEGACY_TYPES[event_type].table
    known = {*table.rows, *table.struct.__struct_fields__}
    unmapped = [f"data.{key}" for key, value in data.items() if key not in known and value is not None]
    assert set(unmapped) <= set(translation.unknown_paths)


@given(BODIES)
def test_a_conversion_and_a_walk_see_the_same_event(body: tuple[str, dict[str, Any]]) -> None:
    event_type, data = body
    text = json.dumps({"eventType": event_type, "data": data}).encode()
    try:
        converted = read_event(open_envelope(text))
    except RejectedError:  # integers that no one can write
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalize, "_convert_or_none", lambda _value, _struct: None)
        assert converted == read_event(open_envelope(text))
