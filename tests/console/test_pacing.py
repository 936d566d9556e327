"""The console takes at most a tenth of the event loop, however many ask."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from bridge.console.pacing import Pacer


class ManualTime:
    """Seconds that pass when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def work(self, *steps_s: float) -> int:
        for step_s in steps_s:
            self.now_s += step_s
            await asyncio.sleep(0)
        return len(steps_s)

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.now_s += seconds


async def test_who_asks_in_a_loop_gets_a_tenth_of_the_loop() -> None:
    time = ManualTime()
    pacer, worked_s = Pacer(time, time.sleep, work_clock=time), 0.0
    for _ in range(200):
        await pacer.wait()
        await pacer.charge(time.work(0.008))
        worked_s += 0.008
    assert worked_s / (time.now_s - 100.0) <= 0.1


async def test_one_who_looks_now_and_then_does_not_wait() -> None:
    time = ManualTime()
    pacer = Pacer(time, time.sleep, work_clock=time)
    for _ in range(5):
        await pacer.wait()
        await pacer.charge(time.work(0.008))
        time.now_s += 1
    assert time.slept_s == 0


async def test_nobody_is_refused_because_the_machine_gave_no_core_for_a_while() -> None:
    time = ManualTime()
    pacer = Pacer(time, time.sleep, work_clock=lambda: 0.0)
    assert await pacer.wait()
    await pacer.charge(time.work(2.0))
    assert await pacer.wait()
    assert time.slept_s == 0


async def test_those_who_ask_at_once_come_one_after_the_other() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    pacer = Pacer(lambda: 100.0, sleep)
    await asyncio.gather(*(pacer.wait() for _ in range(5)))
    assert [round(wait, 3) for wait in waits] == [0.01, 0.02, 0.03, 0.04]


async def test_each_step_of_work_is_charged_and_what_is_waited_for_is_not() -> None:
    time = ManualTime()
    pacer = Pacer(time, time.sleep, work_clock=time)

    async def work() -> int:
        done = await time.work(0.002, 0.003, 0.005)
        await time.sleep(0.0)
        return done

    assert await pacer.charge(work()) == 3
    time.slept_s = 0
    await pacer.wait()
    assert round(time.slept_s, 3) == 0.09


async def test_work_that_is_charged_can_be_cancelled_and_fails_as_it_would() -> None:
    pacer, ended = Pacer(), asyncio.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("as it is")

    task = asyncio.ensure_future(_awaited(pacer, forever()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    with pytest.raises(ValueError, match="as it is"):
        await pacer.charge(fail())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await pacer.charge(forever())


async def _awaited(pacer: Pacer, work: Coroutine[Any, Any, None]) -> None:
    await pacer.charge(work)


async def test_nobody_waits_longer_than_a_connection_lasts() -> None:
    time = ManualTime()
    pacer = Pacer(time, time.sleep, work_clock=time)
    await pacer.charge(time.work(0.5))
    assert await pacer.wait() is False
    assert time.slept_s == 0
