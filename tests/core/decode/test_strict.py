"""Fields that the catalogue does not know: decoded as fast as the others, from the second event on."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from bridge.core.catalogue import BY_NAME, EVENT_TYPES
from bridge.core.decode import normalize
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.json_values import canonical
from bridge.core.decode.schema import ObjectSchema, schema_of
from bridge.core.decode.strict import ADDED_FIELDS_MAX, StrictDecoder
from bridge.core.event import DecodedEvent
from bridge.core.outcome import RejectedError
from tests.core.bodies import Bodies, encode_compact
from tests.examples import examples

EDIT = BY_NAME["EditMediaComplete"]
PROCEDURE = BY_NAME["ProcedureStateChanged"]


@pytest.fixture
def decoder() -> StrictDecoder:
    return StrictDecoder(PROCEDURE.struct)


def is_decoded(decoder: StrictDecoder, payload: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Whether the decoder takes a payload; what it takes it encodes as canonical JSON."""
    text = Raw(msgspec.json.encode(payload))
    try:
        value = decoder.decode(text)
    except msgspec.ValidationError:
        return False
    assert msgspec.json.encode(value) == canonical(payload)
    return True


@pytest.mark.parametrize(
    "payload",
    [
        {"Later": 1},
        {"Later": None},
        {"Later": "x", "A": True, "Zoo": 1.5},
        {"Later": []},
        {"Later": [1, None, "x", 2.0, False]},
        {"Later": {}},
        {"Later": {"Z": 1, "A": [{"B": None, "A": {"C": "x"}}, {}, None, 5]}},
        {"MetaData": {"Later": 1, "VideoStreamSet": [{"Codec": "av1", "Later": {"A": 1}}, {}]}},
        {"MediaProcessResultSet": [{"Later": {"A": 1}, "TranscodeTask": {"Later": [1], "ErrCode": 0}}]},
    ],
)
def test_a_field_of_an_earlier_payload_is_decoded(decoder: StrictDecoder, payload: dict[str, Any]) -> None:
    assert not is_decoded(decoder, payload)
    decoder.add_fields_of(payload)
    assert is_decoded(decoder, payload)


@pytest.mark.parametrize(
    "payload",
    [
        {"Later": [[]]},
        {"Later": Raw(b"1e999")},
        {"Later": {"A": {"Status": "FAIL"}}},  # it may be a result
        {"MetaData": {"ErrCode": 5}},
        {"CastId": "c"},
        {"MediaProcessResultSet": [{"Later": {"ErrCode": 5}}]},
        {"lower": 1},
        {"None": 1},
        {"Later-Key": 1},
        {"X" * 65: 1},
        {"": 1},
        {f"Later{number}": 1 for number in range(ADDED_FIELDS_MAX + 1)},
        {"Later": [{f"Later{number}": {}} for number in range(ADDED_FIELDS_MAX)]},
    ],
)
def test_what_has_a_meaning_or_no_end_is_left_to_the_slow_path(
    decoder: StrictDecoder, payload: dict[str, Any]
) -> None:
    decode = decoder.decode
    decoder.add_fields_of(payload)
    assert decoder.decode is decode


def test_fields_add_up_and_may_change_their_type(decoder: StrictDecoder) -> None:
    for payload in ({"Later": 1}, {"Later": {"A": 1}}, {"Other": 1, "Later": [{"B": 1}]}):
        decoder.add_fields_of(payload)
    decode = decoder.decode
    assert is_decoded(decoder, {"Later": {"B": [2], "A": "x"}, "Other": {}} | {"Other": "x"})
    decoder.add_fields_of({"Later": [1]})
    assert decoder.decode is decode


def test_a_known_field_keeps_its_type(decoder: StrictDecoder) -> None:
    decoder.add_fields_of({"Later": 1, "MetaData": {"Later": 1}})
    assert not is_decoded(decoder, {"Status": 5, "Later": 1})
    assert not is_decoded(decoder, {"MetaData": {"Duration": "x"}})
    assert not is_decoded(decoder, {"Later": 2**63})


def test_no_more_fields_than_a_limit_are_added() -> None:
    decoder = StrictDecoder(EDIT.struct)
    for number in range(2 * ADDED_FIELDS_MAX):
        decoder.add_fields_of({f"Later{number}": 1})
    assert is_decoded(decoder, {f"Later{number}": 1 for number in range(ADDED_FIELDS_MAX)})
    assert not is_decoded(decoder, {f"Later{ADDED_FIELDS_MAX}": 1})


