"""Bytes behind a request belong to the next one: its limits of time and of size hold from the first on."""

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.io.http.request import HEADER_MAX_BYTES, Request
from bridge.io.http.request_reader import RequestReader
from bridge.io.http.responses import HEADER_TOO_LARGE
from tests.io.http_server import running_server, until

HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\n"
WITH_LENGTH = HEAD + b"Content-Length: 9\r\n\r\n\r\n\r\nhello"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
WITHOUT_BODY = HEAD + b"Content-Length: 0\r\n\r\n"


class _Client:
    """A client that is never held."""

    def hold(self, holds: int) -> None:
        pass

    def release(self, holds: int) -> None:
        pass

    def is_held(self, holds: int) -> bool:  # noqa: ARG002 - the interface
        return False


class _Budget:
    is_exhausted = False

    def charge_pipelined(self, size: int) -> None:
        pass


def _reader() -> RequestReader:
    loop = asyncio.get_running_loop()
    return RequestReader(_Client(), _Budget(), lambda: None, loop)  # type: ignore[arg-type] # fakes


def _feed(reader: RequestReader, data: bytes) -> None:
    reader.feed(data)
    while reader.requests:
        request = reader.requests.popleft()
        assert isinstance(request, Request)
        reader.note_begun(request)
        if request.stream is not None:
            request.stream.read_nowait()
        if request.is_complete:
            reader.note_answered()


@given(
    first=st.sampled_from([WITH_LENGTH, CHUNKED, WITHOUT_BODY]),
    begun=st.integers(0, len(HEAD)),
    cuts=st.sets(st.integers(1, len(WITH_LENGTH) + len(HEAD)), max_size=4),
)
def test_what_stands_behind_a_request_is_a_head_that_arrives_and_nothing_is_none(
    first: bytes, begun: int, cuts: set[int]
) -> None:
    async def run() -> None:
        data = first + HEAD[:begun]
        bounds = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
        reader = _reader()
        for begin, end in itertools.pairwise(bounds):
            _feed(reader, data[begin:end])
        assert reader.is_request_arriving == bool(begun)
        assert reader._head_bytes == begun  # noqa: SLF001 - what the limit is compared with

    asyncio.run(run())


async def test_of_pipelined_requests_the_last_ones_end_counts() -> None:
    reader = _reader()
    reader.feed(WITH_LENGTH * 3 + HEAD)
    assert reader._head_bytes == len(HEAD)  # noqa: SLF001 - as above
    reader = _reader()
    reader.feed(WITH_LENGTH + CHUNKED + WITHOUT_BODY)
    assert not reader.is_request_arriving


@pytest.mark.parametrize("first", [WITH_LENGTH, CHUNKED, WITHOUT_BODY])
async def test_a_head_that_begins_behind_a_request_is_refused_when_it_is_too_large(first: bytes) -> None:
    reader = _reader()
    _feed(reader, first[:-2])
    line = b"Y: " + b"k" * 2000 + b"\r\n"
    _feed(reader, first[-2:] + HEAD + line * (HEADER_MAX_BYTES // len(line) + 1))
    reader.feed(b"Content-Length: 0\r\n\r\n")
    assert reader.requests.pop() is HEADER_TOO_LARGE


@pytest.mark.parametrize("first", [WITH_LENGTH, CHUNKED, WITHOUT_BODY])
async def test_a_head_that_begins_behind_a_request_has_its_time_limit(first: bytes) -> None:
    async with running_server() as server:
        client = await server.connect()
        client.send(first + HEAD)
        assert (await client.response()).status == 200
        server.now_s = 9.0
        assert len(server.ingress.connections) == 1
        server.now_s = 10.5
        await until(lambda: len(server.ingress.connections) == 0)
        assert server.rejected_count("read_timeout") == 1
