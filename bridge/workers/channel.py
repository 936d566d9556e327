"""Messages over the socket between supervisor and worker: four bytes of length, then MessagePack.

The socket ends with either process, however that ends, so each notices the end of the other.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import structlog
from msgspec import Struct, msgpack

Incoming = TypeVar("Incoming")

MESSAGE_MAX_BYTES = 16 * 1024 * 1024
_LENGTH_BYTES = 4

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Channel(asyncio.Protocol, Generic[Incoming]):
    """One end. ``on_message`` takes what the other sent, ``on_closed`` is called once, when it is gone."""

    def __init__(
        self,
        incoming: type[Incoming],
        on_message: Callable[[Incoming], None],
        on_closed: Callable[[], None],
    ) -> None:
        self._decoder = msgpack.Decoder(incoming)
        self._on_message = on_message
        self._on_closed = on_closed
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._closed = asyncio.get_running_loop().create_future()

    async def open(self, sock: socket.socket) -> None:
        """Begin to speak over ``sock``."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=sock)

    def send(self, message: Struct) -> None:
        """Send a message; where the other is gone, nothing happens."""
        if self._transport is not None and not self._transport.is_closing():
            body = msgpack.encode(message)
            self._transport.write(len(body).to_bytes(_LENGTH_BYTES) + body)

    async def close(self, within_s: float) -> None:
        """Write what was sent, and close it."""
        if self._transport is not None:
            self._transport.close()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._closed), within_s)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin (asyncio calls this)."""
        self._transport = transport  # type: ignore[assignment] # a stream's is a Transport

    def data_received(self, data: bytes) -> None:
        """Take bytes, and hand on each whole message."""
        self._received += data
        while len(self._received) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._received[:_LENGTH_BYTES])
            if end > MESSAGE_MAX_BYTES:
                self._refuse(end)
                return
            if len(self._received) < end:
                return
            message = self._decoder.decode(self._received[_LENGTH_BYTES:end])
            del self._received[:end]
            self._on_message(message)

    def _refuse(self, size: int) -> None:
        """End a connection whose other end promises more than any message has."""
        log.error("internal_error", error=f"a message of {size} bytes between supervisor and worker")
        self._received.clear()
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        del exc
        if not self._closed.done():
            self._closed.set_result(None)
        self._on_closed()
