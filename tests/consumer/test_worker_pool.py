"""Several at work at once, one key at a time, and an end that leaves nothing in the middle."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiokafka import TopicPartition
from msgspec.structs import replace

from bridge.consumer.offset_tracker import OffsetTracker
from bridge.consumer.worker_pool import HandlerJob, WorkerPool
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
        self.started: list[int] = []
        self.done: list[int] = []
        self.errors: list[BaseException] = []
        self.release = asyncio.Event()
        self.pool = WorkerPool(workers, handle or self._wait, self._finish, self.errors.append)

    async def _wait(self, job: HandlerJob) -> float | None:
        self.started.append(job.record.offset)
        await self.release.wait()
        return None

    def _finish(self, job: HandlerJob) -> None:
        self.done.append(job.record.offset)


async def test_one_key_is_one_after_the_other_and_others_go_beside() -> None:
    harness = PoolHarness(3)
    for job in _jobs("aabac", OffsetTracker(TOPIC_PARTITION)):
        harness.pool.add(job)
    await eventually(lambda: len(harness.started) == 3, "three keys, three at work")
    assert sorted(harness.started) == [0, 2, 4]
    harness.release.set()
    await harness.pool.wait_below(1)
    assert [offset for offset in harness.done if offset in (0, 1, 3)] == [0, 1, 3]
    await harness.pool.drain(1)


async def test_no_more_than_its_workers_are_at_work() -> None:
    harness = PoolHarness(2)
    for job in _jobs("abcdef", OffsetTracker(TOPIC_PARTITION)):
        harness.pool.add(job)
    await eventually(lambda: harness.started, "some are begun")
    assert len(harness.started) == 2
    harness.release.set()
    await harness.pool.wait_below(1)
    assert sorted(harness.done) == [0, 1, 2, 3, 4, 5]
    await harness.pool.drain(1)


async def test_draining_finishes_what_lies_before_the_last_one_started_and_drops_the_rest() -> None:
    harness = PoolHarness(2)
    for job in _jobs(
        "aabcd", OffsetTracker(TOPIC_PARTITION)
    ):  # offsets 0 and 2 are begun; 1 lies between them
        harness.pool.add(job)
    await eventually(lambda: len(harness.started) == 2, "two are at work")
    drain_task = asyncio.create_task(harness.pool.drain(5))
    await eventually(lambda: harness.pool.jobs == 3, "the rest is let go")
    harness.release.set()
    await drain_task
    assert sorted(harness.done) == [0, 1, 2]


async def test_draining_abandons_what_takes_too_long() -> None:
    harness = PoolHarness(2)
    for job in _jobs("ab", OffsetTracker(TOPIC_PARTITION)):
        harness.pool.add(job)
    await eventually(lambda: len(harness.started) == 2, "two are at work")
    await harness.pool.drain(0.05)
    assert (harness.done, harness.pool.jobs) == ([], 0)


async def test_an_error_of_ours_leaves_the_events_of_the_key_undone() -> None:
    async def fail_for_key_a(job: HandlerJob) -> float | None:
        if job.record.key == b"a":
            raise ZeroDivisionError
        return None

    harness = PoolHarness(2, fail_for_key_a)
    for job in _jobs("aab", OffsetTracker(TOPIC_PARTITION)):
        harness.pool.add(job)
    await harness.pool.wait_below(1)
    assert harness.done == [2]
    assert [type(error) for error in harness.errors] == [ZeroDivisionError]
    await harness.pool.drain(1)


async def test_draining_ends_also_where_a_cancellation_is_swallowed() -> None:
    async def swallow_cancellation(job: HandlerJob) -> float | None:
        harness.started.append(job.record.offset)
        with suppress(asyncio.CancelledError):
            await harness.release.wait()
        return None

    harness = PoolHarness(1, swallow_cancellation)
    for job in _jobs("aa", OffsetTracker(TOPIC_PARTITION)):
        harness.pool.add(job)
    await eventually(lambda: harness.started, "one is at work")
    async with asyncio.timeout(WITHIN_S):
        await harness.pool.drain(0.05)
    assert (harness.started, harness.done) == ([0], [0])  # it did end; nothing more was begun
