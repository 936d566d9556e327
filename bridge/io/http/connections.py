"""All connections of the ingress, and which of them may be closed: slow ones, and idle ones for new ones.

`ServerContext` is what a connection needs of its server.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from bridge.io.http.head_cache import HeadCache
from bridge.io.http.read_budget import ReadBudget
from bridge.io.http.read_turns import ReadTurns
from bridge.io.http.rejection_log import RejectionLog
from bridge.io.http.request import Request

# Hundreds of clients that began to be slow at once are to be closed at once: so many in one turn. Each takes
# 0.2 ms.
_CLOSED_MAX = 4


class TrackedConnection(Protocol):
    """What the registry needs of a connection."""

    def abort(self, reason: str) -> None:
        """Close it now; ``reason`` is what is counted."""

    @property
    def handling(self) -> bool:
        """Whether a request is being worked on: then what arrives behind it may take its time."""


class ConnectionRegistry:
    """Who is there. Each change costs a dictionary's insert: this stands on the hot path."""

    def __init__(self, max_connections: int, read_timeout_s: float, write_timeout_s: float) -> None:
        self._max_connections = max_connections
        self._read_timeout_s = read_timeout_s
        self._write_timeout_s = write_timeout_s
        self._open: set[TrackedConnection] = set()
        # Each in the order in which it began: the longest first.
        self._idle: dict[TrackedConnection, None] = {}
        self._reading: dict[TrackedConnection, float] = {}
        self._write_stalled: dict[TrackedConnection, float] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[TrackedConnection]:
        return iter(tuple(self._open))

    def admit(self, connection: TrackedConnection) -> bool:
        """Let a connection in; at the cap the longest idle one goes, else the one that is longest in sending.

        False where every other one is being answered: then the new one goes.
        """
        if len(self._open) >= self._max_connections:
            victim = next(iter(self._idle), None) or self._oldest_reading()
            if victim is None:
                connection.abort("connection_limit")
                return False
            victim.abort("" if victim in self._idle else "connection_limit")
            self.remove(victim)
        self._open.add(connection)
        self._idle[connection] = None
        return True

    def _oldest_reading(self) -> TrackedConnection | None:
        return next((connection for connection in self._reading if not connection.handling), None)

    def remove(self, connection: TrackedConnection) -> None:
        """Forget a connection."""
        self._open.discard(connection)
        self._idle.pop(connection, None)
        self._reading.pop(connection, None)
        if self._write_stalled:
            self._write_stalled.pop(connection, None)

    def mark_idle(self, connection: TrackedConnection) -> None:
        """Note that nothing is asked of us there."""
        if connection in self._open and connection not in self._reading:
            self._idle[connection] = None

    def mark_busy(self, connection: TrackedConnection) -> None:
        """Note that a request has come there."""
        self._idle.pop(connection, None)

    def read_started(self, connection: TrackedConnection, now_s: float) -> None:
        """Note that a request's first byte came and its last one did not; the first note counts."""
        if connection in self._open:
            self._idle.pop(connection, None)
            self._reading.setdefault(connection, now_s)

    def read_finished(self, connection: TrackedConnection) -> None:
        """Note that a request's last byte came."""
        self._reading.pop(connection, None)

    def write_stalled(self, connection: TrackedConnection, now_s: float) -> None:
        """Note that too many responses wait for its client."""
        if connection in self._open:
            self._write_stalled.setdefault(connection, now_s)

    def write_resumed(self, connection: TrackedConnection) -> None:
        """Note that its client has read responses again."""
        self._write_stalled.pop(connection, None)

    def close_slow(self, now_s: float) -> bool:
        """Close connections whose request arrives, or whose responses wait, for too long: the longest first.

        Returns whether there may be more: so many as one turn of the event loop may take were closed.
        """
        stalled = self._over_time(self._write_stalled, now_s - self._write_timeout_s)
        for connection in stalled:
            del self._write_stalled[connection]
            connection.abort("write_timeout")
        timed_out = self._over_time(self._reading, now_s - self._read_timeout_s)
        for connection in timed_out:
            del self._reading[connection]
            if connection.handling:
                self._reading[connection] = now_s
            else:
                connection.abort("read_timeout")
        return max(len(stalled), len(timed_out)) == _CLOSED_MAX

    @staticmethod
    def _over_time(since: dict[TrackedConnection, float], until_s: float) -> list[TrackedConnection]:
        """Return the first ones that began at ``until_s`` or before."""
        return [
            connection for connection, since_s in islice(since.items(), _CLOSED_MAX) if since_s <= until_s
        ]

    def close_idle(self) -> None:
        """Close every connection on which nothing is asked of us."""
        for connection in tuple(self._idle):
            connection.abort("")


class ServerContext(Protocol):
    """What a connection needs of the server it belongs to. ``date`` is the value of a Date header, now.

    ``handle`` handles a request of a connection, which stands above this module: it calls
    `Connection.send_response` once, at once or later. ``read_budget`` is charged for what is pipelined.
    """

    connections: ConnectionRegistry
    draining: bool
    closed: bool
    rejections: RejectionLog
    hold_s: float
    date: bytes
    head_cache: HeadCache
    read_budget: ReadBudget
    read_turns: ReadTurns
    handle: Callable[[Request, Any], None]

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""

    def on_internal_error(self, error: BaseException) -> None:
        """Take note of a bug."""

    def connection_opened(self) -> None:
        """Take note of a connection that requests may come from."""

    def connection_finished(self) -> None:
        """Take note that all of its requests are answered, and that no more are taken."""
