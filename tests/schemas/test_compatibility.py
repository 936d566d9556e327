"""Changes that break a reader of the last release are refused by name; additions are accepted."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.schemas.reading import KNOWN, NAMES, PUBLISHED, SCHEMAS, schema, tool

Schema = dict[str, Any]
Edit = Callable[[Schema], object]

COMPATIBILITY = tool("compatibility")
TYPE = "EditMediaComplete"


def payload(edited: Schema) -> Schema:
    """Return the fields of the type's own struct."""
    fields: Schema = edited["$defs"]["EditMediaTask"]["properties"]
    return fields


def output(edited: Schema) -> Schema:
    """Return the fields of a struct inside it."""
    fields: Schema = edited["$defs"]["EditMediaTaskOutput"]["properties"]
    return fields


BREAKING: dict[str, tuple[Edit, str]] = {
    "a field of the payload removed": (lambda s: payload(s).pop("TaskId"), "payload.TaskId: removed"),
    "a field deep in the payload removed": (
        lambda s: output(s).pop("FileId"),
        "payload.Output.FileId: removed",
    ),
    "a field of the envelope removed": (lambda s: s["properties"].pop("file_id"), "file_id: removed"),
    "a type narrowed": (
        lambda s: payload(s)["TaskId"].update(type="string"),
        "payload.TaskId: type narrowed, null or string to string",
    ),
    "a type widened": (
        lambda s: payload(s)["TaskId"].update(type=["string", "null", "integer"]),
        "payload.TaskId: type widened, null or string to integer or null or string",
    ),
    "a type changed": (
        lambda s: payload(s)["ErrCode"].update(type=["string", "null"]),
        "payload.ErrCode: type changed, integer or null to null or string",
    ),
    "an object become a text": (
        lambda s: payload(s).update(Output={"type": ["string", "null"]}),
        "payload.Output: type changed, any to null or string",
    ),
    "an object no longer null": (
        lambda s: payload(s)["Output"]["anyOf"].pop(),
        "payload.Output: type changed",
    ),
    "an object become another one": (
        lambda s: payload(s)["Output"]["anyOf"][0].update({"$ref": "#/$defs/EditMediaTaskInput"}),
        "payload.Output.FileId: removed",
    ),
    "the elements of an array changed": (
        lambda s: s["properties"]["repairs"].update(items={"type": "object"}),
        "repairs[]: type changed, string to object",
    ),
    "a field of the payload required": (
        lambda s: s["$defs"]["EditMediaTask"].update(required=["TaskId"]),
        "payload.TaskId: required now",
    ),
    "a field of the envelope required": (lambda s: s["required"].append("file_id"), "file_id: required now"),
    "a field of the envelope no longer required": (
        lambda s: s["required"].remove("id"),
        "id: no longer required",
    ),
    "an enumeration closed": (
        lambda s: payload(s)["Status"].update(enum=["FINISH", None]),
        'payload.Status: enumeration closed to ["FINISH", null]',
    ),
    "a value added to a closed enumeration": (
        lambda s: s["properties"]["outcome"]["enum"].append("maybe"),
        'outcome: value "maybe" added to a closed enumeration',
    ),
    "a value removed": (
        lambda s: s["properties"]["outcome"]["enum"].remove("partial"),
        'outcome: value "partial" removed',
    ),
    "an enumeration opened": (
        lambda s: s["properties"].update(outcome={"type": "string"}),
        "outcome: enumeration opened",
    ),
    "an object closed": (
        lambda s: s["$defs"]["EditMediaTask"].update(additionalProperties=False),
        "payload: closed, further keys were allowed",
    ),
    "the event closed": (
        lambda s: s.update(additionalProperties=False),
        "the event: closed, further keys were allowed",
    ),
    "a bound moved": (
        lambda s: payload(s)["ErrCode"].update(maximum=10),
        "payload.ErrCode: maximum changed, 18446744073709551615 to 10",
    ),
    "a bound added": (
        lambda s: payload(s)["TaskId"].update(maxLength=10),
        "payload.TaskId: maxLength 10 added",
    ),
    "a unit changed": (
        lambda s: s["$defs"]["MediaMetaData"]["properties"]["Duration"].update({"x-unit": "ms"}),
        'payload.MetaData.Duration: x-unit changed, "s" to "ms"',
    ),
    "the payload asserted of nonconforming events too": (
        lambda s: s.pop("if"),
        ': if {"required": ["conformance"]',
    ),
    "a condition that holds for fewer events": (
        lambda s: s["if"]["properties"].update(app={"const": "x"}),
        "app: asserted now",
    ),
    "a field asserted by a condition": (
        lambda s: s["else"]["properties"].update(file_id={"maxLength": 3}),
        "file_id: asserted now",
    ),
    "a field asserted by a choice": (
        lambda s: s["properties"]["payload"]["anyOf"][1].update(properties={"TaskId": {"type": "integer"}}),
        "payload.TaskId: asserted now",
    ),
    "a field forbidden": (lambda s: payload(s).update(Old=False), "payload.Old: asserted now"),
    "another name": (lambda s: s.update({"$id": "urn:other"}), ": $id changed"),
    "the type's constant changed": (
        lambda s: s["properties"]["type"].update(const="Other"),
        'type: const changed, "EditMediaComplete" to "Other"',
    ),
}

