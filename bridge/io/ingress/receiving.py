"""The bytes of one connection, cut into requests by aiohttp's parser or by a head that is known.

aiohttp's own request handler is not used: it has no time-out for slow requests, logs tracebacks of hostile
ones and costs a task, a request and a response object each. What is done with requests is told in
`connection`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import LineTooLong
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestPayloadError

from bridge.io.ingress import window
from bridge.io.ingress.answers import HEADER_TOO_LARGE, NOT_HTTP, Answer
from bridge.io.ingress.arrivals import Arrival, Arrivals
from bridge.io.ingress.crowd import Crowd
from bridge.io.ingress.requests import (
    HEADER_MAX,
    Heads,
    Request,
    head_of,
    is_too_large,
    says_no_length,
)
from bridge.io.ingress.salvage import PARSING_ERRORS, whole_requests

# Bodies wait here while there is no room for them: twice this and one read of the socket, a connection.
_READ_BUFFER = 32 * 1024
# Of requests that stand behind another one: so many, with so many bytes of bodies, then no more is read.
_PIPELINED_MAX = 32
_PIPELINED_MAX_BYTES = 32 * 1024
# Chunk sizes, their extensions and trailers: so many bytes in all, and so many for each byte of the body.
_FRAMING_MAX_BYTES = HEADER_MAX
_FRAMING_MAX_TIMES = 8
# After a refusal of what was not read to its end: dropped, so that the client reads the answer.
_DISCARD_MAX = 16 * 1024 * 1024


class Receiver(BaseProtocol, ABC):
    """Takes bytes in: of them come requests, and the answers to what is none. Its heir turns to both."""

    __slots__ = (
        "_at_start",
        "_crowd",
        "_deaf",
        "_discarded",
        "_framing_bytes",
        "_header_bytes",
        "_heads",
        "_in_step",
        "_monotonic",
        "_payload",
        "_queue",
        "_queued_bytes",
        "_request",
        "_requests",
        "_unread",
        "answering",
        "arrival",
        "held_back",
    )

    def __init__(
        self,
        crowd: Crowd,
        heads: Heads,
        queue: Arrivals,
        monotonic: Callable[[], float],
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
        self._crowd = crowd
        self._heads = heads
        self._queue = queue  # what bodies behind the request in work are charged to
        self._queued_bytes = 0
        self._monotonic = monotonic
        self._requests: deque[Request | Answer] = deque()
        self._request: Request | None = None  # the one in work
        self._payload: StreamReader = EMPTY_PAYLOAD
        self._at_start = True  # of a request: surely, as far as the parser's bytes go
        self._in_step = True  # the parser has read all bytes that it was given
        self._header_bytes = 0
        self._framing_bytes = 0
        self._discarded = 0
        self._deaf = False
        self._unread = False
        self.answering = False
        self.held_back = False
        self.arrival: Arrival | None = None  # of the body that is being read

    @abstractmethod
    def cut(self, reason: str) -> None:
        """Close it now, whatever is under way; ``reason`` is what is counted."""

    @abstractmethod
    def _turn(self) -> None:
        """Turn to the next request, if that is possible now."""

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Read on, if reading was paused: aiohttp's parser asks for it after each request."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def pause_reading(self) -> None:
        """Read no more, as the parser asks for whose body is not taken: from now on it may lag behind."""
        self._in_step = False
        super().pause_reading()

    def data_received(self, data: bytes) -> None:
        """Take bytes: into requests, or away where the connection is closing."""
        idle = self._at_start and not (self._deaf or self._request or self._requests)
        if idle and (known := self._heads.request_in(data)):
            self._requests.append(known)
            self._turn()
            return
        if self._deaf or self._parser is None:
            self._discard(len(data))
            return
        payload = self._payload
        in_body, before = not payload.is_eof(), payload.total_bytes
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except PARSING_ERRORS as error:
            if self._at_start and self._in_step:
                self._requests.extend(whole_requests(data, self._loop))
            self._take_broken(HEADER_TOO_LARGE if isinstance(error, LineTooLong) else NOT_HTTP)
            return
        # Nothing is spoken here but HTTP/1: what follows a request for something else is dropped.
        self._deaf = self._deaf or bool(upgraded)
        if messages:
            self._take(messages, data)
        elif data and not self._goes_on(len(data), payload.total_bytes - before, in_body=in_body):
            return
        if self._header_bytes or not self._payload.is_eof():
            self._crowd.arriving(self, self._monotonic())
        else:
            self._crowd.arrived(self)
        if messages or self._requests or self._paused:
            self._turn()

    def _goes_on(self, size: int, body_bytes: int, *, in_body: bool) -> bool:
        """Note what came of a request that is under way; False where that is over a limit, and refused."""
        payload = self._payload
        if not in_body:
            self._at_start = False
            self._header_bytes += size
            if self._header_bytes > HEADER_MAX:
                self._take_broken(HEADER_TOO_LARGE)
                return False
            return True
        framing_bytes = size - body_bytes
        self._at_start = self._in_step and not framing_bytes and payload.is_eof()
        if framing_bytes:
            self._framing_bytes += framing_bytes
            most = _FRAMING_MAX_BYTES + _FRAMING_MAX_TIMES * payload.total_bytes
            # What the parser still keeps is not judged.
            if self._framing_bytes > most and not (self._reading_paused or payload.is_eof()):
                self._take_broken(NOT_HTTP)
                return False
        return True

    def _take(self, messages: Sequence[tuple[RawRequestMessage, StreamReader]], data: bytes) -> None:
        if len(messages) > 1 or self._requests:
            self._in_step = False  # of very many the parser keeps some for later
        # Sure to be so only where nothing but one request came since the last one's end.
        head = head_of(data, messages[0][1]) if self._at_start and self._in_step else b""
        self._at_start = bool(head)
        judges = self._header_bytes + len(data) > HEADER_MAX
        for message, payload in messages:
            if says_no_length(message, payload):
                self._deaf = True
                self._requests.append(NOT_HTTP)
                break
            refused = judges and is_too_large(message)
            self._requests.append(HEADER_TOO_LARGE if refused else Request(message, payload, head))
        self._header_bytes = self._framing_bytes = 0
        self._payload = messages[-1][1]
        if not self._payload.is_eof() and window.exceeds(messages[-1][0]):
            self.hold_back()  # until there is room for it
        if len(self._requests) + self._unread >= _PIPELINED_MAX and not self._buffer_paused:
            self._pause_reading_for_buffer()

    def _take_broken(self, answer: Answer) -> None:
        self._deaf = True
        if self._payload.is_eof():
            self._requests.append(answer)
            self._turn()
        else:
            self._break_payload()

    def _break_payload(self) -> None:
        if not self._payload.is_eof():
            self._payload.set_exception(RequestPayloadError("the body ended early"))
        if self.arrival is not None:
            self.arrival.give_up()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > _DISCARD_MAX and self.transport is not None:
            self.transport.abort()

    def _consumed(self) -> None:
        # The parser counts a request when its body is whole: told of it earlier, it would stop for good.
        self._unread = False
        if self._parser is not None:
            self._parser.message_consumed()

    def _charge_queue(self) -> None:
        """Charge the bodies of the requests behind the one in work."""
        size = sum(request.here_bytes for request in self._requests if isinstance(request, Request))
        if size != self._queued_bytes:
            added, self._queued_bytes = size - self._queued_bytes, size
            self._queue.charge_queued(added)

    def _read_on(self) -> bool:
        """Read on, or no more, as what waits here allows; tell whether the parser gave what it kept."""
        if self._is_full:
            if not self._buffer_paused:
                self._pause_reading_for_buffer()
        elif self._buffer_paused and not self.held_back:
            self._resume_reading_for_buffer()
            self.data_received(b"")
            return True
        return False

    @property
    def _is_full(self) -> bool:
        """Whether no more is to be read for now: too much waits here, or too many answers for the client."""
        size = self._queued_bytes
        return (
            self._paused
            or len(self._requests) + self._unread >= _PIPELINED_MAX
            or size > _PIPELINED_MAX_BYTES
            or (size > 0 and self._queue.is_over)
        )

    def hold_back(self) -> None:
        """Take no more of a body: what its client has not sent yet stays there, and not with us."""
        self.held_back = True
        self._pause_reading_for_buffer()

    def go_on(self) -> None:
        """Take the rest of a body, and what follows it."""
        self.held_back = False
        if not self._is_full:
            self._resume_reading_for_buffer()

    def has_sent_more(self) -> bool:
        """Whether bytes of the client are here that were not read yet."""
        return window.unread_bytes(self.transport) != 0

    def open_window(self) -> None:
        """Let the client of a large body send it faster."""
        window.open_to(self.transport, window.LARGE)
