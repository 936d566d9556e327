"""One call that is listened to for a while."""

import asyncio
from collections.abc import Callable

_STALLED_S = 0.02
_TURNS_BEFORE_A_MISS = 3


class Call:
    """What is heard of a call: its answer, or None where none came within ``limit_s``.

    ``told`` is told either, once, and how long that took in seconds. The call itself is never cancelled: what
    it answers later is unheard.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, limit_s: float, told: Callable[[str | None, float], None]
    ) -> None:
        self._loop = loop
        self._limit_s = limit_s
        self._told = told
        self._wait: asyncio.Handle | None = loop.call_later(limit_s, self._weigh)
        self._began = loop.time()

    def end(self, answer: str | None) -> None:
        """Tell the answer, or that there is none, unless it was given up before."""
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
            self._told(answer, self._loop.time() - self._began)

    def _weigh(self) -> None:
        late = self._loop.time() - self._began - self._limit_s
        if late > _STALLED_S:
            # Our own loop stood still, so that the timer fired before a socket was read: look as long again.
            self._wait = self._loop.call_later(min(late, self._limit_s), self._turn, _TURNS_BEFORE_A_MISS)
        else:
            self._turn(_TURNS_BEFORE_A_MISS)

    def _turn(self, left: int) -> None:
        if left:
            self._wait = self._loop.call_soon(self._turn, left - 1)
        else:
            self.end(None)
