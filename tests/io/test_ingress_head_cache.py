"""A head that was read before means the same as the first time, however the bytes come."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.io.http.connection import Connection
from bridge.io.http.head_cache import HeadCache
from bridge.io.http.server import IngressLimits
from tests.io.http_server import HeldDelivery, HttpTestServer, RawClient, post, running_server, until

HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\n"

# A request's bytes, and the body that is delivered of it.
REQUESTS = [
    (post(b"{1}"), b"{1}"),
    (post(b"{2}"), b"{2}"),
    (post(b"{3}", Content_Type="a/b"), b"{3}"),
    (post(b"\r\n\r"), b"\r\n\r"),
    (post(b"\r\n\r\n"), b"\r\n\r\n"),
    (post(b""), b""),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\n{4}\r\n0\r\n\r\n", b"{4}"),
    (HEAD + b"Connection: keep-alive\r\nContent-Length: 3\r\n\r\n{5}", b"{5}"),
    (post(b"{6}" * 20_000), b"{6}" * 20_000),
]


async def test_the_same_head_is_cached_once_and_its_bodies_are_kept_apart(server: HttpTestServer) -> None:
    client = await server.connect()
    for number in range(5):
        client.send(post(b"{%d}" % number))
        assert (await client.response()).status == 200
    assert [notification.body for notification in server.notifications] == [
        b"{%d}" % number for number in range(5)
    ]
    assert len(_head_cache(server)) == 1


async def test_a_cached_head_carries_the_query_the_type_and_the_coding(server: HttpTestServer) -> None:
    client = await server.connect()
    for _ in range(2):
        client.send(post(b"\x1f\x8b", "/callbacks?sign=a&t=1", Content_Type="x/y", Content_Encoding="gzip"))
        await client.response()
    first, again = server.notifications
    assert first == again
    assert (again.query_sign, again.query_t, again.content_type) == ("a", "1", "x/y")
    assert again.decode_error


async def test_a_head_that_is_refused_is_not_cached(server: HttpTestServer) -> None:
    for path in ("/nowhere", "/callbacks/shop", "/callbacks/shop/wrong"):
        assert (await server.post(b"{}", path)).status == 404
    assert len(_head_cache(server)) == 0
    assert (await server.post(b"{}", "/callbacks/shop/t0ken")).status == 200
    assert len(_head_cache(server)) == 1


async def test_an_http_1_0_client_gets_a_connection_header_each_time(server: HttpTestServer) -> None:
    client = await server.connect()
    for _ in range(2):
        client.send(b"POST /callbacks HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}")
        assert (await client.response()).headers["connection"] == "keep-alive"


async def test_a_cached_head_that_asks_to_close_or_comes_while_draining_is_answered_so(
    server: HttpTestServer,
) -> None:
    for _ in range(2):
        client = await server.connect()
        client.send(post(b"{}", Connection="close"))
        assert (await client.response()).headers["connection"] == "close"
        assert await client.reads_eof()
    client = await server.connect()
    client.send(post(b"{}"))
    assert "connection" not in (await client.response()).headers
    server.ingress.drain()
    client.send(post(b"{}"))
    assert (await client.response()).headers["connection"] == "close"
    assert await client.reads_eof()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    stream=st.lists(
        st.tuples(st.sampled_from(REQUESTS), st.lists(st.integers(0, 200), max_size=3)), max_size=6
    ),
    waits=st.booleans(),
)
def test_however_requests_are_cut_and_strung_together_each_is_delivered(
    stream: list[tuple[tuple[bytes, bytes], list[int]]],
    waits: bool,  # noqa: FBT001 - hypothesis gives it by its name
) -> None:
    async def deliver() -> list[bytes]:
        async with running_server() as server:
            for request, _ in REQUESTS:
                await server.request(request)
            server.notifications.clear()
            client = await server.connect()
            await _send(client, stream, waits=waits)
            return [notification.body for notification in server.notifications]

    assert asyncio.run(deliver()) == [body for (_, body), _ in stream]


async def _send(
    client: RawClient, stream: list[tuple[tuple[bytes, bytes], list[int]]], *, waits: bool
) -> None:
    for (request, _), cuts in stream:
        edges = [0, *sorted(min(cut, len(request)) for cut in cuts), len(request)]
        for start, end in pairwise(edges):
            client.send(request[start:end])
            for _ in range(3):
                await asyncio.sleep(0)
        if waits:
            assert (await client.response()).status == 200
    if not waits:
        for _ in stream:
            assert (await client.response()).status == 200


@pytest.mark.parametrize(
    ("begin", "status", "application"),
    [
        (b"POST /callbacks/shop/t0ken HTTP/1.1\r\nX: ", 200, "shop"),
        (b"POST /callbacks HTTP/1.1\r\nContent-Type: a/b\r\nX: ", 200, "default"),
        (b"POST /nowhere HTTP/1.1\r\nX: ", 404, "default"),
    ],
)
async def test_a_head_that_began_behind_a_large_body_is_read_to_its_end_and_not_cached(
    server: HttpTestServer, begin: bytes, status: int, application: str
) -> None:
    whole, client = post(b"{}"), await server.connect()
    client.send(whole)
    await client.response()
    (connection,) = server.ingress.connections
    assert isinstance(connection, Connection)
    # More in one piece than the parser hands on at once: it stops, and keeps the rest.
    connection.data_received(HEAD + b"Content-Length: 100000\r\n\r\n")
    connection.data_received(b"x" * 100_000 + begin)
    assert (await client.response()).status == 200
    # To the parser this is the rest of a head; alone it would be one that is known.
    client.send(whole)
    assert (await client.response()).status == status
    assert len(server.notifications) == (3 if status == 200 else 2)
    assert server.notifications[-1].application.name == application
    assert (await server.request(post(b"[]"))).status == 200
    assert (server.notifications[-1].application.name, server.notifications[-1].content_type) == (
        "default",
        "",
    )


async def test_hits_and_misses_are_counted(server: HttpTestServer) -> None:
    client = await server.connect()
    for number in range(5):
        client.send(post(b"{%d}" % 10**number, X_Request_ID=str(number)))
        assert (await client.response()).status == 200
    await server.post(b"{}", "/nowhere")
    counts = {
        result: server.telemetry.registry.get_sample_value(
            "vod_bridge_http_head_cache_total", {"result": result}
        )
        for result in ("hit", "miss")
    }
    assert counts == {"hit": 4, "miss": 2}


async def test_what_stands_behind_a_known_request_that_closes_is_dropped(server: HttpTestServer) -> None:
    closing = post(b"{}", Connection="close")
    await server.request(closing)
    held = HeldDelivery()
    server.deliver = held
    client = await server.connect()
    client.send(closing)
    await held.started.wait()
    (connection,) = server.ingress.connections
    assert isinstance(connection, Connection)
    connection.data_received(post(b"[]"))
    connection.data_received(b"no request")
    held.release.set()
    assert (await client.response()).headers["connection"] == "close"
    assert await client.reads_eof()
    assert server.rejected_count("bad_request") == 0
    assert len(_head_cache(server)) == 1


async def test_a_known_head_may_come_before_its_body(server: HttpTestServer) -> None:
    await server.post(b"{}", X_A="1")
    client = await server.connect()
    for number in range(3):
        head, _, body = post(b"[%d]" % number, X_A=str(number)).partition(b"\r\n\r\n")
        client.send(head + b"\r\n\r\n")
        await until(server.reading_count)
        client.send(body)
        assert (await client.response()).status == 200
        assert server.reading_count() == 0
    assert [each.body for each in server.notifications] == [b"{}", b"[0]", b"[1]", b"[2]"]
    assert _head_cache(server).counts["hit",] == 3


@pytest.mark.parametrize("rest", [[b"[", b"1]"], [b"[1]" + post(b"[2]")]])
async def test_behind_a_known_head_anything_may_come(server: HttpTestServer, rest: list[bytes]) -> None:
    await server.post(b"{}")
    client = await server.connect()
    head, _, _ = post(b"[1]").partition(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    for piece in rest:
        await until(server.reading_count)
        client.send(piece)
    assert (await client.response()).status == 200
    assert server.notifications[1].body == b"[1]"


async def test_a_known_head_whose_body_does_not_come_is_rejected_as_any_other(server: HttpTestServer) -> None:
    await server.post(b"{}", "/callbacks/shop/t0ken")
    head, _, _ = post(b"[1]", "/callbacks/shop/t0ken").partition(b"\r\n\r\n")
    client = await server.connect()
    client.send(head + b"\r\n\r\n")
    await until(server.reading_count)
    client.writer.write_eof()
    assert await client.reads_eof()
    assert server.rejected_count("incomplete", "shop") == 1
    slow, gone = await server.connect(), await server.connect()
    for each in (slow, gone):
        each.send(head + b"\r\n\r\n")
    await until(lambda: server.reading_count() == 2)
    gone.reset()
    await until(lambda: server.rejected_count("incomplete", "shop") == 2)
    server.now_s = 60
    assert await slow.reads_eof()
    assert server.rejected_count("read_timeout", "shop") == 1


async def test_each_known_request_has_the_trace_of_its_own_head() -> None:
    async with running_server(IngressLimits(traced=True)) as server:
        for number in range(3):
            await server.post(b"{}", traceparent=f"00-{number}", Tracestate="a=1")
        await server.post(b"{}")
        traces = [(each.traceparent, each.tracestate) for each in server.notifications]
        assert traces == [("00-0", "a=1"), ("00-1", "a=1"), ("00-2", "a=1"), ("", "")]
        assert len(_head_cache(server)) == 1


def _head_cache(server: HttpTestServer) -> HeadCache:
    return server.ingress._handler.head_cache  # noqa: SLF001 - what is remembered is not seen from outside
