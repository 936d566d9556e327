"""One connection: takes its requests one after the other and writes the responses.

aiohttp's own request handler is not used: it has no time-out for slow requests, logs tracebacks of hostile
ones and costs three objects each. `head_cache` and `request_reader` make requests of bytes.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from bridge.io.http import tcp_window
from bridge.io.http.client_socket import ALL_HOLDS, WRITING_PAUSED, ClientSocket
from bridge.io.http.connection_state import ConnectionState
from bridge.io.http.connections import ServerContext
from bridge.io.http.read_budget import IncomingBody
from bridge.io.http.read_turns import LARGE_READ_BYTES
from bridge.io.http.request import Request
from bridge.io.http.request_reader import RequestReader
from bridge.io.http.responses import INTERNAL_ERROR, OVERLOADED, HttpResponse

_OPEN, _INPUT_ENDED = ConnectionState.OPEN, ConnectionState.INPUT_ENDED


class Connection(asyncio.Protocol):
    """Serves one client. The work on a request is not cancelled when the client leaves."""

    # What many connections never need stands on the class: each attribute of each one costs.
    _reader: RequestReader | None = None  # while bytes are parsed that are no whole request with a known head
    _known_head = b""  # whose body has not come
    _eof_received = False
    _is_processing = False
    _is_writing_paused = False
    incoming_body: IncomingBody | None = None  # of the body that is being read
    client: ClientSocket  # from `connection_made` on

    def __init__(
        self,
        server: ServerContext,
        loop: asyncio.AbstractEventLoop,
        on_handshake_done: Callable[[], None] | None = None,
    ) -> None:
        self._server = server
        self._connections = server.connections
        self._loop = loop
        self._on_handshake_done = on_handshake_done
        self._request: Request | None = None  # the one in work
        self.state = _OPEN
        self.handling = False

    # Callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        stream = cast("asyncio.Transport", transport)  # uvloop's are none of asyncio's classes
        self.client = ClientSocket(self._server, stream)
        if self._on_handshake_done is not None:
            self._on_handshake_done()
        stream.set_write_buffer_limits(tcp_window.WRITE_BUFFER_BYTES)
        if self._server.closed:
            self.abort("")
        elif self._connections.admit(self):
            self._server.connection_opened()
            return
        self.state = ConnectionState.FINISHED

    def data_received(self, data: bytes) -> None:
        """Begin with the request that ``data`` is, if its head is known; else have it parsed."""
        if len(data) >= LARGE_READ_BYTES and self._server.read_turns.defers(self, data):
            self._connections.mark_busy(self)
            return
        request, reader = self._request, self._reader
        if reader is not None and reader.coalesces(data):
            return
        head, self._known_head = self._known_head, b""
        data = head + data  # as it is, if there is no head
        if request is not None and request.target is not None and request.head.closes:
            # The parser has not seen that request: to it, what follows would be one that is to be answered.
            self._end_input()
        if self.state is not _OPEN:
            self.client.discard(len(data))
        elif request is not None or reader is not None or self._is_writing_paused:
            self._feed(data)
        elif (known := self._server.head_cache.match(data)) is not None:
            if head:
                self._connections.read_finished(self)
            self._connections.mark_busy(self)
            self._begin(known)
        elif self._server.head_cache.knows_head(data):
            self._known_head = data
            self._connections.read_started(self, self._server.monotonic())
        else:
            self._feed(data)

    def eof_received(self) -> bool:
        """Respond to what came before the client closed its half."""
        self._eof_received = True
        self._end_input()
        self._process_next()
        answers = self._request is not None and (self.handling or self._request.is_complete)
        answers = answers or self.state is ConnectionState.WITHHOLDING or self._has_queue()
        return answers and not self.client.closes_as_one()  # TLS closes both halves at once

    def connection_lost(self, exc: BaseException | None) -> None:  # noqa: ARG002 - whatever the cause
        """Let the request being handled end; a body that still arrives fails."""
        self._end_input()
        has_arrived = self._reader is not None and self._reader.has_arrived
        self.client.disconnected(is_client_needed=self._request is not None or has_arrived)
        self._connections.remove(self)
        if self.state is _INPUT_ENDED:
            self.state = ConnectionState.DISCONNECTED
        self._is_writing_paused = False  # nobody will read; what has come is delivered all the same
        self._process_next()

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read its responses."""
        self._is_writing_paused = True
        if not self.state.is_over:
            self._connections.write_stalled(self, self._server.monotonic())
            self.client.hold(WRITING_PAUSED)

    def resume_writing(self) -> None:
        """Resume a client that reads its responses again."""
        self._is_writing_paused = False
        self._connections.write_resumed(self)
        self._process_next()
        if not self._is_writing_paused:
            self.client.release(WRITING_PAUSED)

    # Bytes that are to be parsed

    def _feed(self, data: bytes = b"") -> None:
        """Have bytes parsed; with none, those that the parser kept when it stopped."""
        if self.state is not _OPEN and self.state is not _INPUT_ENDED:
            return
        reader = self._reader = self._reader or RequestReader(
            self.client, self._server.read_budget, self._feed, self._loop
        )
        reader.feed(data)
        if reader.is_ended:
            self._end_input()
        if reader.is_request_arriving:
            self._connections.read_started(self, self._server.monotonic())
        else:
            self._connections.read_finished(self)
        if reader.requests or self._is_writing_paused:
            self._process_next()

    def _end_input(self) -> None:
        """Note that no more can come: a body that arrives, or would have, has failed."""
        self._server.read_turns.read_now(self)
        if self._known_head:
            head, self._known_head = self._known_head, b""
            self._feed(head)
        if self.state is _OPEN:
            self.state = _INPUT_ENDED
        if self._reader is not None:
            self._reader.fail_body()
        if self.incoming_body is not None:
            self.incoming_body.cancel_wait()

    def resume_body(self) -> None:
        """Read the rest of a body, if that waited for budget."""
        if self._reader is not None:
            self._reader.resume_body()

    # One request after the other

    def _process_next(self) -> None:
        """Begin with the next request, unless one is in work or the client does not read its responses."""
        if self._is_processing:
            return
        if (reader := self._reader) is not None:
            self._is_processing = True
            try:
                self._process_queue(reader)
            finally:
                self._is_processing = False
            if self._reader is reader and self._request is None and reader.is_done:
                reader.close()
                self._reader = None
        if self._request is not None or self.state.is_over:
            return
        has_queue = self._has_queue()
        if self._is_writing_paused if has_queue else self.state is _OPEN:
            self._connections.mark_idle(self)  # who does not read its responses may be closed for others, too
        elif not has_queue:
            self._finish(overloaded=False)

    def _has_queue(self) -> bool:
        return self._reader is not None and bool(self._reader.requests)

    def _process_queue(self, reader: RequestReader) -> None:
        """Begin with request after request, as many as can be answered at once; then read on, or no more."""
        requests = reader.requests
        while True:
            while requests and not (self._request or self._is_writing_paused or self.state.is_over):
                self._connections.mark_busy(self)
                self._begin_queued(reader, requests.popleft())
            if self.state.is_over or not reader.hold_or_resume():
                return
            self._feed()

    def _begin_queued(self, reader: RequestReader, request: Request | HttpResponse) -> None:
        if isinstance(request, HttpResponse):
            if not self._write_response(None, request):
                self._finish(overloaded=False)
            return
        self._server.head_cache.count_miss()
        reader.note_begun(request)
        self._begin(request)

    def _begin(self, request: Request) -> None:
        self._request = request
        self.handling = request.stream is None or request.is_complete
        try:
            self._server.handle(request, self)
        except Exception as error:  # noqa: BLE001 - a bug there must not keep the connection for good
            self.on_internal_error(error)

    def send_response(self, response: HttpResponse) -> None:
        """Write the response to the request being handled, and start the next one."""
        request, self._request = self._request, None
        if request is None:  # it was broken, and is over
            return
        if not self._write_response(request, response):
            self._finish(overloaded=response is OVERLOADED)
            return
        self.handling = False
        if self._reader is not None:
            self._reader.note_answered()
        self._process_next()

    def on_internal_error(self, error: BaseException) -> None:
        """Keep silent until the hold is over: there is a bug in its work, and nobody knows how that ended.

        A connection that is closed at once is a 502 behind a proxy, which to the vendor is a yes: it would
        not send the event again. Requests that came behind this one are not begun.
        """
        request, self._request = self._request, None
        self._server.on_internal_error(error)
        if self.state is not ConnectionState.FINISHED:
            self.state = ConnectionState.WITHHOLDING
            self.handling = True
            self._loop.call_later(self._server.hold_s, self._respond_after_hold, request)

    def _respond_after_hold(self, request: Request | None) -> None:
        """Respond that nothing is known to be durable, if a response is still due, and close."""
        try:
            if request is not None:
                self._write_response(request, INTERNAL_ERROR)
        finally:
            self._finish(overloaded=False)

    def _write_response(self, request: Request | None, response: HttpResponse) -> bool:
        """Write the response to ``request``, or to bytes that are none. Returns whether it stays open."""
        if response.reject_reason or response.unauthorized_reason:
            self.client.record_response(response, request, is_aborted=self.state is ConnectionState.ABORTED)
        closes = (
            request is None
            or request.head.closes
            or response.close
            or self._server.draining
            or (request.stream is not None and not request.is_complete)
            or (self.state is not _OPEN and not self._has_queue())
        )
        is_written = self.client.write(response, request, closes=closes)
        return not closes if is_written else self._has_queue()  # what a client sent that is gone is delivered

    # Its end

    def _finish(self, *, overloaded: bool) -> None:
        """Take no more requests, and close it without losing the last response on its way."""
        reader = self._reader
        is_arriving = self.state is not _OPEN or (reader is not None and reader.is_body_arriving)
        self.state = ConnectionState.FINISHED
        self.handling = False
        self._server.connection_finished()
        if reader is not None:
            reader.close()
            self._reader = None
        if self.client.is_gone():
            return
        # Watched until it is closed: its client may neither read the response nor stop sending.
        self._connections.read_started(self, self._server.monotonic())
        has_unread_input = is_arriving and not self._eof_received
        self.client.close(has_unread_input=has_unread_input)
        if has_unread_input and not overloaded:  # reading what no budget was left for would keep all waiting
            self.client.release(ALL_HOLDS)

    def abort(self, reason: str) -> None:
        """Close it now, whatever is under way; ``reason`` is what is counted."""
        self._end_input()
        if reason and (self.handling or self.state is _INPUT_ENDED):
            self.client.record(reason, self._request)
        if reason and not self.state.is_over:
            self.state = ConnectionState.ABORTED
        self.client.abort(is_done=not reason)
