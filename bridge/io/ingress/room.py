"""Room for bodies: how many bytes may be in work at once. Who finds none waits in line, silently.

Common callbacks are small. They have a room of their own, so that none stands in line behind large bodies.
"""

import asyncio
from collections import deque

_SMALL = 64 * 1024


class Rooms:
    """The whole budget: ``size`` bytes, of which ``most`` may be asked for at once."""

    def __init__(self, size: int, most: int) -> None:
        apart = min(size // 4, size - most)
        self._large = Room(size - apart if apart >= _SMALL else size)
        self._small = Room(apart) if apart >= _SMALL else self._large

    def for_body(self, size: int) -> "Room":
        """Choose the room for a body that may need ``size`` bytes."""
        return self._small if size <= _SMALL else self._large


class Room:
    """A budget of bytes, given out in the order in which it was asked for."""

    def __init__(self, size: int) -> None:
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
