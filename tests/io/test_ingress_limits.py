"""The door's limits: size, time, number, and how it ends."""

import asyncio
import resource
import zlib

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import DeliveryResult
from bridge.io.http.server import IngressLimits
from tests.io.http_server import PUBLISHED, HeldDelivery, RawClient, post, running_server, start_many, until
from tests.rig.parts import free_port
from tests.rig.waiting import WITHIN_S

MIB = 1024 * 1024
HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("size", [4 * MIB - 1, 4 * MIB])
async def test_a_body_of_4_mib_is_taken(size: int) -> None:
    async with running_server() as server:
        assert (await server.post(b"x" * size)).status == 200
        assert len(server.notifications[0].body) == size


async def test_a_byte_more_is_refused_before_it_is_sent() -> None:
    async with running_server() as server:
        response = await server.request(HEAD + b"Content-Length: 4194305\r\n\r\n")
        assert (response.status, response.headers["connection"]) == (413, "close")
        assert server.rejected_count("too_large") == 1


async def test_a_client_that_sends_its_too_large_body_first_still_reads_the_answer() -> None:
    async with running_server() as server:
        client = await server.connect()
        client.send(post(b"x" * (8 * MIB)))
        await client.writer.drain()
        assert (await client.response()).status == 413
        assert await client.reads_eof()


async def test_a_chunked_body_without_end_is_refused_at_the_limit() -> None:
    async with running_server() as server:
        client = await server.connect()
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 65)
        assert (await client.response()).status == 413
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flood(client, chunk), WITHIN_S)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def flood(client: RawClient, data: bytes) -> None:
    while True:
        client.send(data)
        await client.writer.drain()


async def test_a_decompression_bomb_is_refused_and_costs_no_memory() -> None:
    stream = zlib.compressobj(wbits=31)
    bomb = b"".join(stream.compress(b"\0" * MIB) for _ in range(200)) + stream.flush()
    async with running_server() as server:
        before = peak_bytes()
        for _ in range(5):
            assert (await server.post(bomb, Content_Encoding="gzip")).status == 413
        assert peak_bytes() - before < 30 * MIB


async def test_a_slow_header_and_a_slow_body_are_cut() -> None:
    async with running_server() as server:
        header, body, idle = [await server.connect() for _ in range(3)]
        header.send(b"POST /callbacks HT")
        body.send(HEAD + b"Content-Length: 10\r\n\r\n12")
        await until(lambda: server.reading_count() == 2)
        server.now_s = 9.9
        header.send(b"TP/1.1\r\n")
        body.send(b"34")
        await asyncio.sleep(0)
        server.now_s = 10.1
        assert await header.reads_eof()
        assert await body.reads_eof()
        assert server.rejected_count("read_timeout") == 2
        idle.send(post(b"{}"))
        assert (await idle.response()).status == 200


async def test_time_spent_on_a_request_is_not_held_against_the_one_behind_it() -> None:
    async with running_server() as server:
        server.deliver = held = HeldDelivery()
        client = await server.connect()
        second = post(b"{}")
        client.send(post(b"{}"))
        await asyncio.wait_for(held.started.wait(), WITHIN_S)
        client.send(second[:30])
        await until(server.reading_count)
        server.now_s = 11
        server.ingress.connections.close_slow(11)
        held.release.set()
        client.send(second[30:])
        assert [(await client.response()).status for _ in range(2)] == [200, 200]


async def test_of_many_that_are_too_slow_a_turn_closes_some_and_the_next_ones_the_others() -> None:
    async with running_server() as server:
        await start_many(server, 40, b"POST /call")
        left = []
        while server.ingress.connections.close_slow(10):
            left.append(server.reading_count())
        assert left == list(range(36, -1, -4))


async def test_the_next_look_closes_all_that_are_too_slow() -> None:
    async with running_server() as server:
        clients = await start_many(server, 40, b"POST /call")
        server.now_s = 11
        assert all([await client.reads_eof() for client in clients])
        assert server.rejected_count("read_timeout") == 40


