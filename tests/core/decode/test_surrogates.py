"""Halves of surrogate pairs become U+FFFD, and nothing else does."""

import json
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.decode.surrogates import has_surrogates, mask_surrogate_escapes, replace_lone_surrogates

PIECES = st.sampled_from(
    [
        rb"\ud800",
        rb"\uDFFF",
        rb"\ud83d\ude00",
        rb"\\",
        rb"\"",
        rb"\n",
        rb"\u0041",
        "é".encode(),
        b"ud800",
        b"x",
    ]
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb"a\ud800b", rb"a\ufffdb"),
        (rb"\\ud800", rb"\\ud800"),
        (rb"\\\ud800", rb"\\\ufffd"),
        (rb"\ud800\ud83d\ude00\ude00", rb"\ufffd\ud83d\ude00\ufffd"),
        (rb"\ud83d\\ude00", rb"\ufffd\\ude00"),
        (rb"\uD83D\uDE00", rb"\uD83D\uDE00"),
        (rb"\n\u0041", rb"\n\u0041"),
        (rb"\ud000", rb"\ud000"),
    ],
)
def test_half_a_pair_is_replaced(text: bytes, expected: bytes) -> None:
    assert replace_lone_surrogates(text) == expected


def test_a_text_without_halves_is_not_copied() -> None:
    for text in (b"plain", rb"\ud83d\ude00", rb"\\ud800"):
        assert replace_lone_surrogates(text) is text


@given(st.lists(PIECES).map(b"".join))
def test_every_text_can_be_read_afterwards_and_is_what_it_was(text: bytes) -> None:
    quoted = b'"' + text + b'"'
    expected = re.sub("[\ud800-\udfff]", "\ufffd", json.loads(quoted))
    assert json.loads(replace_lone_surrogates(quoted)) == expected
    assert len(replace_lone_surrogates(quoted)) == len(quoted)
    # what is looked for in the cheap one stands where it did
    cheap = mask_surrogate_escapes(quoted)
    assert [i for i, byte in enumerate(cheap) if byte in b'"\\'] == [
        i for i, byte in enumerate(quoted) if byte in b'"\\'
    ]
    json.loads(cheap).encode()


def test_no_escape_becomes_an_ascii_character() -> None:
    for high in "0123456789abcdef":
        for escape in (rf"\ud{high}53", rf"\uD{high}54"):
            assert json.loads('"' + mask_surrogate_escapes(escape.encode()).decode() + '"') > "\uefff"
    assert has_surrogates(rb"\uD800")
    assert not has_surrogates(rb"\u0053")


@pytest.mark.parametrize("unit", [rb"\n", rb"\ud800", rb"\ud83d\ude00", rb"\\"])
def test_it_takes_no_more_memory_than_two_copies(unit: bytes) -> None:
    text = unit * (400_000 // len(unit)) + rb"\ud800"
    tracemalloc.start()
    replace_lone_surrogates(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.2 * len(text)
