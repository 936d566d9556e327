"""Accepts from a listening socket that several worker processes share, so that each gets its share.

Few connections are accepted in a turn of the loop, and none while another worker has clearly fewer: that one
is woken as well. A worker that hangs keeps a client waiting for about 0.2 s, and after a second nobody.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence

from msgspec import Struct

from bridge.aio.inline_task import start_inline
from bridge.io.http.connection_counts import ConnectionCounts

_ACCEPTS_AT_ONCE = 8
_LIMIT_LASTS_S = _PAUSE_S = 0.002
# So many pauses another worker is waited for that gets no connection. Counted, not timed: on a busy machine
# this process is late, too, and has not waited while it did not run.
_PATIENCE_PAUSES = 100
_IMPATIENT_S = 0.02  # for so long all is accepted once patience has ended
_PUBLISH_INTERVAL_S = 0.1
_NO_DESCRIPTOR_PAUSE_S = 0.1

OpenConnection = Callable[[socket.socket, tuple[object, ...]], None]


class SharedSockets(Struct, frozen=True):
    """Listening sockets that other processes accept from, too; ``slot`` is this process's in ``counts``."""

    sockets: Sequence[socket.socket]
    counts: ConnectionCounts
    slot: int


class SharedListener:
    """Accepts on one shared socket; ``open_connection`` takes each client's socket and address.

    ``connections`` gives how many are open in this process, those being opened included.
    """

    def __init__(
        self,
        sock: socket.socket,
        open_connection: OpenConnection,
        connections: Callable[[], int],
        shared: SharedSockets,
    ) -> None:
        self._sock = sock
        self._open_connection = open_connection
        self._connections = connections
        self._counts = shared.counts
        self._slot = shared.slot
        self._loop = asyncio.get_running_loop()
        self._impatient_until_s = self._limit_until_s = 0.0
        self._limit = self._awaited_limit = self._pauses = 0
        self._closed = False
        self._resume_timer: asyncio.TimerHandle | None = None
        self._publish()
        self._loop.add_reader(sock, self._on_readable)

    def close(self) -> None:
        """Accept no more; the socket itself stays open for the other processes."""
        if self._closed:
            return
        self._closed = True
        self._counts.clear(self._slot)
        self._loop.remove_reader(self._sock)
        for timer in (self._resume_timer, self._publish_timer):
            if timer is not None:
                timer.cancel()
        self._sock.close()

    def _on_readable(self) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            if self._connections() > self._limit_now() and self._is_patient():
                self._pause(_PAUSE_S)
                return
            try:
                client, peer = self._sock.accept()
            except (BlockingIOError, ConnectionError, InterruptedError):  # another worker was faster
                return
            except OSError:  # no descriptor, no memory
                self._pause(_NO_DESCRIPTOR_PAUSE_S)
                return
            client.setblocking(False)  # noqa: FBT003 - the socket's own signature
            self._open_connection(client, peer)
            self._counts.set(self._slot, self._connections())

    def _limit_now(self) -> int:
        """Return with how many connections the next one is still ours; looked up each 2 ms at most.

        Meanwhile others may have got more: then it is too small, which the next look-up mends.
        """
        now_s = self._loop.time()
        if now_s >= self._limit_until_s:
            fewest = self._counts.fewest_of_others(self._slot)
            self._limit = fewest + 1 + fewest // 8
            self._limit_until_s = now_s + _LIMIT_LASTS_S
        return self._limit

    def _is_patient(self) -> bool:
        """Whether the worker that has fewer connections is still given the chance to accept the next one."""
        if self._limit > self._awaited_limit:  # it has got more: it runs
            self._pauses = 0
        self._awaited_limit = self._limit
        now_s = self._loop.time()
        if self._pauses == _PATIENCE_PAUSES:
            self._impatient_until_s, self._pauses = now_s + _IMPATIENT_S, 0
        if now_s < self._impatient_until_s:
            return False
        self._pauses += 1
        return True

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._sock)
        self._resume_timer = self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._loop.add_reader(self._sock, self._on_readable)

    def _publish(self) -> None:
        """Publish what has been closed since the last one was accepted."""
        self._counts.set(self._slot, self._connections())
        self._counts.set_alive(self._slot)
        self._publish_timer = self._loop.call_later(_PUBLISH_INTERVAL_S, self._publish)


class ConnectionOpener:
    """Hands accepted sockets to ``new_connection``; ``open_connections`` gives how many there are already."""

    def __init__(
        self, new_connection: Callable[[], asyncio.Protocol], open_connections: Callable[[], int]
    ) -> None:
        self._new_connection = new_connection
        self._open_connections = open_connections
        self._opening = 0
        self._loop = asyncio.get_running_loop()

    def count(self) -> int:
        """Return how many connections are open or being opened."""
        return self._open_connections() + self._opening

    def open(self, client: socket.socket, _peer: tuple[object, ...]) -> None:
        """Make a connection of an accepted socket."""
        self._opening += 1
        start_inline(self._open(client))  # a task for each connection would cost another turn

    async def _open(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._new_connection, client)
        except OSError:
            client.close()  # the client left
        finally:
            self._opening -= 1
