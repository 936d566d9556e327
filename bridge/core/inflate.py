"""Decompression with a limit on the output: a decompression bomb costs no more than an ordinary body."""

import zlib
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Coding = Literal["gzip", "deflate"]

CODINGS: Mapping[str, Coding] = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
"""By the value of Content-Encoding, in lower case."""

# Each member costs a decompressor, and may be a few bytes long. Senders use one.
_MEMBERS_MAX = 100
_GZIP = 31
_ZLIB = 15
_BARE = -15


class Inflated(Struct, frozen=True):
    """The decompressed body, or ``decode_error`` (the stream is invalid or cut), or ``too_large``."""

    body: bytes = b""
    decode_error: str = ""
    too_large: bool = False


def inflate(body: bytes, coding: Coding, limit: int) -> Inflated:
    """Decompress a body to at most ``limit`` bytes: gzip (several members too), deflate, zlib."""
    if coding == "gzip":
        return _inflate(body, _GZIP, limit, coding)
    wrapped = _inflate(body, _ZLIB, limit, coding)
    if not wrapped.decode_error:
        return wrapped
    bare = _inflate(body, _BARE, limit, coding)
    return wrapped if bare.decode_error else bare


def _inflate(body: bytes, window: int, limit: int, coding: Coding) -> Inflated:
    parts: list[bytes] = []
    size = 0
    rest = body
    for _ in range(_MEMBERS_MAX):
        stream = zlib.decompressobj(window)
        try:
            part = stream.decompress(rest, limit - size + 1)
        except zlib.error:
            return Inflated(decode_error=f"{coding}: broken")
        size += len(part)
        if size > limit:
            return Inflated(too_large=True)
        if not stream.eof:
            return Inflated(decode_error=f"{coding}: cut short")
        parts.append(part)
        # Zero bytes after a member are padding, as gzip itself has it.
        rest = stream.unused_data.lstrip(b"\0")
        if not rest:
            return Inflated(body=b"".join(parts))
        if window != _GZIP:
            return Inflated(decode_error=f"{coding}: bytes after its end")
    return Inflated(decode_error=f"{coding}: more than {_MEMBERS_MAX} members")
