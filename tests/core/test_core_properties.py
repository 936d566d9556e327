"""What must hold for any input: an event or one clear refusal, and nothing delivered is ever missing."""

import json
import re
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.core import result
from bridge.core.application import Application
from bridge.core.decode import normalize, v3
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DecodedEvent, DedupStamp, Notification
from bridge.core.outcome import RejectedError
from bridge.core.record import Routing, event_record
from tests.core.bodies import Bodies, encode_body, encode_framed, shuffled
from tests.examples import examples

BODIES = examples(1_000, full=20_000)
SEEDS = st.integers(min_value=0, max_value=2**64 - 1)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
NAMES = st.sampled_from(
    ["EventType", "eventType", "data", "FileUploadEvent", "EditMediaComplete", "Sign", "T", "X"]
)
TYPES = st.sampled_from(
    ["NewFileUpload", "EditMediaComplete", "RestoreCompleteEvent", "TranscodeComplete", "New"]
)


def read(body: bytes) -> DecodedEvent | RejectedError:
    try:
        return read_event(open_envelope(body))
    except RejectedError as rejected:
        return rejected


def damaged(text: bytes, random: Random) -> bytes:
    """Change one byte, or put in or leave out a few, as often as not."""
    if random.random() < 0.5:
        return text
    at = random.randrange(len(text))
    pieces = (
        b"",
        b"}",
        b'"',
        b",",
        b":{",
        b"null",
        b"\\ud800",
        b"\xff",
        b" ",
        b'{"a":1}',
        bytes([random.randrange(256)]),
    )
    return text[:at] + random.choice(pieces) + text[at + random.randrange(3) :]


def exactly(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON without what the bridge reads with: numbers as they are written, surrogates mended."""
    mend = re.compile("[\ud800-\udfff]")

    def plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {mend.sub("\ufffd", key): texts(value) for key, value in pairs}

    def texts(value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(value, str):
            return mend.sub("\ufffd", value)
        return [texts(element) for element in value] if isinstance(value, list) else value

    def number(literal: str) -> tuple[str]:
        return (literal,)

    return json.loads(text, object_pairs_hook=plain, parse_int=number, parse_float=number)


def assert_nothing_is_missing(body: bytes, event: DecodedEvent) -> None:
    delivered = {
        key: value for key, value in exactly(body).items() if key not in ("Sign", "T", "EventHandle")
    }
    if isinstance(event.original, msgspec.Raw):
        assert exactly(bytes(event.original)) == delivered
        return
    assert event.conformance != "repaired"
    assert delivered.pop("EventType") == event.type
    assert [value for value in delivered.values() if value is not None] == [exactly(bytes(event.payload))]


def assert_written_well(event: DecodedEvent) -> None:
    notification = Notification(application=Application(name="default"), body=b"", received_ms=0)
    written = event_record(event, DedupStamp(id=event.identity.key), notification, Routing())
    assert written == event_record(event, DedupStamp(id=event.identity.key), notification, Routing())
    value = json.loads(written.value.decode(), parse_int=str)
    assert value["id"] == event.identity.key
    assert all(value[key] not in (None, "", []) for key in value if key != "payload")


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"")
@example(b"\xef\xbb\xbf{}")
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"EventType":"X","a":{"b":' + b"[" * 900 + b"]" * 900 + b"}}")
def test_any_bytes_give_an_event_or_a_refusal(body: bytes) -> None:
    read(body)


@given(st.dictionaries(NAMES, JSON | TYPES | st.dictionaries(NAMES, JSON)))
def test_any_object_with_known_names_gives_an_event_or_a_refusal(body: dict[str, Any]) -> None:
    text = json.dumps(body).encode()
    event = read(text)
    if isinstance(event, DecodedEvent):
        assert_nothing_is_missing(text, event)
        assert_written_well(event)


@settings(max_examples=BODIES)
@given(SEEDS)
def test_nothing_delivered_is_missing_whatever_the_values(seed: int) -> None:
    bodies = Bodies(seed)
    _, body = bodies.notification()
    text = encode_body(body)
    event = read(text)
    if isinstance(event, DecodedEvent):
        assert_nothing_is_missing(text, event)
        assert_written_well(event)


@given(SEEDS)
def test_right_values_are_conforming_and_passed_on_untouched(seed: int) -> None:
    bodies = Bodies(seed, wild=0)
    bodies.lone = False
    row, body = bodies.notification()
    body = {"EventType": row.name, row.field: next(v for v in body.values() if isinstance(v, dict))}
    event = read(encode_body(body))
    assert isinstance(event, DecodedEvent)
    assert event.conformance == "conforming"
    assert bytes(event.payload) == json.dumps(body[row.field]).encode()
    assert event.original is msgspec.UNSET


@given(SEEDS)
def test_the_short_way_and_the_long_ways_see_the_same_event(seed: int) -> None:
    text = encode_body(Bodies(seed, wild=0.002).notification()[1])
    short = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalize, "decode_strict", lambda _raw, _row: None)
        patch.setattr(v3, "decode_strict", lambda _raw, _row: None)
        converted = read(text)
        patch.setattr(normalize, "_convert_or_none", lambda _value, _struct: None)
        walked = read(text)
    if isinstance(short, DecodedEvent) and isinstance(walked, DecodedEvent):
        assert short == converted == walked
    else:
        assert str(short) == str(converted) == str(walked)


@settings(max_examples=examples(500, full=2_000))
@given(SEEDS)
def test_what_is_read_in_one_go_is_read_as_on_the_long_way(seed: int) -> None:
    bodies = Bodies(seed, wild=0.002)
    row, body = bodies.notification()
    payload = next((value for value in body.values() if isinstance(value, dict)), {})
    text = damaged(encode_framed(row, payload, bodies.random), bodies.random)
    short = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(v3, "decode_fast", lambda _body: None)
        long = read(text)
    assert short == long if isinstance(short, DecodedEvent) else str(short) == str(long)


@settings(max_examples=examples(500, full=2_000))
@given(SEEDS)
def test_the_fast_path_gives_the_same_result_as_the_full_evaluation(seed: int) -> None:
    text = encode_body(Bodies(seed, wild=0.002).notification()[1])
    short = read(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(result, "_fast_path", lambda *_: None)
        counted = read(text)
    assert short == counted if isinstance(short, DecodedEvent) else str(short) == str(counted)


@given(SEEDS)
def test_the_order_of_keys_does_not_change_the_identity(seed: int) -> None:
    bodies = Bodies(seed)
    bodies.lone = False  # mended keys may meet, and then the last one counts
    _, body = bodies.notification()
    one, other = read(encode_body(body)), read(encode_body(shuffled(body, Random(seed))))  # noqa: S311 - no secret hangs on it
    if isinstance(one, DecodedEvent) and isinstance(other, DecodedEvent):
        assert one.identity == other.identity
        assert one.outcome == other.outcome
    else:
        assert str(one) == str(other)
