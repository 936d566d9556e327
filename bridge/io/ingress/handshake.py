"""The TLS handshake of one connection, before HTTP begins on it.

It counts as a connection, and as a request that arrives: it has no more time than one, and is closed for
others at the cap. What fails is told as a refusal; a client that leaves is not.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

from bridge.io.ingress.crowd import House

# Beside the ingress's own limit: for what the library waits for, a shutdown that nobody answers among it.
_HANDSHAKE_S = 60.0
_SHUTDOWN_S = 5.0
_PLAIN = "HTTP_REQUEST"
_DETAIL = {
    _PLAIN: "a request without TLS came to the port with TLS: use https://, or a proxy that speaks TLS to it",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the client shows no certificate; http.tls_client_cafile wants one",
}


class Handshake(asyncio.Protocol):
    """Makes of an accepted connection one that speaks TLS, and hands it to what ``connect`` makes."""

    answering = False

    def __init__(
        self,
        house: House,
        connect: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._house = house
        self._connect = connect
        self._context = context
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._work: asyncio.Task[None] | None = None
        self._early: list[bytes] = []
        self._early_eof = False
        self._cut = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the handshake."""
        # uvloop's transports are none of asyncio's classes.
        stream = self._transport = cast("asyncio.Transport", transport)
        stream.pause_reading()  # until the other protocol has it
        if self._house.shut:
            stream.abort()
        elif self._house.crowd.join(self):
            self._house.crowd.arriving(self, self._house.monotonic())
            self._work = self._loop.create_task(self._shake_hands(stream))

    def data_received(self, data: bytes) -> None:
        """Keep what comes with the handshake's last flight."""
        self._early.append(data)

    def eof_received(self) -> None:
        """Note that no more will come."""
        self._early_eof = True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget it: it was closed before the handshake began."""
        del exc
        self._house.crowd.leave(self)

    def cut(self, reason: str) -> None:
        """Close it now; ``reason`` is what is counted."""
        self._cut = True
        if reason and reason != "stopped":
            self._tell(reason, "")
        if self._transport is not None:
            self._transport.abort()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        protocol = None
        try:
            secured = await self._loop.start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_S,
                ssl_shutdown_timeout=_SHUTDOWN_S,
            )
            if secured is not None and not self._cut:
                protocol = self._connect()
        except ssl.SSLError as error:
            if not self._cut:
                self._tell_failed(error.reason or "")
        except OSError:
            pass  # the client left
        finally:
            self._house.crowd.leave(self)
        if protocol is None or secured is None:
            transport.abort()
            return
        secured.set_protocol(protocol)
        protocol.connection_made(secured)
        for data in self._early:
            protocol.data_received(data)
        if self._early_eof:
            protocol.eof_received()

    def _tell_failed(self, why: str) -> None:
        if why == _PLAIN:
            self._tell("plaintext", _DETAIL[why])
        else:
            self._tell("tls_handshake", _DETAIL.get(why, why))

    def _tell(self, reason: str, detail: str) -> None:
        peer = self._transport.get_extra_info("peername") if self._transport is not None else None
        self._house.refusals.add(reason, str(peer[0]) if peer else "", None, detail)
