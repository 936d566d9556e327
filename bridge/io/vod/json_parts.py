"""How a response of the vendor is split, with every value's bytes as they came.

Nothing here knows what an event is. A value that no JSON parser accepts (a lone half of a surrogate pair, for
example, from a file name cut in its middle) must not hold up its neighbours for the four days that the vendor
keeps it: if msgspec refuses the whole, each value's end is found by brackets and quotes alone.
"""

import re
from typing import TypeVar

import msgspec
from msgspec import Raw

NULL = b"null"

# A text that has no end goes to the last byte: to look for it again from each of its quotes takes hours.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}:,]|[^\s"\[\]{}:,]+', re.DOTALL)
_DECODE_ERRORS = (
    msgspec.MsgspecError,
    ValueError,
    RecursionError,
)  # too deep a value is garbage like any other

T = TypeVar("T")


def parse_object(text: bytes) -> dict[str, bytes]:
    """Give an object's members, each value as its bytes; `ValueError` where it is none."""
    try:
        found = msgspec.json.decode(text, type=dict[str, Raw])
    except _DECODE_ERRORS:
        parts = _split_json(text, b"{")
        keys = [part[1:-1].decode("utf-8", "replace") for part in parts[::2]]
        return dict(zip(keys, parts[1::2], strict=True))
    return {name: bytes(value) for name, value in found.items()}


def parse_array(text: bytes) -> list[bytes]:
    """Give an array's elements as their bytes, none for null; `ValueError` where it is neither."""
    if text == NULL:
        return []
    try:
        return [bytes(value) for value in msgspec.json.decode(text, type=list[Raw])]
    except _DECODE_ERRORS:
        return _split_json(text, b"[")


def decode_or(text: bytes, kind: type[T], default: T) -> T:
    """Give the value of that kind, or ``otherwise`` where it is not one."""
    try:
        return msgspec.json.decode(text, type=kind)
    except _DECODE_ERRORS:
        return default


def _split_json(text: bytes, opening: bytes) -> list[bytes]:
    """Give what stands directly between the outermost brackets: elements, or keys and values in turn."""
    found: list[bytes] = []
    depth = begin = end = 0
    for token in _TOKEN.finditer(text):
        symbol = token[0]
        if symbol in {b"[", b"{"}:
            depth += 1
            begin = token.start() if depth == 2 else begin  # noqa: PLR2004 - just inside the outermost
        elif symbol in {b"]", b"}"}:
            depth -= 1
            end = token.end()
            if depth == 1:
                found.append(text[begin:end])
        elif depth == 1 and symbol not in {b",", b":"}:
            found.append(symbol)
    if depth or end != len(text.rstrip()) or not text.lstrip().startswith(opening):
        raise ValueError("neither JSON nor anything like it")
    return found
