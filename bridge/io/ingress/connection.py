"""One connection: requests one after the other, answers out.

How its bytes become requests is told in `receiving`, what a request means in `intake`.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiohttp.streams import EMPTY_PAYLOAD

from bridge.io.ingress import window
from bridge.io.ingress.answers import INTERNAL_ERROR, NO_ROOM, NOT_HTTP, Answer, rendered
from bridge.io.ingress.budget import Budgets
from bridge.io.ingress.crowd import House
from bridge.io.ingress.receiving import Receiver
from bridge.io.ingress.requests import Heads, Request


class Taker(Protocol):
    """Does the work of requests, and knows the heads of those that it took before."""

    heads: Heads
    budgets: Budgets

    def take(self, request: Request, client: "Connection") -> None:
        """Begin with one request; ``client`` is told its answer, once, now or later."""


class Connection(Receiver):
    """Serves one client. The work on a request is not cancelled when the client leaves."""

    __slots__ = (
        "_half_closed",
        "_handshake_over",
        "_house",
        "_is_silent",
        "_over",
        "_peer",
        "_taker",
        "_turning",
        "_was_cut",
    )

    def __init__(
        self,
        house: House,
        taker: Taker,
        loop: asyncio.AbstractEventLoop,
        handshake_over: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(house.crowd, taker.heads, taker.budgets.arriving_small, house.monotonic, loop)
        self._house = house
        self._handshake_over = handshake_over
        self._taker = taker
        self._turning = False
        self._over = False
        self._half_closed = False
        self._is_silent = False
        self._was_cut = False
        self._peer = ""

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        super().connection_made(transport)
        if self._handshake_over is not None:
            self._handshake_over()
        window.set_up(transport)
        if self._house.shut:
            self.cut("")
        elif self._crowd.join(self):
            self._house.serve(self)
            return
        self._over = True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let the work under way end, and whoever waits for more bytes know that none will come."""
        if self._request or self._requests or self._header_bytes:
            self._peer = self._address()
        super().connection_lost(exc)
        self._deaf = True
        self._crowd.leave(self)
        self._paused = False  # nobody will read; what has come is delivered all the same
        self._break_payload()
        self._turn()

    def eof_received(self) -> bool:
        """Answer what came before a client closed its half."""
        self._half_closed = True
        self._break_payload()
        self._turn()
        if self.transport is None or self.transport.get_extra_info("ssl_object") is not None:
            return False  # TLS closes both halves at once
        request = self._request
        answers = request is not None and (self.answering or request.is_whole)
        return answers or self._is_silent or bool(self._requests)

    def pause_writing(self) -> None:
        """Read no more of a client that does not read its answers."""
        super().pause_writing()
        if not self._over:
            self._crowd.not_reading(self, self._monotonic())
            self._pause_reading_for_buffer()

    def resume_writing(self) -> None:
        """Go on with a client that reads its answers again."""
        super().resume_writing()
        self._crowd.reading(self)
        self._turn()

    # What is done with it

    def _turn(self) -> None:
        """Turn to the next request, unless one is in work or its client does not read its answers."""
        if self._turning:
            return
        self._turning = True
        try:
            self._work_through()
        finally:
            self._turning = False
        if not (self._request or self._requests or self._over):
            if self._deaf or self._half_closed:
                self._end(overloaded=False)
            else:
                self._crowd.idle(self)
        elif self._paused and not (self._request or self._over):
            # Who does not read its answers may be closed when room is needed.
            self._crowd.idle(self)

    def _work_through(self) -> None:
        """Begin with request after request, as many as can be answered at once; then read on, or no more."""
        while True:
            while self._requests and not (self._request or self._paused or self._over):
                self._crowd.busy(self)
                self._begin(self._requests.popleft())
            if self._over:
                return
            if self._requests or self._queued_bytes:
                self._charge_queue()
            elif not self._buffer_paused:
                return
            if not self._read_on():
                return

    def _begin(self, request: Request | Answer) -> None:
        if isinstance(request, Answer):
            if not self._respond(None, request):
                self._end(overloaded=False)
            return
        self._request = request
        self._unread = not request.is_whole
        if not self._unread and request.asked is None:  # else the parser has not seen it
            self._consumed()
        self.answering = not self._unread
        try:
            self._taker.take(request, self)
        except Exception as error:  # noqa: BLE001 - a bug there must not keep the connection for good
            self.broken(error)

    def answered(self, answer: Answer) -> None:
        """Take the answer to the request in work, and go on to the next one."""
        request, self._request = self._request, None
        if request is None:
            return  # it was broken, and is over
        self.answering = True
        if not self._respond(request, answer):
            self._end(overloaded=answer is NO_ROOM)
            return
        self.answering = False
        if self.held_back and self._payload.is_eof():  # else for one that comes yet
            self.go_on()
        if self._unread:
            self._consumed()
        self._turn()

    def broken(self, error: BaseException) -> None:
        """Keep silent until the hold is over: there is a bug in its work, and nobody knows how that ended.

        A connection that is closed at once is a 502 behind a proxy, which to the vendor is a yes: it would
        not send the event again. Requests that came behind this one are not begun.
        """
        request, self._request = self._request, None
        self._house.broken(error)
        self._is_silent = self._over = self._deaf = self.answering = True
        self._loop.call_later(self._house.hold_s, self._break_silence, request)

    def _break_silence(self, request: Request | None) -> None:
        """Say that nothing is known to be durable, where an answer is still owed, and close."""
        self._is_silent = False
        try:
            if request is not None:
                self._respond(request, INTERNAL_ERROR)
        finally:
            self._end(overloaded=False)

    def _respond(self, request: Request | None, answer: Answer) -> bool:
        """Write the answer to ``request``, or to what is none; tell whether the connection goes on."""
        transport = self.transport
        gone = transport is None or transport.is_closing()
        if answer.refusal and not (gone and self._was_cut):
            self._tell_refused("incomplete" if gone and answer is NOT_HTTP else answer.refusal, request)
        elif answer.unauthorized and request is not None:
            self._house.refusals.note_unauthorized(self._address(), request.message, answer.unauthorized)
        if gone or transport is None:
            return bool(self._requests)
        last = (self._deaf or self._half_closed) and not self._requests
        closes = last or self._house.draining or answer.closes
        if request is None or closes or not request.keeps_alive:
            transport.write(rendered(answer, self._house.date(), b"close"))
            return False
        connection = b"keep-alive" if request.is_old else b""
        transport.write(rendered(answer, self._house.date(), connection))
        return True

    def _tell_refused(self, reason: str, request: Request | None) -> None:
        message = request.message if request is not None else None
        self._house.refusals.add(reason, self._address(), message)

    def _address(self) -> str:
        """Give the address of who is connected, or was."""
        if self.transport is None:
            return self._peer
        peer = self.transport.get_extra_info("peername")
        return str(peer[0]) if peer else ""

    def proceed(self) -> None:
        """Tell a client that asked whether to send its body to send it."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _end(self, *, overloaded: bool) -> None:
        self._over = True
        self._house.ended(self)
        unread = self._deaf or not self._payload.is_eof()
        self._deaf = True
        self.answering = False
        self._requests.clear()
        if self._queued_bytes:
            self._charge_queue()
        self._parser = None
        self._payload = EMPTY_PAYLOAD
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        # Watched until it is closed: its client may neither read the answer nor stop sending.
        self._crowd.arriving(self, self._monotonic())
        if not unread or self._half_closed:
            transport.close()
            return
        # Closed with bytes unread, the kernel would send a reset, which overtakes the answer.
        if transport.can_write_eof():
            transport.write_eof()
        if not overloaded:  # else reading what there was no room for would keep everybody waiting
            self._reading_paused = False
            self._resume_reading_for_buffer()

    def cut(self, reason: str) -> None:
        """Close it now, whatever is under way; ``reason`` is what is counted."""
        if reason and not (self._deaf and not self.answering):
            self._tell_refused(reason, self._request)
            self._was_cut = True
        self._deaf = True
        if self.transport is None:
            return
        if reason or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
