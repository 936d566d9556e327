"""JSON text to plain values, whatever numbers are in it, at a cost that its size bounds.

msgspec is the fast way for all that senders send. Its fallback for numbers with large exponents takes up to
10 us for each, in one call that lets no other thread run: 7 s for a body of 4 MiB. What holds very many of
them is read by the standard library's decoder, which takes a few hundred milliseconds and lets others run
between two numbers. Both give the same values.
"""

import json
import math
from typing import Any

import msgspec
from msgspec import Raw

# So many slow numbers are bearable: 20 ms at most.
_SLOW_NUMBERS_MAX = 2000
# A shorter text cannot hold more of them: four characters and a comma each.
SLOW_NUMBER_SCAN_MIN_BYTES = 5 * _SLOW_NUMBERS_MAX

_E, _DIGIT, _OTHER = b"e0 "
_CLASSES = bytes(_E if byte in b"eE" else _DIGIT if byte in b"0123456789" else _OTHER for byte in range(256))
_SIGNS = b"+-"


def has_slow_numbers(text: bytes | memoryview | Raw) -> bool:
    """Tell whether there may be very many numbers with exponents of two digits or more.

    Texts are not told from numbers: 80 KB of hexadecimal digits look the same, and are read the other way.
    Takes 3 ms/MiB and the memory of one copy (two of what is no `bytes`).
    """
    if len(text) <= SLOW_NUMBER_SCAN_MIN_BYTES:
        return False
    return bytes(text).translate(_CLASSES, _SIGNS).count(b"e00") > _SLOW_NUMBERS_MAX


# Below it nothing that is in a text takes long to read.
CONTAINER_COUNT_MIN_BYTES = 16 * 1024
_MANY_CONTAINERS = 5_000
_PIECEWISE_CONTAINERS = 100_000
_PIECE_BYTES = 64 * 1024
_BRACE, _BRACKET = b"{["


def has_many_containers(text: bytes) -> bool:
    """Tell whether there are so many objects and arrays that walking them takes long."""
    return len(text) > CONTAINER_COUNT_MIN_BYTES and _count_containers(text) > _MANY_CONTAINERS


def _count_containers(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[")


def decode_exactly(text: bytes | memoryview | Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON text, which was found to be such before. Numbers that no Python number holds stay `Raw`."""
    size = len(text)
    if size <= SLOW_NUMBER_SCAN_MIN_BYTES or not has_slow_numbers(text):
        in_pieces = size > _PIECEWISE_CONTAINERS and _count_containers(bytes(text)) > _PIECEWISE_CONTAINERS
        try:
            return _decode_in_pieces(text) if in_pieces else msgspec.json.decode(text)
        except msgspec.ValidationError:
            pass
    return json.loads(bytes(text), parse_int=_integer, parse_float=_float)


def _decode_in_pieces(text: bytes | memoryview | Raw) -> Any:  # noqa: ANN401 - any JSON value
    """Read the members and elements of what is large one by one, so that other threads have their turns."""
    if len(text) > _PIECE_BYTES:
        first = memoryview(text)[0]
        if first == _BRACE:
            return {key: _decode_in_pieces(member) for key, member in _split_members(text).items()}
        if first == _BRACKET:
            return [_decode_in_pieces(element) for element in _split_elements(text)]
    return msgspec.json.decode(text)


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
