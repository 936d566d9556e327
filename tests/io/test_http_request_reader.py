"""The bytes of one connection become requests, within limits, and nothing behind broken bytes."""

import asyncio
from typing import Any, cast

from bridge.io.http.client_socket import BODY_FULL, BODY_WAITS, QUEUE_FULL, ClientSocket
from bridge.io.http.read_budget import ReadBudget
from bridge.io.http.request import Request
from bridge.io.http.request_reader import RequestReader
from bridge.io.http.responses import BAD_REQUEST, HEADER_TOO_LARGE
from tests.io.http_server import post


def _reader(budget: ReadBudget | None = None) -> tuple[RequestReader, ClientSocket]:
    client = ClientSocket(cast("Any", None), cast("Any", None))  # what holds it is all that is asked
    budget = budget or ReadBudget(1 << 20, 1 << 16, lambda: 0.0)
    return RequestReader(client, budget, lambda: None, asyncio.get_running_loop()), client


def _take(reader: RequestReader) -> Request:
    request = reader.requests.popleft()
    assert isinstance(request, Request)
    reader.note_begun(request)
    return request


async def test_a_whole_request_has_its_body_and_its_head_and_leaves_nothing_behind() -> None:
    reader, _ = _reader()
    reader.feed(post(b"{}"))
    states = [reader.is_done]
    request = _take(reader)
    assert (request.stream, request.body, request.head_bytes) == (None, b"{}", post(b"{}")[:-2])
    reader.note_answered()
    assert [*states, reader.is_done] == [False, True]
    assert not reader.is_request_arriving


async def test_nothing_is_read_behind_broken_bytes() -> None:
    reader, _ = _reader()
    reader.feed(post(b"{}") + b"\0\r\n\r\n")
    assert _take(reader).body == b"{}"
    assert list(reader.requests) == [BAD_REQUEST]
    reader.feed(post(b"{}"))
    assert list(reader.requests) == [BAD_REQUEST]
    assert reader.is_ended


async def test_a_head_over_the_limit_is_refused_however_its_bytes_come() -> None:
    reader, _ = _reader()
    for _ in range(20):
        reader.feed(b"POST /callbacks HTTP/1.1\r\nHost: x\r\n" if not reader.is_request_arriving else b"")
        reader.feed(b"X-A: " + b"a" * 1_000 + b"\r\n")
    assert list(reader.requests) == [HEADER_TOO_LARGE]


async def test_a_large_body_waits_for_budget_and_many_requests_for_their_turn() -> None:
    reader, client = _reader()
    reader.feed(post(b"x" * 100_000)[:1_000])
    assert client.is_held(BODY_WAITS)
    reader, client = _reader()
    reader.feed(post(b"{}") * 40)
    assert client.is_held(QUEUE_FULL)
    assert not reader.hold_or_resume()
    assert reader.queued_bytes == 2 * len(reader.requests)
    while reader.requests:
        _take(reader)
    assert reader.hold_or_resume()
    assert reader.queued_bytes == 0
    assert not client.is_held(QUEUE_FULL)


async def test_a_body_that_ended_while_it_was_full_lets_the_socket_be_read() -> None:
    reader, client = _reader()
    reader.on_body_full()
    held = client.is_held(BODY_FULL)
    reader.on_body_drained(has_more=False)
    assert [held, client.is_held(BODY_FULL)] == [True, False]


async def test_queued_bodies_are_charged_once_and_given_back() -> None:
    budget = ReadBudget(1 << 16, 1 << 15, lambda: 0.0)
    reader, client = _reader(budget)
    reader.feed(post(b"x" * 20_000) * 2)
    for _ in range(2):
        reader.charge_queued()
        assert reader.queued_bytes == 40_000
    assert budget.is_exhausted
    assert not reader.hold_or_resume()
    assert client.is_held(QUEUE_FULL)
    reader.close()
    assert not budget.is_exhausted
