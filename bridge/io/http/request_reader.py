"""Cuts the bytes of one connection into requests, within the limits of heads, chunks and pipelined requests.

A connection has one from bytes on that are no whole request with a known head (`head_cache`), until all that
it was fed is whole requests that are over.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from bridge.io.http import tcp_window
from bridge.io.http.aiohttp_parser import (
    ParsedRequest,
    ParseError,
    RequestParser,
    parse_complete_requests,
)
from bridge.io.http.client_socket import ALL_HOLDS, BODY_FULL, BODY_WAITS, QUEUE_FULL, ClientSocket
from bridge.io.http.head_cache import complete_head
from bridge.io.http.leftover import (
    TAIL_BYTES,
    leftover_behind,
    leftover_behind_chunks,
    leftover_behind_last,
)
from bridge.io.http.read_budget import ReadBudget
from bridge.io.http.read_coalescing import ReadCoalescer
from bridge.io.http.request import HEADER_MAX_BYTES, BodyStream, IncompleteBodyError, Request
from bridge.io.http.responses import BAD_REQUEST, HEADER_TOO_LARGE, HttpResponse

# Of requests that stand behind another one: so many, with so many bytes of bodies, then no more is read.
_PIPELINED_MAX = 32
_PIPELINED_MAX_BYTES = 32 * 1024
# Chunk sizes, their extensions and trailers: so many bytes in all, and so many for each byte of the body.
_FRAMING_MAX_BYTES = HEADER_MAX_BYTES
_FRAMING_MAX_FACTOR = 8


class RequestReader:
    """Requests as they arrive. ``requests`` are those that nobody has taken; its owner pops them.

    A response among them is the answer to bytes that are no request; nothing follows it.
    """

    __slots__ = (
        "_body",
        "_client",
        "_coalescer",
        "_framing_bytes",
        "_head_bytes",
        "_is_at_start",
        "_is_chunked",
        "_is_unconsumed",
        "_loop",
        "_on_kept_bytes",
        "_parser",
        "_read_budget",
        "_tail",
        "is_ended",
        "queued_bytes",
        "requests",
    )

    def __init__(
        self,
        client: ClientSocket,
        read_budget: ReadBudget,
        on_kept_bytes: Callable[[], None],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """``on_kept_bytes`` is called when it is to be fed with nothing: the parser kept bytes."""
        self._loop = loop
        self._client = client
        self._on_kept_bytes = on_kept_bytes
        self._parser = RequestParser(self, loop, _PIPELINED_MAX)
        self.is_ended = False  # broken bytes came, or another protocol: it is not to be fed again
        self.requests: deque[Request | HttpResponse] = deque()
        self.queued_bytes = 0  # of their bodies, as charged
        self._read_budget = read_budget
        self._is_unconsumed = False  # the parser still counts the request in work
        self._body: BodyStream | None = None  # of the last request
        self._coalescer = ReadCoalescer()  # of that body's small reads
        self._is_at_start = True  # of a request: surely, as far as the parser's bytes go
        self._head_bytes = 0  # of the head that is under way
        self._framing_bytes = 0  # of the body that is under way
        self._is_chunked = False  # the body that is under way
        self._tail = b""  # the last bytes of earlier reads of the request that is under way

    @property
    def is_done(self) -> bool:
        """Whether all that came is whole requests, and the next byte is surely the first one of another."""
        is_empty = not (self.requests or self.queued_bytes or self._is_unconsumed or self.is_ended)
        return self._is_at_start and is_empty and not self._client.is_held(ALL_HOLDS)

    @property
    def is_body_arriving(self) -> bool:
        """Whether bytes of a body are still to come."""
        return self._body is not None and not self._body.is_eof()

    @property
    def is_request_arriving(self) -> bool:
        """Whether bytes of a head or a body are still to come."""
        return self._head_bytes > 0 or self.is_body_arriving

    @property
    def has_arrived(self) -> bool:
        """Whether something of a request is here that is not in work."""
        return self._head_bytes > 0 or bool(self.requests)

    def coalesces(self, data: bytes) -> bool:
        """Whether ``data`` waits here for more: it is little of a body that comes byte by byte."""
        self._client.read_bytes += len(data)
        body = self._body
        # A parser that lags may have more of the body than it counts: the last bytes would wait.
        if body is None or self.is_ended or self._parser.is_lagging:
            return False
        return self._coalescer.coalesce(data, body.total_bytes)

    def feed(self, data: bytes) -> None:
        """Read bytes, until there are some that are no HTTP, or over a limit."""
        if self.is_ended:
            return
        try:
            self._feed(self._coalescer.take() + data)
            self.is_ended = self._parser.is_upgraded
        except ParseError as error:
            self.is_ended = True
            if self.is_body_arriving:
                self.fail_body()  # who reads it answers
            else:
                self.requests.append(HEADER_TOO_LARGE if error.is_head_too_large else BAD_REQUEST)

    def _feed(self, data: bytes) -> None:
        body = self._body
        arriving = body if body is not None and not body.is_eof() else None
        bytes_before = arriving.total_bytes if arriving is not None else 0
        try:
            requests = self._parser.feed(data)
        except ParseError as error:
            requests = error.requests
            start = self._start_of_requests(arriving, bytes_before)
            if not requests and start is not None and not self._parser.is_lagging:
                requests = parse_complete_requests(data[start:], self._loop)
            self._enqueue(requests, b"", check_size=False)
            raise
        if requests:
            self._on_requests(requests, data, arriving, bytes_before)
        elif arriving is None:
            self._on_head_bytes(len(data))
        else:
            self._on_body_bytes(arriving, data, len(data) - (arriving.total_bytes - bytes_before))
        if not self._is_at_start:
            self._tail = (self._tail + data[-TAIL_BYTES:])[-TAIL_BYTES:]

    def _start_of_requests(self, arriving: BodyStream | None, bytes_before: int) -> int | None:
        """Return where in a read the first request begins, if that is known; the body before it is whole."""
        if arriving is None:
            return 0 if self._is_at_start else None
        return arriving.total_bytes - bytes_before if arriving.is_eof() and not self._is_chunked else None

    def _leftover(
        self, requests: Sequence[ParsedRequest], data: bytes, arriving: BodyStream | None, bytes_before: int
    ) -> int:
        """Return how many bytes of ``data`` come behind these requests."""
        if arriving is not None and self._is_chunked:
            return leftover_behind_last(data, requests[-1])
        start = self._start_of_requests(arriving, bytes_before)
        return leftover_behind(data[start:] if start else self._tail + data, requests)

    def _on_head_bytes(self, size: int) -> None:
        if size:
            self._is_at_start = False
            self._head_bytes += size
            if self._head_bytes > HEADER_MAX_BYTES:
                raise ParseError(is_head_too_large=True)

    def _on_body_bytes(self, body: BodyStream, data: bytes, framing_bytes: int) -> None:
        """Count what is no body; below 0 where the parser goes on with bytes that it kept."""
        self._is_at_start = not self._parser.is_lagging and not framing_bytes and body.is_eof()
        self._framing_bytes += framing_bytes
        if body.is_eof():
            behind_chunks = leftover_behind_chunks(self._tail + data) if data else 0
            self._head_bytes = behind_chunks if self._is_chunked else self._framing_bytes
        elif framing_bytes > 0:
            max_bytes = _FRAMING_MAX_BYTES + _FRAMING_MAX_FACTOR * body.total_bytes
            # What the parser still keeps is not judged.
            if self._framing_bytes > max_bytes and not self._parser.is_stopped:
                raise ParseError

    def _on_requests(
        self, requests: Sequence[ParsedRequest], data: bytes, arriving: BodyStream | None, bytes_before: int
    ) -> None:
        is_alone = len(requests) == 1 and not self.requests
        if len(requests) + len(self.requests) >= _PIPELINED_MAX // 2:
            self._parser.is_lagging = True  # of very many the parser keeps some for later
        # Sure to be so only where nothing but one request came since the last one's end.
        head_bytes = b""
        self._body = body = requests[-1][1]
        is_surely_one = is_alone and self._is_at_start and not self._parser.is_lagging
        if is_surely_one and (body is None or body.is_eof()):
            head_bytes = complete_head(data, body.total_bytes if body is not None else 0)
        self._is_at_start = bool(head_bytes)
        check_size = self._head_bytes + len(data) > HEADER_MAX_BYTES
        extra = 0 if head_bytes else self._leftover(requests, data, arriving, bytes_before)
        self._is_chunked = requests[-1][0].is_chunked
        is_whole = body is None or body.is_eof()
        self._head_bytes = extra if is_whole else 0
        self._framing_bytes = 0 if is_whole or self._is_chunked else extra
        self._enqueue(requests, head_bytes, check_size=check_size)
        size = requests[-1][0].content_length
        self._coalescer.begin(0 if is_whole else max(0, size))
        if not is_whole and not 0 <= size <= tcp_window.SMALL_WINDOW:
            self._client.hold(BODY_WAITS)  # until there is budget for it
        if self._is_full():
            self._client.hold(QUEUE_FULL)

    def _enqueue(self, requests: Sequence[ParsedRequest], head_bytes: bytes, *, check_size: bool) -> None:
        for head, body in requests:
            if check_size and head.size_bytes > HEADER_MAX_BYTES:
                self.requests.append(HEADER_TOO_LARGE)
            elif body is None or (body.is_eof() and not self._parser.is_stopped):  # reading would resume it
                whole = b"" if body is None else body.read_nowait()
                self.requests.append(Request(head, None, whole, None, head_bytes))
            else:
                self.requests.append(Request(head, body))

    def fail_body(self) -> None:
        """End the body that arrives: the rest of it will not come."""
        body = self._body
        if body is not None and not body.is_eof():
            body.set_exception(IncompleteBodyError("the body ended early"))

    def note_begun(self, request: Request) -> None:
        """Note that a request was taken. The parser counts it as over once its body is whole."""
        self._is_unconsumed = not request.is_complete
        if not self._is_unconsumed:
            self._parser.note_consumed()

    def note_answered(self) -> None:
        """Note that the request that was taken last is answered, and its body was read to its end."""
        if not self.is_body_arriving:  # else for one that comes yet
            self.resume_body()
        if self._is_unconsumed:
            self._is_unconsumed = False
            self._parser.note_consumed()

    def charge_queued(self) -> None:
        """Charge the bodies of the requests that nobody has taken."""
        size = sum(request.received_bytes for request in self.requests if isinstance(request, Request))
        if size != self.queued_bytes:
            added, self.queued_bytes = size - self.queued_bytes, size
            self._read_budget.charge_pipelined(added)

    def close(self) -> None:
        """Drop the requests that nobody has taken, and the parser. It is not to be fed again."""
        self.requests.clear()
        self.charge_queued()
        self._parser.close()

    # Back-pressure

    def on_body_full(self) -> None:
        """Read no more: too much of a body is here that nobody has taken."""
        self._client.hold(BODY_FULL)

    def on_body_drained(self, *, has_more: bool) -> None:
        """Read on, unless the bytes that the parser kept fill the body again."""
        if has_more:
            self._on_kept_bytes()
        if not self._parser.is_stopped:
            self._client.release(BODY_FULL)

    def resume_body(self) -> None:
        """Read the rest of a body, and what follows it, if that waited for budget."""
        if self._client.is_held(BODY_WAITS):
            self._client.release(BODY_WAITS if self._must_hold() else BODY_WAITS | QUEUE_FULL)

    def hold_or_resume(self) -> bool:
        """Read on, or no more, as what waits here allows. Returns whether the parser is to go on."""
        if self.requests or self.queued_bytes:
            self.charge_queued()
        elif not self._client.is_held(QUEUE_FULL):
            return False
        if self._must_hold():
            self._client.hold(QUEUE_FULL)
            return False
        if self._client.is_held(BODY_WAITS) or not self._client.is_held(QUEUE_FULL):
            return False
        self._client.release(QUEUE_FULL)
        return True

    def _is_full(self) -> bool:
        return len(self.requests) + self._is_unconsumed >= _PIPELINED_MAX

    def _must_hold(self) -> bool:
        """Whether too much is here that nobody has taken, on this connection or on all."""
        size = self.queued_bytes
        return self._is_full() or size > _PIPELINED_MAX_BYTES or (size > 0 and self._read_budget.is_exhausted)
