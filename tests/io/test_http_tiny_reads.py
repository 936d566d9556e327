"""A body that comes byte by byte is parsed in steps, whole with its last byte, and loses nothing."""

import asyncio
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.io.http.client_socket import ClientSocket
from bridge.io.http.read_budget import ReadBudget
from bridge.io.http.request import Request
from bridge.io.http.request_reader import RequestReader
from bridge.io.http.tiny_reads import TinyReads
from tests.io.http_server import post, running_server


@given(st.binary(min_size=1, max_size=2_000), st.lists(st.integers(1, 400)), st.binary(max_size=50))
def test_what_is_parsed_is_what_came_and_the_last_byte_never_waits(
    body: bytes, sizes: list[int], behind: bytes
) -> None:
    reads = TinyReads()
    reads.begin(len(body))
    data, parsed, waiting = body + behind, b"", b""
    for size in [*sizes, len(data)]:
        part, data = data[:size], data[size:]
        if reads.gather(part, len(parsed)):
            waiting += part
            assert len(part) <= 64
            assert len(waiting) <= 256
            assert len(parsed + waiting) < len(body)
        else:
            parsed, waiting = parsed + reads.take() + part, b""
        if not data:
            break
    assert parsed + waiting == body + behind


@pytest.mark.parametrize("size", [0, 3])
def test_nothing_waits_of_a_body_whose_end_cannot_be_seen_or_is_here(size: int) -> None:
    reads = TinyReads()
    reads.begin(size)
    assert not reads.gather(b"x", 3)
    assert reads.take() == b""


async def test_of_a_thousand_single_bytes_few_are_parsed_alone() -> None:
    client = ClientSocket(cast("Any", None), cast("Any", None))  # what waits is all that is asked
    budget = ReadBudget(1 << 20, 1 << 16, lambda: 0.0)
    reader = RequestReader(client, budget, lambda: None, asyncio.get_running_loop())
    body = bytes(range(97, 122)) * 40
    request = post(body)
    reader.feed(request[:-1_000])
    fed, most = 0, 0
    for at in range(len(request) - 1_000, len(request)):
        if not reader.gathers(request[at : at + 1]):
            reader.feed(request[at : at + 1])
            fed += 1
        most = max(most, client.gathered_bytes)
    taken = reader.requests.popleft()
    assert isinstance(taken, Request)
    assert (taken.is_complete, taken.pop_body()) == (True, body)
    assert (fed, most, client.gathered_bytes) == (4, 256, 0)


@pytest.mark.parametrize("size", [1, 63, 65])
async def test_a_body_in_small_parts_is_answered_with_its_last_byte_and_so_is_what_follows(size: int) -> None:
    body = b"".join(b"%04d" % number for number in range(300))
    async with running_server() as server:
        client = await server.connect()
        for _ in range(2):
            request = post(body)
            for at in range(0, len(request), size):
                await client.send_all(request[at : at + size])
            assert (await client.response()).status == 200
        assert [one.body for one in server.notifications] == [body, body]


async def test_who_leaves_in_the_middle_of_small_parts_leaves_nothing_behind() -> None:
    async with running_server() as server:
        client = await server.connect()
        await client.send_all(post(b"x" * 1_000)[:-990])
        for _ in range(20):
            await client.send_all(b"x")
        client.reset()
        assert (await server.post(b"{}")).status == 200
        assert [one.body for one in server.notifications] == [b"{}"]
