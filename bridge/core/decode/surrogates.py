"""Halves of surrogate pairs in JSON text: no text can hold one, so each becomes U+FFFD."""

import re

# A whole pair, or half of one. Its backslash is no escaped one: an even number of them stands before it.
_PAIR_OR_HALF = re.compile(
    rb"(?<!\\)(?:\\\\)*+"
    rb"(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)
_REPLACEMENT = rb"\ufffd"
_ESCAPES = (rb"\ud", rb"\uD")


def has_surrogates(text: bytes) -> bool:
    """Tell whether there may be any escape of a surrogate."""
    return any(escape in text for escape in _ESCAPES)


def replace_lone_surrogates(text: bytes) -> bytes:
    """Give the text with U+FFFD for each half of a pair; ``text`` itself where there is none.

    Needs the memory of two copies. An escape stays as long as it was.
    """
    if not has_surrogates(text):
        return text
    changed: bytearray | None = None
    for found in _PAIR_OR_HALF.finditer(text):
        start = found.start(1)
        if start >= 0:
            changed = changed or bytearray(text)
            changed[start : start + len(_REPLACEMENT)] = _REPLACEMENT
    return bytes(changed) if changed else text


def mask_surrogate_escapes(text: bytes) -> bytes:
    """Give a text in which quotes, brackets and ASCII characters stand where they did, and no surrogate is.

    Cheap, for whoever only looks for something in ASCII: all escapes from U+D000 on become others, of which
    none means an ASCII character. Where there is no such escape it is ``text`` itself.
    """
    return text.replace(rb"\ud", rb"\uf").replace(rb"\uD", rb"\uF")
