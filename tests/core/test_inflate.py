"""Decompression: every way in which senders compress, and every way in which it goes wrong."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.inflate import Inflated, inflate

PLAIN = b'{"EventType":"NewFileUpload"}' * 40
LIMIT = 4096


def bare(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


def test_gzip_of_one_member_is_opened() -> None:
    assert inflate(gzip.compress(PLAIN), "gzip", LIMIT) == Inflated(body=PLAIN)


def test_gzip_of_several_members_and_padding_is_opened() -> None:
    body = gzip.compress(PLAIN[:50]) + gzip.compress(b"") + gzip.compress(PLAIN[50:]) + b"\0" * 7
    assert inflate(body, "gzip", LIMIT) == Inflated(body=PLAIN)


@pytest.mark.parametrize("compress", [zlib.compress, bare])
def test_deflate_is_opened_with_and_without_its_wrapper(compress: Callable[[bytes], bytes]) -> None:
    assert inflate(compress(PLAIN), "deflate", LIMIT) == Inflated(body=PLAIN)


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
def test_a_body_of_exactly_the_limit_is_accepted(size: int) -> None:
    assert len(inflate(gzip.compress(b"x" * size), "gzip", LIMIT).body) == size
    assert len(inflate(bare(b"x" * size), "deflate", LIMIT).body) == size


def test_one_byte_more_is_too_large_in_one_member_or_in_two() -> None:
    assert inflate(gzip.compress(b"x" * (LIMIT + 1)), "gzip", LIMIT).too_large
    assert inflate(gzip.compress(b"x" * LIMIT) + gzip.compress(b"x"), "gzip", LIMIT).too_large
    assert inflate(zlib.compress(b"x" * (LIMIT + 1)), "deflate", LIMIT).too_large


@pytest.mark.parametrize(
    ("body", "decode_error"),
    [
        (b"", "gzip: cut short"),
        (gzip.compress(PLAIN, mtime=0)[:-1], "gzip: cut short"),
        (gzip.compress(PLAIN, mtime=0)[:30], "gzip: cut short"),
        (PLAIN, "gzip: broken"),
        (gzip.compress(PLAIN, mtime=0)[:-8] + b"\1" * 8, "gzip: broken"),
        (gzip.compress(PLAIN, mtime=0) + b"more", "gzip: broken"),
        (gzip.compress(b"", mtime=0) * 101, "gzip: more than 100 members"),
    ],
)
def test_broken_gzip_is_named(body: bytes, decode_error: str) -> None:
    assert inflate(body, "gzip", LIMIT) == Inflated(decode_error=decode_error)


@pytest.mark.parametrize(
    ("body", "decode_error"),
    [
        (b"\xff" * 9, "deflate: broken"),
        (zlib.compress(PLAIN)[:-1], "deflate: cut short"),
        (zlib.compress(PLAIN) + b"more", "deflate: bytes after its end"),
    ],
)
def test_broken_deflate_is_named(body: bytes, decode_error: str) -> None:
    assert inflate(body, "deflate", LIMIT) == Inflated(decode_error=decode_error)


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_opened_or_named(body: bytes, coding: str) -> None:
    found = inflate(body, coding, LIMIT)  # type: ignore[arg-type]
    assert found.too_large or found.decode_error or isinstance(found.body, bytes)
