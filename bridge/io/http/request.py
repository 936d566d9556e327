"""A request as a connection hands it on, and the cache of request heads.

A sender writes the same head before nearly every body. The same bytes mean the same, so what the parser and
`handler` made of them is cached: to parse them again costs as much as the rest of the ingress.
"""

from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion10, HttpVersion11
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from msgspec import Struct

from bridge.core.application import Application
from bridge.core.inflate import Coding

HEADER_MAX_BYTES = 16 * 1024
_END_OF_HEAD = b"\r\n\r\n"
_CACHED_HEADS_MAX = 256
_CACHED_HEAD_MAX_BYTES = 2 * 1024
_HEADER_LINES_MAX = 32


class CallbackTarget(Struct, frozen=True):
    """What a request's head asks for, where that can be had. ``encoding`` is Content-Encoding as it came."""

    application: Application
    query: str
    coding: Coding | None
    content_type: str
    traceparent: str = ""
    tracestate: str = ""
    encoding: str = ""


class Request(Struct, eq=False):
    """One request: its head, and its body, which arrives by ``payload``.

    ``head`` are the bytes of a head that may be cached. If it was in the cache, ``target`` is set from the
    start, and ``body`` is the whole body.
    """

    message: RawRequestMessage
    payload: StreamReader
    head: bytes = b""
    target: CallbackTarget | None = None
    body: bytes = b""

    @property
    def body_complete(self) -> bool:
        """Whether all of its body is here."""
        return self.target is not None or self.payload.is_eof()

    @property
    def is_http10(self) -> bool:
        """Whether the response must state that the connection stays open (HTTP/1.0)."""
        return self.message.version == HttpVersion10

    @property
    def keeps_alive(self) -> bool:
        """Whether another one may follow it."""
        message = self.message
        return self.body_complete and not (message.should_close or message.upgrade)

    @property
    def size(self) -> int:
        """How many bytes its body has, as it was received; -1 where that is not known yet."""
        if self.target is not None:
            return len(self.body)
        if self.payload.is_eof():
            return self.payload.total_bytes
        return int(self.message.headers.get("Content-Length", -1))

    @property
    def received_bytes(self) -> int:
        """How many bytes of its body are here."""
        return len(self.body) if self.target is not None else self.payload.total_bytes

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for 100 Continue before it sends the body."""
        return self.message.headers.get("Expect", "").lower() == "100-continue"

    def pop_body(self) -> bytes:
        """Take the body out of the request: the holder of a delivery may free it before the response."""
        if self.target is None:
            return self.payload.read_nowait()
        body, self.body = self.body, b""
        return body


def has_overflowed_length(message: RawRequestMessage, payload: StreamReader) -> bool:
    """Whether a head says that 2 ** 64 - 1 bytes follow, which to the parser is no length at all."""
    return payload is EMPTY_PAYLOAD and bool(message.headers.get("Content-Length", "0").strip("0"))


def is_head_too_large(message: RawRequestMessage) -> bool:
    """Whether a head has more bytes than are taken."""
    size = len(message.path or "") + sum(len(name) + len(value) for name, value in message.raw_headers)
    return size > HEADER_MAX_BYTES


def path_and_query(message: RawRequestMessage) -> tuple[str, str]:
    """Give the path and the query that a request asks for; both empty where it names no target."""
    target = message.path
    if not target:
        return "", ""  # "CONNECT" and two blanks: aiohttp 3.14 has neither a path nor a URL then
    if not target.startswith("/"):
        return message.url.raw_path, message.url.raw_query_string
    path, _, query = target.partition("#")[0].partition("?")
    return path, query


def complete_head(data: bytes, payload: StreamReader) -> bytes:
    """Give the head of the request that ``data`` is, from its first byte to its last; empty if it is not."""
    end = _find_head_end(data)
    return data[:end] if payload.is_eof() and end + payload.total_bytes == len(data) else b""


def _find_head_end(data: bytes) -> int:
    """Return where a head that may be cached ends; a position before any head's end if there is none."""
    return data.find(_END_OF_HEAD, 0, _CACHED_HEAD_MAX_BYTES) + len(_END_OF_HEAD)


class _CachedHead(Struct, frozen=True):
    message: RawRequestMessage
    target: CallbackTarget
    body_bytes: int


class HeadCache:
    """The heads seen last, of requests with a Content-Length on a connection that stays open.

    They hold tokens and signatures: one that no request has used for two calls of `evict_unused` is dropped.
    """

    def __init__(self) -> None:
        self._recent: dict[bytes, _CachedHead] = {}
        self._older: dict[bytes, _CachedHead] = {}  # since the last turn

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    def match(self, data: bytes) -> Request | None:
        """Give the request that ``data`` is, from its first byte to its last, if its head is known."""
        end = _find_head_end(data)
        # A head with a wrong token is never learned, and the look's time tells nothing of those that are.
        cached = self._recent.get(data[:end])
        if cached is None:
            cached = self._older.pop(data[:end], None)
            if cached is None:
                return None
            self._insert(data[:end], cached)
        if len(data) - end != cached.body_bytes:
            return None
        return Request(cached.message, EMPTY_PAYLOAD, b"", cached.target, data[end:])

    def store(self, request: Request, target: CallbackTarget) -> None:
        """Keep what a request's head asks for."""
        message, head = request.message, request.head
        if head and _is_cacheable(message, head):
            self._insert(head, _CachedHead(message, target, request.payload.total_bytes))

    def evict_unused(self) -> None:
        """Drop what no request has come with since the last call; to be called every few seconds."""
        self._older, self._recent = self._recent, {}

    def _insert(self, head: bytes, cached: _CachedHead) -> None:
        recent = self._recent
        if len(recent) + len(self._older) >= _CACHED_HEADS_MAX:
            oldest = self._older or recent
            del oldest[next(iter(oldest))]
        recent[head] = cached


def _is_cacheable(message: RawRequestMessage, head: bytes) -> bool:
    """Whether ``head`` alone is what the parser read, and all that follows it is a body of a told length."""
    lines = head.count(b"\r\n") - 2  # of headers
    return (
        message.version == HttpVersion11
        and head.startswith(b"POST %b HTTP/1.1\r\n" % message.path.encode("utf-8", "surrogateescape"))
        and len(message.raw_headers) == lines <= _HEADER_LINES_MAX
        and not (message.chunked or message.should_close or message.upgrade)
        and "Content-Length" in message.headers
        and "Expect" not in message.headers
    )
