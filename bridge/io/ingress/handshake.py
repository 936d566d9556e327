"""Connections that begin with a TLS handshake.

A handshake counts as a connection and as a request that arrives: it has no more time than one, and is closed
for others at the cap. So sockets are accepted here: asyncio's server tells of a connection only afterwards.
What fails is told as a refusal; a client that leaves is not: balancers look so whether a port is open.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from bridge.io.ingress.crowd import House
from bridge.telemetry import Telemetry
from bridge.tending import tended

# Beside the ingress's own limits: for what the library waits for, a shutdown that nobody answers among it.
_HANDSHAKE_S = 60.0
_SHUTDOWN_S = 5.0
# While there are no descriptors, or no memory, to accept with.
_ACCEPT_AGAIN_S = 0.1
_PLAIN = "HTTP_REQUEST"
_DETAIL = {
    _PLAIN: "a request without TLS came to the port with TLS: use https://, or a proxy that speaks TLS to it",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the client shows no certificate; http.tls_client_cafile wants one",
}

Connect = Callable[[Callable[[], None]], asyncio.Protocol]
"""Makes what a connection is handed to; it calls what it is given once the handshake is over."""


class TlsListener:
    """Accepts on one listening socket, which it closes at its end."""

    def __init__(
        self,
        house: House,
        sock: socket.socket,
        context: ssl.SSLContext,
        connect: Connect,
        telemetry: Telemetry,
    ) -> None:
        self._house = house
        self._sock = sock
        self._context = context
        self._connect = connect
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting = self._loop.create_task(tended(self._accept, telemetry))

    def close(self) -> None:
        """Accept no more; who is connected stays."""
        self._accepting.cancel()
        self._sock.close()

    async def _accept(self) -> None:
        while True:
            try:
                client, peer = await self._loop.sock_accept(self._sock)
            except OSError:
                await asyncio.sleep(_ACCEPT_AGAIN_S)
                continue
            handshake = Handshake(self._house, client, str(peer[0]))
            if self._house.shut or not self._house.crowd.join(handshake):
                client.close()
                continue
            self._house.crowd.arriving(handshake, self._house.monotonic())
            task = self._loop.create_task(handshake.run(self._context, self._connect))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)
            await asyncio.sleep(0)  # accepting at once gives nobody else a turn


class Handshake:
    """One handshake, as the crowd sees it."""

    answering = False

    def __init__(self, house: House, sock: socket.socket, peer: str) -> None:
        self._house = house
        self._sock = sock
        self._peer = peer
        self._cut = False

    def cut(self, reason: str) -> None:
        """Close it now; ``reason`` is what is counted."""
        self._cut = True
        if reason and reason != "stopped":
            self._house.refusals.add(reason, self._peer, None)
        with suppress(OSError):  # whoever waits for bytes of it sees its end
            self._sock.shutdown(socket.SHUT_RDWR)

    async def run(self, context: ssl.SSLContext, connect: Connect) -> None:
        """Shake hands, and hand the connection on."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connect(self._over),
                self._sock,
                ssl=context,
                ssl_handshake_timeout=_HANDSHAKE_S,
                ssl_shutdown_timeout=_SHUTDOWN_S,
            )
        except ssl.SSLError as error:
            if not self._cut:
                self._tell(error.reason or "")
        except OSError:
            pass  # the client left
        finally:
            self._over()

    def _over(self) -> None:
        self._house.crowd.leave(self)

    def _tell(self, why: str) -> None:
        if why == _PLAIN:
            self._house.refusals.add("plaintext", self._peer, None, _DETAIL[why])
        else:
            self._house.refusals.add("tls_handshake", self._peer, None, _DETAIL.get(why, why))
