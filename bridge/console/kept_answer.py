"""An answer that is kept for some seconds: whoever asks how often, its source is asked seldom."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class KeptAnswer:
    """The last answer of one source. ``clock`` gives seconds that never go back."""

    def __init__(self, keep_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._keep_s = keep_s
        self._clock = clock
        self._asking = asyncio.Lock()
        self._body: bytes | None = None
        self._at_s = 0.0

    async def get(self, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return what is kept, or what ``ask`` returns. What it raises is not kept."""
        async with self._asking:
            if self._body is None or self._clock() - self._at_s >= self._keep_s:
                self._body, self._at_s = await ask(), self._clock()
            return self._body
