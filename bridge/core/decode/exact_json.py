"""Decodes JSON text to plain values, for any numbers in it, in a time bounded by its size.

msgspec decodes everything that real senders send. Its fallback for numbers with large exponents takes up to
10 us for each, in one call that holds the GIL: 7 s for a body of 4 MiB. A text with very many of them is
decoded by the standard library, which takes a few hundred milliseconds and releases the GIL between two
numbers. Both give the same values.
"""

import json
import math
from typing import Any

import msgspec
from msgspec import Raw

from bridge.core.pieces import PIECE_BYTES, byte_pieces

# Decoding so many slow numbers takes 20 ms at most.
_SLOW_NUMBERS_MAX = 2000
# A shorter text cannot hold more: each takes four characters and a comma.
SLOW_NUMBER_SCAN_MIN_BYTES = 5 * _SLOW_NUMBERS_MAX

_E, _DIGIT, _OTHER = b"e0 "
_CLASSES = bytes(_E if byte in b"eE" else _DIGIT if byte in b"0123456789" else _OTHER for byte in range(256))
_SIGNS = b"+-"


def has_slow_numbers(text: bytes | memoryview | Raw) -> bool:
    """Whether there may be more than 2,000 numbers with exponents of two digits or more.

    Strings are not told from numbers: 80 KB of hexadecimal digits look the same, which only costs speed.
    Takes 2 ms/MiB at most, piece by piece, so that other threads get the GIL in between. A number that two
    pieces share may not be counted.
    """
    if len(text) <= SLOW_NUMBER_SCAN_MIN_BYTES or not _has_many_exponents(text):
        return False
    found = sum(piece.translate(_CLASSES, _SIGNS).count(b"e00") for piece in byte_pieces(text))
    return found > _SLOW_NUMBERS_MAX


def _has_many_exponents(text: bytes | memoryview | Raw) -> bool:
    """Whether an ``e`` stands there more than 2,000 times. Most texts show it in their first 100 KB.

    A text of few of them, as a list of small numbers, needs no more than this count.
    """
    found = 0
    for piece in byte_pieces(text):
        # To find that there is none takes a tenth of a count.
        found += sum(piece.count(letter) for letter in (b"e", b"E") if letter in piece)
        if found > _SLOW_NUMBERS_MAX:
            return True
    return False


# Nothing in a shorter text takes long to decode.
CONTAINER_COUNT_MIN_BYTES = 16 * 1024
_MANY_CONTAINERS = 5_000
_PIECEWISE_CONTAINERS = 100_000
_BRACE, _BRACKET = b"{["


def has_many_containers(text: bytes) -> bool:
    """Whether there are more than 5,000 objects and arrays, so that walking them takes long."""
    return len(text) > CONTAINER_COUNT_MIN_BYTES and count_containers(text) > _MANY_CONTAINERS


def count_containers(text: bytes) -> int:
    """Return how many objects and arrays a text has, those in strings too: each takes 1 to 2 us to decode."""
    return text.count(b"{") + text.count(b"[")


def decode_exactly(text: bytes | memoryview | Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON text. Numbers that fit no Python number are returned as `Raw`.

    Raises `msgspec.DecodeError` where it is none.
    """
    size = len(text)
    if size <= SLOW_NUMBER_SCAN_MIN_BYTES or not has_slow_numbers(text):
        in_pieces = size > _PIECEWISE_CONTAINERS and count_containers(bytes(text)) > _PIECEWISE_CONTAINERS
        try:
            return _decode_in_pieces(text) if in_pieces else msgspec.json.decode(text)
        except msgspec.ValidationError:
            pass
    _check(text)  # msgspec saw nothing behind a number that is too large, and json takes what is no JSON
    return json.loads(bytes(text), parse_int=_integer, parse_float=_float)


def _decode_in_pieces(text: bytes | memoryview | Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Decode large objects and arrays member by member, so that other threads get the GIL in between."""
    if len(text) > PIECE_BYTES:
        first = memoryview(text)[0]
        if first == _BRACE:
            return {key: _decode_in_pieces(member) for key, member in _split_members(text).items()}
        if first == _BRACKET:
            return [_decode_in_pieces(element) for element in _split_elements(text)]
    return msgspec.json.decode(text)


_check = msgspec.json.Decoder(Raw).decode
_split_members = msgspec.json.Decoder(dict[str, Raw]).decode
_split_elements = msgspec.json.Decoder(list[Raw]).decode


def _integer(literal: str) -> int | Raw:
    try:
        return int(literal)
    except ValueError:  # more digits than Python converts
        return Raw(literal.encode())


def _float(literal: str) -> float | Raw:
    number = float(literal)
    return number if math.isfinite(number) else Raw(literal.encode())
