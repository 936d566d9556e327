"""Runs handlers: several events at once, those of one key in order, with retries after a backoff.

A key whose event waits for its next attempt blocks no other key. No I/O here.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from aiokafka import ConsumerRecord

from bridge.consumer.event import Event
from bridge.consumer.offset_tracker import OffsetTracker

_OrderingKey = tuple[bytes | None, int]


class HandlerJob:
    """One event to be handled. ``event`` is None where the record holds none.

    ``error`` is set once no further attempt is to be made. ``waits`` counts the pauses for another process.
    """

    __slots__ = ("attempts", "error", "event", "record", "tracker", "waits")

    def __init__(self, tracker: OffsetTracker, record: ConsumerRecord, event: Event[object] | None) -> None:
        self.tracker = tracker
        self.record = record
        self.event = event
        self.attempts = self.waits = 0
        self.error: BaseException | None = None

    @property
    def ordering_key(self) -> _OrderingKey:
        """What it is ordered by: the key, or where there is none the partition."""
        key = self.record.key
        return (key, -1) if key is not None else (None, hash(self.tracker.topic_partition))


def is_cancelling() -> bool:
    """Whether the running task is being cancelled; if not, a CancelledError is an error like others."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class WorkerPool:
    """A fixed number of workers. ``handle`` returns None when the event is done, or the seconds to a retry.

    What ``handle`` raises ends the worker, drops the key's events and is passed to ``fail``: they stay
    undone. ``finish`` is called with each job that is done.
    """

    def __init__(
        self,
        workers: int,
        handle: Callable[[HandlerJob], Awaitable[float | None]],
        finish: Callable[[HandlerJob], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._handle = handle
        self._finish = finish
        self._fail = fail
        self._by_key: dict[_OrderingKey, deque[HandlerJob]] = {}
        self._ready: asyncio.Queue[_OrderingKey] = asyncio.Queue()
        self._changed = asyncio.Event()
        self.jobs = 0
        self._workers = [asyncio.create_task(self._work()) for _ in range(workers)]

    def add(self, job: HandlerJob) -> None:
        """Queue an event behind the earlier ones of its key."""
        queue = self._by_key.setdefault(job.ordering_key, deque())
        if not queue:
            self._ready.put_nowait(job.ordering_key)
        queue.append(job)
        self.jobs += 1

    async def wait_below(self, limit: int) -> bool:
        """Wait until fewer than ``limit`` events are queued or in progress; return True."""
        while self.jobs >= limit:
            self._changed.clear()
            await self._changed.wait()
        return True

    def drop_unstarted(self) -> None:
        """Drop the events behind the last one of their partition that was started.

        The next reader from the committed offset gets them. Those before it must be finished, so that
        nothing that was done is repeated.
        """
        for key, queue in list(self._by_key.items()):
            started = deque(job for job in queue if job.record.offset <= job.tracker.highest_started)
            self.jobs -= len(queue) - len(started)
            if started:
                self._by_key[key] = started
            else:
                del self._by_key[key]
        self._changed.set()

    async def drain(self, timeout_s: float) -> None:
        """Finish the started events, cancel what takes longer than ``timeout_s``, end the workers."""
        self.drop_unstarted()
        try:
            async with asyncio.timeout(timeout_s):
                await self.wait_below(1)
        except TimeoutError:
            pass
        finally:
            for worker in self._workers:
                worker.cancel()
            await asyncio.gather(*self._workers, return_exceptions=True)
            self._by_key.clear()
            self.jobs = 0
            self._changed.set()

    async def _work(self) -> None:
        while not is_cancelling():  # a handler may have swallowed it
            key = await self._ready.get()
            if key not in self._by_key:
                continue
            job = self._by_key[key][0]
            job.tracker.highest_started = max(job.tracker.highest_started, job.record.offset)
            try:
                delay_s = await self._handle(job)
            except BaseException as error:
                if not is_cancelling():
                    self._fail_key(key, error)  # whatever it is, the events of the key stay undone
                raise
            if delay_s is not None:
                asyncio.get_running_loop().call_later(delay_s, self._ready.put_nowait, key)
                continue
            self._finish(job)
            self._next(key)

    def _next(self, key: _OrderingKey) -> None:
        """Remove the done event and schedule the key's next one."""
        queue = self._by_key[key]
        queue.popleft()
        self.jobs -= 1
        self._changed.set()
        if queue:
            self._ready.put_nowait(key)
        else:
            del self._by_key[key]

    def _fail_key(self, key: _OrderingKey, error: BaseException) -> None:
        self.jobs -= len(self._by_key.pop(key))
        self._changed.set()
        self._fail(error)
