"""Reads one body to its end: charged as it arrives, its sender held back while the budget is used up."""

import asyncio
from io import BytesIO

from msgspec import Struct

from bridge.io.http.body_budget import SMALL_BYTES, BodyBudget, Reservation
from bridge.io.http.client_socket import BODY_WAITS
from bridge.io.http.connection import Connection
from bridge.io.http.request import BodyStream, IncompleteBodyError, Request
from bridge.io.http.responses import BAD_REQUEST, OVERLOADED, TOO_LARGE, HttpResponse

# A whole body waits a little even if its time is over: a short burst must not reject anybody.
_MIN_WAIT_S = 1.0


class BodyLimits(Struct, frozen=True):
    """Bytes of one body and of all together, and how many seconds a body waits for budget."""

    body_max_bytes: int
    bodies_max_bytes: int
    wait_s: float


class BodyReader:
    """Reads one request's body. Its bytes stay charged until `release`, which is to be called in any case."""

    def __init__(
        self, body_budget: BodyBudget, limits: BodyLimits, request: Request, connection: Connection
    ) -> None:
        self._body_budget = body_budget
        self._limits = limits
        self._request = request
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._deadline_s = self._loop.time() + limits.wait_s
        # A body of unknown size is a small one until it is seen to be none.
        self._read_budget = body_budget.for_reading(max(request.size, 0))
        self._incoming = connection.incoming_body = self._read_budget.start(connection)

    async def read(self) -> bytes | HttpResponse:
        """Return the whole body, or the response that rejects the request."""
        request, stream = self._request, self._request.stream
        if stream is None or stream.is_eof():
            body = request.pop_body()
            self._read_budget.charge(self._incoming, len(body))
        else:
            try:
                result = await self._read_all(stream)
            except IncompleteBodyError as error:
                # Else the stream would keep the error, and that all that was read, until a collection.
                error.__traceback__ = None
                return BAD_REQUEST
            if isinstance(result, HttpResponse):
                return result
            body = result
        self._incoming.is_complete = True
        return body

    async def acquire(self, reservation: Reservation) -> bool:
        """Wait, silently, until a whole body may go into work; False where it may not in time."""
        if reservation.try_acquire():
            return True
        self._connection.handling = True
        return await reservation.acquire(self._remaining_s())

    def release(self) -> None:
        """Give back what is charged."""
        self._read_budget.release(self._incoming)
        if self._connection.incoming_body is self._incoming:  # else the next request is being read already
            self._connection.incoming_body = None

    async def _read_all(self, stream: BodyStream) -> bytes | HttpResponse:
        # What came with the head is charged before anybody is kept waiting for it.
        if not stream.total_bytes:
            if not await self._wait_for_read_budget():
                return _rejection(stream)
            if self._request.expects_continue:
                self._connection.client.send_continue()
        parts = _Parts()
        size = 0
        while part := await stream.readany():
            size += len(part)
            if size > self._limits.body_max_bytes:
                return TOO_LARGE
            if size > SMALL_BYTES:
                self._charge_as_large()
            self._read_budget.charge(self._incoming, len(part))
            parts.add(part)
            if not (stream.is_eof() or await self._wait_for_read_budget()):
                return _rejection(stream)
        return parts.joined()

    def _charge_as_large(self) -> None:
        """Charge from now on what was thought to be small as what it is."""
        large, incoming = self._body_budget.reading_large, self._incoming
        if self._read_budget is not large:
            self._read_budget.release(incoming)
            self._read_budget = large
            self._incoming = self._connection.incoming_body = large.start(self._connection)
            large.charge(self._incoming, incoming.received_bytes)
        if large.grant_large_window(self._incoming):
            self._connection.client.enlarge_window()

    async def _wait_for_read_budget(self) -> bool:
        """Let the client send more, once that is possible; False where it was not in time."""
        connection = self._connection
        if self._read_budget.must_wait(self._incoming):
            connection.handling = True
            connection.client.hold(BODY_WAITS)
            if not await self._read_budget.wait(self._incoming, self._remaining_s()):
                return False
        connection.handling = False
        connection.resume_body()
        return True

    def _remaining_s(self) -> float:
        min_wait_s = min(_MIN_WAIT_S, self._limits.wait_s)
        return max(self._deadline_s - self._loop.time(), min_wait_s)


class _Parts:
    """A body in parts, joined as they come: joining 4 MiB at the end takes 3 ms and twice the memory.

    The first part is kept as it is: many bodies bring no second one for long.
    """

    __slots__ = ("_buffer", "_first")

    def __init__(self) -> None:
        self._first = b""
        self._buffer: BytesIO | None = None

    def add(self, part: bytes) -> None:
        """Add the next part."""
        if self._buffer is not None:
            self._buffer.write(part)
        elif not self._first:
            self._first = part
        else:
            self._buffer = BytesIO()
            self._buffer.write(self._first)
            self._buffer.write(part)
            self._first = b""

    def joined(self) -> bytes:
        """Return all of them. `BytesIO` gives what it has, and copies nothing."""
        return self._first if self._buffer is None else self._buffer.getvalue()


def _rejection(stream: BodyStream) -> HttpResponse:
    return OVERLOADED if stream.exception() is None else BAD_REQUEST
