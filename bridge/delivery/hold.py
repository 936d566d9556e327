"""How long a delivery that nothing durable took yet is kept silent, and how many are.

The vendor ignores what we answer; only its own time-out makes it send again. Silence is the only "no".
"""

import asyncio
from collections import deque

from msgspec import Struct

from bridge.aio.inline_task import wait
from bridge.aio.promise import Promise
from bridge.core.outcome import DeliveryOutcome
from bridge.observability.telemetry import Telemetry


class HoldPolicy(Struct, frozen=True, kw_only=True):
    """The rule's numbers, in seconds but for the two bounds.

    ``hold_s`` counts from arrival; 0 turns holding off, then ``patience_s`` is how long a delivery is waited
    for at all. ``slow_s`` is when a waiting delivery counts as held; ``most`` deliveries with ``most_bytes``
    of bodies are kept while held. ``retry_s`` is the first pause before what was not written is tried again.
    A send whose outcome is unknown keeps its claim, and is joined by redeliveries, for ``unknown_s``;
    claims are renewed every ``renew_s``. Without ``publish_unchecked`` events are held while the memory is
    away instead of published unchecked.
    """

    hold_s: float = 6.0
    wait_without_hold_s: float = 4.0
    slow_after_s: float = 2.0
    initial_backoff_s: float = 0.1
    max_held: int = 2_000
    max_held_bytes: int = 64 * 1024 * 1024
    indeterminate_ttl_s: float = 60.0
    lease_renew_s: float = 1.0
    fail_open: bool = True

    @property
    def deadline_s(self) -> float:
        """How long a delivery is waited for, since its arrival."""
        return self.hold_s or self.wait_without_hold_s


AnyPromise = Promise[bool] | Promise[DeliveryOutcome]


async def wait_for(promise: AnyPromise, timeout_s: float) -> bool:
    """Wait inside a run for ``told``, for at most ``seconds``. Tell whether it is done."""
    if timeout_s > 0 and not promise.done():
        over: Promise[None] = Promise()
        timer = asyncio.get_running_loop().call_later(timeout_s, over.try_set_result)
        promise.on_done(over.try_set_result)
        try:
            await wait(over)
        finally:
            timer.cancel()
    return promise.done()


class TimeoutQueue:
    """Waits of one and the same length, with one timer for all: a timer for each costs more than the wait."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._entries: deque[tuple[float, Promise[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def with_timeout(self, promise: AnyPromise) -> Promise[None]:
        """Give a word that is told with ``told``, or when the time is over."""
        over: Promise[None] = Promise()
        promise.on_done(over.try_set_result)
        entries = self._entries
        while entries and entries[0][1].done():
            entries.popleft()
        entries.append((self._loop.time() + self.timeout_s, over))
        if self._timer is None:
            self._timer = self._loop.call_later(self.timeout_s, self._fire)
        return over

    def _fire(self) -> None:
        now = self._loop.time()
        entries = self._entries
        while entries and (entries[0][1].done() or entries[0][0] <= now):
            entries.popleft()[1].try_set_result()
        self._timer = self._loop.call_at(entries[0][0], self._fire) if entries else None


class HoldLimiter:
    """The deliveries held now. Full, it lets a delivery's body go; its connection stays silent."""

    def __init__(self, policy: HoldPolicy, telemetry: Telemetry) -> None:
        self._policy = policy
        self._telemetry = telemetry
        # A little longer than Kafka is given: what it did not take is in the spool by then, and not held.
        self._timeouts = TimeoutQueue(min(1.25 * policy.slow_after_s, policy.deadline_s / 2))
        self._loop = asyncio.get_running_loop()
        self._held_count = 0
        self._held_bytes = 0

    async def wait(self, promise: AnyPromise, deadline: float, size: int, *, slow: bool) -> bool:
        """Wait for ``told`` until ``deadline`` (monotonic), or while there is room to hold ``size`` bytes.

        ``slow`` says that nothing is expected soon: the delivery is held from the start.
        """
        if not slow and deadline - self._loop.time() > self._timeouts.timeout_s:
            if not promise.done():
                await wait(self._timeouts.with_timeout(promise))
            if promise.done():
                return True
        if self._held_count >= self._policy.max_held or self._held_bytes + size > self._policy.max_held_bytes:
            return promise.done()
        self._held_count += 1
        self._held_bytes += size
        self._telemetry.deliveries_held.inc()
        try:
            return await wait_for(promise, deadline - self._loop.time())
        finally:
            self._held_count -= 1
            self._held_bytes -= size
            self._telemetry.deliveries_held.dec()

    async def withhold_response(self, deadline: float) -> None:
        """Say nothing until ``deadline``; the caller keeps no body. Returns at once where holding is off."""
        remaining_s = deadline - self._loop.time()
        if self._policy.hold_s and remaining_s > 0:
            self._telemetry.deliveries_held.inc()
            try:
                await asyncio.sleep(remaining_s)
            finally:
                self._telemetry.deliveries_held.dec()
