"""Confirms what was pulled and is durable: in groups, in time, and never what is too old.

A handle is void 30 s after its event was handed out. A confirmation with one that is void fails for its whole
group, so that none older than 25 s leaves.
"""

import asyncio
from collections.abc import Callable, Sequence
from math import inf
from random import random

import structlog
from msgspec import Struct

from bridge.aio.supervisor import supervise
from bridge.io.vod.errors import ApiError, TransportError
from bridge.io.vod.event_queue import EventQueue
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

MAX_BATCH = 16
MAX_AGE_S = 25.0
_TRANSIENT_CODES = (
    "RequestLimitExceeded",
    "InternalError",
    "FailedOperation",
    "AuthFailure",
    "UnauthorizedOperation",
)
_FAILING_AFTER = 10
_LOG_INTERVAL_S = 60.0
_ALREADY_CONFIRMED = "InvalidParameterValue"


class LeaseHandle(Struct, frozen=True, eq=False):
    """A lease of an event: the vendor's handle; ``leased_at`` is the monotonic time before the pull."""

    value: str
    leased_at: float


class ConfirmLimits(Struct, frozen=True, kw_only=True):
    """Limits of confirming; times in seconds.

    A group gathers for ``linger_s``; calls start ``min_interval_s`` apart (the vendor takes 100 a second).
    ``backoff_s`` and ``max_backoff_s`` are the first and the longest pause after a failure.
    """

    linger_s: float = 0.02
    min_interval_s: float = 0.0105
    max_calls: int = 4
    max_queued: int = 64
    backoff_s: float = 0.25
    max_backoff_s: float = 4.0


