"""Compressed bodies: opened where that can be, kept as they came, and refused for their encoding never."""

import gzip
import zlib

import pytest

from bridge.core.record import Routing, dead_letter
from tests.io.http_server import HttpTestServer, post

BODY = b'{"EventType":"NewFileUpload"}'


def bare(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("identity", BODY),
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("X-GZIP", gzip.compress(BODY, mtime=0)),
        ("gzip", gzip.compress(BODY[:9], mtime=0) + gzip.compress(BODY[9:], mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", bare(BODY)),
    ],
)
async def test_a_compressed_body_is_opened(server: HttpTestServer, coding: str, body: bytes) -> None:
    assert (await server.post(body, Content_Encoding=coding)).status == 200
    assert server.notifications[0].body == BODY


@pytest.mark.parametrize("coding", ["br", "utf-8", "gzip, gzip", "identity, gzip", "gzip;q=1"])
async def test_a_body_of_an_unknown_coding_is_taken_as_it_is(server: HttpTestServer, coding: str) -> None:
    assert (await server.post(BODY, Content_Encoding=coding)).status == 200
    (notification,) = server.notifications
    assert (
        notification.body,
        notification.content_encoding,
        notification.decode_error,
        notification.received,
    ) == (BODY, coding, "", b"")


async def test_two_codings_in_two_headers_are_one_that_is_unknown(server: HttpTestServer) -> None:
    request = post(b"x").replace(
        b"Host: x\r\n", b"Host: x\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n"
    )
    assert (await server.request(request)).status == 200
    assert (server.notifications[0].body, server.notifications[0].content_encoding) == (b"x", "gzip,gzip")


async def test_what_came_is_kept_beside_what_it_held(server: HttpTestServer) -> None:
    body = b'{"blanks":"' + b" " * 10_000 + b'"}'
    await server.post(gzip.compress(body), Content_Encoding="GZIP")
    await server.post(body, Content_Encoding="identity")
    compressed, plain = server.notifications
    assert (compressed.body, compressed.content_encoding) == (body, "gzip")
    assert gzip.decompress(compressed.received) == body
    assert compressed.size == len(body) + len(compressed.received)
    assert (plain.body, plain.content_encoding, plain.received) == (body, "", b"")


async def test_what_is_shorter_than_it_came_is_kept_as_it_was(server: HttpTestServer) -> None:
    await server.post(gzip.compress(b"{}"), Content_Encoding="gzip")
    assert (
        server.notifications[0].body,
        server.notifications[0].content_encoding,
        server.notifications[0].received,
    ) == (b"{}", "", b"")


@pytest.mark.parametrize("body", [gzip.compress(BODY, mtime=0)[:-3], BODY, b""])
async def test_damaged_compression_reaches_the_pipeline_with_its_received_bytes(
    server: HttpTestServer, body: bytes
) -> None:
    assert (await server.post(body, Content_Encoding="gzip")).status == 200
    assert server.notifications[0].body == body
    assert server.notifications[0].decode_error.startswith("gzip: ")
    assert (server.notifications[0].content_encoding, server.notifications[0].received) == ("gzip", b"")


async def test_of_compressed_blanks_no_more_is_kept_than_came(server: HttpTestServer) -> None:
    compressed = gzip.compress(b" " * 4_000_000)
    for _ in range(3):
        await server.post(compressed, Content_Encoding="gzip")
    kept = [
        dead_letter(notification, "malformed", "not JSON", Routing()) for notification in server.notifications
    ]
    assert [letter.value for letter in kept] == [compressed] * 3
    assert sum(len(name) + len(value) for name, value in kept[0].headers) < 300