async def test_at_the_limit_the_longest_idle_connection_is_closed() -> None:
    async with running_server(IngressLimits(connections_max=3)) as server:
        clients = []
        for _ in range(3):
            clients.append(await server.connect())
            await until(lambda: len(server.ingress.connections) == len(clients))
        clients[0].send(post(b"{}"))
        assert (await clients[0].response()).status == 200
        fourth = await server.connect()
        fourth.send(post(b"{}"))
        assert (await fourth.response()).status == 200
        assert await clients[1].reads_eof()
        clients[0].send(post(b"{}"))
        assert (await clients[0].response()).status == 200


async def test_at_the_limit_a_client_that_does_not_read_is_closed_too() -> None:
    async with running_server(IngressLimits(connections_max=1)) as server:
        not_reading = await server.connect()
        flooding = asyncio.create_task(flood(not_reading, post(b"{}") * 1000))
        await until(lambda: server.write_stalled_count() == 1)
        assert (await server.post(b"{}")).status == 200
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(flooding, WITHIN_S)


async def test_who_is_being_answered_is_never_closed_for_another() -> None:
    async with running_server(IngressLimits(connections_max=1)) as server:
        server.deliver = held = HeldDelivery()
        client = await server.connect()
        client.send(post(b"{}"))
        await asyncio.wait_for(held.started.wait(), WITHIN_S)
        assert await (await server.connect()).reads_eof()
        assert server.rejected_count("connection_limit") == 1
        held.release.set()
        assert (await client.response()).status == 200


async def test_the_work_goes_on_when_the_client_leaves() -> None:
    async with running_server() as server:
        started, end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def deliver(_: Notification) -> DeliveryResult:
            started.set()
            await end.wait()
            ended.set()
            return PUBLISHED

        server.deliver = deliver
        client = await server.connect()
        client.send(post(b"{}"))
        await asyncio.wait_for(started.wait(), WITHIN_S)
        client.reset()
        await until(lambda: not len(server.ingress.connections))
        end.set()
        await asyncio.wait_for(ended.wait(), WITHIN_S)


async def test_a_body_cut_by_its_client_is_counted_and_not_delivered() -> None:
    async with running_server() as server:
        client = await server.connect()
        client.send(HEAD + b"Content-Length: 10\r\n\r\n12")
        await until(server.reading_count)
        client.reset()
        await until(lambda: server.rejected_count("incomplete"))
        assert server.notifications == []


async def test_a_draining_ingress_still_answers_and_closes_behind_each_answer() -> None:
    async with running_server() as server:
        client = await server.connect()
        server.ingress.drain()
        client.send(post(b"{}"))
        response = await client.response()
        assert (response.status, response.headers["connection"]) == (200, "close")
        assert await client.reads_eof()
        assert (await server.post(b"{}")).status == 200


async def test_stopping_ends_what_is_under_way_and_lets_nobody_in() -> None:
    # A port that the system gives to nobody else once it is closed.
    async with running_server(port=free_port()) as server:
        server.deliver = held = HeldDelivery()
        idle, client = await server.connect(), await server.connect()
        client.send(post(b"{}"))
        await asyncio.wait_for(held.started.wait(), WITHIN_S)
        stopping = asyncio.create_task(server.ingress.stop())
        assert await idle.reads_eof()
        with pytest.raises(OSError, match=r".*"):
            await server.connect()
        held.release.set()
        assert (await client.response()).status == 200
        await asyncio.wait_for(stopping, WITHIN_S)


async def test_stopping_is_bounded_whatever_is_under_way() -> None:
    async with running_server() as server:
        started = asyncio.Event()

        async def deliver(_: Notification) -> DeliveryResult:
            started.set()
            await asyncio.Event().wait()
            return PUBLISHED

        server.deliver = deliver
        client = await server.connect()
        client.send(post(b"{}"))
        await asyncio.wait_for(started.wait(), WITHIN_S)
        await asyncio.wait_for(server.ingress.stop(within_s=0.05), WITHIN_S)
        assert await client.reads_eof()


async def test_the_limit_of_open_files_is_raised_for_the_connections_wanted() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        async with running_server(IngressLimits(connections_max=1000)) as server:
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1256
            assert (await server.post(b"{}")).status == 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
