"""Replaces lone surrogate escapes in JSON text with U+FFFD: no Unicode text can hold one."""

import re

# A whole pair, or one half. An even number of backslashes before it: its own backslash is not escaped.
_PAIR_OR_HALF = re.compile(
    rb"(?<!\\)(?:\\\\)*+"
    rb"(?:\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2}))"
)
_REPLACEMENT = rb"\ufffd"
_ESCAPES = (rb"\ud", rb"\uD")


def has_surrogates(text: bytes) -> bool:
    """Whether the text may contain the escape of a surrogate."""
    return any(escape in text for escape in _ESCAPES)


def replace_lone_surrogates(text: bytes) -> bytes:
    """Replace each lone surrogate with U+FFFD; returns ``text`` itself where there is none.

    Needs the memory of two copies. The length of the text does not change.
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
    """Replace the escapes of surrogates, and others from U+D000 on, by escapes of valid characters.

    A cheap form for callers that look only for ASCII: quotes, brackets and ASCII characters keep their
    positions, and no new ASCII character appears. Returns ``text`` itself where there is no such escape.
    """
    return text.replace(rb"\ud", rb"\uf").replace(rb"\uD", rb"\uF")
