"""Turns of the event loop shared out: so many large reads are handled in one, the others wait for the next.

A thousand bodies that begin to arrive at once would take a turn of a quarter of a second, and every small
event would wait for its end. Small reads never wait.
"""

import asyncio
import gc
from typing import Protocol

TURN_OVER = 16
"""Why a connection is not read, beside the reasons in `client_socket`."""
LARGE_READ_BYTES = 8 * 1024
# Each takes up to half a millisecond: the beginning of a body, or a window of 256 KB. An event takes some
# fifteen turns from its first byte to its response.
_LARGE_READS_MAX = 2
# A body that waits has fifty objects for the garbage collector to look at. With thousands of them a pass
# takes 10 ms and more: from so many new objects on it is made here, while it takes a fifth of that.
_NEW_OBJECTS_MAX = 4_000


class ReadHolder(Protocol):
    """What holds the reading of a client."""

    def hold(self, hold: int) -> None:
        """Read no more for this reason."""

    def release(self, holds: int) -> None:
        """Read on, if nothing but these held it."""


class ReadingConnection(Protocol):
    """What is asked of a connection that was read."""

    @property
    def client(self) -> ReadHolder:
        """Its socket."""

    def data_received(self, data: bytes) -> None:
        """Handle bytes, once `ReadTurns.defers` has said that they need not wait."""


class ReadTurns:
    """Large reads that wait, the longest first. Their connections are not read meanwhile."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[ReadingConnection, bytes] = {}
        self._handled = 0  # in this turn
        self._current: ReadingConnection | None = None  # whose turn has come

    def defers(self, connection: ReadingConnection, data: bytes) -> bool:
        """Whether ``data`` is not to be handled now: its connection is given it again in a later turn."""
        if connection is self._current:
            return False
        if not self._handled:
            self._loop = self._loop or asyncio.get_running_loop()
            self._loop.call_soon(self._next_turn)
        if self._handled < _LARGE_READS_MAX:
            self._handled += 1
            return False
        connection.client.hold(TURN_OVER)
        self._waiting[connection] = data
        return True

    def read_now(self, connection: ReadingConnection) -> None:
        """Have what waits of a connection handled, because nothing more will come."""
        if connection in self._waiting:
            self._read(connection)

    def _next_turn(self) -> None:
        """Handle as many as may be handled in one turn; new ones wait behind those that still wait."""
        self._handled = 0
        new_objects, passes, _ = gc.get_count()
        # The collector looks at older objects only in a pass of its own, when these passes are enough.
        if new_objects > _NEW_OBJECTS_MAX and passes <= gc.get_threshold()[1]:
            gc.collect(0)
        try:
            while self._waiting and self._handled < _LARGE_READS_MAX:
                self._handled += 1
                self._read(next(iter(self._waiting)))
        finally:
            if self._handled and self._loop is not None:
                self._loop.call_soon(self._next_turn)

    def _read(self, connection: ReadingConnection) -> None:
        data = self._waiting.pop(connection)
        connection.client.release(TURN_OVER)
        self._current, before = connection, self._current
        try:
            connection.data_received(data)
        finally:
            self._current = before
