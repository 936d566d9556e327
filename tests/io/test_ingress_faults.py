"""What becomes of a request whose client is gone, or in whose work a bug is."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from tests.io.doors import Door, opened, post, until

BODY = b'{"EventType":"NewFileUpload"}'


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with opened() as one:
        yield one


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
