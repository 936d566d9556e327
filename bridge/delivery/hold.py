"""How long the response to a delivery that is not durable yet is withheld, and for how many deliveries.

The vendor ignores our status codes; only its own time-out makes it send again. Silence is the only "no".
"""

import asyncio
from collections import deque

from msgspec import Struct

from bridge.aio.inline_task import wait
from bridge.aio.promise import Promise
from bridge.core.outcome import DeliveryOutcome
from bridge.observability.telemetry import Telemetry


class HoldPolicy(Struct, frozen=True, kw_only=True):
    """The limits, in the units of their names.

    ``hold_s`` counts from arrival; 0 turns holding off, and then ``wait_without_hold_s`` is how long a
    delivery is waited for. A delivery that waits longer than ``slow_after_s`` counts as held; at most
    ``max_held`` deliveries with ``max_held_bytes`` of bodies are. ``initial_backoff_s`` is the first pause
    before a retry. A send with an unknown result keeps its claim, and is joined by redeliveries, for
    ``indeterminate_ttl_s``; leases are renewed every ``lease_renew_s``. Without ``fail_open`` events are held
    while the dedup store is unavailable, instead of published unchecked.
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
        """How long a delivery is waited for, in seconds from its arrival."""
        return self.hold_s or self.wait_without_hold_s


AnyPromise = Promise[bool] | Promise[DeliveryOutcome]


async def wait_for(promise: AnyPromise, timeout_s: float) -> bool:
    """Wait inside an inline task for ``promise``, at most ``timeout_s``. Returns whether it is done."""
    if timeout_s > 0 and promise.pending:
        timeout: Promise[None] = Promise()
        timer = asyncio.get_running_loop().call_later(timeout_s, timeout.try_set_result)
        promise.on_done(timeout.try_set_result)
        try:
            await wait(timeout)
        finally:
            timer.cancel()
    return not promise.pending


class TimeoutQueue:
    """FIFO of waits with one fixed time-out, driven by one timer (cheaper than `call_later` per wait)."""

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._entries: deque[tuple[float, Promise[None]]] = deque()
        self._resolved: Promise[None] = Promise(pending=False)
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def with_timeout(self, promise: AnyPromise, deadline: float) -> Promise[None]:
        """Return a promise that resolves when ``promise`` does or after ``timeout_s``.

        It is resolved already if ``deadline`` (monotonic seconds) is nearer than that.
        """
        now = self._loop.time()
        if not promise.pending or deadline - now <= self.timeout_s:
            return self._resolved
        timeout: Promise[None] = Promise()
        promise.on_done(timeout.try_set_result)
        entries = self._entries
        while entries and not entries[0][1].pending:
            entries.popleft()
        entries.append((now + self.timeout_s, timeout))
        if self._timer is None:
            self._timer = self._loop.call_later(self.timeout_s, self._fire)
        return timeout

    def _fire(self) -> None:
        now = self._loop.time()
        entries = self._entries
        while entries and (not entries[0][1].pending or entries[0][0] <= now):
            entries.popleft()[1].try_set_result()
        self._timer = self._loop.call_at(entries[0][0], self._fire) if entries else None


class HoldLimiter:
    """Limits the held deliveries. Beyond the limit the body is dropped; the connection stays silent.

    ``until_slow(promise, deadline)`` returns what resolves with ``promise``, or once a delivery that waits
    for it counts as held: from the start if ``deadline`` (monotonic seconds) is nearer than that.
    """

    def __init__(self, policy: HoldPolicy, telemetry: Telemetry) -> None:
        self._policy = policy
        self._telemetry = telemetry
        # A little longer than Kafka is given: what it did not take is in the spool by then, and not held.
        timeouts = TimeoutQueue(min(1.25 * policy.slow_after_s, policy.deadline_s / 2))
        self.until_slow = timeouts.with_timeout
        self._loop = asyncio.get_running_loop()
        self._held_count = 0
        self._held_bytes = 0

    async def wait(self, promise: AnyPromise, deadline: float, size: int, *, slow: bool) -> bool:
        """Wait for ``promise`` until ``deadline`` (monotonic seconds). Returns whether it is done.

        Returns early if ``size`` more bytes cannot be held. With ``slow`` no result is expected soon: the
        delivery is held from the start.
        """
        if not slow:
            await wait(self.until_slow(promise, deadline))
            if not promise.pending:
                return True
        if self._held_count >= self._policy.max_held or self._held_bytes + size > self._policy.max_held_bytes:
            return not promise.pending
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
        """Wait until ``deadline`` without a response; the caller keeps no body. No-op if holding is off."""
        remaining_s = deadline - self._loop.time()
        if self._policy.hold_s and remaining_s > 0:
            self._telemetry.deliveries_held.inc()
            try:
                await asyncio.sleep(remaining_s)
            finally:
                self._telemetry.deliveries_held.dec()
