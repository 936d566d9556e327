"""A request as it passes from the bytes of a connection to its response."""

from typing import Protocol

from msgspec import Struct

from bridge.core.application import Application
from bridge.core.inflate import Coding

HEADER_MAX_BYTES = 16 * 1024


class Headers(Protocol):
    """The header fields of a request; names in any case."""

    def __contains__(self, name: object, /) -> bool:
        """Whether there is such a field."""

    def get(self, name: str, default: str, /) -> str:
        """Return the first value of a field."""

    def getall(self, name: str, default: tuple[str, ...], /) -> "list[str] | tuple[str, ...]":
        """Return every value of a field, or the default."""


class RequestHead(Struct, frozen=True, eq=False):
    """The head of a request. ``raw_target`` is its target as it came, ``fields`` are the names and values.

    ``path`` and ``query`` are empty where the target names nothing (``CONNECT``). ``content_length`` is in
    bytes, -1 where there is none. ``closes``: no other request may follow it on its connection.
    """

    method: str
    raw_target: str
    path: str
    query: str
    headers: Headers
    fields: tuple[tuple[bytes, bytes], ...]
    is_http10: bool
    is_http11: bool
    is_chunked: bool
    content_length: int
    closes: bool

    @property
    def size_bytes(self) -> int:
        """How many bytes its target and its fields have."""
        return len(self.raw_target) + sum(len(name) + len(value) for name, value in self.fields)


class BodyStream(Protocol):
    """A body that arrives."""

    total_bytes: int

    def is_eof(self) -> bool:
        """Whether all of it is here."""

    def read_nowait(self) -> bytes:
        """Take what is here."""

    async def readany(self) -> bytes:
        """Wait for bytes and take them; empty at its end. Raises `IncompleteBodyError` if it ended early."""

    def exception(self) -> BaseException | None:
        """Return the error that it ended with."""

    def set_exception(self, error: BaseException, /) -> None:
        """End it with an error."""


class IncompleteBodyError(Exception):
    """A body ended before its last byte, or its chunks are broken."""


class CallbackTarget(Struct, frozen=True):
    """What a request's head asks for, where that can be had. ``encoding`` is Content-Encoding as it came."""

    application: Application
    query: str
    coding: Coding | None
    content_type: str
    encoding: str = ""


class Request(Struct, eq=False):
    """One request. Its body is in ``body`` if ``stream`` is None, else it arrives there.

    ``head_bytes`` is the head as it came, where that may be looked up or kept in the cache of heads.
    ``target`` is set from the start if the head was known: then ``head`` is what the cache holds, in which
    the fields that the cache leaves out may have other values (`aiohttp_parser.received_head` reads them).
    ``received_ms`` is when it, or its head, was handed on.
    """

    head: RequestHead
    stream: BodyStream | None
    body: bytes = b""
    target: CallbackTarget | None = None
    head_bytes: bytes = b""
    received_ms: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether all of its body is here."""
        return self.stream is None or self.stream.is_eof()

    @property
    def size(self) -> int:
        """How many bytes its body has, as it was received; -1 where that is not known yet."""
        if self.stream is None:
            return len(self.body)
        if self.stream.is_eof():
            return self.stream.total_bytes
        return self.head.content_length

    @property
    def received_bytes(self) -> int:
        """How many bytes of its body are here."""
        return len(self.body) if self.stream is None else self.stream.total_bytes

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for 100 Continue before it sends the body."""
        return self.head.headers.get("Expect", "").lower() == "100-continue"

    def pop_body(self) -> bytes:
        """Take the body out of the request: the holder of a delivery may free it before the response."""
        if self.stream is not None:
            return self.stream.read_nowait()
        body, self.body = self.body, b""
        return body
