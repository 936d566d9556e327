"""Several at work at once, one key at a time, and an end that leaves nothing in the middle."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiokafka import TopicPartition
from msgspec.structs import replace

from bridge.consumer.crew import WorkerPool, HandlerJob
from bridge.consumer.place import OffsetTracker
from tests.consumer.records import consumed, record_of, transcoded
from tests.rig.waiting import WITHIN_S, eventually

TOPIC_PARTITION = TopicPartition("t", 0)


def _jobs(keys: str, tracker: OffsetTracker) -> list[HandlerJob]:
    record = record_of(transcoded("t", "f"))
    return [
        HandlerJob(tracker, consumed(replace(record, key=key.encode()), offset), None)
        for offset, key in enumerate(keys)
    ]


class PoolHarness:
    """A crew with a note of what was begun and done (offsets); each job waits until it is let go."""

    def __init__(
        self, workers: int, handle: Callable[[HandlerJob], Awaitable[float | None]] | None = None
    ) -> None:
        self.zz_started: list[int] = []
        self.done: list[int] = []
        self.errors: list[BaseException] = []
        self.zz_release = asyncio.Event()
        self.zz_pool = WorkerPool(workers, handle or self._wait, self._finish, self.errors.append)

    async def _wait(self, job: HandlerJob) -> float | None:
        self.zz_started.append(job.record.offset)
        await self.zz_release.wait()
        return None

    def _finish(self, job: HandlerJob) -> None:
        self.done.append(job.record.offset)


async def test_one_key_is_one_after_the_other_and_others_go_beside() -> None:
    bench = PoolHarness(3)
    for job in _jobs("aabac", OffsetTracker(TOPIC_PARTITION)):
        bench.zz_pool.add(job)
    await eventually(lambda: len(bench.zz_started) == 3, "three keys, three at work")
    assert sorted(bench.zz_started) == [0, 2, 4]
    bench.zz_release.set()
    await bench.zz_pool.zz_wait_below(1)
    assert [offset for offset in bench.done if offset in (0, 1, 3)] == [0, 1, 3]
    await bench.zz_pool.zz_drain(1)


async def test_no_more_than_its_workers_are_at_work() -> None:
    bench = PoolHarness(2)
    for job in _jobs("abcdef", OffsetTracker(TOPIC_PARTITION)):
        bench.zz_pool.add(job)
    await eventually(lambda: bench.zz_started, "some are begun")
    assert len(bench.zz_started) == 2
    bench.zz_release.set()
    await bench.zz_pool.zz_wait_below(1)
    assert sorted(bench.done) == [0, 1, 2, 3, 4, 5]
    await bench.zz_pool.zz_drain(1)


async def test_draining_finishes_what_lies_before_the_last_one_started_and_drops_the_rest() -> None:
    bench = PoolHarness(2)
    for job in _jobs(
        "aabcd", OffsetTracker(TOPIC_PARTITION)
    ):  # offsets 0 and 2 are begun; 1 lies between them
        bench.zz_pool.add(job)
    await eventually(lambda: len(bench.zz_started) == 2, "two are at work")
    settling = asyncio.create_task(bench.zz_pool.zz_drain(5))
    await eventually(lambda: bench.zz_pool.jobs == 3, "the rest is let go")
    bench.zz_release.set()
    await settling
    assert sorted(bench.done) == [0, 1, 2]


async def test_draining_abandons_what_takes_too_long() -> None:
    bench = PoolHarness(2)
    for job in _jobs("ab", OffsetTracker(TOPIC_PARTITION)):
        bench.zz_pool.add(job)
    await eventually(lambda: len(bench.zz_started) == 2, "two are at work")
    await bench.zz_pool.zz_drain(0.05)
    assert (bench.done, bench.zz_pool.jobs) == ([], 0)


async def test_an_error_of_ours_leaves_the_events_of_the_key_undone() -> None:
    async def break_down(job: HandlerJob) -> float | None:
        if job.record.key == b"a":
            raise ZeroDivisionError
        return None

    bench = PoolHarness(2, break_down)
    for job in _jobs("aab", OffsetTracker(TOPIC_PARTITION)):
        bench.zz_pool.add(job)
    await bench.zz_pool.zz_wait_below(1)
    assert bench.done == [2]
    assert [type(error) for error in bench.errors] == [ZeroDivisionError]
    await bench.zz_pool.zz_drain(1)


async def test_draining_ends_also_where_a_cancellation_is_swallowed() -> None:
    async def go_on_regardless(job: HandlerJob) -> float | None:
        bench.zz_started.append(job.record.offset)
        with suppress(asyncio.CancelledError):
            await bench.zz_release.wait()
        return None

    bench = PoolHarness(1, go_on_regardless)
    for job in _jobs("aa", OffsetTracker(TOPIC_PARTITION)):
        bench.zz_pool.add(job)
    await eventually(lambda: bench.zz_started, "one is at work")
    async with asyncio.timeout(WITHIN_S):
        await bench.zz_pool.zz_drain(0.05)
    assert (bench.zz_started, bench.done) == ([0], [0])  # it did end; nothing more was begun
