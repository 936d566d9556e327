"""Hostile and broken bytes: a clear answer or the end, never a 5xx, never a traceback."""

import asyncio
import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tests.io.http_server import running_server
from tests.rig.waiting import WITHIN_S

HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("garbage", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"hello\r\n\r\n", 400),
        (b"POST /callbacks HTTP/1.1\r\n\r\n", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (HEAD + b"Content-Length: 9223372036854775807\r\n\r\n", 413),
        (b"POST http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"POST //[ HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"POST * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 431),
        (HEAD + b"A: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (HEAD + b"".join(b"A%d: %b\r\n" % (n, b"a" * 900) for n in range(20)) + b"\r\n", 431),
        (HEAD + b"".join(b"A%d: a\r\n" % n for n in range(500)) + b"\r\n", 400),
    ],
)
async def test_what_is_no_request_gets_a_clear_answer_and_the_end(garbage: bytes, status: int) -> None:
    async with running_server() as server:
        client = await server.connect()
        client.send(garbage)
        response = await client.response()
        assert response.status == status
        if status != 404:
            assert response.headers["connection"] == "close"
            assert await client.reads_eof()
        assert server.notifications == []


async def test_a_header_that_grows_in_small_bytes_is_refused_too() -> None:
    async with running_server() as server:
        client = await server.connect()
        client.send(HEAD)
        for n in range(100):
            client.send(b"A%d: %b\r\n" % (n, b"a" * 200))
            await asyncio.sleep(0)
        assert (await client.response()).status == 431


async def test_a_header_of_15_kib_is_taken() -> None:
    async with running_server() as server:
        assert (await server.post(b"{}", X="a" * 15_000)).status == 200


@settings(max_examples=examples(100, full=300), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    HEAD,
                    b"POST ",
                    b"/callbacks",
                    b" HTTP/1.1\r\n",
                    b"Host: x\r\n",
                    b"\r\n",
                    b"Content-Length: 3\r\n",
                    b"Transfer-Encoding: chunked\r\n",
                    b"Content-Encoding: gzip\r\n",
                    b"Expect: 100-continue\r\n",
                    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
                    b"3\r\nabc\r\n0\r\n\r\n",
                    b"abc",
                ]
            ),
        ),
        max_size=12,
    )
)
def test_no_bytes_cause_a_5xx_or_a_traceback(pieces: list[bytes]) -> None:
    problems: list[object] = []

    async def scene() -> bytes:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
        async with running_server() as server:
            client = await server.connect()
            for piece in pieces:
                client.send(piece)
                await asyncio.sleep(0)
            try:
                client.writer.write_eof()
                return await asyncio.wait_for(client.reader.read(), WITHIN_S)
            except OSError:  # it sent more behind a request that closes
                return b""

    received = asyncio.run(scene())
    assert problems == []
    assert b"HTTP/1.1 5" not in received


async def test_nothing_is_logged_of_garbage(caplog: pytest.LogCaptureFixture) -> None:
    async with running_server() as server:
        with caplog.at_level(logging.DEBUG):
            await server.request(b"\0\1\2\r\n\r\n")
            await server.request(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert [r for r in caplog.records if r.levelno > logging.DEBUG] == []
