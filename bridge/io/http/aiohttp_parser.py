"""aiohttp's parser of requests in our terms: all that is known of aiohttp's undocumented parts.

It holds for `KNOWN_VERSIONS`. With any other version `check_version` tries what is relied on, and refuses to
start where that is not as it was: there is no public way to parse a request.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import aiohttp
import structlog
from aiohttp import HttpVersion10, HttpVersion11
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy, RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader

from bridge.io.http.request import HEADER_MAX_BYTES, BodyStream, IncompleteBodyError, Request, RequestHead

log: structlog.stdlib.BoundLogger = structlog.get_logger()

KNOWN_VERSIONS = ("3.14.",)
# A body that nobody takes: twice this is kept, and one read of the socket.
_BODY_BUFFER_BYTES = 32 * 1024
# What aiohttp's parser raises for broken bytes. It checks some of them only by assertions and conversions.
_PARSER_ERRORS = (HttpProcessingError, ValueError, LookupError, TypeError, AssertionError)
_END_OF_HEAD = b"\r\n\r\n"
_END_OF_LINE = b"\r\n"
# A chunked body is read line by line, which costs more than what is saved if there are very many.
_CHUNK_LINES_MAX = 512
_SLOW_PARSER_NOTE = (
    "aiohttp is installed without its C extension (no wheel for this platform, or AIOHTTP_NO_EXTENSIONS is"
    " set): requests are read by its Python parser, which is slower and less strict; install a wheel of it"
)

ParsedRequest = tuple[RequestHead, BodyStream | None]
"""A head, and the body that arrives, or has arrived, behind it; None if there is none."""


class ParseError(Exception):
    """Bytes that are no HTTP request. ``requests`` are whole ones that were parsed before them."""

    def __init__(self, *, is_head_too_large: bool = False, requests: Sequence[ParsedRequest] = ()) -> None:
        super().__init__("a head that is too large" if is_head_too_large else "no HTTP request")
        self.is_head_too_large = is_head_too_large
        self.requests = requests


class UnsupportedAiohttpError(RuntimeError):
    """The installed aiohttp parses in another way than the one that is known."""


class BodyFlow(Protocol):
    """Who stops and resumes the reading of the socket for a body's sake."""

    def on_body_full(self) -> None:
        """Read no more: too much of a body is here that nobody has taken."""

    def on_body_drained(self, *, has_more: bool) -> None:
        """Read on. With ``has_more``, first `feed` nothing: the parser kept bytes when it stopped."""


