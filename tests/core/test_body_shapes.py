"""No shape of body is dearer than its size: before the signature next to nothing, after it a bounded time.

Measured is the CPU time of this thread, the least of some tries, at a sixteenth of the largest body. The
table of the full size is `python -m tests.bench.shapes`.
"""

import tracemalloc
from contextlib import suppress
from time import thread_time

import pytest

from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.exact_json import has_slow_numbers
from bridge.core.outcome import RejectedError
from bridge.core.signature import NO_SIGNATURE, check_signature, read_signature_params
from tests.body_shapes import SHAPES

SIZE = 256 * 1024
TRIES = 3
# Generous: the machine may be busy, and the run under coverage. `python -m tests.bench.shapes` measures.
PROOF_S = 0.1  # what is dear took 400 ms here
READ_S = 2.0
NUMBERS = ("1e308", "smallest normal", "denormal", "1E+0308")
SIGNED = Application(name="shop", sign_keys=("key",))

every_shape = pytest.mark.parametrize("name", SHAPES)


@every_shape
def test_an_unsigned_body_costs_next_to_nothing(name: str) -> None:
    body = SHAPES[name](SIZE)
    spent: list[float] = []
    for _ in range(TRIES):
        began = thread_time()
        assert check_signature(SIGNED, read_signature_params(body), NO_SIGNATURE, 0) == "missing"
        spent.append(thread_time() - began)
    assert min(spent) < PROOF_S


@every_shape
def test_an_unsigned_body_takes_no_more_memory_than_twice_its_size(name: str) -> None:
    body = SHAPES[name](SIZE)
    tracemalloc.start()
    read_signature_params(body)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 2 * len(body) + 4096


@every_shape
def test_an_open_body_is_read_in_a_bounded_time(name: str) -> None:
    body = SHAPES[name](SIZE)
    assert has_slow_numbers(body) or not name.startswith(NUMBERS)
    spent: list[float] = []
    for _ in range(TRIES):
        began = thread_time()
        with suppress(RejectedError):
            read_event(open_envelope(body))
        spent.append(thread_time() - began)
    assert min(spent) < READ_S


# As the first release that read them all by msgspec alone had them: a digest never changes.
READ_AS = {
    "1e308": "315e04ec6043b7f2 conforming",
    "1e308 of an unknown type": "5b3689ec4e70c5de conforming",
    "1e308 of a legacy type": "07faa3a6c9fc3d5e repaired",
    "1e308 beside the payload": "d81c67c46f68fd71 conforming",
    "1e308 at other keys": "d14eede3a50d998e conforming",
    "smallest normal": "ea47cf488fb09dc9 conforming",
    "denormal": "90e2aff36ef1b582 conforming",
    "1e-400": "9091a037b1fe6634 conforming",
    "1e999": "6f797bd3a5b34154 conforming",
    "1e999 of an unknown type": "263085dbcfacbbd5 conforming",
    "1E+0308": "c6c988372004096f conforming",
    "1e200": "088328f387589b26 conforming",
    "1e-27": "65099ac7d9f8ca66 conforming",
    "0.1": "b319336f066e3498 conforming",
    "25 digits after the point": "45d92c99db241e6b conforming",
    "800 digits after the point": "2821e8fdce4e025a conforming",
    "zeros before an exponent": "2caa05f8b8688517 conforming",
    "one number of all digits": "e1b396528244c3fd conforming",
    "numbers of 4,000 digits": "c7eaba6da1e7107d conforming",
    "numbers of 20 digits": "dc61bc7a219f96aa conforming",
    "digits": "c249eae82992a84f conforming",
    "escapes": "af78a408b7bdc05a conforming",
    "escapes in a body that is no JSON": "malformed",
    "escapes and half a pair": "3794abc23e0b1d01 repaired",
    "halves of pairs": "9f3f5bfb4b323794 repaired",
    "pairs": "487e728643fb608f conforming",
    "escaped keys": "f49f3163120053d0 conforming",
    "empty arrays": "edcb2d79a1c04886 nonconforming",
    "empty objects": "84ffb2bc13ec32e6 conforming",
    "empty arrays of an unknown type": "f40128ed041997ef conforming",
    "arrays in arrays": "7523cd0f0f589f97 conforming",
    "arrays in elements": "dcf71c9f2a6f2e17 conforming",
    "arrays for objects of legacy ConcatComplete": "e6f33da377c9e94d nonconforming",
    "empty objects of legacy ConcatComplete": "f5d382f02c8785c5 conforming",
    "empty objects, then a code": "0f3619ba5911b47c conforming",
    "objects of one key": "54130ea28d4bb393 conforming",
    "objects of null": "6ce3d768a4cd0cb6 conforming",
    "failures": "b723497374ce6604 conforming",
    "100 levels, again and again": "12a03b993322e022 conforming",
    "as deep as it is long": "malformed",
    "keys at the top": "not_an_event",
    "objects at the top": "no_payload",
    "keys in the payload, counting down": "cbd92cacb237ed7e conforming",
    "keys in the payload, in no order": "9dc59535b100168f conforming",
    "keys of a known payload": "680469e37370a657 conforming",
    "one key again and again": "b7ae0271dea72c4c conforming",
    "one key at the top again and again": "08e928522d3f3481 conforming",
    "nulls at the top": "01e7b720ff566d53 conforming",
    "blanks": "01e7b720ff566d53 conforming",
    "blanks between members": "34389eadb007fb99 conforming",
    "integers for texts": "bb29e0e07df7d2d6 repaired",
    "wide characters": "026f845164b24e06 conforming",
    "one wide character": "3e09943428805597 conforming",
    "not UTF-8 at its end": "malformed",
    "texts": "a1e53f5eac58d8dd conforming",
}


@every_shape
def test_what_is_dear_is_the_event_that_it_was(name: str) -> None:
    assert _read(SHAPES[name](64 * 1024)) == READ_AS[name]


def _read(body: bytes) -> str:
    try:
        event = read_event(open_envelope(body))
    except RejectedError as rejected:
        return str(rejected.reason)
    return f"{event.identity.digest} {event.conformance}"
