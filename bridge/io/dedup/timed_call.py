"""The time limit of one Redis call, without cancelling the call."""

import asyncio
from collections.abc import Callable

_LOOP_STALL_S = 0.02
_GRACE_TURNS = 3


class TimedCall:
    """Time limit for a Redis call that is never cancelled.

    ``on_result(reply or None, elapsed_s)`` is called exactly once; a reply after ``limit_s`` is ignored. If
    the event loop itself was stalled, the limit is extended once.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit_s: float, on_result: Callable[[str | None, float], None]
    ) -> None:
        self._loop = loop
        self._limit_s = limit_s
        self._on_result = on_result
        self._timer: asyncio.Handle | None = loop.call_later(limit_s, self._on_timeout)
        self._started_at = loop.time()

    def finish(self, reply: str | None) -> None:
        """Report the reply, or None for a failure, unless the time limit has passed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._on_result(reply, self._loop.time() - self._started_at)

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
