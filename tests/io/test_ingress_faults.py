"""What becomes of a request whose client is gone, or in whose work a bug is."""

import asyncio

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import DeliveryResult
from bridge.io.http import handler, tcp_window
from bridge.io.http.connection import Connection
from bridge.io.http.server import IngressLimits
from tests.io.http_server import HttpTestServer, post, running_server, until

BODY = b'{"EventType":"NewFileUpload"}'


async def _buggy(_: Notification) -> DeliveryResult:
    raise ZeroDivisionError


@pytest.mark.parametrize("body", [BODY, b"{}" * 40_000])
async def test_after_a_bug_the_response_is_withheld_until_the_hold_ends_and_is_no_2xx(body: bytes) -> None:
    async with running_server(IngressLimits(hold_s=0.5)) as server:
        began = asyncio.get_running_loop().time()
        server.deliver = _buggy
        client = await server.connect()
        client.send(post(body) + post(BODY))
        response = await client.response()
        assert response.status == 503
        assert asyncio.get_running_loop().time() - began >= 0.5
        assert response.headers["connection"] == "close"
        assert await client.reads_eof()  # the second one's outcome must not be taken for the first one's
        assert server.telemetry.registry.get_sample_value("vod_bridge_internal_errors_total") == 1
        server.deliver = server.record
        assert (await server.post(BODY)).status == 200
        assert len(server.notifications) == 1


async def test_a_client_that_has_closed_its_half_is_kept_silent_too() -> None:
    async with running_server(IngressLimits(hold_s=0.5)) as server:
        server.deliver = _buggy
        client = await server.connect()
        client.send(post(BODY))
        client.writer.write_eof()
        assert (await client.response()).status == 503


async def test_who_left_after_a_bug_is_not_answered_and_not_waited_for_longer() -> None:
    async with running_server(IngressLimits(hold_s=0.5)) as server:
        server.deliver = _buggy
        client = await server.connect()
        client.send(post(BODY))
        await until(lambda: server.telemetry.registry.get_sample_value("vod_bridge_internal_errors_total"))
        client.reset()
        await server.ingress.stop(60)


async def test_without_a_hold_a_bug_is_deferred_at_once() -> None:
    async with running_server(IngressLimits(hold_s=0)) as server:
        server.deliver = _buggy
        assert (await server.post(BODY)).status == 503


async def test_what_was_sent_by_who_left_without_reading_is_delivered_all_the_same(
    server: HttpTestServer,
) -> None:
    client = await server.connect()
    started, resume = _hold_deliveries(server)
    client.send(post(BODY) * 3)
    await started.wait()
    client.reset()
    await until(lambda: len(server.ingress.connections) == 0)
    resume.set()
    await until(lambda: len(server.notifications) == 3)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
        b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
    ],
)
async def test_who_is_refused_and_neither_sends_nor_leaves_is_cut_in_time(
    server: HttpTestServer, head: bytes
) -> None:
    client = await server.connect()
    client.send(head)
    assert (await client.response()).status >= 400
    assert len(server.ingress.connections) == 1
    server.now_s += 11
    await until(lambda: len(server.ingress.connections) == 0)


async def test_who_was_refused_at_once_may_be_closed_when_a_connection_is_needed() -> None:
    async with running_server(IngressLimits(connections_max=2)) as server:
        for _ in range(2):
            client = await server.connect()
            client.send(b"GE")
            await until(server.reading_count)
            client.send(b"T / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.response()).status == 405
        assert (await server.post(BODY)).status == 200


async def test_many_requests_behind_a_body_of_unknown_length_are_all_answered(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(b"POST /callbacks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    await until(server.reading_count)
    await client.send_all(b"%x\r\n%b\r\n0\r\n\r\n" % (70_000, b"x" * 70_000) + post(b"{}") * 45)
    for _ in range(46):
        assert (await client.response()).status == 200


async def test_who_does_not_read_and_sends_in_pieces_may_be_closed_when_a_connection_is_needed() -> None:
    async with running_server(IngressLimits(connections_max=1)) as server:
        client = await server.connect()
        await until(lambda: len(server.ingress.connections))
        (connection,) = server.ingress.connections
        assert isinstance(connection, Connection)
        connection.pause_writing()
        connection.data_received(post(BODY)[:20])
        connection.data_received(post(BODY)[20:])
        assert (await server.post(BODY)).status == 200
        assert await client.reads_eof()


async def test_a_large_body_over_budget_is_paused_also_behind_a_small_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    body, windows = b"x" * 1_000_000, list[int]()
    async with running_server(
        IngressLimits(body_max_bytes=1 << 20, bodies_max_bytes=4 << 20, hold_s=60)
    ) as server:
        started, resume = _hold_deliveries(server)
        first = await server.connect()  # which alone may be read on
        first.send(post(body)[:200_000])
        read_budget = server.ingress._handler.body_budget.reading_large  # noqa: SLF001 - it is not seen from outside
        await until(lambda: not read_budget._priority_slots)  # noqa: SLF001 - as above
        client = await server.connect()
        client.send(post(BODY))
        await started.wait()
        monkeypatch.setattr(tcp_window, "set_window", lambda _, size: windows.append(size))
        await client.send_all(post(body)[:1_000])
        await until(lambda: server.reading_count() == 2)
        resume.set()
        assert (await client.response()).status == 200
        await until(lambda: read_budget._waiters)  # noqa: SLF001 - as above
        assert windows == [tcp_window.SMALL_WINDOW]
        await first.send_all(post(body)[200_000:])
        assert (await first.response()).status == 200
        await client.send_all(post(body)[1_000:])
        assert (await client.response()).status == 200
        assert windows[1:] == [tcp_window.LARGE_WINDOW]


@pytest.mark.parametrize("what", ["inflate", "response_for"])
async def test_a_bug_in_what_is_done_at_once_is_held_too_and_releases_its_budget(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(*_: object) -> None:
        raise ZeroDivisionError

    async with running_server(IngressLimits(hold_s=0.2)) as server:
        monkeypatch.setattr(handler, what, buggy)
        client = await server.connect()
        client.send(post(b"{}", Content_Encoding="gzip"))
        assert (await client.response()).status == 503
        assert server.telemetry.registry.get_sample_value("vod_bridge_internal_errors_total") == 1
        await server.ingress.stop(60)  # which would wait for a connection that is not over


async def test_a_length_that_the_parser_takes_for_none_is_refused(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n")
    assert (await client.response()).status == 400
    assert await client.reads_eof()
    assert server.notifications == []


async def test_who_was_accepted_while_the_ingress_is_closed_is_closed_at_once(server: HttpTestServer) -> None:
    server.ingress.closed = True
    client = await server.connect()
    assert await client.reads_eof()


def _hold_deliveries(server: HttpTestServer) -> tuple[asyncio.Event, asyncio.Event]:
    """Let what is delivered wait: gives what is set once something is, and what it waits for."""
    started, resume = asyncio.Event(), asyncio.Event()

    async def wait(notification: Notification) -> DeliveryResult:
        started.set()
        await resume.wait()
        return await server.record(notification)

    server.deliver = wait
    return started, resume
