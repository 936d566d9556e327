"""How long one waits, and that one timer serves many."""

import asyncio

import pytest

from bridge.holding import Patience, settled

pytestmark = pytest.mark.asyncio


async def test_what_is_done_is_not_waited_for() -> None:
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    assert await Patience(60).settled(done)
    assert await settled(done, 60)


async def test_patience_ends_for_each_in_its_turn_and_cancels_nothing() -> None:
    loop = asyncio.get_running_loop()
    patience = Patience(0.05)
    futures: list[asyncio.Future[None]] = [loop.create_future() for _ in range(3)]
    first = asyncio.gather(*(patience.settled(future) for future in futures))
    futures[1].set_result(None)
    assert await first == [False, True, False]
    assert not futures[0].done()
    again = asyncio.gather(*(patience.settled(future) for future in futures))
    assert await again == [False, True, False]


async def test_waits_that_are_over_are_not_kept() -> None:
    loop = asyncio.get_running_loop()
    patience = Patience(60)
    for _ in range(3):
        future: asyncio.Future[None] = loop.create_future()
        loop.call_soon(future.set_result, None)
        assert await patience.settled(future)


async def test_nothing_is_waited_for_when_no_time_is_left() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    assert not await settled(future, 0)
