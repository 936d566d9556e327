"""Room for bodies: how many bytes may be in work at once. Who finds none waits in line, silently.

Common callbacks are small. They have a room of their own, so that none stands in line behind large bodies.
"""

import asyncio
from collections import deque

from msgspec import Struct

SMALL = 64 * 1024
# Beside what came, a body stands in memory as what was read from it and in the record that is written.
_TIMES_IN_WORK = 3


class Rooms:
    """The whole budget: ``size`` bytes, in which a body of ``most`` bytes must find room.

    Small bodies have a quarter. Large ones share the rest: while they are read, and while they are in work.
    """

    def __init__(self, size: int, most: int) -> None:
        apart = min(size // 4, size - most)
        rest = size - apart if apart >= SMALL else size
        self._small = Room(apart) if apart >= SMALL else None
        self._reading = Room(max(rest // 4, min(most, rest)))
        self._working = Room(rest // 2)

    def to_read(self, size: int) -> "Place":
        """Ask for a place for a body of ``size`` bytes while it is read, and on to its end."""
        return Place(self._small if self._small and size <= SMALL else self._reading, size)

    def to_work(self, size: int) -> "Place":
        """Ask for what a large body of ``size`` bytes takes beside itself while it is in work."""
        return Place(self._working, min(_TIMES_IN_WORK * size, self._working.size))


class Place(Struct, eq=False, gc=False):
    """One body's place in a room: so many bytes, once it is ``held``."""

    room: "Room"
    size: int
    held: bool = False

    def take(self) -> bool:
        """Take it at once; False where there is none."""
        self.held = self.room.take(self.size)
        return self.held

    async def wait(self, seconds: float) -> bool:
        """Wait for it in line; False where there was none in time."""
        self.held = await self.room.wait(self.size, seconds)
        return self.held

    def shrink(self, size: int) -> None:
        """Give back what a body of ``size`` bytes does not need."""
        if size != self.size:
            self.room.give_back(self.size - size)
            self.size = size

    def change_for(self, other: "Place") -> None:
        """Take over ``other``, which was taken, and give back what was held before."""
        self.leave()
        self.room, self.size, self.held = other.room, other.size, other.held

    def leave(self) -> None:
        """Give it back, if it is held."""
        if self.held:
            self.held = False
            self.room.give_back(self.size)


class Room:
    """A budget of bytes, given out in the order in which it was asked for."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._free = size
        self._line: deque[tuple[int, asyncio.Future[bool]]] = deque()

    def take(self, size: int) -> bool:
        """Take room at once; False where there is none, or where others are waiting for it."""
        if self._line or size > self._free:
            return False
        self._free -= size
        return True

    async def wait(self, size: int, seconds: float) -> bool:
        """Wait in line for room; False where there was none in time."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        place = (size, turn)
        self._line.append(place)
        timer = loop.call_later(seconds, _give_up, turn)
        try:
            return await turn
        finally:
            timer.cancel()
            if place in self._line:
                self._line.remove(place)
                self._serve()

    def give_back(self, size: int) -> None:
        """Give room back, to those who wait first."""
        self._free += size
        if self._line:
            self._serve()

    def _serve(self) -> None:
        while self._line and (self._line[0][1].done() or self._line[0][0] <= self._free):
            size, turn = self._line.popleft()
            if not turn.done():
                self._free -= size
                turn.set_result(True)


def _give_up(turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        turn.set_result(False)
