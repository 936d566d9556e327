"""How many bytes of bodies are in work at once: who finds no room waits silently, and keeps what it has."""

import asyncio

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from bridge.io.ingress import Limits
from tests.io.doors import PUBLISHED, opened, post, until

pytestmark = pytest.mark.asyncio

MIB = 1024 * 1024


async def test_a_delivery_without_room_waits_silently_and_goes_on_when_there_is_some() -> None:
    async with opened(Limits(body_max_bytes=60, bodies_max_bytes=100)) as door:
        ends: list[asyncio.Future[None]] = []

        async def deliver(_: Notification) -> Outcome:
            ends.append(asyncio.get_running_loop().create_future())
            await ends[-1]
            return PUBLISHED

        door.deliver = deliver
        first, second = await door.knock(), await door.knock()
        first.send(post(b"x" * 60))
        await until(lambda: len(ends) == 1)
        second.send(post(b"x" * 60))
        other = await door.knock()
        other.send(b"GET / HTTP/1.1\r\nHost: door\r\n\r\n")
        assert (await other.response()).status == 405  # the door has read on since
        assert len(ends) == 1
        ends[0].set_result(None)
        await until(lambda: len(ends) == 2)
        ends[1].set_result(None)
        assert [(await client.response()).status for client in (first, second)] == [200, 200]


async def test_a_delivery_that_finds_no_room_in_time_is_put_off() -> None:
    async with opened(Limits(body_max_bytes=60, bodies_max_bytes=100, hold_s=0.05)) as door:
        hold = asyncio.Event()

        async def deliver(_: Notification) -> Outcome:
            await hold.wait()
            return PUBLISHED

        door.deliver = deliver
        first = await door.knock()
        first.send(post(b"x" * 60))
        began = asyncio.get_running_loop().time()
        response = await door.post(b"x" * 60)
        assert asyncio.get_running_loop().time() - began >= 0.05
        assert (response.status, response.headers["retry-after"]) == (503, "5")
        assert response.told == {"outcome": "deferred", "detail": "no room for another body"}
        hold.set()
        assert (await first.response()).status == 200
        assert (await door.post(b"x" * 60)).status == 200


async def test_a_body_for_which_there_is_no_room_stays_with_its_client_and_small_ones_pass_it() -> None:
    async with opened(Limits(body_max_bytes=4 * MIB, bodies_max_bytes=16 * MIB, hold_s=0.2)) as door:
        hold, sizes = asyncio.Event(), list[int]()

        async def deliver(notification: Notification) -> Outcome:
            sizes.append(len(notification.body))
            if sizes[-1] > MIB:
                await hold.wait()
            return PUBLISHED

        door.deliver = deliver
        first, second = await door.knock(), await door.knock()
        await first.send_all(post(b"x" * (4 * MIB)))
        await until(lambda: sizes == [4 * MIB])
        second.send(post(b"x" * (4 * MIB))[:MIB])
        assert (await door.post(b"x" * 1000)).status == 200
        assert (await second.response()).status == 503
        assert sizes == [4 * MIB, 1000]
        hold.set()
        assert (await first.response()).status == 200
