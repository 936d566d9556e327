"""Structs with very long members, encoded piece by piece: the same text as in one go."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw, Struct, UnsetType

from bridge.core.encode_in_pieces import encode_in_pieces
from bridge.core.pieces import PIECE_BYTES as PIECE


class Event(Struct, omit_defaults=True):
    """One of each kind of member that a canonical event has."""

    id: str = "i"
    context: str | UnsetType = UNSET
    repairs: Sequence[str] | UnsetType = UNSET
    payload: Raw = Raw(b"null")
    original: Raw | UnsetType = UNSET


def written(**members: Any) -> bytes:  # noqa: ANN401 - any of its members
    expected = msgspec.json.encode(Event(**members))
    assert encode_in_pieces(Event(**members)) == expected
    return expected


@pytest.mark.parametrize("char", ['"', "\\", "\n", "\0", "é", "中", "𝄞", "x"])
@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_long_text_is_escaped_as_in_one_go(char: str, size: int) -> None:
    assert len(written(context=char * size, payload=Raw(b"{}"))) > size
    written(id="a" + char * size, context=char * size)


def test_raw_members_are_taken_as_they_are() -> None:
    long = Raw(msgspec.json.encode({"text": "\0 \\" * PIECE}))
    assert written(payload=long, original=long, context="c").count(bytes(long)) == 2
    view = Raw(memoryview(b"[" + bytes(long) + b"]")[1:-1])
    written(context="c" * 2 * PIECE, payload=view)


def test_what_is_long_within_a_member_stays_there() -> None:
    written(repairs=["\0" * 2 * PIECE, "r"], payload=Raw(b'"p"'))


@given(st.text(min_size=1, max_size=8), st.integers(PIECE - 20, 3 * PIECE), st.text(max_size=4))
def test_any_text_is_encoded_as_in_one_go(start: str, size: int, other: str) -> None:
    text = (start * (size // len(start) + 1))[:size]
    payload = Raw(msgspec.json.encode([text]))
    written(id=other, context=text, payload=payload, original=Raw(b"{}"))