def test_fields_are_not_added_from_large_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = StrictDecoder(EDIT.struct)
    monkeypatch.setattr(normalize, "strict_decoder", lambda _struct: decoder)
    normalize.normalize(Raw(msgspec.json.encode({"Later": "x" * 20_000})), EDIT)
    assert not is_decoded(decoder, {"Later": "x"})
    normalize.normalize(Raw(msgspec.json.encode({"Later": "x" * 10_000})), EDIT)
    assert is_decoded(decoder, {"Later": "x"})


def test_fields_of_nonconforming_and_repaired_payloads_are_not_added(monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = StrictDecoder(EDIT.struct)
    monkeypatch.setattr(normalize, "strict_decoder", lambda _struct: decoder)
    for payload in (b'{"Later":1,"TaskId":5}', b'{"Later":1,"Output":5}'):
        normalize.normalize(Raw(payload), EDIT)
        assert not is_decoded(decoder, {"Later": 1})


def with_unknown_fields(value: Any, schema: ObjectSchema, random: Random) -> Any:  # noqa: ANN401 - any JSON value
    """Put unknown fields into the objects of a payload."""
    if isinstance(value, list):
        return [with_unknown_fields(element, schema, random) for element in value]
    if not isinstance(value, dict):
        return value
    nested = {name: kind.schema for name, kind in schema.fields.items() if kind.schema}
    found = {
        key: with_unknown_fields(member, nested[key], random) if key in nested else member
        for key, member in value.items()
    }
    if random.random() < 0.3:
        found[random.choice(("Later", "Aa", "ZzSet", "Status", "ErrCode"))] = unknown_value(random)
    return found


def unknown_value(random: Random, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON value
    choice = random.randrange(9 if depth < 3 else 6)
    if choice == 8:
        return [unknown_value(random, depth + 1) for _ in range(random.randrange(3))]
    if choice > 5:
        names = ("A", "Z", "Later", "Status", "ErrCode", "Message")
        return {
            random.choice(names): unknown_value(random, depth + 1) for _ in range(random.choice((0, 1, 2)))
        }
    return random.choice(("x", "FAIL", "", 0, 7, 2**64, 1.0, True, None))


def read(body: bytes) -> DecodedEvent | str:
    try:
        return read_event(open_envelope(body))
    except RejectedError as error:
        return str(error)


@settings(max_examples=examples(200, full=2_000))
@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_added_fields_change_no_event(seed: int) -> None:
    """A run of events of one type, each with unknown fields, against a process that adds none."""
    bodies = Bodies(seed, wild=0)
    row = bodies.random.choice(EVENT_TYPES)
    schema = schema_of(row.struct)
    texts = [
        encode_compact(row, with_unknown_fields(bodies.catalogue_object(schema), schema, bodies.random))
        for _ in range(4)
    ] * 2
    decoders = {row.struct: StrictDecoder(row.struct)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalize, "strict_decoder", decoders.__getitem__)
        fast = [read(text) for text in texts]
        patch.setattr(normalize, "strict_decoder", StrictDecoder)
        slow = [read(text) for text in texts]
    assert fast == slow


@pytest.mark.parametrize("inner", [[{"Name": "x", "Type": "y"}], "x", [], 1, None])
def test_an_odd_nested_copy_changes_no_later_event(monkeypatch: pytest.MonkeyPatch, inner: Any) -> None:  # noqa: ANN401 - any JSON value
    def uploaded(nested: Any) -> bytes:  # noqa: ANN401 - as above
        payload = {"FileId": "5", "MediaBasicInfo": {"MediaBasicInfo": nested}}
        return msgspec.json.encode({"EventType": "NewFileUpload", "FileUploadEvent": payload})

    decoder = StrictDecoder(BY_NAME["NewFileUpload"].struct)
    monkeypatch.setattr(normalize, "strict_decoder", lambda _: decoder)
    usual = uploaded({"Name": "n", "Type": "mp4"})
    before = read(usual)
    read(uploaded(inner))
    assert read(usual) == before
    assert isinstance(before, DecodedEvent)
    assert before.repairs == ("MediaBasicInfo: unnested",)
