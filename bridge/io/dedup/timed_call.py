"""One Redis call: its time limit, which does not cancel it, and what its end says of Redis."""

import asyncio
from collections.abc import Callable

from bridge.io.dedup.breaker import CircuitBreaker
from bridge.observability.fast_metrics import LocalHistogram

_LOOP_STALL_S = 0.02
_GRACE_TURNS = 3


class TimedCall:
    """A Redis call with a time limit that is never cancelled. It begins when this is made.

    Its end is noted in ``breaker`` and in ``call_seconds``; then ``on_reply(reply or None)`` is called. Both
    happen exactly once; a reply after ``limit_s`` is ignored. If the event loop itself was stalled, the limit
    is extended once.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        limit_s: float,
        call_seconds: LocalHistogram,
        breaker: CircuitBreaker,
        on_reply: Callable[[str | None], None],
    ) -> None:
        self.breaker = breaker
        self._call_seconds = call_seconds
        self._loop = loop
        self._limit_s = limit_s
        self._on_reply = on_reply
        self._timer: asyncio.Handle | None = loop.call_later(limit_s, self._on_timeout)
        self._started_at = loop.time()

    def finish(self, reply: str | None, reason: str = "") -> None:
        """Report the reply, or None and the ``reason`` of a failure, unless the time limit has passed."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        breaker = self.breaker
        try:
            self._call_seconds.observe(self._loop.time() - self._started_at)
            if reply is None:
                breaker.record_failure(reason or f"no answer within {self._limit_s * 1000:.0f} ms")
            elif breaker.consecutive_failures:
                breaker.record_success()
        finally:  # the waiters of this call, and the calls behind it, must not wait for ever
            self._on_reply(reply)

    def _on_timeout(self) -> None:
        overdue_s = self._loop.time() - self._started_at - self._limit_s
        if overdue_s > _LOOP_STALL_S:
            # Our own loop stood still, so that the timer fired before a socket was read: wait as long again.
            self._timer = self._loop.call_later(min(overdue_s, self._limit_s), self._grace, _GRACE_TURNS)
        else:
            self._grace(_GRACE_TURNS)

    def _grace(self, turns_left: int) -> None:
        if turns_left:
            self._timer = self._loop.call_soon(self._grace, turns_left - 1)
        else:
            self.finish(None)
