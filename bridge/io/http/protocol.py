"""The bytes of one connection, cut into requests by aiohttp's parser or by a head that is known.

aiohttp's own request handler is not used: it has no time-out for slow requests, logs tracebacks of hostile
ones and costs a task, a request and a response object each. What is done with requests is in `connection`.
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

from bridge.io.http import tcp_window
from bridge.io.http.aiohttp_parser import PARSE_ERRORS, parse_complete_requests
from bridge.io.http.connections import ConnectionRegistry
from bridge.io.http.read_budget import IncomingBody, ReadBudget
from bridge.io.http.request import (
    HEADER_MAX_BYTES,
    HeadCache,
    Request,
    complete_head,
    has_overflowed_length,
    is_head_too_large,
)
from bridge.io.http.responses import BAD_REQUEST, HEADER_TOO_LARGE, HttpResponse

# Bodies wait here while there is no room for them: twice this and one read of the socket, a connection.
_READ_BUFFER_BYTES = 32 * 1024
# Of requests that stand behind another one: so many, with so many bytes of bodies, then no more is read.
_PIPELINED_MAX = 32
_PIPELINED_MAX_BYTES = 32 * 1024
# Chunk sizes, their extensions and trailers: so many bytes in all, and so many for each byte of the body.
_FRAMING_MAX_BYTES = HEADER_MAX_BYTES
_FRAMING_MAX_FACTOR = 8
# After a refusal of what was not read to its end: dropped, so that the client reads the answer.
_DISCARD_MAX_BYTES = 16 * 1024 * 1024


class HttpProtocol(BaseProtocol, ABC):
    """Turns incoming bytes into requests, and invalid ones into error responses; subclasses handle both."""

    __slots__ = (
        "_at_message_start",
        "_body_pending",
        "_connections",
        "_discarded_bytes",
        "_framing_bytes",
        "_head_cache",
        "_header_bytes",
        "_input_closed",
        "_monotonic",
        "_parser_caught_up",
        "_payload",
        "_pipelined_bytes",
        "_read_budget",
        "_request",
        "_requests",
        "body_paused",
        "handling",
        "incoming_body",
    )

    def __init__(
        self,
        connections: ConnectionRegistry,
        head_cache: HeadCache,
        read_budget: ReadBudget,
        monotonic: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        parser = HttpRequestParser(
            self,
            loop,
            _READ_BUFFER_BYTES,
            max_line_size=HEADER_MAX_BYTES,
            max_field_size=HEADER_MAX_BYTES,
            payload_exception=RequestPayloadError,
            auto_decompress=False,
            max_msg_queue_size=_PIPELINED_MAX,
        )
        super().__init__(loop, parser)
        self._connections = connections
        self._head_cache = head_cache
        self._read_budget = read_budget  # what bodies behind the request in work are charged to
        self._pipelined_bytes = 0
        self._monotonic = monotonic
        self._requests: deque[Request | HttpResponse] = deque()
        self._request: Request | None = None  # the one in work
        self._payload: StreamReader = EMPTY_PAYLOAD
        self._at_message_start = True  # of a request: surely, as far as the parser's bytes go
        self._parser_caught_up = True  # the parser has read all bytes that it was given
        self._header_bytes = 0
        self._framing_bytes = 0
        self._discarded_bytes = 0
        self._input_closed = False
        self._body_pending = False
        self.handling = False
        self.body_paused = False
        self.incoming_body: IncomingBody | None = None  # of the body that is being read

    @abstractmethod
    def abort(self, reason: str) -> None:
        """Close it now, whatever is under way; ``reason`` is what is counted."""

    @abstractmethod
    def _process_next(self) -> None:
        """Turn to the next request, if that is possible now."""

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Read on, if reading was paused: aiohttp's parser asks for it after each request."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def pause_reading(self) -> None:
        """Read no more, as the parser asks for whose body is not taken: from now on it may lag behind."""
        self._parser_caught_up = False
        super().pause_reading()

    def data_received(self, data: bytes) -> None:
        """Parse bytes into requests; they are dropped if the connection is closing."""
        idle = self._at_message_start and not (self._input_closed or self._request or self._requests)
        if idle and (cached := self._head_cache.match(data)):
            self._requests.append(cached)
            self._process_next()
            return
        if self._input_closed or self._parser is None:
            self._discard(len(data))
            return
        payload = self._payload
        in_body, bytes_before = not payload.is_eof(), payload.total_bytes
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except PARSE_ERRORS as error:
            if self._at_message_start and self._parser_caught_up:
                self._requests.extend(parse_complete_requests(data, self._loop))
            self._on_parse_error(HEADER_TOO_LARGE if isinstance(error, LineTooLong) else BAD_REQUEST)
            return
        # Nothing is spoken here but HTTP/1: what follows a request for something else is dropped.
        self._input_closed = self._input_closed or bool(upgraded)
        if messages:
            self._on_messages(messages, data)
        elif data and not self._check_size_limits(
            len(data), payload.total_bytes - bytes_before, in_body=in_body
        ):
            return
        if self._header_bytes or not self._payload.is_eof():
            self._connections.read_started(self, self._monotonic())
        else:
            self._connections.read_finished(self)
        if messages or self._requests or self._paused:
            self._process_next()

    def _check_size_limits(self, size: int, body_bytes: int, *, in_body: bool) -> bool:
        """Note what came of a request that is under way; False where that is over a limit, and refused."""
        payload = self._payload
        if not in_body:
            self._at_message_start = False
            self._header_bytes += size
            if self._header_bytes > HEADER_MAX_BYTES:
                self._on_parse_error(HEADER_TOO_LARGE)
                return False
            return True
        framing_bytes = size - body_bytes
        self._at_message_start = self._parser_caught_up and not framing_bytes and payload.is_eof()
        if framing_bytes:
            self._framing_bytes += framing_bytes
            max_bytes = _FRAMING_MAX_BYTES + _FRAMING_MAX_FACTOR * payload.total_bytes
            # What the parser still keeps is not judged.
            if self._framing_bytes > max_bytes and not (self._reading_paused or payload.is_eof()):
                self._on_parse_error(BAD_REQUEST)
                return False
        return True

    def _on_messages(self, messages: Sequence[tuple[RawRequestMessage, StreamReader]], data: bytes) -> None:
        if len(messages) > 1 or self._requests:
            self._parser_caught_up = False  # of very many the parser keeps some for later
        # Sure to be so only where nothing but one request came since the last one's end.
        head = (
            complete_head(data, messages[0][1]) if self._at_message_start and self._parser_caught_up else b""
        )
        self._at_message_start = bool(head)
        check_size = self._header_bytes + len(data) > HEADER_MAX_BYTES
        for message, payload in messages:
            if has_overflowed_length(message, payload):
                self._input_closed = True
                self._requests.append(BAD_REQUEST)
                break
            is_too_long = check_size and is_head_too_large(message)
            self._requests.append(HEADER_TOO_LARGE if is_too_long else Request(message, payload, head))
        self._header_bytes = self._framing_bytes = 0
        self._payload = messages[-1][1]
        if not self._payload.is_eof() and tcp_window.needs_large_window(messages[-1][0]):
            self.pause_body()  # until there is room for it
        if len(self._requests) + self._body_pending >= _PIPELINED_MAX and not self._buffer_paused:
            self._pause_reading_for_buffer()

    def _on_parse_error(self, response: HttpResponse) -> None:
        self._input_closed = True
        if self._payload.is_eof():
            self._requests.append(response)
            self._process_next()
        else:
            self._fail_body()

    def _fail_body(self) -> None:
        if not self._payload.is_eof():
            self._payload.set_exception(RequestPayloadError("the body ended early"))
        if self.incoming_body is not None:
            self.incoming_body.cancel_wait()

    def _discard(self, size: int) -> None:
        self._discarded_bytes += size
        if self._discarded_bytes > _DISCARD_MAX_BYTES and self.transport is not None:
            self.transport.abort()

    def _message_consumed(self) -> None:
        # The parser counts a request when its body is whole: notified of it earlier, it would stop for good.
        self._body_pending = False
        if self._parser is not None:
            self._parser.message_consumed()

    def _charge_pipelined(self) -> None:
        """Charge the bodies of the requests behind the one in work."""
        size = sum(request.received_bytes for request in self._requests if isinstance(request, Request))
        if size != self._pipelined_bytes:
            added, self._pipelined_bytes = size - self._pipelined_bytes, size
            self._read_budget.charge_pipelined(added)

    def _pause_or_resume_reading(self) -> bool:
        """Read on, or no more, as what waits here allows; tell whether the parser gave what it kept."""
        if self._must_pause_reading:
            if not self._buffer_paused:
                self._pause_reading_for_buffer()
        elif self._buffer_paused and not self.body_paused:
            self._resume_reading_for_buffer()
            self.data_received(b"")
            return True
        return False

    @property
    def _must_pause_reading(self) -> bool:
        """Whether no more is to be read for now: too much waits here, or too many answers for the client."""
        size = self._pipelined_bytes
        return (
            self._paused
            or len(self._requests) + self._body_pending >= _PIPELINED_MAX
            or size > _PIPELINED_MAX_BYTES
            or (size > 0 and self._read_budget.is_exhausted)
        )

    def pause_body(self) -> None:
        """Take no more of a body: what its client has not sent yet stays there, and not with us."""
        self.body_paused = True
        self._pause_reading_for_buffer()

    def resume_body(self) -> None:
        """Take the rest of a body, and what follows it."""
        self.body_paused = False
        if not self._must_pause_reading:
            self._resume_reading_for_buffer()

    def has_unread_bytes(self) -> bool:
        """Whether bytes of the client are here that were not read yet."""
        return tcp_window.unread_bytes(self.transport) != 0

    def enlarge_window(self) -> None:
        """Let the client of a large body send it faster."""
        tcp_window.set_window(self.transport, tcp_window.LARGE_WINDOW)