class RequestParser:
    """Cuts the bytes of one connection into requests. After an error, or an upgrade, it is not fed again.

    With ``queue_max`` it stops behind so many requests that were not noted as consumed, and keeps the rest.
    """

    __slots__ = ("_flow", "_parser", "is_lagging", "is_stopped", "is_upgraded")

    connected = True  # aiohttp's streams ask; a body whose connection was lost ends with an error

    def __init__(self, flow: BodyFlow, loop: asyncio.AbstractEventLoop, queue_max: int = 0) -> None:
        self._flow = flow
        self.is_upgraded = False
        self.is_stopped = False  # by a body that is full
        self.is_lagging = False  # it has stopped at least once: it may hold bytes that it has not parsed
        self._parser = HttpRequestParser(
            # Streams and parser use these three names of it: connected, pause_reading, resume_reading.
            cast("BaseProtocol", self),
            loop,
            _BODY_BUFFER_BYTES,
            max_line_size=HEADER_MAX_BYTES,
            max_field_size=HEADER_MAX_BYTES,
            payload_exception=IncompleteBodyError,
            auto_decompress=False,
            max_msg_queue_size=queue_max,
        )

    def feed(self, data: bytes) -> Sequence[ParsedRequest]:
        """Parse bytes. Returns the requests whose heads are complete now.

        Raises `ParseError`; what aiohttp parsed of ``data`` before the broken bytes is lost then.
        """
        try:
            messages, upgraded, _ = self._parser.feed_data(data)
        except _PARSER_ERRORS as error:
            raise ParseError(is_head_too_large=isinstance(error, LineTooLong)) from error
        if upgraded:
            self.is_upgraded = True
        return _to_requests(messages) if messages else ()

    def close(self) -> None:
        """Let go of aiohttp's parser and of the flow: each refers back, and would wait for the collector."""
        self._flow = _NO_FLOW
        del self._parser

    def note_consumed(self) -> None:
        """Note that a request is over.

        aiohttp counts one when its body is whole: noted earlier, it would stop for good.
        """
        self._parser.message_consumed()

    def pause_reading(self) -> None:
        """Stop, as a stream asks whose bytes nobody takes."""
        self.is_stopped = self.is_lagging = True
        self._parser.pause_reading()
        self._flow.on_body_full()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Go on, as a stream asks whose bytes were taken; it asks for it also if it was not stopped."""
        if self.is_stopped:
            self.is_stopped = False
            self._flow.on_body_drained(has_more=resume_parser)


def _to_requests(messages: Iterable[tuple[RawRequestMessage, StreamReader]]) -> list[ParsedRequest]:
    requests: list[ParsedRequest] = []
    for message, payload in messages:
        if payload is not EMPTY_PAYLOAD:
            requests.append((_to_head(message), cast("BodyStream", payload)))
        elif message.headers.get("Content-Length", "0").strip("0"):
            # 2 ** 64 - 1 bytes are announced: to aiohttp's parser no length at all.
            raise ParseError(requests=requests)
        else:
            requests.append((_to_head(message), None))
    return requests


def _to_head(message: RawRequestMessage) -> RequestHead:
    target = message.path or ""  # none for "CONNECT" and two blanks
    if target.startswith("/"):
        path, _, query = target.partition("#")[0].partition("?")
    elif target:
        path, query = message.url.raw_path, message.url.raw_query_string
    else:
        path = query = ""
    return RequestHead(
        method=message.method,
        raw_target=target,
        path=path,
        query=query,
        headers=message.headers,
        fields=message.raw_headers,
        is_http10=message.version == HttpVersion10,
        is_http11=message.version == HttpVersion11,
        is_chunked=message.chunked,
        content_length=_content_length(message),
        closes=message.should_close or message.upgrade,
    )


def _content_length(message: RawRequestMessage) -> int:
    digits = message.headers.get("Content-Length", "")
    # The parser takes any number of zeros before the at most twenty digits; Python's conversion does not.
    return int(digits.lstrip("0") or "0") if digits else -1


class _NoFlow:
    """For bytes that are all here: a body may be full, it is parsed on at once."""

    def on_body_full(self) -> None:
        """Do nothing."""

    def on_body_drained(self, *, has_more: bool) -> None:
        """Do nothing."""


_NO_FLOW = _NoFlow()


def parse_complete_requests(data: bytes, loop: asyncio.AbstractEventLoop) -> list[ParsedRequest]:
    """Return the requests at the beginning of ``data`` that have come whole, up to the first that has not.

    aiohttp's parser drops them with its error if broken bytes follow. ``data`` must begin with a request; it
    is parsed once more, from one request's end to the next.
    """
    parser = RequestParser(_NO_FLOW, loop)
    requests: list[ParsedRequest] = []
    current: ParsedRequest | None = None
    start = lines = 0
    while lines < _CHUNK_LINES_MAX and not parser.is_upgraded:
        if current is None:
            end = data.find(_END_OF_HEAD, start) + len(_END_OF_HEAD)
        elif current[0].is_chunked:
            lines += 1
            end = data.find(_END_OF_LINE, start) + len(_END_OF_LINE)
        else:
            end = start + max(0, current[0].content_length)
        if not start < end <= len(data):
            break
        try:
            parsed = parser.feed(data[start:end])
        except ParseError:
            break
        start = end
        if parsed:
            current = parsed[0]
        if current is not None and (current[1] is None or current[1].is_eof()):
            requests.append(current)
            current = None
    return requests


def received_head(request: Request) -> RequestHead:
    """Return a request's head as it came, also where it was found in the cache of heads."""
    if request.target is None:
        return request.head
    return RequestParser(_NO_FLOW, asyncio.get_running_loop()).feed(request.head_bytes)[0][0]


def check_version(loop: asyncio.AbstractEventLoop) -> None:
    """Raise `UnsupportedAiohttpError` where the installed aiohttp does not parse as it is relied on.

    Versions that are known are not tried. Also logs where the slower of its two parsers is in use.
    """
    if not aiohttp.__version__.startswith(KNOWN_VERSIONS):
        _try_parser(loop)
        log.warning("aiohttp_version_unknown", version=aiohttp.__version__, known=f"{KNOWN_VERSIONS[0]}*")
    if HttpRequestParser is HttpRequestParserPy:
        log.warning("http_parser_slow", note=_SLOW_PARSER_NOTE)


def _try_parser(loop: asyncio.AbstractEventLoop) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    try:
        parser = RequestParser(_NO_FLOW, loop, 2)
        ((_, stream),) = parser.feed(head + b"x" * 70_000)
        works = stream is not None and parser.is_stopped and len(stream.read_nowait()) == stream.total_bytes
        parser.feed(b"x" * 30_000)
        works = works and stream is not None and stream.is_eof() and not parser.is_stopped
        parser.note_consumed()
        (request,) = parser.feed(b"GET /a?b HTTP/1.0\r\nConnection: close\r\n\r\n")
        works = works and (request[0].path, request[0].query, request[1]) == ("/a", "b", None)
        works = works and request[0].closes and request[0].is_http10
    except Exception as error:
        raise _unsupported() from error
    if not works:
        raise _unsupported()


def _unsupported() -> UnsupportedAiohttpError:
    return UnsupportedAiohttpError(
        f"aiohttp {aiohttp.__version__} is installed, which does not parse requests in the way that this"
        f" program relies on; install aiohttp {KNOWN_VERSIONS[0]}*"
    )
