"""One connection: bytes in by aiohttp's parser, requests one after the other, answers out.

aiohttp's own request handler is not used: it has no time-out for slow requests, logs tracebacks of hostile
ones and costs a task, a request and a response object each. What a request means is told in `intake`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestPayloadError

from bridge.io.ingress import window
from bridge.io.ingress.answers import HEADER_TOO_LARGE, NO_ROOM, NOT_HTTP, Answer, rendered
from bridge.io.ingress.crowd import House
from bridge.io.ingress.requests import HEADER_MAX, Heads, Request, head_of, judged
from bridge.running import heard
from bridge.telling import Told

# Bodies wait here while there is no room for them: twice this and one read of the socket, a connection.
_READ_BUFFER = 32 * 1024
_PIPELINED_MAX = 32
# After a refusal of what was not read to its end: dropped, so that the client reads the answer.
_DISCARD_MAX = 16 * 1024 * 1024


class Connection(BaseProtocol):
    """Serves one client. The work on a request is not cancelled when the client leaves."""

    __slots__ = (
        "_answer",
        "_at_start",
        "_deaf",
        "_discarded",
        "_half_closed",
        "_header_bytes",
        "_heads",
        "_house",
        "_payload",
        "_requests",
        "_unread",
        "_waiter",
        "_was_cut",
        "answering",
        "held_back",
    )

    def __init__(
        self,
        house: House,
        answer: Callable[[Request, "Connection"], Awaitable[Answer]],
        heads: Heads,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        parser = HttpRequestParser(
            self,
            loop,
            _READ_BUFFER,
            max_line_size=HEADER_MAX,
            max_field_size=HEADER_MAX,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=_PIPELINED_MAX,
        )
        super().__init__(loop, parser)
        self._house = house
        self._answer = answer
        self._heads = heads
        self._requests: deque[Request] = deque()
        self._waiter: Told[None] | None = None
        self._at_start = True
        self._payload: StreamReader = EMPTY_PAYLOAD
        self._header_bytes = 0
        self._discarded = 0
        self._deaf = False
        self._half_closed = False
        self._was_cut = False
        self._unread = False
        self.answering = False
        self.held_back = False

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        super().connection_made(transport)
        window.set_up(transport)
        if self._house.crowd.join(self):
            self._house.employ(self._serve())

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let the work under way end, and whoever waits for more bytes know that none will come."""
        super().connection_lost(exc)
        self._deaf = True
        self._house.crowd.leave(self)
        self._break_payload()
        self._wake()

    def eof_received(self) -> bool:
        """Answer what came before a client closed its half."""
        self._half_closed = True
        self._break_payload()
        self._wake()
        return self.answering or bool(self._requests)

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Read on, if reading was paused: aiohttp's parser asks for it after each request."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def data_received(self, data: bytes) -> None:
        """Take bytes: into requests, or away where the connection is closing."""
        if self._at_start and self._waiter is not None and (known := self._heads.request_in(data)):
            self._requests.append(known)
            self._wake()
            return
        if self._deaf or self._parser is None:
            self._discard(len(data))
            return
        payload = self._payload
        in_body, before = not payload.is_eof(), payload.total_bytes
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except (HttpProcessingError, ValueError, LookupError, TypeError, AssertionError) as error:
            self._take_broken(HEADER_TOO_LARGE if isinstance(error, LineTooLong) else NOT_HTTP)
            return
        # Nothing is spoken here but HTTP/1: what follows a request for something else is dropped.
        self._deaf = self._deaf or bool(upgraded)
        if messages:
            self._take(messages, data)
        elif in_body:
            self._at_start = payload.is_eof() and payload.total_bytes - before == len(data)
        else:
            self._at_start = False
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_MAX:
                self._take_broken(HEADER_TOO_LARGE)
                return
        if self._header_bytes or not self._payload.is_eof():
            self._house.crowd.arriving(self, self._house.monotonic())
        else:
            self._house.crowd.arrived(self)

    def _take(self, messages: Sequence[tuple[RawRequestMessage, StreamReader]], data: bytes) -> None:
        # Sure to be so only where nothing but one request came since the last one's end.
        head = head_of(data, messages[0][1]) if self._at_start and len(messages) == 1 else b""
        self._at_start = bool(head)
        judges = self._header_bytes + len(data) > HEADER_MAX
        for message, payload in messages:
            self._requests.append(Request(judged(message) if judges else message, payload, head))
        self._header_bytes = 0
        self._payload = messages[-1][1]
        if not self._payload.is_eof() and window.exceeds(messages[-1][0]):
            self.hold_back()  # until there is room for it
        if len(self._requests) + self._unread >= _PIPELINED_MAX and not self._buffer_paused:
            self._pause_reading_for_buffer()
        self._wake()

    def _take_broken(self, answer: Answer) -> None:
        self._deaf = True
        if self._payload.is_eof():
            self._requests.append(Request(answer, EMPTY_PAYLOAD))
            self._wake()
        else:
            self._break_payload()

    def _break_payload(self) -> None:
        if not self._payload.is_eof():
            self._payload.set_exception(RequestPayloadError("the body ended early"))

    def _wake(self) -> None:
        self._house.crowd.busy(self)
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.ring()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > _DISCARD_MAX and self.transport is not None:
            self.transport.abort()

    # What is done with it

    async def _serve(self) -> None:
        answer: Answer | None = None
        try:
            while request := await self._next():
                self._unread = not request.is_whole
                if not self._unread and request.asked is None:  # else the parser has not seen it
                    self._consumed()
                if isinstance(request.message, Answer):
                    answer = request.message
                else:
                    self.answering = not self._unread
                    answer = await self._answer(request, self)
                    self.answering = True
                if not self._respond(request, answer):
                    break
                self.answering = False
                if self.held_back:
                    self.go_on()
                if self._unread:
                    self._consumed()
                if self._paused:
                    # Who does not read its answers may be closed when room is needed.
                    self._house.crowd.idle(self)
                    await self._drain_helper()
                    self._house.crowd.busy(self)
        except ConnectionError:
            pass  # the client left while its answer was written
        finally:
            self._end(overloaded=answer is NO_ROOM)

    async def _next(self) -> Request | None:
        if not (self._requests or self._deaf or self._half_closed):
            self._house.crowd.idle(self)
            self._waiter = Told()
            await heard(self._waiter)
        return self._requests.popleft() if self._requests else None

    def _consumed(self) -> None:
        # The parser counts a request when its body is whole: told of it earlier, it would stop for good.
        self._unread = False
        if self._parser is None:
            return
        self._parser.message_consumed()
        if self._buffer_paused and len(self._requests) <= _PIPELINED_MAX // 2:
            self.data_received(b"")
            if len(self._requests) < _PIPELINED_MAX:
                self._resume_reading_for_buffer()

    def _respond(self, request: Request, answer: Answer) -> bool:
        """Write an answer; tell whether the connection goes on."""
        transport = self.transport
        gone = transport is None or transport.is_closing()
        if answer.refusal and not (gone and self._was_cut):
            self._house.refused("incomplete" if gone and answer is NOT_HTTP else answer.refusal)
        if gone or transport is None:
            return bool(self._requests)
        last = (self._deaf or self._half_closed) and not self._requests
        keep = not (last or self._house.draining or answer.closes) and request.keeps_alive
        connection = (b"keep-alive" if request.is_old else b"") if keep else b"close"
        transport.write(rendered(answer, self._house.date(), connection))
        return keep

    def proceed(self) -> None:
        """Tell a client that asked whether to send its body to send it."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def hold_back(self) -> None:
        """Take no more of a body: what its client has not sent yet stays there, and not with us."""
        self.held_back = True
        self._pause_reading_for_buffer()

    def go_on(self) -> None:
        """Take the rest of a body, and what follows it."""
        self.held_back = False
        window.open_to(self.transport, window.LARGE)
        if len(self._requests) < _PIPELINED_MAX:
            self._resume_reading_for_buffer()

    def _end(self, *, overloaded: bool) -> None:
        unread = self._deaf or not self._payload.is_eof()
        self._deaf = True
        self.answering = False
        self._requests.clear()
        self._parser = None
        self._payload = EMPTY_PAYLOAD
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        # Watched until it is closed: its client may neither read the answer nor stop sending.
        self._house.crowd.arriving(self, self._house.monotonic())
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
            self._house.refused(reason)
            self._was_cut = True
        self._deaf = True
        if self.transport is None:
            return
        if reason or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()
