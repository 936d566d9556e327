"""A body that comes byte by byte is parsed in steps, whole with its last byte, and loses nothing."""

import asyncio
from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.io.http.client_socket import ClientSocket
from bridge.io.http.read_budget import ReadBudget
from bridge.io.http.read_coalescing import ReadCoalescer
from bridge.io.http.request import Request
from bridge.io.http.request_reader import RequestReader
from tests.io.http_server import RawClient, post, running_server

SIZES = st.lists(st.one_of(st.integers(1, 70), st.integers(1, 400)), max_size=60)


@given(st.binary(min_size=2, max_size=2_000), SIZES, st.binary(max_size=50))
def test_what_is_parsed_is_what_came_and_neither_the_first_nor_the_last_byte_waits(
    body: bytes, sizes: list[int], behind: bytes
) -> None:
    coalescer = ReadCoalescer()
    coalescer.begin(len(body))
    data, parsed, waiting = body + behind, b"", b""
    for size in [*sizes, len(data)]:
        part, data = data[:size], data[size:]
        if coalescer.coalesce(part, len(parsed)):
            waiting += part
            assert parsed
            assert len(part) <= 64
            assert len(waiting) <= 256
            assert len(parsed + waiting) < len(body)
        else:
            parsed, waiting = parsed + coalescer.take() + part, b""
        if not data:
            break
    assert parsed + waiting == body + behind


@pytest.mark.parametrize("size", [0, 3])
def test_nothing_waits_of_a_body_whose_end_cannot_be_seen_or_is_here(size: int) -> None:
    coalescer = ReadCoalescer()
    coalescer.begin(size)
    assert not coalescer.coalesce(b"x", 3)
    assert coalescer.take() == b""


class _Reader:
    """A reader that is given bytes as a connection gives them; it counts what was parsed at once."""

    def __init__(self) -> None:
        client = ClientSocket(cast("Any", None), cast("Any", None))  # what holds it is all that is asked
        budget = ReadBudget(1 << 20, 1 << 16, lambda: 0.0)
        self.reader = RequestReader(client, budget, lambda: None, asyncio.get_running_loop())
        self.fed = 0

    def read(self, data: bytes) -> None:
        if not self.reader.coalesces(data):
            self.fed += 1
            self.reader.feed(data)

    def take(self) -> bytes:
        taken = self.reader.requests.popleft()
        assert isinstance(taken, Request)
        assert taken.is_complete
        self.reader.note_begun(taken)
        body = taken.pop_body()
        self.reader.note_answered()
        return body


async def test_of_a_thousand_single_bytes_few_are_parsed_alone_and_each_body_has_its_own_length() -> None:
    one = _Reader()
    for body in (bytes(range(97, 122)) * 40, b"y" * 700):
        request, one.fed = post(body), 0
        one.read(request[:-600])
        for at in range(len(request) - 600, len(request)):
            one.read(request[at : at + 1])
        assert one.take() == body
        assert one.fed == 4


async def test_a_blank_line_in_a_body_is_no_head_of_what_stands_behind_it() -> None:
    one = _Reader()
    first = b"x" * 100 + b"\r\n\r\n" + b"y" * 20_000
    request = post(first)
    one.read(request[:100])
    one.read(request[100:] + post(b"second"))
    arriving = [one.reader.is_request_arriving]
    assert (one.take(), one.take()) == (first, b"second")
    head = post(b"third")
    one.read(head[:10])
    assert [*arriving, one.reader.is_request_arriving] == [False, True]
    one.read(head[10:])
    assert (one.take(), one.reader.is_ended) == (b"third", False)


CHUNKED = b"POST /callbacks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "second", [post(b"second"), CHUNKED + b"6\r\nsecond\r\n0\r\n\r\n"], ids=["length", "chunks"]
)
async def test_behind_the_last_chunk_a_whole_request_leaves_nothing_under_way(second: bytes) -> None:
    one = _Reader()
    one.read(CHUNKED + b"5\r\n\r\n\r\nx\r\n")
    one.read(b"1\r\ny\r\n0\r\n\r\n" + second)
    assert not one.reader.is_request_arriving
    assert (one.take(), one.take()) == (b"\r\n\r\nxy", b"second")


async def test_a_whole_request_between_the_end_of_a_body_and_broken_bytes_is_taken() -> None:
    one = _Reader()
    request = post(b"first\r\n\r\n" + b"x" * 100)
    one.read(request[:-20])
    one.read(request[-20:] + post(b"second") + b"\0\0\r\n\r\n")
    assert (one.take(), one.take()) == (b"first\r\n\r\n" + b"x" * 100, b"second")
    assert one.reader.is_ended


@pytest.mark.parametrize("zeros", [1, 4_400])
async def test_a_length_with_any_number_of_zeros_is_that_length(zeros: int) -> None:
    one = _Reader()
    head = b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: %b5\r\n\r\n" % (b"0" * zeros)
    one.read(head + b"ab")
    one.read(b"cde" + head + b"fghij")
    assert (one.take(), one.take()) == (b"abcde", b"fghij")


async def _send_apart(client: RawClient, data: bytes, size: int) -> None:
    """Send it in parts, each of which is read before the next is sent."""
    for at in range(0, len(data), size):
        await client.send_all(data[at : at + size])
        for _ in range(4):
            await asyncio.sleep(0)  # the loop looks at its sockets each time


@pytest.fixture
def coalesced(monkeypatch: pytest.MonkeyPatch) -> Counter[bool]:
    """How many small reads waited, and how many did not."""
    counter, coalesce = Counter[bool](), ReadCoalescer.coalesce

    def counting(self: ReadCoalescer, data: bytes, parsed_bytes: int) -> bool:
        waits = coalesce(self, data, parsed_bytes)
        counter[waits] += 1
        return waits

    monkeypatch.setattr(ReadCoalescer, "coalesce", counting)
    return counter


@pytest.mark.parametrize("size", [1, 63])
async def test_a_body_in_small_parts_is_answered_with_its_last_byte_and_so_is_what_follows(
    size: int, coalesced: Counter[bool]
) -> None:
    body = b"".join(b"%04d" % number for number in range(300))
    async with running_server() as server:
        client = await server.connect()
        for _ in range(2):
            await _send_apart(client, post(body), size)
            assert (await client.response()).status == 200
        assert [one.body for one in server.notifications] == [body, body]
    assert coalesced[True] > 1_200 / size


async def test_who_leaves_in_the_middle_of_small_parts_leaves_nothing_behind(
    coalesced: Counter[bool],
) -> None:
    async with running_server() as server:
        client = await server.connect()
        await _send_apart(client, post(b"x" * 1_000)[:-990], 1_000)
        await _send_apart(client, b"x" * 20, 1)
        client.reset()
        assert (await server.post(b"{}")).status == 200
        assert [one.body for one in server.notifications] == [b"{}"]
    assert coalesced[True] == 20


async def test_no_continue_is_sent_once_a_body_has_begun() -> None:
    async with running_server() as server:
        client = await server.connect()
        await client.send_all(post(b"first") + post(b"second", Expect="100-continue")[:-5])
        await _send_apart(client, b"econd"[:4], 1)
        await client.send_all(b"d")
        assert [(await client.response()).status for _ in range(2)] == [200, 200]
        assert [one.body for one in server.notifications] == [b"first", b"second"]
