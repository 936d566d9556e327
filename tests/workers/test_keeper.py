"""How one worker is kept: what becomes of a replacement that is not ready, and of one too many."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from bridge.io.http.connection_counts import ConnectionCounts
from bridge.workers.keeper import SLOTS_A_WORKER, WorkerKeeper
from bridge.workers.process import Inherited, WorkerProcess
from tests.rig.waiting import eventually


class FakeProcess(WorkerProcess):
    """A process that runs until it is retired or gets a signal, unless it ``hangs``."""

    def __init__(self, number: int, slot: int) -> None:
        super().__init__(number, slot)
        self.requests: list[str] = []
        self.hangs = False
        self._ended = asyncio.Event()

    async def start(self, inherited: Inherited) -> None:
        """Run."""

    async def wait(self) -> None:
        await self._ended.wait()

    def retire(self) -> None:
        self.retiring = True
        self.requests.append("retire")
        if not self.hangs:
            self._ended.set()

    def send_signal(self, number: signal.Signals) -> None:
        self.requests.append(number.name)
        self._ended.set()


class Kept:
    """Worker 1 of one, its processes in the order of their starts."""

    def __init__(self, counts: ConnectionCounts, start_max_s: float) -> None:
        self.started: list[FakeProcess] = []
        self.restarts = 0
        self.keeper = WorkerKeeper(
            1,
            Inherited(sockets=[], counts=counts, workers=1, config=None),
            on_end=lambda _number, _families: None,
            on_restart=self._count,
            make_process=self._make,
        )
        self.keeper.start_max_s = start_max_s
        self.running = asyncio.create_task(self.keeper.run())

    def _make(self, number: int, slot: int) -> FakeProcess:
        self.started.append(FakeProcess(number, slot))
        return self.started[-1]

    def _count(self) -> None:
        self.restarts += 1

    async def stop(self) -> None:
        self.keeper.stop()
        self.keeper.send_signal(signal.SIGTERM, retiring=True)
        await self.keeper.wait_for_end(60)
        await self.running


@contextmanager
def connection_counts() -> Iterator[ConnectionCounts]:
    counts = ConnectionCounts.create(SLOTS_A_WORKER)
    yield counts
    counts.close()


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    with connection_counts() as counts:
        given = Kept(counts, start_max_s=0.05)
        await eventually(lambda: given.keeper.current, "the first process runs")
        yield given
        await given.stop()


async def test_a_replacement_that_does_not_become_ready_ends_politely_and_the_old_one_stays(
    kept: Kept,
) -> None:
    assert not await kept.keeper.replace()

    old, replacement = kept.started
    assert replacement.requests == ["retire"]
    assert old.requests == []
    assert kept.keeper.current is old
    assert kept.keeper.processes == [old]


async def test_a_process_too_many_is_not_started_and_ends_nothing(kept: Kept) -> None:
    kept.keeper.start_max_s = 60
    waiting = [asyncio.create_task(kept.keeper.replace()) for _ in range(SLOTS_A_WORKER - 1)]
    await eventually(lambda: len(kept.keeper.processes) == SLOTS_A_WORKER, "every slot is taken")

    assert not await kept.keeper.replace()
    assert len(kept.started) == SLOTS_A_WORKER
    for process in kept.started[1:]:
        process.send_signal(signal.SIGKILL)
    assert await asyncio.gather(*waiting) == [False, False]
    assert kept.keeper.current is kept.started[0]
