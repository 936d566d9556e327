"""Handlers at work: several events at once, those of one key one after the other, tried again after pauses.

A key whose event waits for its next attempt holds up nobody but itself. Nothing connects here.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from aiokafka import ConsumerRecord

from bridge.consumer.event import Event
from bridge.consumer.place import Place

_Key = tuple[bytes | None, int]


class Job:
    """One event on its way through a handler. ``event`` is None where the record is none.

    ``error`` is set once no further attempt is to be made.
    """

    __slots__ = ("attempts", "error", "event", "place", "record")

    def __init__(self, place: Place, record: ConsumerRecord, event: Event[object] | None) -> None:
        self.place = place
        self.record = record
        self.event = event
        self.attempts = 0
        self.error: BaseException | None = None

    @property
    def lane(self) -> _Key:
        """What it must not overtake: the key, or where there is none the partition."""
        key = self.record.key
        return (key, -1) if key is not None else (None, hash(self.place.where))


def ending() -> bool:
    """Tell whether the running task is asked to end; else a CancelledError is an error like others."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Crew:
    """So many workers. ``handle`` gives None where all is done, or the seconds until the next attempt.

    What ``handle`` raises ends the worker, takes the key's events out and is passed to ``fail``: they stay
    undone. ``finish`` is told of what is done.
    """

    def __init__(
        self,
        workers: int,
        handle: Callable[[Job], Awaitable[float | None]],
        finish: Callable[[Job], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._handle = handle
        self._finish = finish
        self._fail = fail
        self._lanes: dict[_Key, deque[Job]] = {}
        self._ready: asyncio.Queue[_Key] = asyncio.Queue()
        self._moved = asyncio.Event()
        self.jobs = 0
        self._workers = [asyncio.create_task(self._work()) for _ in range(workers)]

    def add(self, job: Job) -> None:
        """Take an event; behind the earlier ones of its key."""
        lane = self._lanes.setdefault(job.lane, deque())
        if not lane:
            self._ready.put_nowait(job.lane)
        lane.append(job)
        self.jobs += 1

    async def below(self, number: int) -> bool:
        """Wait until fewer events than that are left."""
        while self.jobs >= number:
            self._moved.clear()
            await self._moved.wait()
        return True

    def let_go(self) -> None:
        """Drop the events behind the last one of their partition that was begun.

        Whoever reads on from the committed position gets them; what lies before has to be finished, so that
        nothing that was done is repeated.
        """
        for key, lane in list(self._lanes.items()):
            needed = deque(job for job in lane if job.record.offset <= job.place.begun)
            self.jobs -= len(lane) - len(needed)
            if needed:
                self._lanes[key] = needed
            else:
                del self._lanes[key]
        self._moved.set()

    async def settle(self, within_s: float) -> None:
        """Finish what must not be left in the middle, and abandon what takes longer than that."""
        self.let_go()
        try:
            async with asyncio.timeout(within_s):
                await self.below(1)
        except TimeoutError:
            pass
        finally:
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
            self._lanes.clear()
            self.jobs = 0
            self._moved.set()

    async def _work(self) -> None:
        while not ending():  # a handler may have swallowed it
            key = await self._ready.get()
            if key not in self._lanes:
                continue
            job = self._lanes[key][0]
            job.place.begun = max(job.place.begun, job.record.offset)
            try:
                pause = await self._handle(job)
            except BaseException as error:
                if not ending():
                    self._leave(key, error)  # whatever it is, the events of the key stay undone
                raise
            if pause is not None:
                asyncio.get_running_loop().call_later(pause, self._ready.put_nowait, key)
                continue
            self._finish(job)
            self._pass(key)

    def _pass(self, key: _Key) -> None:
        """Go on to the key's next event."""
        lane = self._lanes[key]
        lane.popleft()
        self.jobs -= 1
        self._moved.set()
        if lane:
            self._ready.put_nowait(key)
        else:
            del self._lanes[key]

    def _leave(self, key: _Key, error: BaseException) -> None:
        self.jobs -= len(self._lanes.pop(key))
        self._moved.set()
        self._fail(error)
