"""Posts over connections that stay open, as a proxy keeps them: cheap enough to send a thousand a second.

The connection that was idle longest is taken first. One whose answer says ``Connection: close``, or which the
other side ends while it is idle, is not used again. Nothing is tried twice: a line that breaks is an OSError.
"""

import asyncio
from collections import defaultdict, deque
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit


class ConnectionPool:
    """The connections to any number of doors; ``async with`` ends them all."""

    def __init__(self) -> None:
        self.opened = 0  # connections ever
        self._idle: defaultdict[str, deque[_PooledConnection]] = defaultdict(deque)

    async def __aenter__(self) -> Self:
        """Begin; connections are opened when they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what is idle."""
        for lines in self._idle.values():
            for line in lines:
                line.close()

    async def post(self, url: str, body: bytes) -> tuple[int, bytes]:
        """Post once; gives status and body. Raises OSError where the line breaks."""
        parts = urlsplit(url)
        idle = self._idle[parts.netloc]
        line = None
        while idle and (line is None or not line.is_open):
            line = idle.popleft()
        if line is None or not line.is_open:
            loop = asyncio.get_running_loop()
            _, line = await loop.create_connection(_PooledConnection, parts.hostname or "", parts.port or 80)
            self.opened += 1
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            response = await line.send(head.encode() + body)
        except BaseException:
            line.close()
            raise
        if line.is_open:
            idle.append(line)
        return response


class _PooledConnection(asyncio.Protocol):
    """One connection: a request, its answer, and so on."""

    def __init__(self) -> None:
        self._closed = False
        self._transport: asyncio.Transport | None = None
        self._response: asyncio.Future[tuple[int, bytes]] | None = None
        self._received = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether it takes one more request, as far as is known on this side."""
        return self._transport is not None and not self._closed and not self._transport.is_closing()

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and wait for its answer."""
        if self._transport is None:
            raise ConnectionResetError("it was never opened")
        self._response = asyncio.get_running_loop().create_future()
        self._received.clear()
        self._transport.write(request)
        return await self._response

    def close(self) -> None:
        """Close it."""
        self._closed = True
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one and does not say so

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = bytes(self._received).partition(b"\r\n\r\n")
        if not found or self._response is None or self._response.done():
            return
        status, *lines = head.lower().split(b"\r\n")
        headers = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if len(body) >= int(headers[b"content-length"]):
            if headers.get(b"connection") == b"close":
                self.close()
            self._response.set_result((int(status.split(b" ")[1]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._response is not None and not self._response.done():
            self._response.set_exception(ConnectionResetError(str(exc or "ended without an answer")))
