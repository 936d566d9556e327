"""Who is connected to the admin endpoint, and the limits of that: nothing here may cost the ingress anything.

At most `CONNECTIONS_MAX` at once; a further one is accepted where another can be closed for it (the longest
idle one, else the one that has been sending its request for longest) and waits in the kernel else. A request
has 5 s to arrive, its answer 5 s to be taken. Descriptors for all of them are reserved from the start, so
that neither a flood at the ingress nor a low limit keeps probes out. Answers and accepts are paced.

    ARRIVING --request read--> ANSWERING --answer written--> IDLE --first byte--> ARRIVING
"""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto

from msgspec import Struct

CONNECTIONS_MAX = 64

_REQUEST_WITHIN_S = 5.0
_ANSWER_WITHIN_S = 5.0
_IDLE_S = 90.0
_CLOSED_WITHIN_S = 1.0
_SWEEP_EVERY_S = 0.25
_ACCEPT_AGAIN_S = 0.1
_BACKLOG = 128
_CLOSING = 4  # those that go for a new one are there for another turn of the loop
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class State(Enum):
    """What a connection is doing; the time of its last change counts."""

    ARRIVING = auto()
    ANSWERING = auto()
    IDLE = auto()
    CLOSING = auto()


_LIMITS_S = {
    State.ARRIVING: _REQUEST_WITHIN_S,
    State.ANSWERING: _ANSWER_WITHIN_S,
    State.IDLE: _IDLE_S,
    State.CLOSING: _CLOSED_WITHIN_S,
}


class Pace(Struct):
    """Lets ``burst`` through at once, and one each ``every_s`` from then on."""

    every_s: float
    burst: int
    next_at: float = 0.0

    def wait_s(self, now: float) -> float:
        """Give the seconds to wait before the next one, which is counted as let through."""
        self.next_at = max(self.next_at, now) + self.every_s
        return max(0.0, self.next_at - now - self.burst * self.every_s)


class Connection(asyncio.Protocol):
    """One client: hands everything to ``http``, and notes what state it is in."""

    def __init__(self, connections: "Connections", http: asyncio.Protocol) -> None:
        self._connections = connections
        self._http = http
        self._transport: asyncio.Transport | None = None
        self._sent_some = False
        self.state = State.ARRIVING
        self.since = connections.clock()

    def enter(self, state: State) -> None:
        """Note what it does from now on."""
        if self.state is not State.CLOSING:
            self.state, self.since = state, self._connections.clock()

    def close(self) -> None:
        """Close it, with an answer where a request had begun; at once where that was tried before."""
        transport, was = self._transport, self.state
        self.enter(State.CLOSING)
        if transport is None:
            return
        if was in (State.ANSWERING, State.CLOSING):
            transport.abort()
            return
        if was is State.ARRIVING and self._sent_some:
            transport.write(_TIMED_OUT)
        transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin (asyncio calls this)."""
        self._transport = transport  # type: ignore[assignment] # a stream's is a Transport
        self._http.connection_made(transport)
        if self.state is State.CLOSING:
            self.close()

    def data_received(self, data: bytes) -> None:
        """Take what a client sent."""
        self._sent_some = True
        if self.state is State.IDLE:
            self.enter(State.ARRIVING)
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
        self._connections.lost(self)


class Connections:
    """All clients. ``protocol`` makes the HTTP side of one; ``clock`` gives seconds that never go back."""

    def __init__(self, protocol: Callable[[], asyncio.Protocol], clock: Callable[[], float]) -> None:
        self.clock = clock
        self._protocol = protocol
        self._present: dict[object, Connection] = {}
        self._listening: list[socket.socket] = []
        self._reserved: list[int] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._accepts = Pace(every_s=0.01, burst=CONNECTIONS_MAX)
        self._paused: asyncio.TimerHandle | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._present)

    def of(self, http: object) -> Connection | None:
        """Give the connection that a request came on, by the protocol that it names."""
        return self._present.get(http)

    def start(self, listening: list[socket.socket]) -> None:
        """Accept on bound sockets. Raises OSError."""
        self._listening = listening
        for one in listening:
            one.listen(_BACKLOG)
        self._reserve()
        self._resume()
        self._sweep()

    def stop_accepting(self) -> None:
        """Close the listening sockets; connections stay."""
        self._pause()
        for one in self._listening:
            one.close()
        self._listening = []

    def stop(self) -> None:
        """Close everything at once."""
        self.stop_accepting()
        for timer in (self._paused, self._sweeping):
            if timer is not None:
                timer.cancel()
        for task in self._opening:
            task.cancel()
        for connection in [*self._present.values()]:
            connection.close()
            connection.close()
        for descriptor in self._reserved:
            os.close(descriptor)
        self._reserved.clear()

    def lost(self, connection: Connection) -> None:
        """Forget a connection that has ended, and keep its descriptor for another."""
        for http, one in [*self._present.items()]:
            if one is connection:
                del self._present[http]
        self._reserve()

    def _accept(self, listening: socket.socket) -> None:
        if len(self._present) >= CONNECTIONS_MAX and self._victim() is None:
            self._pause_for(_ACCEPT_AGAIN_S)  # every one is being answered: that ends by itself
            return
        if self._reserved:
            os.close(self._reserved.pop())
        try:
            client, _ = listening.accept()
        except (BlockingIOError, ConnectionError, InterruptedError):
            self._reserve()
            return
        except OSError:  # no descriptor, no memory
            self._pause_for(_ACCEPT_AGAIN_S)
            return
        if len(self._present) >= CONNECTIONS_MAX and (victim := self._victim()) is not None:
            victim.close()
        client.setblocking(False)  # noqa: FBT003 - the socket's own signature
        http = self._protocol()
        connection = self._present[http] = Connection(self, http)
        opening = asyncio.get_running_loop().create_task(self._open(connection, client))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        if wait_s := self._accepts.wait_s(asyncio.get_running_loop().time()):
            self._pause_for(wait_s)

    async def _open(self, connection: Connection, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: connection, client)
        except BaseException as error:
            client.close()
            self.lost(connection)
            if not isinstance(error, OSError):
                raise

    def _victim(self) -> Connection | None:
        """Choose who is closed for a new one; those that are being closed give their place up soon."""
        for state in (State.IDLE, State.ARRIVING):
            those = [one for one in self._present.values() if one.state is state]
            if those:
                return min(those, key=lambda one: one.since)
        return None

    def _pause(self) -> None:
        for one in self._listening:
            asyncio.get_running_loop().remove_reader(one)

    def _pause_for(self, seconds: float) -> None:
        self._pause()
        if self._paused is not None:
            self._paused.cancel()
        self._paused = asyncio.get_running_loop().call_later(seconds, self._resume)

    def _resume(self) -> None:
        self._paused = None
        for one in self._listening:
            asyncio.get_running_loop().add_reader(one, self._accept, one)

    def _sweep(self) -> None:
        # First: what fails below must not be the last sweep.
        self._sweeping = asyncio.get_running_loop().call_later(_SWEEP_EVERY_S, self._sweep)
        now = self.clock()
        for connection in [*self._present.values()]:
            if now - connection.since > _LIMITS_S[connection.state]:
                connection.close()

    def _reserve(self) -> None:
        """Keep a descriptor open for each client that is not there, and for those that have to go first."""
        with suppress(OSError):  # none is left now: it is tried again when the next client goes
            while self._listening and len(self._reserved) + len(self._present) < CONNECTIONS_MAX + _CLOSING:
                self._reserved.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def bound(host: str, port: int) -> list[socket.socket]:
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
