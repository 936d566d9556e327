"""The byte budget of request bodies: what is here is charged, what is only promised takes nothing.

A body is charged to `Arrivals` byte by byte as it comes, and to a `Budget` once it is whole: so a whole one
waits behind whole ones only, never for what a client has promised. Small bodies, which nearly all callbacks
have, are charged apart from large ones on both ways.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from bridge.io.ingress.arrivals import Arrivals

SMALL_BYTES = 64 * 1024
# A large body in work: what came, what was read from it, the record that is written and its copy in a batch.
_TIMES_IN_WORK = 4


class Budgets:
    """``size`` bytes in all, for bodies of ``body_max_bytes`` at most.

    Of them small bodies have a quarter in work and a sixteenth while they arrive, where that is worth it.
    """

    def __init__(self, size: int, body_max_bytes: int, monotonic: Callable[[], float]) -> None:
        apart = size // 4 if size // 4 >= SMALL_BYTES else 0
        arriving = max(size // 16, SMALL_BYTES) if apart else 0
        rest = size - apart - arriving
        large = max(rest // 4, min(body_max_bytes, rest // 2))
        self._large = Budget(rest - large)
        self._small = Budget(apart) if apart else self._large
        self.arriving_large = Arrivals(large, body_max_bytes, monotonic)
        self.arriving_small = Arrivals(arriving, SMALL_BYTES, monotonic) if apart else self.arriving_large

    def arriving(self, size: int) -> Arrivals:
        """Give what a body of ``size`` bytes is charged to while it arrives."""
        return self.arriving_small if size <= SMALL_BYTES else self.arriving_large

    def charge(self, size: int) -> "Charge":
        """Give the charge for a whole small body in work."""
        return Charge(self._small, min(size, self._small.size))

    def charge_large(self, size: int) -> "Charge":
        """Give the charge for a whole large body in work, with all that is made of it."""
        return Charge(self._large, min(_TIMES_IN_WORK * size, self._large.size))

    def check_rates(self) -> None:
        """Let the slow give way where others wait; to be called a few times a second."""
        self.arriving_large.check_rates()
        if self.arriving_small is not self.arriving_large:
            self.arriving_small.check_rates()


class Charge(Struct, eq=False, gc=False):
    """One whole body's bytes of a budget, once they are ``taken``."""

    budget: "Budget"
    size: int
    taken: bool = False

    def take(self) -> bool:
        """Take them at once; False where there are not enough."""
        self.taken = self.budget.take(self.size)
        return self.taken

    async def wait(self, seconds: float) -> bool:
        """Wait for them, behind others; False where there were not enough in time."""
        self.taken = await self.budget.wait(self.size, seconds)
        return self.taken

    def resize(self, size: int) -> None:
        """Make it what a small body has that turned out to be of ``size`` bytes."""
        size = min(size, self.budget.size)
        if size != self.size:
            self.budget.give_back(self.size - size)
            self.size = size

    def release(self) -> None:
        """Give them back, if they were taken."""
        if self.taken:
            self.taken = False
            self.budget.give_back(self.size)


class Budget:
    """So many bytes, given out in the order in which they were asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = size
        self._waiting: deque[tuple[int, asyncio.Future[bool]]] = deque()

    def take(self, size: int) -> bool:
        """Take bytes at once; False where there are not enough, or where others wait for some."""
        if self._waiting or size > self._free:
            return False
        self._free -= size
        return True

    async def wait(self, size: int, seconds: float) -> bool:
        """Wait behind others; False where there were not enough in time."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        entry = (size, turn)
        self._waiting.append(entry)
        timer = loop.call_later(seconds, _give_up, turn)
        try:
            return await turn
        finally:
            timer.cancel()
            if entry in self._waiting:
                self._waiting.remove(entry)
                self._serve()

    def give_back(self, size: int) -> None:
        """Give bytes back, to those who wait first. Below 0 it takes what was inflated and is here anyway."""
        self._free += size
        if self._waiting:
            self._serve()

    def _serve(self) -> None:
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self._free):
            size, turn = self._waiting.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(True)


def _give_up(turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        turn.set_result(False)
