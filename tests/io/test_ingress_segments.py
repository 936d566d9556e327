"""What stands before broken bytes, and how much a body may have around it."""

import pytest

from tests.io.http_server import HttpTestServer, post, until

HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "garbage", [b"\0\1\2\3\r\n\r\n", b"hello world\r\n", HEAD + b"Content-Length: -1\r\n\r\n"]
)
@pytest.mark.parametrize(
    "whole",
    [
        post(b"{1}"),
        post(b""),
        b"\r\n" + post(b"{1}"),
        HEAD + b"\r\n",
        post(b"\r\n\r\n"),
        CHUNKED + b"3;a=b\r\n{1}\r\n2\r\n\r\n\r\n0\r\nT: x\r\n\r\n",
        post(b"{1}") + CHUNKED + b"3\r\n{2}\r\n0\r\n\r\n" + post(b"{3}"),
    ],
)
async def test_whole_requests_before_broken_bytes_are_taken_and_answered(
    server: HttpTestServer, whole: bytes, garbage: bytes
) -> None:
    client = await server.connect()
    client.send(whole + garbage)
    statuses = [(await client.response()).status for _ in range(whole.count(b"POST") + 1)]
    assert statuses == [200] * whole.count(b"POST") + [400]
    assert await client.reads_eof()
    assert len(server.notifications) == whole.count(b"POST")


@pytest.mark.parametrize(
    "begun",
    [
        HEAD + b"Content-Length: 9\r\nBad\0: x\r\n\r\n{1}",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"\r\n" * 1_000,
        HEAD + b"Content-Length: 18446744073709551615\r\n\r\n",
    ],
)
async def test_what_is_not_whole_is_not_taken(server: HttpTestServer, begun: bytes) -> None:
    client = await server.connect()
    client.send(post(b"{1}") + begun + b"\0garbage")
    assert [(await client.response()).status for _ in range(2)] == [200, 400]
    assert await client.reads_eof()
    assert [notification.body for notification in server.notifications] == [b"{1}"]


async def test_a_chunk_extension_without_end_is_refused(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(CHUNKED + b"1;")
    await until(server.reading_count)
    client.send(b"a" * 40_000)
    assert (await client.response()).status == 400
    assert await client.reads_eof()
    assert server.rejected_count("bad_request", "default") == 1


async def test_trailers_without_end_are_refused(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(CHUNKED + b"1\r\nx\r\n0\r\n")
    await until(server.reading_count)
    for number in range(60):
        client.send(b"T%d: %b\r\n" % (number, b"a" * 500))
    assert (await client.response()).status == 400
    assert await client.reads_eof()


async def test_a_body_in_tiny_chunks_is_taken(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(CHUNKED)
    await until(server.reading_count)
    await client.send_all(b"1\r\nx\r\n" * 60_000 + b"0\r\n\r\n")
    assert (await client.response()).status == 200
    assert server.notifications[0].body == b"x" * 60_000
