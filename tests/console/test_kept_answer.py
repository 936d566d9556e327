"""A source is asked once for all who ask within some seconds, and again after an error."""

import asyncio

import pytest

from bridge.console.kept_answer import KeptAnswer
from tests.console.test_access import ManualClock


async def test_whoever_asks_within_the_time_gets_the_same_answer() -> None:
    clock, asked = ManualClock(), 0

    async def ask() -> bytes:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return b"%d" % asked

    kept = KeptAnswer(10, clock)
    assert await asyncio.gather(*(kept.get(ask) for _ in range(3))) == [b"1"] * 3
    clock.now_s += 9.9
    assert await kept.get(ask) == b"1"
    clock.now_s += 0.1
    assert await kept.get(ask) == b"2"


async def test_an_error_is_not_kept() -> None:
    async def fail() -> bytes:
        raise OSError("no answer")

    async def ask() -> bytes:
        return b"an answer"

    kept = KeptAnswer(10, ManualClock())
    with pytest.raises(OSError, match="no answer"):
        await kept.get(fail)
    assert await kept.get(ask) == b"an answer"
