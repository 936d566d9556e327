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

from bridge.io.vod_api import Queue, Refused, Unreachable
from bridge.telemetry import Telemetry
from bridge.tending import tended

log: structlog.stdlib.BoundLogger = structlog.get_logger()

GROUP = 16
OLDEST_S = 25.0
_OF_THE_MOMENT = (
    "RequestLimitExceeded",
    "InternalError",
    "FailedOperation",
    "AuthFailure",
    "UnauthorizedOperation",
)
_REFUSALS = 10
_TELL_AGAIN_S = 60.0
_DONE_ALREADY = "InvalidParameterValue"


class Handle(Struct, frozen=True, eq=False):
    """A receipt: ``name`` is the vendor's, ``since`` (monotonic) is before the call that brought it."""

    name: str
    since: float


class Pace(Struct, frozen=True, kw_only=True):
    """How long a group gathers, what lies between two calls, how many are under way and may wait at once.

    ``retry`` and ``retry_max`` are the first and the longest pause after a failure. Times in seconds; the
    vendor takes 100 calls a second.
    """

    gather: float = 0.02
    spacing: float = 0.0105
    calls: int = 4
    queue: int = 64
    retry: float = 0.25
    retry_max: float = 4.0


class Confirmer:
    """The confirmations of one application's queue."""

    def __init__(
        self,
        queue: Queue,
        app: str,
        telemetry: Telemetry,
        monotonic: Callable[[], float],
        pace: Pace | None = None,
    ) -> None:
        self._queue = queue
        self._app = app
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._pace = pace or Pace()
        self._open: dict[Handle, None] = {}  # all that is not confirmed, the oldest first
        self._ready: list[Handle] = []
        self._some = asyncio.Event()
        self._slots = asyncio.Semaphore(self._pace.calls)
        self._next_at = 0.0
        self._refusals = 0
        self._told_at = -inf
        self._calls: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None
        telemetry.pull_oldest.labels(app).set_function(self._oldest_s)

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(tended(self._run, self._telemetry))

    async def stop(self, seconds: float) -> None:
        """Confirm what is ready, within ``seconds``."""
        if self._task is not None:
            self._task.cancel()
        while self._ready:
            self._send()
        if self._calls:
            await asyncio.wait(self._calls, timeout=seconds)
        for call in self._calls:
            call.cancel()

    def expect(self, handle: Handle) -> None:
        """Note that an event was pulled."""
        self._open[handle] = None

    def confirm(self, handle: Handle) -> None:
        """Confirm it with the next group: it is durable."""
        if not handle.name:
            self._end(handle, "refused")  # the vendor gave it no handle, and sends it again
            return
        self._ready.append(handle)
        self._some.set()

    def keep_back(self, handle: Handle) -> None:
        """Leave it unconfirmed: it is not durable, and the vendor sends it again."""
        self._end(handle, "kept_back")

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            if len(self._ready) < GROUP:
                await asyncio.sleep(self._pace.gather)
            if len(self._ready) <= GROUP:
                self._send()
            while len(self._ready) >= GROUP:  # what is left over leaves with the next ones
                self._send()
            if not self._ready:
                self._some.clear()

    def _send(self) -> None:
        group, self._ready = self._ready[:GROUP], self._ready[GROUP:]
        call = asyncio.create_task(self._carry(group))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    @property
    def crowded(self) -> bool:
        """Whether so much waits to be confirmed that pulling more would only let it grow old."""
        return len(self._calls) >= self._pace.queue

    @property
    def failing(self) -> bool:
        """Whether nothing has been confirmed since several calls were refused."""
        return self._refusals >= _REFUSALS

    async def _carry(self, group: Sequence[Handle]) -> None:
        try:
            async with self._slots:
                await self._settle(group, lost=False)
        finally:
            self._end_all(group, "refused")  # but those that have ended

    async def _settle(self, group: Sequence[Handle], *, lost: bool) -> None:
        """Confirm a group; a refused one again one by one, an unanswered one again as it is."""
        pause = self._pace.retry
        while self._young(group):
            await self._turn()
            young = self._young(group)
            if not young:
                return
            oldest = min(handle.since for handle in young)  # they are in the order of their completion
            try:
                # A call that takes longer would end with handles that are void.
                async with asyncio.timeout(OLDEST_S - (self._monotonic() - oldest)):
                    await self._queue.confirm([handle.name for handle in young])
            except (Unreachable, TimeoutError):
                self._called("unreachable")
                lost = True
            except Refused as error:
                self._called("refused")
                self._tell(error)
                if not _passes(error):
                    await self._refused(young, error, lost=lost)
                    return
            else:
                self._called("good")
                self._refusals = 0
                self._end_all(young, "confirmed")
                return
            await asyncio.sleep(pause * (0.5 + random() / 2))  # noqa: S311 - jitter
            pause = min(2 * pause, self._pace.retry_max)

    async def _refused(self, young: Sequence[Handle], error: Refused, *, lost: bool) -> None:
        if len(young) > 1:
            for handle in young:
                await self._settle([handle], lost=lost)
        else:
            # After a lost answer it means that the call whose answer was lost did it.
            done = lost and error.code == _DONE_ALREADY
            self._end_all(young, "confirmed" if done else "refused")

    def _tell(self, error: Refused) -> None:
        """Say that confirmations are refused, where more than one is; once a minute."""
        self._refusals += 1
        now = self._monotonic()
        if self.failing and now - self._told_at > _TELL_AGAIN_S:
            self._told_at = now
            log.warning("confirm_fails", app=self._app, error=str(error))

    async def _turn(self) -> None:
        while (wait := self._next_at - self._monotonic()) > 0:  # noqa: ASYNC110 - a later turn may be taken
            await asyncio.sleep(wait)
        self._next_at = self._monotonic() + self._pace.spacing

    def _young(self, group: Sequence[Handle]) -> list[Handle]:
        """Those of a group that may still be sent; the others are dropped: their events come again."""
        now = self._monotonic()
        young = []
        for handle in group:
            if handle not in self._open:
                continue
            if now - handle.since < OLDEST_S:
                young.append(handle)
            else:
                self._end(handle, "late")
        return young

    def _end_all(self, handles: Sequence[Handle], outcome: str) -> None:
        for handle in handles:
            self._end(handle, outcome)

    def _end(self, handle: Handle, outcome: str) -> None:
        if handle in self._open:
            del self._open[handle]
            self._telemetry.pull_confirms.labels(self._app, outcome).inc()

    def _called(self, outcome: str) -> None:
        self._telemetry.pull_calls.labels(self._app, "confirm", outcome).inc()

    def _oldest_s(self) -> float:
        oldest = next(iter(self._open), None)
        return 0.0 if oldest is None else self._monotonic() - oldest.since


def _passes(error: Refused) -> bool:
    """Whether a refusal is of the moment, and not of these handles."""
    return error.code.startswith(_OF_THE_MOMENT)
