"""Fetches what is not pushed: pulls an application's queue, and confirms what has become durable.

The vendor hands an event out again 30 s after a pull that nobody confirmed, and keeps its queue for four
days: whatever goes wrong here, it comes again. Only what is durable is confirmed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from hashlib import blake2b
from math import inf
from random import random

import structlog
from msgspec import Struct

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import Ending, Outcome
from bridge.io.confirmer import Confirmer, Handle
from bridge.io.vod_api import Pulled, Queue, Refused, Unreachable
from bridge.telemetry import Telemetry
from bridge.tending import tended

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_FULL = 16
_REJECTED_MAX = 1_000
_DURABLE = frozenset({Ending.PUBLISHED, Ending.SPOOLED, Ending.DUPLICATE, Ending.REJECTED})


class Limits(Struct, frozen=True, kw_only=True):
    """``batches`` are in work at once at most; all else in seconds.

    ``spacing`` lies between two pulls at least (the vendor takes 100 a second), ``idle`` between two that
    find nothing. A failure is tried again in ``retry``, doubling up to ``retry_max``, with jitter, and
    that is told every ``tell_again``.
    """

    batches: int = 8
    spacing: float = 0.0105
    idle: float = 4.5
    retry: float = 0.5
    retry_max: float = 30.0
    gate: float = 0.25
    count: float = 30.0
    tell_again: float = 60.0


class Surroundings(Struct, frozen=True, kw_only=True):
    """What all pollers share.

    ``deliver`` takes one notification to its ending and never raises; ``open_now`` says whether Kafka takes
    records: while it does not, the vendor keeps the queue. ``now_ms`` is unix milliseconds, ``monotonic`` are
    seconds that never go back.
    """

    deliver: Callable[[Notification], Awaitable[Outcome]]
    open_now: Callable[[], bool]
    now_ms: Callable[[], int]
    monotonic: Callable[[], float]
    telemetry: Telemetry


class Poller:
    """Pulls for one application for as long as it runs. ``count`` asks how many events wait at the vendor."""

    def __init__(
        self,
        application: Application,
        queue: Queue,
        surroundings: Surroundings,
        limits: Limits,
        count: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._application = application
        self._queue = queue
        self._deliver = surroundings.deliver
        self._open_now = surroundings.open_now
        self._now_ms = surroundings.now_ms
        self._monotonic = surroundings.monotonic
        self._telemetry = surroundings.telemetry
        self._limits = limits
        self._count = count
        self._confirmer = Confirmer(queue, application.name, self._telemetry, self._monotonic)
        self._width = 1
        self._next_at = 0.0
        self._failures = 0
        self._failed_at = -inf
        self._told_at = -inf
        self._told = False
        self._rejected: dict[bytes, None] = {}  # digests, the oldest first
        self._ceased = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._batches: set[asyncio.Task[None]] = set()

    @property
    def failing(self) -> bool:
        """Whether the vendor's API refuses or does not answer."""
        return bool(self._failures) or self._confirmer.failing

    def start(self) -> None:
        """Begin to pull."""
        self._confirmer.start()
        self._workers = [
            asyncio.create_task(tended(partial(self._work, number), self._telemetry))
            for number in range(self._limits.batches)
        ]
        if self._count is not None:
            counting = partial(self._keep_count, self._count)
            self._workers.append(asyncio.create_task(tended(counting, self._telemetry)))

    @property
    def name(self) -> str:
        """The application's name."""
        return self._application.name

    def cease(self) -> None:
        """Pull no more. What was pulled goes on to its ending."""
        self._ceased.set()

    async def stop(self, seconds: float) -> None:
        """End what was pulled and confirm what is durable, within ``seconds``; the rest is pulled again."""
        self.cease()
        until = self._monotonic() + seconds
        for worker in self._workers:
            worker.cancel()
        if self._batches:
            await asyncio.wait(self._batches, timeout=seconds)
        await self._confirmer.stop(max(0.5, until - self._monotonic()))

    async def _work(self, number: int) -> None:
        """Pull one batch after the other, as one of so many workers as there is work for."""
        while not self._ceased.is_set():
            await self._turn(number)
            if self._ceased.is_set():
                return
            asked = self._monotonic()
            try:
                pulled = await self._queue.pull()
            except (Refused, Unreachable) as error:
                self._failed(error, asked)
                continue
            self._went_well(pulled)
            if pulled:
                # A batch outlives its worker: what was pulled goes to its ending, and is then confirmed.
                batch = asyncio.create_task(self._take(pulled, asked))
                self._batches.add(batch)
                batch.add_done_callback(self._batches.discard)
                await asyncio.wait((batch,))
            else:
                await asyncio.sleep(max(0.0, self._limits.idle - (self._monotonic() - asked)))

    async def _keep_count(self, count: Callable[[], Awaitable[int]]) -> None:
        while not self._ceased.is_set():
            await asyncio.sleep(self._limits.count)
            try:
                self._telemetry.pull_waiting.labels(self.name).set(await count())
            except (Refused, Unreachable):
                continue  # what is wrong is told by the pulls

    async def _turn(self, number: int) -> None:
        """Wait until this worker may pull: wanted, Kafka taking records, the last failure past."""
        while not self._ceased.is_set():
            wait = self._next_at - self._monotonic()
            if number >= self._width or not self._open_now() or self._confirmer.crowded:
                await asyncio.sleep(self._limits.gate)
            elif wait > 0:
                await asyncio.sleep(wait)
            else:
                break
        self._next_at = max(self._next_at, self._monotonic() + self._limits.spacing)

    async def _take(self, pulled: Sequence[Pulled], asked: float) -> None:
        """Take a batch to its endings, all at once."""
        received_ms = self._now_ms()
        await asyncio.gather(*(self._one(one, received_ms, asked) for one in pulled))

    async def _one(self, pulled: Pulled, received_ms: int, asked: float) -> None:
        # The age counts from before the call: the lease began at some moment of it.
        handle = Handle(pulled.handle, asked)
        self._confirmer.expect(handle)
        digest = b"" if pulled.handle else blake2b(pulled.body, digest_size=16).digest()
        if digest in self._rejected:
            self._confirmer.confirm(handle)  # which only counts it
            return
        notification = Notification(
            application=self._application,
            body=pulled.body,
            received_ms=received_ms,
            mode="pull",
            content_type="application/json",
        )
        del pulled
        durable = False
        try:
            ending = (await self._deliver(notification)).ending
            durable = ending in _DURABLE
            if digest and ending is Ending.REJECTED:
                self._note_unconfirmable(digest)
        finally:
            if durable:
                self._confirmer.confirm(handle)
            else:  # the vendor sends it again
                self._confirmer.keep_back(handle)

    def _note_unconfirmable(self, digest: bytes) -> None:
        """Keep what is no event, and has no handle, from another dead letter each 30 s for four days."""
        self._rejected[digest] = None
        if len(self._rejected) > _REJECTED_MAX:
            del self._rejected[next(iter(self._rejected))]
        log.warning(
            "pulled_without_handle",
            app=self._application.name,
            meaning="it is kept as a dead letter, and cannot be confirmed: the vendor sends it again",
        )

    def _went_well(self, pulled: Sequence[Pulled]) -> None:
        app = self._application.name
        self._telemetry.pull_calls.labels(app, "pull", "good" if pulled else "empty").inc()
        self._telemetry.pull_events.labels(app).inc(len(pulled))
        if self._told:
            log.warning("pull_works_again", app=app)
        self._failures, self._told = 0, False
        self._telemetry.pull_failing.labels(app).set(0)
        if len(pulled) >= _FULL:
            self._width = min(self._width + 1, self._limits.batches)
        elif not pulled:
            self._width = 1

    def _failed(self, error: Refused | Unreachable, asked: float) -> None:
        """Put off the next pull, longer each time; say so at once, and then once a minute.

        Pulls that were under way together fail together: that is one failure.
        """
        app, now = self._application.name, self._monotonic()
        refused = isinstance(error, Refused)
        self._telemetry.pull_calls.labels(app, "pull", "refused" if refused else "unreachable").inc()
        self._telemetry.pull_failing.labels(app).set(1)
        if asked >= self._failed_at:
            pause = min(self._limits.retry * 2**self._failures, self._limits.retry_max)
            self._next_at = now + pause * (0.5 + random() / 2)  # noqa: S311 - jitter
            self._failures, self._failed_at = min(self._failures + 1, 10), now
        if now - self._told_at > self._limits.tell_again:
            self._told_at, self._told = now, True
            hint = (
                "credentials, SubAppId and the mode at the vendor: `vod-bridge check` tells"
                if refused
                else ""
            )
            log.warning("pull_fails", app=app, error=str(error), **({"check": hint} if hint else {}))
        self._width = 1
