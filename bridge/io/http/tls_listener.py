"""Connections that begin with a TLS handshake.

A handshake counts as a connection and as an arriving request: it has the same time limit, and is closed for
others at the cap. So sockets are accepted here: asyncio's server reports a connection only afterwards. A
failed handshake is counted as a rejection, unless the client left: load balancers check open ports like that.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from bridge.aio.supervisor import supervise
from bridge.io.http.connections import ServerContext
from bridge.observability.telemetry import Telemetry

# Beside the ingress's own limits: for what the library waits for, a shutdown that nobody answers among it.
_HANDSHAKE_TIMEOUT_S = 60.0
_SHUTDOWN_TIMEOUT_S = 5.0
# While there are no descriptors, or no memory, to accept with.
_ACCEPT_RETRY_S = 0.1
_PLAINTEXT = "HTTP_REQUEST"
_DETAILS = {
    _PLAINTEXT: "a request without TLS came to the port with TLS: "
    "use https://, or a proxy that speaks TLS to it",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the client shows no certificate; http.tls_client_cafile wants one",
}

ConnectionFactory = Callable[[Callable[[], None]], asyncio.Protocol]
"""Makes what a connection is handed to; it calls what it is given once the handshake is over."""


class TlsOpener:
    """Shakes hands with clients whose sockets were accepted, and hands them on."""

    def __init__(self, server: ServerContext, context: ssl.SSLContext, connect: ConnectionFactory) -> None:
        self._server = server
        self._context = context
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()

    def open(self, client: socket.socket, peer: tuple[object, ...]) -> None:
        """Begin a handshake."""
        handshake = TlsHandshake(self._server, client, str(peer[0]))
        if self._server.closed or not self._server.connections.admit(handshake):
            client.close()
            return
        self._server.connections.read_started(handshake, self._server.monotonic())
        task = self._loop.create_task(handshake.run(self._context, self._connect))
        self._handshakes.add(task)
        task.add_done_callback(self._handshakes.discard)


class TlsListener:
    """Accepts on one listening socket, which it closes at its end."""

    def __init__(self, sock: socket.socket, opener: TlsOpener, telemetry: Telemetry) -> None:
        self._sock = sock
        self._opener = opener
        self._loop = asyncio.get_running_loop()
        self._accept_task = self._loop.create_task(supervise(self._accept_loop, telemetry))

    def close(self) -> None:
        """Accept no more; who is connected stays."""
        self._accept_task.cancel()
        self._sock.close()

    async def _accept_loop(self) -> None:
        while True:
            try:
                client, peer = await self._loop.sock_accept(self._sock)
            except OSError:
                await asyncio.sleep(_ACCEPT_RETRY_S)
                continue
            self._opener.open(client, peer)
            await asyncio.sleep(0)  # accepting at once gives nobody else a turn


class TlsHandshake:
    """One handshake, as the registry of connections sees it."""

    handling = False

    def __init__(self, server: ServerContext, sock: socket.socket, peer: str) -> None:
        self._server = server
        self._sock = sock
        self._peer = peer
        self._aborted = False

    def abort(self, reason: str) -> None:
        """Close it now; ``reason`` is what is counted."""
        self._aborted = True
        if reason and reason != "shutdown":
            self._server.rejections.record(reason, self._peer, None)
        with suppress(OSError):  # whoever waits for bytes of it sees its end
            self._sock.shutdown(socket.SHUT_RDWR)

    async def run(self, context: ssl.SSLContext, connect: ConnectionFactory) -> None:
        """Shake hands, and hand the connection on."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connect(self._finish),
                self._sock,
                ssl=context,
                ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S,
                ssl_shutdown_timeout=_SHUTDOWN_TIMEOUT_S,
            )
        except ssl.SSLError as error:
            if not self._aborted:
                self._record_failure(error.reason or "")
        except OSError:
            pass  # the client left
        finally:
            self._finish()

    def _finish(self) -> None:
        self._server.connections.remove(self)

    def _record_failure(self, reason: str) -> None:
        if reason == _PLAINTEXT:
            self._server.rejections.record("plaintext", self._peer, None, _DETAILS[reason])
        else:
            self._server.rejections.record("tls_handshake", self._peer, None, _DETAILS.get(reason, reason))
