"""Long texts piece by piece, so that other threads get the GIL in between."""

from collections.abc import Iterator
from typing import TypeVar

from msgspec import Raw

_T = TypeVar("_T", str, memoryview)

PIECE_BYTES = 64 * 1024
LARGE_BYTES = 256 * 1024
"""Anything done with more takes milliseconds: a thread does it."""


def pieces(text: _T) -> Iterator[_T]:
    """Return the pieces of a text, in order."""
    return (text[start : start + PIECE_BYTES] for start in range(0, len(text), PIECE_BYTES))


def byte_pieces(text: bytes | memoryview | Raw) -> Iterator[bytes]:
    """Return the pieces of a text as copies."""
    return map(bytes, pieces(memoryview(text)))
