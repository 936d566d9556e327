"""The socket of one connection: whether it is read, what is written to it, and its end."""

import asyncio
from contextlib import suppress

from bridge.io.http import tcp_window
from bridge.io.http.connections import ServerContext
from bridge.io.http.read_turns import TURN_OVER
from bridge.io.http.request import Request
from bridge.io.http.responses import BAD_REQUEST, HttpResponse

# What may hold its reading, bit by bit, for several may: a body that is full, as aiohttp's parser says; a
# body that waits for budget; too much behind the request in work; too many responses for the client.
BODY_FULL = 1
BODY_WAITS = 2
QUEUE_FULL = 4
WRITING_PAUSED = 8
ALL_HOLDS = BODY_FULL | BODY_WAITS | QUEUE_FULL | WRITING_PAUSED
# After a refusal of what was not read to its end: dropped, so that the client reads the response.
_DISCARD_MAX_BYTES = 16 * 1024 * 1024


class ClientSocket:
    """It is read while nothing holds it.

    The small window is set when it is held for the first time, for more than the end of a turn. Before, every
    byte is read when it comes, and two system calls are a tenth of what a connection for one event costs.
    """

    __slots__ = (
        "_discarded_bytes",
        "_has_small_window",
        "_holds",
        "_peer_host",
        "_server",
        "_transport",
        "read_bytes",
    )

    def __init__(self, server: ServerContext, transport: asyncio.Transport) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = transport  # None: the connection is lost
        self._holds = 0
        self._has_small_window = False
        self._discarded_bytes = 0
        self._peer_host = ""
        self.read_bytes = 0  # of what was no whole request

    # Reading

    def is_held(self, holds: int) -> bool:
        """Whether one of these holds it."""
        return bool(self._holds & holds)

    def hold(self, hold: int) -> None:
        """Read no more for this reason."""
        if self._transport is not None:
            if not self._holds:
                with suppress(RuntimeError):  # it is closed already
                    self._transport.pause_reading()
            if not self._has_small_window and hold != TURN_OVER:
                self._has_small_window = True
                tcp_window.set_window(self._transport, tcp_window.SMALL_WINDOW)
        self._holds |= hold

    def release(self, holds: int) -> None:
        """Read on, if nothing but these held it."""
        if self._holds:
            self._holds &= ~holds
            if not self._holds and self._transport is not None:
                with suppress(RuntimeError):  # it is closed already
                    self._transport.resume_reading()

    def has_unread_bytes(self) -> bool:
        """Whether bytes of the client are here that were not read yet."""
        return tcp_window.unread_bytes(self._transport) != 0

    def enlarge_window(self) -> None:
        """Let the client of a large body send it faster."""
        tcp_window.set_window(self._transport, tcp_window.LARGE_WINDOW)

    def discard(self, size: int) -> None:
        """Drop bytes, up to a limit."""
        self._discarded_bytes += size
        if self._discarded_bytes > _DISCARD_MAX_BYTES:
            self.abort()

    # Writing

    def is_gone(self) -> bool:
        """Whether nobody reads a response."""
        return self._transport is None or self._transport.is_closing()

    def write(self, response: HttpResponse, request: Request | None, *, closes: bool) -> bool:
        """Write a response. Returns whether there is a client to read it."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        connection = b""
        if closes:
            connection = b"Connection: close\r\n"
        elif request and request.head.is_http10:
            connection = b"Connection: keep-alive\r\n"
        transport.write(
            b"HTTP/1.1 %b\r\n%bContent-Type: application/json\r\nContent-Length: %d\r\nDate: %b\r\n%b\r\n%b"
            % (
                response.status,
                response.headers,
                len(response.body),
                self._server.date,
                connection,
                b"" if response.omit_body else response.body,
            )
        )
        return True

    def send_continue(self) -> None:
        """Send 100 Continue to a client that waits for it before its body."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def record(self, reason: str, request: Request | None) -> None:
        """Record that a request, or a connection, is rejected."""
        self._server.rejections.record(reason, self._client_host(), request)

    def record_response(self, response: HttpResponse, request: Request | None, *, is_aborted: bool) -> None:
        """Record what a response rejects; of a connection that was aborted it is recorded already."""
        if not response.reject_reason:
            if request is not None:
                self._server.rejections.record_unauthorized(
                    self._client_host(), request, response.unauthorized_reason
                )
        elif not (is_aborted and self.is_gone()):
            is_incomplete = response is BAD_REQUEST and self.is_gone()
            self.record("incomplete" if is_incomplete else response.reject_reason, request)

    def _client_host(self) -> str:
        return self._peer_host if self._transport is None else _peer_host(self._transport)

    # Its end

    def closes_as_one(self) -> bool:
        """Whether the end of what is received is the end of what can be sent, as with TLS."""
        return self._transport is None or self._transport.get_extra_info("ssl_object") is not None

    def close(self, *, has_unread_input: bool) -> None:
        """Close it behind what was written."""
        if self._transport is None:
            return
        if not has_unread_input:
            self._transport.close()
        # Closed with bytes unread, the kernel would send a reset, which overtakes the response.
        elif self._transport.can_write_eof():
            self._transport.write_eof()

    def abort(self, *, is_done: bool = False) -> None:
        """Close it now: if it ``is_done`` not with a reset, unless its client still has to read responses."""
        if self._transport is None:
            return
        if is_done and not self._transport.get_write_buffer_size():
            self._transport.close()
        else:
            self._transport.abort()

    def disconnected(self, *, is_client_needed: bool) -> None:
        """Note that the connection is lost, and whether its client's address is needed later."""
        if is_client_needed and self._transport is not None:
            self._peer_host = _peer_host(self._transport)
        self._transport = None


def _peer_host(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""
