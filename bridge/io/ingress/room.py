"""Room for bodies: how many bytes may be in work at once. Who finds none waits in line, silently.

Common callbacks are small. They have a room of their own, so that none stands in line behind large bodies.
"""

import asyncio
from collections import deque

_SMALL = 64 * 1024
# On its way a body stands in memory as it came, as what was read from it, and in the record that is written.
_TIMES = 4


class Rooms:
    """The whole budget: ``size`` bytes, in which a body of ``most`` bytes must find room."""

    def __init__(self, size: int, most: int) -> None:
        apart = min(size // 4, size - most)
        self._large = Room(size - apart if apart >= _SMALL else size)
        self._small = Room(apart) if apart >= _SMALL else self._large

    def ask(self, size: int) -> "Place":
        """Ask for a place for a body that may have ``size`` bytes."""
        return Place(self._small if size <= _SMALL else self._large, size)


class Place:
    """One body's place in a room. A large body takes its size several times: see ``_TIMES``."""

    __slots__ = ("_room", "_taken")

    def __init__(self, room: "Room", size: int) -> None:
        self._room = room
        self._taken = _charge(room, size)

    def take(self) -> bool:
        """Take it at once; False where there is none."""
        return self._room.take(self._taken)

    async def wait(self, seconds: float) -> bool:
        """Wait for it in line; False where there was none in time."""
        return await self._room.wait(self._taken, seconds)

    def shrink(self, size: int) -> None:
        """Give back what a body of ``size`` bytes does not need."""
        needed = min(self._taken, _charge(self._room, size))
        self._room.give_back(self._taken - needed)
        self._taken = needed

    def leave(self) -> None:
        """Give it back."""
        self._room.give_back(self._taken)


def _charge(room: "Room", size: int) -> int:
    return size if size <= _SMALL else min(_TIMES * size, room.size)


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
