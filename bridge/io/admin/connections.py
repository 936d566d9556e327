"""Who is connected to the admin endpoint, and the limits of that: nothing here may cost the ingress anything.

At most `CONNECTIONS_MAX` at once; a further one is accepted where another can be closed for it (the longest
idle one, else the one that has been sending its request for longest) and waits in the kernel else. A request
has 5 s to arrive, its answer 5 s to be taken; `STREAMS_MAX` may take their time (STREAMING, entered from
RESPONDING). Descriptors for all of them are reserved from the start, so that neither a flood at the ingress
nor a low limit keeps probes out. Answers and accepts are paced.

    READING --request read--> RESPONDING --response written--> IDLE --first byte--> READING
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto

from msgspec import Struct

CONNECTIONS_MAX = 64
STREAMS_MAX = 16

_REQUEST_TIMEOUT_S = _RESPONSE_TIMEOUT_S = 5.0
_STREAM_TIMEOUT_S = 3600.0  # a browser's stream of events begins anew by itself
_IDLE_TIMEOUT_S = 90.0
_CLOSE_TIMEOUT_S = 1.0
_SWEEP_INTERVAL_S = 0.25
_ACCEPT_RETRY_S = 0.1
_BACKLOG = 128
_CLOSING_MAX = 4  # those that go for a new one are there for another turn of the loop
_TIMEOUT_RESPONSE = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class ConnectionState(Enum):
    """What a connection is doing; the time of its last change counts."""

    READING = auto()
    RESPONDING = auto()
    STREAMING = auto()
    IDLE = auto()
    CLOSING = auto()


_STATE_TIMEOUTS_S = {
    ConnectionState.READING: _REQUEST_TIMEOUT_S,
    ConnectionState.RESPONDING: _RESPONSE_TIMEOUT_S,
    ConnectionState.STREAMING: _STREAM_TIMEOUT_S,
    ConnectionState.IDLE: _IDLE_TIMEOUT_S,
    ConnectionState.CLOSING: _CLOSE_TIMEOUT_S,
}


class RateLimiter(Struct):
    """Lets ``burst`` through at once, and one each ``every_s`` from then on."""

    interval_s: float
    burst: int
    next_at_s: float = 0.0

    def reserve_wait_s(self, now_s: float) -> float:
        """Give the seconds to wait before the next one, which is counted as let through."""
        self.next_at_s = max(self.next_at_s, now_s) + self.interval_s
        return max(0.0, self.next_at_s - now_s - self.burst * self.interval_s)


class AdminConnection(asyncio.Protocol):
    """One client: hands everything to ``http``, and notes what state it is in."""

    def __init__(self, connections: "AdminConnections", http: asyncio.Protocol) -> None:
        self._connections = connections
        self._http = http
        self._transport: asyncio.Transport | None = None
        self._has_received = False
        self.state = ConnectionState.READING
        self.since_s = connections.clock()

    def enter(self, state: ConnectionState) -> None:
        """Note what it does from now on."""
        if self.state is not ConnectionState.CLOSING:
            self.state, self.since_s = state, self._connections.clock()

    def close(self) -> None:
        """Close it, with an answer where a request had begun; at once where that was tried before."""
        transport, previous = self._transport, self.state
        self.enter(ConnectionState.CLOSING)
        if transport is None:
            return
        if previous in (ConnectionState.RESPONDING, ConnectionState.STREAMING, ConnectionState.CLOSING):
            transport.abort()
            return
        if previous is ConnectionState.READING and self._has_received:
            transport.write(_TIMEOUT_RESPONSE)
        transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin (asyncio calls this)."""
        self._transport = transport  # type: ignore[assignment] # a stream's is a Transport
        self._http.connection_made(transport)
        if self.state is ConnectionState.CLOSING:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Take what a client sent."""
        self._has_received = True
        if self.state is ConnectionState.IDLE:
            self.enter(ConnectionState.READING)
        self._http.data_received(data)

    def eof_received(self) -> bool | None:
        """Take the end of what a client sends."""
        return self._http.eof_received()

    def pause_writing(self) -> None:
        """Hand on that the client takes nothing now."""
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """Hand on that it does again."""
        self._http.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._http.connection_lost(exc)
        self._connections.remove(self)


class AdminConnections:
    """All clients. ``protocol`` makes the HTTP side of one; ``clock`` gives seconds that never go back."""

    def __init__(self, make_protocol: Callable[[], asyncio.Protocol], clock: Callable[[], float]) -> None:
        self.clock = clock
        self._make_protocol = make_protocol
        self._by_protocol: dict[object, AdminConnection] = {}
        self._listeners: list[socket.socket] = []
        self._reserved_fds: list[int] = []
        self._opening_tasks: set[asyncio.Task[None]] = set()
        self._accept_limiter = RateLimiter(interval_s=0.01, burst=CONNECTIONS_MAX)
        self._resume_timer: asyncio.TimerHandle | None = None
        self._sweep_timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._by_protocol)

    def find(self, http: object) -> AdminConnection | None:
        """Give the connection that a request came on, by the protocol that it names."""
        return self._by_protocol.get(http)

    @contextmanager
    def streaming(self, connection: AdminConnection | None) -> Iterator[bool]:
        """Let a response take its time; yields False where `STREAMS_MAX` others do so now."""
        streams = sum(one.state is ConnectionState.STREAMING for one in self._by_protocol.values())
        if connection is None or streams >= STREAMS_MAX:
            yield False
            return
        connection.enter(ConnectionState.STREAMING)
        try:
            yield True
        finally:
            connection.enter(ConnectionState.RESPONDING)

    def start(self, listeners: list[socket.socket]) -> None:
        """Accept on bound sockets. Raises OSError."""
        self._listeners = listeners
        for one in listeners:
            one.listen(_BACKLOG)
        self._reserve_fds()
        self._resume_accepting()
        self._sweep()

    def stop_accepting(self) -> None:
        """Close the listening sockets; connections stay."""
        self._pause_accepting()
        for one in self._listeners:
            one.close()
        self._listeners = []

    def stop(self) -> None:
        """Close everything at once."""
        self.stop_accepting()
        for timer in (self._resume_timer, self._sweep_timer):
            if timer is not None:
                timer.cancel()
        for task in self._opening_tasks:
            task.cancel()
        for connection in [*self._by_protocol.values()]:
            connection.close()
            connection.close()
        for descriptor in self._reserved_fds:
            os.close(descriptor)
        self._reserved_fds.clear()

    def remove(self, connection: AdminConnection) -> None:
        """Forget a connection that has ended, and keep its descriptor for another."""
        for http, one in [*self._by_protocol.items()]:
            if one is connection:
                del self._by_protocol[http]
        self._reserve_fds()

    def _accept(self, listener: socket.socket) -> None:
        if len(self._by_protocol) >= CONNECTIONS_MAX and self._choose_victim() is None:
            self._pause_accepting_for(_ACCEPT_RETRY_S)  # every one is being answered: that ends by itself
            return
        if self._reserved_fds:
            os.close(self._reserved_fds.pop())
        try:
            client, _ = listener.accept()
        except (BlockingIOError, ConnectionError, InterruptedError):
            self._reserve_fds()
            return
        except OSError:  # no descriptor, no memory
            self._pause_accepting_for(_ACCEPT_RETRY_S)
            return
        if len(self._by_protocol) >= CONNECTIONS_MAX and (victim := self._choose_victim()) is not None:
            victim.close()
        client.setblocking(False)  # noqa: FBT003 - the socket's own signature
        http = self._make_protocol()
        connection = self._by_protocol[http] = AdminConnection(self, http)
        opening = asyncio.get_running_loop().create_task(self._open(connection, client))
        self._opening_tasks.add(opening)
        opening.add_done_callback(self._opening_tasks.discard)
        if wait_s := self._accept_limiter.reserve_wait_s(asyncio.get_running_loop().time()):
            self._pause_accepting_for(wait_s)

    async def _open(self, connection: AdminConnection, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, client)
        except BaseException as error:
            client.close()
            self.remove(connection)
            if not isinstance(error, OSError):
                raise

    def _choose_victim(self) -> AdminConnection | None:
        """Choose who is closed for a new one; those that are being closed give their place up soon."""
        for state in (ConnectionState.IDLE, ConnectionState.READING):
            candidates = [one for one in self._by_protocol.values() if one.state is state]
            if candidates:
                return min(candidates, key=lambda one: one.since_s)
        return None

    def _pause_accepting(self) -> None:
        for one in self._listeners:
            asyncio.get_running_loop().remove_reader(one)

    def _pause_accepting_for(self, seconds: float) -> None:
        self._pause_accepting()
        if self._resume_timer is not None:
            self._resume_timer.cancel()
        self._resume_timer = asyncio.get_running_loop().call_later(seconds, self._resume_accepting)

    def _resume_accepting(self) -> None:
        self._resume_timer = None
        for one in self._listeners:
            asyncio.get_running_loop().add_reader(one, self._accept, one)

    def _sweep(self) -> None:
        # First: what fails below must not be the last sweep.
        self._sweep_timer = asyncio.get_running_loop().call_later(_SWEEP_INTERVAL_S, self._sweep)
        for connection in [*self._by_protocol.values()]:
            if self.clock() - connection.since_s > _STATE_TIMEOUTS_S[connection.state]:
                connection.close()

    def _reserve_fds(self) -> None:
        """Keep a descriptor open for each client that is not there, and for those that have to go first."""
        with suppress(OSError):  # none is left now: it is tried again when the next client goes
            while (
                self._listeners
                and len(self._reserved_fds) + len(self._by_protocol) < CONNECTIONS_MAX + _CLOSING_MAX
            ):
                self._reserved_fds.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def bind_all(host: str, port: int) -> list[socket.socket]:
    """Bind to every address that ``host`` stands for ("": all, IPv4 and IPv6), all on one port.

    Raises OSError where one is taken, or none can be had.
    """
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            try:
                one = socket.socket(family, kind, protocol)
            except OSError:  # a machine without IPv6
                continue
            sockets.append(one)
            one.setblocking(False)  # noqa: FBT003 - the socket's own signature
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            one.bind((address[0], port, *address[2:]))
            port = one.getsockname()[1]
    except OSError:
        for one in sockets:
            one.close()
        raise
    if not sockets:
        raise OSError(f"no address for {host!r}")
    return sockets
