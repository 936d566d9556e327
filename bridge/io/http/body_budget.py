"""The byte budget of request bodies: received bytes are charged, announced ones are not.

A body is charged to a `ReadBudget` byte by byte as it arrives, and to a `WeightedSemaphore` once it is whole:
so a whole one waits behind whole ones only, never for bytes that a client has announced. Small bodies, which
nearly all callbacks have, are charged apart from large ones in both.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from bridge.io.http.read_budget import ReadBudget

SMALL_BYTES = 64 * 1024
# A large body in work: what came, what was read from it, the record that is written and its copy in a batch.
_PROCESSING_FACTOR = 4


class BodyBudget:
    """``size`` bytes in all, for bodies of ``body_max_bytes`` at most.

    Of them small bodies have a quarter in work and a sixteenth while they arrive, where that is worth it.
    """

    def __init__(self, size: int, body_max_bytes: int, monotonic: Callable[[], float]) -> None:
        small_bytes = size // 4 if size // 4 >= SMALL_BYTES else 0
        reading_bytes = max(size // 16, SMALL_BYTES) if small_bytes else 0
        remaining_bytes = size - small_bytes - reading_bytes
        reading_large_bytes = max(remaining_bytes // 4, min(body_max_bytes, remaining_bytes // 2))
        self._large = WeightedSemaphore(remaining_bytes - reading_large_bytes)
        self.processing_small = WeightedSemaphore(small_bytes) if small_bytes else self._large
        self.reading_large = ReadBudget(reading_large_bytes, body_max_bytes, monotonic)
        self.reading_small = (
            ReadBudget(reading_bytes, SMALL_BYTES, monotonic) if small_bytes else self.reading_large
        )

    def for_reading(self, size: int) -> ReadBudget:
        """Return the budget of a body of ``size`` bytes while it arrives."""
        return self.reading_small if size <= SMALL_BYTES else self.reading_large

    def for_processing(self, size: int) -> "Reservation":
        """Return the reservation of a whole small body being processed."""
        return Reservation(self.processing_small, min(size, self.processing_small.size))

    def for_processing_large(self, size: int) -> "Reservation":
        """Return the reservation of a whole large body being processed, with all that is made of it."""
        return Reservation(self._large, min(_PROCESSING_FACTOR * size, self._large.size))

    def check_rates(self) -> None:
        """Close slow senders while others wait; to be called a few times a second."""
        self.reading_large.check_rates()
        if self.reading_small is not self.reading_large:
            self.reading_small.check_rates()


class Reservation(Struct, eq=False, gc=False):
    """One whole body's bytes of a budget, once they are ``taken``."""

    semaphore: "WeightedSemaphore"
    size: int
    acquired: bool = False

    def try_acquire(self) -> bool:
        """Take them at once; False where there are not enough."""
        self.acquired = self.semaphore.try_acquire(self.size)
        return self.acquired

    async def acquire(self, timeout_s: float) -> bool:
        """Wait for them, behind others; False where there were not enough in time."""
        self.acquired = await self.semaphore.acquire(self.size, timeout_s)
        return self.acquired

    def release(self) -> None:
        """Give them back, if they were taken."""
        if self.acquired:
            self.acquired = False
            self.semaphore.release(self.size)


class WeightedSemaphore:
    """So many bytes, given out in the order in which they were asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._available = size
        self._waiters: deque[tuple[int, asyncio.Future[bool]]] = deque()

    def try_acquire(self, size: int) -> bool:
        """Take bytes at once; False where there are not enough, or where others wait for some."""
        if self._waiters or size > self._available:
            return False
        self._available -= size
        return True

    async def acquire(self, size: int, timeout_s: float) -> bool:
        """Wait behind others; False where there were not enough in time."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        entry = (size, waiter)
        self._waiters.append(entry)
        timer = loop.call_later(timeout_s, _time_out, waiter)
        try:
            return await waiter
        finally:
            timer.cancel()
            if entry in self._waiters:
                self._waiters.remove(entry)
                self._grant()

    def release(self, size: int) -> None:
        """Give bytes back, to those who wait first. Below 0 it takes what was inflated and is here anyway."""
        self._available += size
        if self._waiters:
            self._grant()

    def _grant(self) -> None:
        while self._waiters and (self._waiters[0][1].done() or self._waiters[0][0] <= self._available):
            size, waiter = self._waiters.popleft()
            if not waiter.done():
                self._available -= size
                waiter.set_result(True)


def _time_out(waiter: asyncio.Future[bool]) -> None:
    if not waiter.done():
        waiter.set_result(False)
