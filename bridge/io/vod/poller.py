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

from bridge.aio.supervisor import supervise
from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.vod.confirmer import Confirmer, LeaseHandle
from bridge.io.vod.errors import ApiError, TransportError
from bridge.io.vod.event_queue import EventQueue, PulledEvent
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_FULL_BATCH = 16
_MAX_REJECTED = 1_000
_DURABLE_OUTCOMES = frozenset(
    {DeliveryOutcome.PUBLISHED, DeliveryOutcome.SPOOLED, DeliveryOutcome.DUPLICATE, DeliveryOutcome.REJECTED}
)


class PollerLimits(Struct, frozen=True, kw_only=True):
    """Limits of pulling; times in seconds. At most ``max_concurrency`` batches are processed at once.

    ``min_interval_s`` lies between two pulls (the vendor takes 100 a second), ``idle_interval_s`` between two
    that find nothing. The first pull comes after ``start_delay_s``. A failure is retried after ``backoff_s``,
    doubling up to ``max_backoff_s``, with jitter, and logged every ``log_interval_s``. Whether pulling is
    allowed is checked every ``gate_poll_s``.
    """

    max_concurrency: int = 8
    min_interval_s: float = 0.0105
    idle_interval_s: float = 4.5
    start_delay_s: float = 0.0
    backoff_s: float = 0.5
    max_backoff_s: float = 30.0
    gate_poll_s: float = 0.25
    depth_interval_s: float = 30.0
    log_interval_s: float = 60.0


class PollerDeps(Struct, frozen=True, kw_only=True):
    """What all pollers share.

    ``deliver`` processes one notification and never raises; ``can_pull`` is whether Kafka accepts records:
    while it does not, the vendor keeps the queue. ``now_ms`` is unix milliseconds, ``monotonic`` seconds.
    """

    deliver: Callable[[Notification], Awaitable[DeliveryResult]]
    can_pull: Callable[[], bool]
    now_ms: Callable[[], int]
    monotonic: Callable[[], float]
    telemetry: Telemetry


