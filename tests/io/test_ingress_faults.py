"""What becomes of a request whose client is gone, or in whose work a bug is."""

import asyncio

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from bridge.io.ingress import Limits
from tests.io.doors import Door, opened, post, until

BODY = b'{"EventType":"NewFileUpload"}'


async def test_a_bug_behind_the_door_is_answered_by_silence_and_counted(door: Door) -> None:
    async def buggy(_: Notification) -> Outcome:
        raise ZeroDivisionError

    door.deliver = buggy
    for body in (BODY, b"{}" * 40_000):
        client = await door.knock()
        client.send(post(body))
        assert await client.ended()
    assert door.telemetry.registry.get_sample_value("bridge_internal_errors_total") == 2
    door.deliver = door.keep
    assert (await door.post(BODY)).status == 200


async def test_what_was_sent_by_who_left_without_reading_is_delivered_all_the_same(door: Door) -> None:
    client = await door.knock()
    begun, going = asyncio.Event(), asyncio.Event()

    async def once_it_left(notification: Notification) -> Outcome:
        begun.set()
        await going.wait()
        return await door.keep(notification)

    door.deliver = once_it_left
    client.send(post(BODY) * 3)
    await begun.wait()
    client.leave()
    await until(lambda: len(door.ingress.crowd) == 0)
    going.set()
    await until(lambda: len(door.taken) == 3)


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
        b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n",
        b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n",
    ],
)
async def test_who_is_refused_and_neither_sends_nor_leaves_is_cut_in_time(door: Door, head: bytes) -> None:
    client = await door.knock()
    client.send(head)
    assert (await client.response()).status >= 400
    assert len(door.ingress.crowd) == 1
    door.seconds += 11
    await until(lambda: len(door.ingress.crowd) == 0)


async def test_who_was_refused_at_once_may_be_closed_when_room_is_needed() -> None:
    async with opened(Limits(connections_max=2)) as door:
        for _ in range(2):
            client = await door.knock()
            client.send(b"GE")
            await until(door.arriving)
            client.send(b"T / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await client.response()).status == 405
        assert (await door.post(BODY)).status == 200
