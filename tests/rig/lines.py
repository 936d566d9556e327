"""Posts over connections that stay open, as a proxy keeps them: cheap enough to send a thousand a second.

The connection that was idle longest is taken first. One whose answer says ``Connection: close``, or which the
other side ends while it is idle, is not used again. Nothing is tried twice: a line that breaks is an OSError.
"""

import asyncio
from collections import defaultdict, deque
from types import TracebackType
from typing import Self, cast
from urllib.parse import urlsplit


class Lines:
    """The connections to any number of doors; ``async with`` ends them all."""

    def __init__(self) -> None:
        self.opened = 0  # connections ever
        self._idle: defaultdict[str, deque[_Line]] = defaultdict(deque)

    async def __aenter__(self) -> Self:
        """Begin; connections are opened when they are needed."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what is idle."""
        for lines in self._idle.values():
            for line in lines:
                line.end()

    async def post(self, url: str, body: bytes) -> tuple[int, bytes]:
        """Post once; gives status and body. Raises OSError where the line breaks."""
        parts = urlsplit(url)
        idle = self._idle[parts.netloc]
        line = None
        while idle and (line is None or not line.is_open):
            line = idle.popleft()
        if line is None or not line.is_open:
            loop = asyncio.get_running_loop()
            _, line = await loop.create_connection(_Line, parts.hostname or "", parts.port or 80)
            self.opened += 1
        head = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            answer = await line.ask(head.encode() + body)
        except BaseException:
            line.end()
            raise
        if line.is_open:
            idle.append(line)
        return answer


class _Line(asyncio.Protocol):
    """One connection: a request, its answer, and so on."""

    def __init__(self) -> None:
        self._ended = False
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._heard = bytearray()

    @property
    def is_open(self) -> bool:
        """Whether it takes one more request, as far as is known on this side."""
        return self._transport is not None and not self._ended and not self._transport.is_closing()

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send a request and wait for its answer."""
        if self._transport is None:
            raise ConnectionResetError("it was never opened")
        self._answer = asyncio.get_running_loop().create_future()
        self._heard.clear()
        self._transport.write(request)
        return await self._answer

    def end(self) -> None:
        """Close it."""
        self._ended = True
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one and does not say so

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, found, body = bytes(self._heard).partition(b"\r\n\r\n")
        if not found or self._answer is None or self._answer.done():
            return
        status, *lines = head.lower().split(b"\r\n")
        headers = {name: value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if len(body) >= int(headers[b"content-length"]):
            if headers.get(b"connection") == b"close":
                self.end()
            self._answer.set_result((int(status.split(b" ")[1]), body))

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError(str(exc or "ended without an answer")))
