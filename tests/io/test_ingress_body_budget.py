"""How many bytes of bodies are in work at once: who finds no room waits silently, and keeps what it has."""

import asyncio
import gzip

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import DeliveryResult
from bridge.io.http.server import IngressLimits
from tests.io.http_server import PUBLISHED, HeldDelivery, post, running_server, until

pytestmark = pytest.mark.asyncio

MIB = 1024 * 1024


async def test_a_delivery_over_budget_waits_silently_and_goes_on_when_bytes_are_released() -> None:
    async with running_server(IngressLimits(body_max_bytes=60, bodies_max_bytes=100)) as server:
        ends: list[asyncio.Future[None]] = []

        async def deliver(_: Notification) -> DeliveryResult:
            ends.append(asyncio.get_running_loop().create_future())
            await ends[-1]
            return PUBLISHED

        server.deliver = deliver
        first, second = await server.connect(), await server.connect()
        first.send(post(b"x" * 60))
        await until(lambda: len(ends) == 1)
        second.send(post(b"x" * 60))
        other = await server.connect()
        other.send(b"GET / HTTP/1.1\r\nHost: door\r\n\r\n")
        assert (await other.response()).status == 405  # the door has read on since
        assert len(ends) == 1
        ends[0].set_result(None)
        await until(lambda: len(ends) == 2)
        ends[1].set_result(None)
        assert [(await client.response()).status for client in (first, second)] == [200, 200]


async def test_a_delivery_that_gets_no_budget_in_time_is_deferred() -> None:
    async with running_server(IngressLimits(body_max_bytes=60, bodies_max_bytes=100, hold_s=0.05)) as server:
        server.deliver = held = HeldDelivery()
        first = await server.connect()
        first.send(post(b"x" * 60))
        began = asyncio.get_running_loop().time()
        response = await server.post(b"x" * 60)
        assert asyncio.get_running_loop().time() - began >= 0.05
        assert (response.status, response.headers["retry-after"]) == (503, "5")
        assert response.json_body == {
            "outcome": "deferred",
            "detail": "the limit of bytes of bodies is reached",
        }
        held.release.set()
        assert (await first.response()).status == 200
        assert (await server.post(b"x" * 60)).status == 200


async def test_a_body_over_budget_stays_with_its_client_and_small_ones_pass_it() -> None:
    async with running_server(
        IngressLimits(body_max_bytes=4 * MIB, bodies_max_bytes=16 * MIB, hold_s=0.2)
    ) as server:
        hold, sizes = asyncio.Event(), list[int]()

        async def deliver(notification: Notification) -> DeliveryResult:
            sizes.append(len(notification.body))
            if sizes[-1] > MIB:
                await hold.wait()
            return PUBLISHED

        server.deliver = deliver
        first, second, third = [await server.connect() for _ in range(3)]
        await first.send_all(post(b"x" * (4 * MIB)))
        await until(lambda: sizes == [4 * MIB])
        await second.send_all(post(b"x" * (4 * MIB)))  # which is read, and waits until the first is done
        third.send(post(b"x" * (4 * MIB))[:MIB])  # which is not even read
        assert (await server.post(b"x" * 1000)).status == 200
        assert [(await client.response()).status for client in (second, third)] == [503, 503]
        assert sizes == [4 * MIB, 1000]
        hold.set()
        assert (await first.response()).status == 200


async def test_a_body_of_unknown_size_is_charged_more_as_it_grows() -> None:
    async with running_server(
        IngressLimits(body_max_bytes=MIB, bodies_max_bytes=4 * MIB, hold_s=60)
    ) as server:
        clients = [await server.connect() for _ in range(40)]
        for client in clients:  # of which each might become a large one
            client.send(
                b"POST /callbacks HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
            )
        for client in clients[:10]:
            client.send(b"0\r\n\r\n")
            assert (await client.response()).status == 200
        piece = b"%x\r\n%b\r\n" % (200_000, b"x" * 200_000)
        clients[10].send(piece * 5 + b"0\r\n\r\n")
        assert (await clients[10].response()).status == 200
        clients[11].send(piece * 6)
        assert (await clients[11].response()).status == 413


async def test_a_connection_that_was_over_budget_goes_on() -> None:
    async with running_server(
        IngressLimits(body_max_bytes=MIB, bodies_max_bytes=4 * MIB, hold_s=0.2)
    ) as server:
        server.deliver = held = HeldDelivery()
        earlier = [await server.connect() for _ in range(MIB // 20_000)]
        for number, client in enumerate(earlier, start=1):
            await client.send_all(post(b"x" * 20_000))
            await until(lambda count=number: held.count == count)  # type: ignore[misc]
        late = await server.connect()
        await late.send_all(post(b"x" * 20_000))
        assert (await late.response()).status == 503
        held.release.set()
        for client in earlier:
            assert (await client.response()).status == 200
        late.send(post(b"{}"))
        assert (await late.response()).status == 200


async def test_a_connection_whose_body_waited_goes_on_and_so_does_a_large_body_behind_a_small_one() -> None:
    async with running_server(
        IngressLimits(body_max_bytes=MIB // 4, bodies_max_bytes=MIB, hold_s=60)
    ) as server:
        server.deliver = held = HeldDelivery()
        large = post(gzip.compress(b"y" * 200_000), **{"Content-Encoding": "gzip"})
        one, other, third = [await server.connect() for _ in range(3)]
        for client in (one, other):
            await client.send_all(large)
        await third.send_all(post(b"{}"))
        await third.send_all(post(b"z" * 200_000)[:100_000])
        held.release.set()
        assert [(await client.response()).status for client in (one, other, third)] == [200] * 3
        third.send(post(b"z" * 200_000)[100_000:])
        assert (await third.response()).status == 200
        for client in (one, other, third):
            client.send(post(b"{}"))
            assert (await client.response()).status == 200
