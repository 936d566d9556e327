"""The console takes at most a tenth of the event loop, however many ask."""

import asyncio

from bridge.console.pacing import Pacer


class ManualTime:
    """Seconds that pass when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.slept_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.now_s += seconds


async def test_who_asks_in_a_loop_gets_a_tenth_of_the_loop() -> None:
    time = ManualTime()
    pacer, worked_s = Pacer(time, time.sleep), 0.0
    for _ in range(200):
        await pacer.wait()
        with pacer.spending():
            time.now_s += 0.008
            worked_s += 0.008
    assert worked_s / (time.now_s - 100.0) <= 0.1


async def test_one_who_looks_now_and_then_does_not_wait() -> None:
    time = ManualTime()
    pacer = Pacer(time, time.sleep)
    for _ in range(5):
        await pacer.wait()
        with pacer.spending():
            time.now_s += 0.008
        time.now_s += 1
    assert time.slept_s == 0


async def test_those_who_ask_at_once_come_one_after_the_other() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    pacer = Pacer(lambda: 100.0, sleep)
    await asyncio.gather(*(pacer.wait() for _ in range(5)))
    assert [round(wait, 3) for wait in waits] == [0.01, 0.02, 0.03, 0.04]
