"""Keeps the console's share of the event loop small, whoever asks how often: rendering is work of the loop.

After work of one part, nine parts of pause: at most a tenth of the loop in the long run. One person who looks
does not notice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

_PAUSE_PARTS = 9
_LEAST_S = 0.001  # of work that each request is charged, before it is known


class Pacer:
    """Lets requests through as what was spent on earlier ones allows.

    ``clock`` gives seconds that never go back.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._next_at_s = 0.0

    async def wait(self) -> None:
        """Wait for this request's turn."""
        now_s = self._clock()
        at_s = max(self._next_at_s, now_s)
        self._next_at_s = at_s + (1 + _PAUSE_PARTS) * _LEAST_S
        if at_s > now_s:
            await self._sleep(at_s - now_s)

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Charge the time of what is done inside, which must not wait for anything."""
        begun_s = self._clock()
        try:
            yield
        finally:
            now_s = self._clock()
            self._next_at_s = max(self._next_at_s, now_s) + _PAUSE_PARTS * (now_s - begun_s)
