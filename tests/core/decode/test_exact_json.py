"""JSON text to values: both ways give the same, and neither takes longer than its size allows."""

from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.decode import exact_json, normalize
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.exact_json import (
    SLOW_NUMBER_SCAN_MIN_BYTES,
    decode_exactly,
    has_many_containers,
    has_slow_numbers,
)
from bridge.core.event import DecodedEvent
from bridge.core.outcome import RejectedError
from tests.core.bodies import Bodies, encode_body, encode_compact
from tests.examples import examples

SEEDS = st.integers(min_value=0, max_value=2**64 - 1)
SLOW = ("1e308", "-1E+308", "9.5e300", "2.2250738585072011e-308", "4.9406564584124654e-324", "1e23", "1e-400")


def _array(literal: str, number: int = 3000) -> bytes:
    return b"[" + b",".join([literal.encode()] * number) + b"]"


@pytest.mark.parametrize("literal", SLOW)
def test_very_many_slow_numbers_are_seen(literal: str) -> None:
    assert has_slow_numbers(_array(literal))
    assert has_slow_numbers(memoryview(_array(literal)))
    assert not has_slow_numbers(_array(literal, 500) + b" " * SLOW_NUMBER_SCAN_MIN_BYTES)
    assert not has_slow_numbers(_array(literal, 10))


@pytest.mark.parametrize("literal", ["1.5", "12345678901234567", "1e5", '"2026-01-01T00:00:00Z"', '"File"'])
def test_ordinary_values_are_none(literal: str) -> None:
    assert not has_slow_numbers(_array(literal, 20_000))


@pytest.mark.parametrize("literal", [*SLOW, "0.1", "-0.0", "1e22", "18446744073709551616", "-0", "9" * 40])
def test_a_number_is_the_same_whichever_way_it_is_read(literal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = decode_exactly(literal.encode())
    monkeypatch.setattr(exact_json, "SLOW_NUMBER_SCAN_MIN_BYTES", -1)
    monkeypatch.setattr(exact_json, "has_slow_numbers", lambda _text: True)
    exact = decode_exactly(literal.encode())
    assert (type(fast), repr(fast)) == (type(exact), repr(exact))


def test_a_number_that_no_python_number_holds_stays_its_text() -> None:
    found = decode_exactly(b'[1e999,{"a":-%b},1]' % (b"7" * 5000))
    assert [bytes(found[0]), bytes(found[1]["a"]), found[2]] == [b"1e999", b"-" + b"7" * 5000, 1]


@pytest.mark.parametrize(
    "text", [b"[1e999,2", b"[1e999,{", b'{"a":1e999', b"[1e999,NaN]", rb'[1e999,"\ud800"]']
)
def test_what_is_no_json_behind_a_number_too_large_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_exactly(text)


def test_what_is_read_in_pieces_is_the_same() -> None:
    text = b'{"a":[' + b",".join([b'[{},{"k":[]}]'] * 60_000) + b'],"b":{"c":"' + b"x" * 70_000 + b'"},"d":5}'
    assert decode_exactly(text) == msgspec.json.decode(text)


def test_what_is_in_pieces_may_hold_numbers_that_no_python_number_holds() -> None:
    found = decode_exactly(b"[" + b"[]," * 120_000 + b"1e999]")
    assert (len(found), bytes(found[-1])) == (120_001, b"1e999")


def test_many_containers_are_seen() -> None:
    assert has_many_containers(b"[" + b"{}," * 6_000 + b"{}]")
    assert not has_many_containers(b"[" + b"{}," * 4_000 + b"{}]")
    assert not has_many_containers(b"[" * 6_000)


def _read(body: bytes) -> DecodedEvent | str:
    try:
        return read_event(open_envelope(body))
    except RejectedError as rejected:
        return str(rejected)


@settings(max_examples=examples(500, full=2_000))
@given(SEEDS)
def test_a_body_with_slow_numbers_is_the_same_event(seed: int) -> None:
    bodies = Bodies(seed, wild=Random(seed).choice((0.002, 0.05)))  # noqa: S311 - no secret hangs on it
    row, body = bodies.notification()
    payload: Any = next((value for value in body.values() if isinstance(value, dict)), {})
    for text in (encode_compact(row, payload), encode_body(body)):
        fast = _read(text)
        with pytest.MonkeyPatch.context() as patch:
            for module in (exact_json, normalize):
                patch.setattr(module, "SLOW_NUMBER_SCAN_MIN_BYTES", -1)
                patch.setattr(module, "has_slow_numbers", lambda _text: True)
            exact = _read(text)
        assert fast == exact
