"""Several at work at once, one key at a time, and an end that leaves nothing in the middle."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from aiokafka import TopicPartition
from msgspec.structs import replace

from bridge.consumer.crew import Crew, Job
from bridge.consumer.place import Place
from tests.consumer.records import consumed, record_of, transcoded
from tests.rig.waiting import WITHIN_S, eventually

PLACE = TopicPartition("t", 0)


def _jobs(keys: str, place: Place) -> list[Job]:
    record = record_of(transcoded("t", "f"))
    return [
        Job(place, consumed(replace(record, key=key.encode()), offset), None)
        for offset, key in enumerate(keys)
    ]


class Bench:
    """A crew with a note of what was begun and done (offsets); each job waits until it is let go."""

    def __init__(self, workers: int, handle: Callable[[Job], Awaitable[float | None]] | None = None) -> None:
        self.begun: list[int] = []
        self.done: list[int] = []
        self.errors: list[BaseException] = []
        self.go = asyncio.Event()
        self.crew = Crew(workers, handle or self._wait, self._finish, self.errors.append)

    async def _wait(self, job: Job) -> float | None:
        self.begun.append(job.record.offset)
        await self.go.wait()
        return None

    def _finish(self, job: Job) -> None:
        self.done.append(job.record.offset)


async def test_one_key_is_one_after_the_other_and_others_go_beside() -> None:
    bench = Bench(3)
    for job in _jobs("aabac", Place(PLACE)):
        bench.crew.add(job)
    await eventually(lambda: len(bench.begun) == 3, "three keys, three at work")
    assert sorted(bench.begun) == [0, 2, 4]
    bench.go.set()
    await bench.crew.below(1)
    assert [offset for offset in bench.done if offset in (0, 1, 3)] == [0, 1, 3]
    await bench.crew.settle(1)


async def test_no_more_than_its_workers_are_at_work() -> None:
    bench = Bench(2)
    for job in _jobs("abcdef", Place(PLACE)):
        bench.crew.add(job)
    await eventually(lambda: bench.begun, "some are begun")
    assert len(bench.begun) == 2
    bench.go.set()
    await bench.crew.below(1)
    assert sorted(bench.done) == [0, 1, 2, 3, 4, 5]
    await bench.crew.settle(1)


async def test_settling_finishes_what_lies_before_the_last_one_begun_and_lets_the_rest_go() -> None:
    bench = Bench(2)
    for job in _jobs("aabcd", Place(PLACE)):  # offsets 0 and 2 are begun; 1 lies between them
        bench.crew.add(job)
    await eventually(lambda: len(bench.begun) == 2, "two are at work")
    settling = asyncio.create_task(bench.crew.settle(5))
    await eventually(lambda: bench.crew.jobs == 3, "the rest is let go")
    bench.go.set()
    await settling
    assert sorted(bench.done) == [0, 1, 2]


async def test_settling_abandons_what_takes_too_long() -> None:
    bench = Bench(2)
    for job in _jobs("ab", Place(PLACE)):
        bench.crew.add(job)
    await eventually(lambda: len(bench.begun) == 2, "two are at work")
    await bench.crew.settle(0.05)
    assert (bench.done, bench.crew.jobs) == ([], 0)


async def test_an_error_of_ours_leaves_the_events_of_the_key_undone() -> None:
    async def break_down(job: Job) -> float | None:
        if job.record.key == b"a":
            raise ZeroDivisionError
        return None

    bench = Bench(2, break_down)
    for job in _jobs("aab", Place(PLACE)):
        bench.crew.add(job)
    await bench.crew.below(1)
    assert bench.done == [2]
    assert [type(error) for error in bench.errors] == [ZeroDivisionError]
    await bench.crew.settle(1)


async def test_settling_ends_also_where_a_cancellation_is_swallowed() -> None:
    async def go_on_regardless(job: Job) -> float | None:
        bench.begun.append(job.record.offset)
        with suppress(asyncio.CancelledError):
            await bench.go.wait()
        return None

    bench = Bench(1, go_on_regardless)
    for job in _jobs("aa", Place(PLACE)):
        bench.crew.add(job)
    await eventually(lambda: bench.begun, "one is at work")
    async with asyncio.timeout(WITHIN_S):
        await bench.crew.settle(0.05)
    assert (bench.begun, bench.done) == ([0], [0])  # it did end; nothing more was begun
