"""The schemas are up to date, valid, hold for whatever the bridge writes, and constrain it."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bridge.core.application import Application
from bridge.core.catalogue import EVENT_TYPES, EventType
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.schema import schema_of
from bridge.core.event import DedupStamp, Notification, Record
from bridge.core.outcome import RejectedError
from bridge.core.record import Routing, dead_letter, event_record
from tests.core.bodies import Bodies, encode_body
from tests.core.decode.test_legacy_properties import BODIES as LEGACY_BODIES
from tests.examples import examples
from tests.schemas.reading import (
    KNOWN,
    NAMES,
    PUBLISHED,
    SCHEMAS,
    exactly,
    schema,
    schema_for_event,
    tool,
    validation_errors,
)

EXAMPLES = sorted(SCHEMAS.glob("examples/*/*.out.json"))
SEEDS = st.integers(min_value=0, max_value=2**64 - 1)
MANY = examples(200, full=1_000)
BOTTOM = {
    "id": "x",
    "app": "default",
    "time": "2026-01-01T00:00:00.000Z",
    "outcome": "succeeded",
    "delivery": {"format": "v3", "mode": "push", "deduplicated": True},
    "conformance": "conforming",
}


def written(body: bytes, *, revision: bool = False) -> Record:
    """Encode the record that the bridge publishes for a body: an event or a dead letter."""
    application = Application(name="my-shop", sub_app_id=1_500_000_000)
    notification = Notification(application=application, body=body, received_ms=1_767_225_600_000)
    try:
        event = read_event(open_envelope(body))
    except RejectedError as rejected:
        return dead_letter(notification, rejected.reason, rejected.detail, Routing())
    stamp = DedupStamp(id=event.identity.key, deduplicated=not revision, revision=revision)
    return event_record(event, stamp, notification, Routing())


def schema_errors(record: Record) -> list[str]:
    """Return the errors of a record by the published schemas."""
    headers = {name: value.decode() for name, value in record.headers}
    if "reason" in headers:
        return validation_errors("dead-letter", headers)
    event = exactly(record.value)
    name = schema_for_event(event)
    wrong_schema = (
        [] if headers["ce_dataschema"] == schema(name)["$id"] else ["ce_dataschema names another schema"]
    )
    return (
        wrong_schema
        + validation_errors(name, event)
        + validation_errors("event", event)
        + validation_errors("headers", headers)
    )


@pytest.mark.parametrize("name", ["gen_json_schemas", "gen_asyncapi", "gen_schemas_readme", "compatibility"])
def test_generated_files_are_up_to_date(name: str) -> None:
    assert tool(name).main(["--check"]) == 0


def test_there_is_one_for_each_type_and_no_other() -> None:
    standing = {path.name.removesuffix(".v1.schema.json") for path in PUBLISHED.glob("*.schema.json")}
    assert standing == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_valid_by_the_meta_schema_and_named_as_records_name_it(name: str) -> None:
    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["$id"] == f"urn:vod-event-bridge:schemas:{name}.v1"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_example_is_valid_by_its_schema(example: Any) -> None:  # noqa: ANN401 - a path
    case = example.with_name(example.name.replace(".out.json", ".in.json"))
    event = json.loads(example.read_bytes())
    assert schema_errors(written(case.read_bytes())) == []
    if "id" in event:
        assert validation_errors(schema_for_event(event), event) == []


@settings(max_examples=MANY)
@given(SEEDS)
def test_whatever_becomes_of_a_catalogue_shaped_body_is_valid(seed: int) -> None:
    _, body = Bodies(seed).notification()
    assert schema_errors(written(encode_body(body), revision=seed % 2 == 1)) == []


@given(LEGACY_BODIES)
def test_whatever_becomes_of_a_legacy_body_is_valid(body: tuple[str, dict[str, Any]]) -> None:
    name, data = body
    text = json.dumps({"version": "4.0", "eventType": name, "data": data}).encode()
    assert schema_errors(written(text)) == []


@given(SEEDS, st.sampled_from(EVENT_TYPES))
def test_whatever_becomes_of_a_payload_of_any_values_is_valid(seed: int, row: EventType) -> None:
    bodies = Bodies(seed, wild=1)
    payload = dict.fromkeys(row.struct.__struct_fields__) | {
        name: bodies.any_value() for name in bodies.random.sample(row.struct.__struct_fields__, 2)
    }
    assert schema_errors(written(encode_body({"EventType": row.name, row.field: payload}))) == []


@given(SEEDS)
def test_unknown_values_fields_and_types_are_valid(seed: int) -> None:
    row, body = Bodies(seed, wild=0).notification()
    payload = next(value for value in body.values() if isinstance(value, dict))
    payload |= {"Status": "A_NEW_WORD", "ANewField": {"Inner": [1, None]}, "Message": None}
    if not row.has_field("Status") or schema_of(row.struct).fields["Status"].type is not str:
        del payload["Status"]
    record = written(encode_body({"EventType": row.name, row.field: payload}))
    assert json.loads(record.value)["conformance"] in ("conforming", "repaired")
    assert schema_errors(record) == []
    assert schema_errors(written(encode_body({"EventType": "ANewType", "ANewEvent": payload}))) == []


@pytest.mark.parametrize("row", EVENT_TYPES, ids=lambda row: row.name)
def test_a_field_of_another_type_is_invalid_unless_the_event_is_nonconforming(row: EventType) -> None:
    wrong = {"text": 1, "number": "1"}
    kinds = schema_of(row.struct).fields
    for name in row.struct.__struct_fields__:
        put = wrong["text"] if kinds[name].type is str else wrong["number"]
        event = BOTTOM | {"type": row.name, "payload": {name: put}}
        assert next(iter(validation_errors(row.name, event))).startswith(f"{row.name}: $.payload.{name}: ")
        assert validation_errors(row.name, event | {"conformance": "nonconforming"}) == []
        assert validation_errors(row.name, event | {"payload": {name: None}}) == []


@pytest.mark.parametrize(
    "missing", ["id", "type", "app", "time", "outcome", "delivery", "conformance", "payload"]
)
def test_an_event_without_what_every_event_has_is_refused(missing: str) -> None:
    event = BOTTOM | {"type": "NewFileUpload", "payload": {"FileId": "1"}}
    assert validation_errors("NewFileUpload", event) == []
    lacking = copy.deepcopy(event)
    del lacking[missing]
    assert validation_errors("NewFileUpload", lacking)
    assert validation_errors("event", lacking)


def test_integers_are_exact_up_to_64_bits() -> None:
    def size(value: int) -> dict[str, Any]:
        return BOTTOM | {"type": "NewFileUpload", "payload": {"MetaData": {"Size": value}}}

    assert validation_errors("NewFileUpload", size(2**64 - 1)) == []
    assert validation_errors("NewFileUpload", size(-(2**63))) == []
    assert validation_errors("NewFileUpload", size(2**64))
    assert validation_errors("NewFileUpload", size(-(2**63) - 1))


def test_every_field_of_a_payload_has_its_description() -> None:
    for name in KNOWN:
        for struct in schema(name)["$defs"].values():
            assert all(field["description"] for field in struct["properties"].values())
            assert "required" not in struct


def test_units_are_in_the_schema() -> None:
    duration = schema("TranscodeComplete")["$defs"]["TranscodeTask2017"]["properties"]["Duration"]
    assert (duration["x-unit"], duration["type"]) == ("s", ["integer", "null"])
    assert "seconds" in duration["description"]


def test_triggers_name_only_existing_types() -> None:
    assert set(json.loads((SCHEMAS / "triggers.json").read_bytes())) <= KNOWN