class Poller:
    """Pulls for one application for as long as it runs. ``count`` asks how many events wait at the vendor."""

    def __init__(
        self,
        application: Application,
        queue: EventQueue,
        deps: PollerDeps,
        limits: PollerLimits,
        queue_depth: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._application = application
        self._queue = queue
        self._deliver = deps.deliver
        self._can_pull = deps.can_pull
        self._now_ms = deps.now_ms
        self._monotonic = deps.monotonic
        self._telemetry = deps.telemetry
        self._limits = limits
        self._queue_depth = queue_depth
        self._confirmer = Confirmer(queue, application.name, self._telemetry, self._monotonic)
        self._concurrency = 1
        self._next_pull_at = 0.0
        self._failures = 0
        self._last_failure_at = -inf
        self._logged_at = -inf
        self._failure_logged = False
        self._rejected: dict[bytes, None] = {}  # digests, the oldest first
        self._stopping = asyncio.Event()
        self._workers: list[asyncio.Task[None]] = []
        self._batches: set[asyncio.Task[None]] = set()

    @property
    def failing(self) -> bool:
        """Whether the vendor's API refuses calls or does not respond."""
        return bool(self._failures) or self._confirmer.failing

    def start(self) -> None:
        """Begin to pull."""
        self._next_pull_at = self._monotonic() + self._limits.start_delay_s
        self._confirmer.start()
        self._workers = [
            asyncio.create_task(supervise(partial(self._worker, number), self._telemetry))
            for number in range(self._limits.max_concurrency)
        ]
        if self._queue_depth is not None:
            report = partial(self._report_queue_depth, self._queue_depth)
            self._workers.append(asyncio.create_task(supervise(report, self._telemetry)))

    @property
    def name(self) -> str:
        """The application's name."""
        return self._application.name

    def stop_pulling(self) -> None:
        """Stop pulling. Events that were pulled are processed to their end."""
        self._stopping.set()

    async def stop(self, seconds: float) -> None:
        """Finish the pulled events and confirm durable ones, within ``seconds``; the rest is pulled again."""
        self.stop_pulling()
        until = self._monotonic() + seconds
        for worker in self._workers:
            worker.cancel()
        if self._batches:
            await asyncio.wait(self._batches, timeout=seconds)
        await self._confirmer.stop(max(0.5, until - self._monotonic()))

    async def _worker(self, number: int) -> None:
        """Pull one batch after the other, as one of so many workers as there is work for."""
        while not self._stopping.is_set():
            await self._wait_for_slot(number)
            if self._stopping.is_set():
                return
            requested_at = self._monotonic()
            try:
                pulled = await self._queue.pull()
            except (ApiError, TransportError) as error:
                self._on_failure(error, requested_at)
                continue
            self._on_success(pulled)
            if pulled:
                # A batch outlives its worker: what was pulled goes to its ending, and is then confirmed.
                batch = asyncio.create_task(self._process_batch(pulled, requested_at))
                self._batches.add(batch)
                batch.add_done_callback(self._batches.discard)
                await asyncio.wait((batch,))
            else:
                await asyncio.sleep(
                    max(0.0, self._limits.idle_interval_s - (self._monotonic() - requested_at))
                )

    async def _report_queue_depth(self, queue_depth: Callable[[], Awaitable[int]]) -> None:
        while not self._stopping.is_set():
            await asyncio.sleep(self._limits.depth_interval_s)
            try:
                self._telemetry.pull_queue_events.labels(self.name).set(await queue_depth())
            except (ApiError, TransportError):
                continue  # the pulls log what is wrong

    async def _wait_for_slot(self, number: int) -> None:
        """Wait until this worker may pull: wanted, Kafka taking records, the last failure past."""
        while not self._stopping.is_set():
            wait = self._next_pull_at - self._monotonic()
            if number >= self._concurrency or not self._can_pull() or self._confirmer.saturated:
                await asyncio.sleep(self._limits.gate_poll_s)
            elif wait > 0:
                await asyncio.sleep(wait)
            else:
                break
        self._next_pull_at = max(self._next_pull_at, self._monotonic() + self._limits.min_interval_s)

    async def _process_batch(self, pulled: Sequence[PulledEvent], requested_at: float) -> None:
        """Take a batch to its endings, all at once."""
        received_ms = self._now_ms()
        await asyncio.gather(*(self._process_event(one, received_ms, requested_at) for one in pulled))

    async def _process_event(self, pulled: PulledEvent, received_ms: int, requested_at: float) -> None:
        # The age counts from before the call: the lease began at some moment of it.
        handle = LeaseHandle(pulled.handle, requested_at)
        self._confirmer.track(handle)
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
            outcome = (await self._deliver(notification)).outcome
            durable = outcome in _DURABLE_OUTCOMES
            if digest and outcome is DeliveryOutcome.REJECTED:
                self._remember_unconfirmable(digest)
        finally:
            if durable:
                self._confirmer.confirm(handle)
            else:  # the vendor sends it again
                self._confirmer.abandon(handle)

    def _remember_unconfirmable(self, digest: bytes) -> None:
        """Keep what is no event, and has no handle, from another dead letter each 30 s for four days."""
        self._rejected[digest] = None
        if len(self._rejected) > _MAX_REJECTED:
            del self._rejected[next(iter(self._rejected))]
        log.warning(
            "pulled_without_handle",
            app=self._application.name,
            note="it is kept as a dead letter, and cannot be confirmed: the vendor sends it again",
        )

    def _on_success(self, pulled: Sequence[PulledEvent]) -> None:
        app = self._application.name
        self._telemetry.pull_calls.labels(app, "pull", "success" if pulled else "empty").inc()
        self._telemetry.pull_events.labels(app).inc(len(pulled))
        if self._failure_logged:
            log.warning("pull_recovered", app=app)
        self._failures, self._failure_logged = 0, False
        self._telemetry.pull_failing.labels(app).set(0)
        if len(pulled) >= _FULL_BATCH:
            self._concurrency = min(self._concurrency + 1, self._limits.max_concurrency)
        elif not pulled:
            self._concurrency = 1

    def _on_failure(self, error: ApiError | TransportError, requested_at: float) -> None:
        """Delay the next pull, longer each time; log it at once, and then once a minute.

        Pulls that were in flight together fail together: that is one failure.
        """
        app, now = self._application.name, self._monotonic()
        is_api_error = isinstance(error, ApiError)
        self._telemetry.pull_calls.labels(app, "pull", "rejected" if is_api_error else "unreachable").inc()
        self._telemetry.pull_failing.labels(app).set(1)
        if requested_at >= self._last_failure_at:
            pause = min(self._limits.backoff_s * 2**self._failures, self._limits.max_backoff_s)
            self._next_pull_at = now + pause * (0.5 + random() / 2)  # noqa: S311 - jitter
            self._failures, self._last_failure_at = min(self._failures + 1, 10), now
        if now - self._logged_at > self._limits.log_interval_s:
            self._logged_at, self._failure_logged = now, True
            hint = (
                "credentials, SubAppId and the mode at the vendor: `vod-bridge check` tells"
                if is_api_error
                else ""
            )
            log.warning("pull_failing", app=app, error=str(error), **({"check": hint} if hint else {}))
        self._concurrency = 1