class Confirmer:
    """The confirmations of one application's queue."""

    def __init__(
        self,
        queue: EventQueue,
        app: str,
        telemetry: Telemetry,
        monotonic: Callable[[], float],
        limits: ConfirmLimits | None = None,
    ) -> None:
        self._queue = queue
        self._app = app
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._limits = limits or ConfirmLimits()
        self._unconfirmed: dict[LeaseHandle, None] = {}  # all that is not confirmed, the oldest first
        self._ready: list[LeaseHandle] = []
        self._has_work = asyncio.Event()
        self._call_slots = asyncio.Semaphore(self._limits.max_calls)
        self._next_call_at = 0.0
        self._consecutive_refusals = 0
        self._logged_at = -inf
        self._calls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        telemetry.pull_oldest_unconfirmed.labels(app).set_function(self._oldest_age_s)

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(supervise(self._run, self._telemetry))

    async def stop(self, seconds: float) -> None:
        """Confirm what is ready, within ``seconds``."""
        if self._task is not None:
            self._task.cancel()
        while self._ready:
            self._start_call()
        if self._calls:
            await asyncio.wait(self._calls, timeout=seconds)
        for call in self._calls:
            call.cancel()

    def track(self, handle: LeaseHandle) -> None:
        """Note that an event was pulled."""
        self._unconfirmed[handle] = None

    def confirm(self, handle: LeaseHandle) -> None:
        """Confirm it with the next group: it is durable."""
        if not handle.value:
            self._finish(handle, "rejected")  # the vendor gave it no handle, and sends it again
            return
        self._ready.append(handle)
        self._has_work.set()

    def abandon(self, handle: LeaseHandle) -> None:
        """Leave it unconfirmed: it is not durable, and the vendor sends it again."""
        self._finish(handle, "not_durable")

    async def _run(self) -> None:
        while True:
            await self._has_work.wait()
            if len(self._ready) < MAX_BATCH:
                await asyncio.sleep(self._limits.linger_s)
            if len(self._ready) <= MAX_BATCH:
                self._start_call()
            while len(self._ready) >= MAX_BATCH:  # what is left over leaves with the next ones
                self._start_call()
            if not self._ready:
                self._has_work.clear()

    def _start_call(self) -> None:
        group, self._ready = self._ready[:MAX_BATCH], self._ready[MAX_BATCH:]
        call = asyncio.create_task(self._confirm_group(group))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    @property
    def saturated(self) -> bool:
        """Whether so much waits to be confirmed that pulling more would only let it grow old."""
        return len(self._calls) >= self._limits.max_queued

    @property
    def failing(self) -> bool:
        """Whether nothing has been confirmed since several calls were refused."""
        return self._consecutive_refusals >= _FAILING_AFTER

    async def _confirm_group(self, group: Sequence[LeaseHandle]) -> None:
        try:
            async with self._call_slots:
                await self._confirm_until_expired(group, response_lost=False)
        finally:
            self._finish_all(group, "rejected")  # but those that have ended

    async def _confirm_until_expired(self, group: Sequence[LeaseHandle], *, response_lost: bool) -> None:
        """Confirm a group; a refused one again one by one, an unanswered one again as it is."""
        pause = self._limits.backoff_s
        while self._unexpired(group):
            await self._rate_limit()
            unexpired = self._unexpired(group)
            if not unexpired:
                return
            oldest = min(
                handle.leased_at for handle in unexpired
            )  # they are in the order of their completion
            try:
                # A call that takes longer would end with handles that are void.
                async with asyncio.timeout(MAX_AGE_S - (self._monotonic() - oldest)):
                    await self._queue.confirm([handle.value for handle in unexpired])
            except (TransportError, TimeoutError):
                self._count_call("unreachable")
                response_lost = True
            except ApiError as error:
                self._count_call("rejected")
                self._log_refusal(error)
                if not _is_transient(error):
                    await self._on_refusal(unexpired, error, response_lost=response_lost)
                    return
            else:
                self._count_call("success")
                self._consecutive_refusals = 0
                self._finish_all(unexpired, "confirmed")
                return
            await asyncio.sleep(pause * (0.5 + random() / 2))  # noqa: S311 - jitter
            pause = min(2 * pause, self._limits.max_backoff_s)

    async def _on_refusal(
        self, unexpired: Sequence[LeaseHandle], error: ApiError, *, response_lost: bool
    ) -> None:
        if len(unexpired) > 1:
            for handle in unexpired:
                await self._confirm_until_expired([handle], response_lost=response_lost)
        else:
            # After a lost response it means that the call whose response was lost did it.
            already_confirmed = response_lost and error.code == _ALREADY_CONFIRMED
            self._finish_all(unexpired, "confirmed" if already_confirmed else "rejected")

    def _log_refusal(self, error: ApiError) -> None:
        """Log that confirmations are refused, if more than one is; once a minute."""
        self._consecutive_refusals += 1
        now = self._monotonic()
        if self.failing and now - self._logged_at > _LOG_INTERVAL_S:
            self._logged_at = now
            log.warning("confirm_failing", app=self._app, error=str(error))

    async def _rate_limit(self) -> None:
        while (wait := self._next_call_at - self._monotonic()) > 0:  # noqa: ASYNC110 - a later turn may be taken
            await asyncio.sleep(wait)
        self._next_call_at = self._monotonic() + self._limits.min_interval_s

    def _unexpired(self, group: Sequence[LeaseHandle]) -> list[LeaseHandle]:
        """Those of a group that may still be sent; the others are dropped: their events come again."""
        now = self._monotonic()
        unexpired = []
        for handle in group:
            if handle not in self._unconfirmed:
                continue
            if now - handle.leased_at < MAX_AGE_S:
                unexpired.append(handle)
            else:
                self._finish(handle, "expired")
        return unexpired

    def _finish_all(self, handles: Sequence[LeaseHandle], outcome: str) -> None:
        for handle in handles:
            self._finish(handle, outcome)

    def _finish(self, handle: LeaseHandle, outcome: str) -> None:
        if handle in self._unconfirmed:
            del self._unconfirmed[handle]
            self._telemetry.pull_confirms.labels(self._app, outcome).inc()

    def _count_call(self, outcome: str) -> None:
        self._telemetry.pull_calls.labels(self._app, "confirm", outcome).inc()

    def _oldest_age_s(self) -> float:
        oldest = next(iter(self._unconfirmed), None)
        return 0.0 if oldest is None else self._monotonic() - oldest.leased_at


def _is_transient(error: ApiError) -> bool:
    """Whether a refusal is of the moment, and not of these handles."""
    return error.code.startswith(_TRANSIENT_CODES)
