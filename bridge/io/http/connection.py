"""One connection: handles its requests one after the other and writes the responses.

`protocol` turns its bytes into requests, `handler` knows what a request means.
"""

import asyncio
from collections.abc import Callable

from aiohttp.streams import EMPTY_PAYLOAD
from msgspec import Struct

from bridge.io.http import tcp_window
from bridge.io.http.connections import ServerContext
from bridge.io.http.protocol import HttpProtocol
from bridge.io.http.read_budget import ReadBudget
from bridge.io.http.request import HeadCache, Request
from bridge.io.http.responses import BAD_REQUEST, INTERNAL_ERROR, OVERLOADED, HttpResponse, serialize


class RequestHandling(Struct, frozen=True):
    """What connections share: the cache of heads, the read budget, and the function that handles a request.

    ``handle`` calls `Connection.send_response` once for each request, at once or later.
    """

    handle: Callable[[Request, "Connection"], None]
    head_cache: HeadCache
    read_budget: ReadBudget


class Connection(HttpProtocol):
    """Serves one client. The work on a request is not cancelled when the client leaves."""

    __slots__ = (
        "_aborted",
        "_finished",
        "_half_closed",
        "_handle",
        "_is_withholding",
        "_on_handshake_done",
        "_peer_address",
        "_processing",
        "_server",
    )

    def __init__(
        self,
        server: ServerContext,
        handling: RequestHandling,
        loop: asyncio.AbstractEventLoop,
        on_handshake_done: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(
            server.connections, handling.head_cache, handling.read_budget, server.monotonic, loop
        )
        self._server = server
        self._on_handshake_done = on_handshake_done
        self._handle = handling.handle
        self._processing = False
        self._finished = False
        self._half_closed = False
        self._is_withholding = False
        self._aborted = False
        self._peer_address = ""

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        super().connection_made(transport)
        if self._on_handshake_done is not None:
            self._on_handshake_done()
        tcp_window.configure_socket(transport)
        if self._server.closed:
            self.abort("")
        elif self._connections.admit(self):
            self._server.connection_opened(self)
            return
        self._finished = True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let the request being handled end; a body that still arrives fails."""
        if self._request or self._requests or self._header_bytes:
            self._peer_address = self._client_address()
        super().connection_lost(exc)
        self._input_closed = True
        self._connections.remove(self)
        self._paused = False  # nobody will read; what has come is delivered all the same
        self._fail_body()
        self._process_next()

    def eof_received(self) -> bool:
        """Respond to what came before the client closed its half."""
        self._half_closed = True
        self._fail_body()
        self._process_next()
        if self.transport is None or self.transport.get_extra_info("ssl_object") is not None:
            return False  # TLS closes both halves at once
        request = self._request
        answers = request is not None and (self.handling or request.body_complete)
        return answers or self._is_withholding or bool(self._requests)

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read its responses."""
        super().pause_writing()
        if not self._finished:
            self._connections.write_stalled(self, self._monotonic())
            self._pause_reading_for_buffer()

    def resume_writing(self) -> None:
        """Resume a client that reads its responses again."""
        super().resume_writing()
        self._connections.write_resumed(self)
        self._process_next()

    # What is done with it

    def _process_next(self) -> None:
        """Start the next request, unless one is being handled or the client does not read its responses."""
        if self._processing:
            return
        self._processing = True
        try:
            self._process_pending()
        finally:
            self._processing = False
        if not (self._request or self._requests or self._finished):
            if self._input_closed or self._half_closed:
                self._finish(overloaded=False)
            else:
                self._connections.mark_idle(self)
        elif self._paused and not (self._request or self._finished):
            # A client that does not read its responses may be closed for another connection.
            self._connections.mark_idle(self)

    def _process_pending(self) -> None:
        """Begin with request after request, as many as can be answered at once; then read on, or no more."""
        while True:
            while self._requests and not (self._request or self._paused or self._finished):
                self._connections.mark_busy(self)
                self._start_request(self._requests.popleft())
            if self._finished:
                return
            if self._requests or self._pipelined_bytes:
                self._charge_pipelined()
            elif not self._buffer_paused:
                return
            if not self._pause_or_resume_reading():
                return

    def _start_request(self, request: Request | HttpResponse) -> None:
        if isinstance(request, HttpResponse):
            if not self._write_response(None, request):
                self._finish(overloaded=False)
            return
        self._request = request
        self._body_pending = not request.body_complete
        if not self._body_pending and request.target is None:  # else the parser has not seen it
            self._message_consumed()
        self.handling = not self._body_pending
        try:
            self._handle(request, self)
        except Exception as error:  # noqa: BLE001 - a bug there must not keep the connection for good
            self.on_internal_error(error)

    def send_response(self, response: HttpResponse) -> None:
        """Write the response to the request being handled, and start the next one."""
        request, self._request = self._request, None
        if request is None:
            return  # it was broken, and is over
        self.handling = True
        if not self._write_response(request, response):
            self._finish(overloaded=response is OVERLOADED)
            return
        self.handling = False
        if self.body_paused and self._payload.is_eof():  # else for one that comes yet
            self.resume_body()
        if self._body_pending:
            self._message_consumed()
        self._process_next()

    def on_internal_error(self, error: BaseException) -> None:
        """Keep silent until the hold is over: there is a bug in its work, and nobody knows how that ended.

        A connection that is closed at once is a 502 behind a proxy, which to the vendor is a yes: it would
        not send the event again. Requests that came behind this one are not begun.
        """
        request, self._request = self._request, None
        self._server.on_internal_error(error)
        self._is_withholding = self._finished = self._input_closed = self.handling = True
        self._loop.call_later(self._server.hold_s, self._respond_after_hold, request)

    def _respond_after_hold(self, request: Request | None) -> None:
        """Respond that nothing is known to be durable, if a response is still due, and close."""
        self._is_withholding = False
        try:
            if request is not None:
                self._write_response(request, INTERNAL_ERROR)
        finally:
            self._finish(overloaded=False)

    def _write_response(self, request: Request | None, response: HttpResponse) -> bool:
        """Write the response to ``request``, or to bytes that are none. Returns whether it stays open."""
        transport = self.transport
        disconnected = transport is None or transport.is_closing()
        if response.reject_reason and not (disconnected and self._aborted):
            self._record_rejection(
                "incomplete" if disconnected and response is BAD_REQUEST else response.reject_reason, request
            )
        elif response.unauthorized_reason and request is not None:
            self._server.rejections.record_unauthorized(
                self._client_address(), request.message, response.unauthorized_reason
            )
        if disconnected or transport is None:
            return bool(self._requests)
        is_last = (self._input_closed or self._half_closed) and not self._requests
        must_close = is_last or self._server.draining or response.close
        if request is None or must_close or not request.keeps_alive:
            transport.write(serialize(response, self._server.date_header(), b"close"))
            return False
        connection = b"keep-alive" if request.is_http10 else b""
        transport.write(serialize(response, self._server.date_header(), connection))
        return True

    def _record_rejection(self, reason: str, request: Request | None) -> None:
        message = request.message if request is not None else None
        self._server.rejections.record(reason, self._client_address(), message)

    def _client_address(self) -> str:
        """Give the address of who is connected, or was."""
        if self.transport is None:
            return self._peer_address
        peer = self.transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def send_continue(self) -> None:
        """Send 100 Continue to a client that waits for it before its body."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _finish(self, *, overloaded: bool) -> None:
        self._finished = True
        self._server.connection_finished(self)
        has_unread_input = self._input_closed or not self._payload.is_eof()
        self._input_closed = True
        self.handling = False
        self._requests.clear()
        if self._pipelined_bytes:
            self._charge_pipelined()
        self._parser = None
        self._payload = EMPTY_PAYLOAD
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        # Watched until it is closed: its client may neither read the response nor stop sending.
        self._connections.read_started(self, self._monotonic())
        if not has_unread_input or self._half_closed:
            transport.close()
            return
        # Closed with bytes unread, the kernel would send a reset, which overtakes the response.
        if transport.can_write_eof():
            transport.write_eof()
        if not overloaded:  # else reading what there was no room for would keep everybody waiting
            self._reading_paused = False
            self._resume_reading_for_buffer()

    def abort(self, reason: str) -> None:
        """Close it now, whatever is under way; ``reason`` is what is counted."""
        if reason and not (self._input_closed and not self.handling):
            self._record_rejection(reason, self._request)
            self._aborted = True
        self._input_closed = True
        if self.transport is None:
            return
        if reason or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