ADDITIVE: dict[str, Edit] = {
    "a field of the payload": lambda s: payload(s).update(New={"type": ["string", "null"]}),
    "a field of the envelope": lambda s: s["properties"].update(new={"type": "string"}),
    "a struct": lambda s: (
        s["$defs"].update(New={"type": "object", "required": ["x"]}),
        payload(s).update(New={"anyOf": [{"$ref": "#/$defs/New"}, {"type": "null"}]}),
    ),
    "a value seen": lambda s: payload(s)["Status"].update(examples=["FINISH", "NEW"]),
    "a description": lambda s: payload(s)["TaskId"].update(description="Another text."),
    "a remark": lambda s: s.update({"$comment": "Another text."}),
    "a mark of deprecation": lambda s: payload(s)["TaskId"].update(deprecated=True),
    "a unit": lambda s: payload(s)["ErrCode"].update({"x-unit": "s"}),
    "another order": lambda s: s.update(properties=dict(reversed(s["properties"].items()))),
}


@pytest.mark.parametrize("kind", BREAKING)
def test_a_breaking_edit_is_named(kind: str) -> None:
    edit, named = BREAKING[kind]
    edited = copy.deepcopy(schema(TYPE))
    edit(edited)
    found = COMPATIBILITY.breaking_changes(schema(TYPE), edited)
    assert any(named in line for line in found), found


@pytest.mark.parametrize("kind", ADDITIVE)
def test_an_additive_edit_passes(kind: str) -> None:
    edited = copy.deepcopy(schema(TYPE))
    ADDITIVE[kind](edited)
    assert edited != schema(TYPE) or kind == "another order"
    assert COMPATIBILITY.breaking_changes(schema(TYPE), edited) == []


@pytest.mark.parametrize("name", ["headers", "dead-letter"])
def test_headers_are_held_as_well(name: str) -> None:
    edited = copy.deepcopy(schema(name))
    first = next(iter(edited["properties"]))
    del edited["properties"][first]
    assert COMPATIBILITY.breaking_changes(schema(name), edited) == [f"{first}: removed"]


def test_a_removed_schema_is_named_and_a_new_one_passes(tmp_path: Path) -> None:
    released, today = tmp_path / "released", tmp_path / "today"
    today.mkdir()
    for name in ("EditMediaComplete", "PullComplete"):
        (today / f"{name}.v1.schema.json").write_text(json.dumps(schema(name)), encoding="utf-8")
    COMPATIBILITY.save_release(today, released)
    assert COMPATIBILITY.breaking_changes_in(released, today) == []

    (today / "PullComplete.v1.schema.json").rename(today / "NewComplete.v1.schema.json")
    assert COMPATIBILITY.breaking_changes_in(released, today) == ["PullComplete.v1: removed"]


def test_the_released_ones_are_all_there_and_nothing_breaks_their_readers() -> None:
    released = {path.name.removesuffix(".v1.schema.json") for path in (SCHEMAS / "released").glob("*.json")}
    assert released <= set(NAMES)
    assert released & KNOWN
    assert COMPATIBILITY.breaking_changes_in(SCHEMAS / "released", PUBLISHED) == []
