"""The whole requests that stand before broken bytes: aiohttp's parser drops them with its error.

Only for bytes that begin with a request. They are read once more, from one request's end to the next.
"""

import asyncio

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

from bridge.io.ingress.requests import HEADER_MAX, Request, says_no_length

PARSING_ERRORS = (HttpProcessingError, ValueError, LookupError, TypeError, AssertionError)

_END_OF_HEAD = b"\r\n\r\n"
_END_OF_LINE = b"\r\n"
_READ_ALL = 1 << 20  # more than one read of the socket, so that the parser never asks for a pause
# A chunked body is read line by line, which costs more than what is saved if there are very many.
_LINES_MAX = 512


def whole_requests(data: bytes, loop: asyncio.AbstractEventLoop) -> list[Request]:
    """Give the requests at the beginning of ``data`` that have come whole, up to the first that has not."""
    parser = HttpRequestParser(
        BaseProtocol(loop),
        loop,
        _READ_ALL,
        max_line_size=HEADER_MAX,
        max_field_size=HEADER_MAX,
        auto_decompress=False,
    )
    found: list[Request] = []
    begun: Request | None = None
    at = lines = 0
    while lines < _LINES_MAX:
        if begun is None:
            end = data.find(_END_OF_HEAD, at) + len(_END_OF_HEAD)
        elif begun.size >= 0:
            end = at + begun.size
        else:
            lines += 1
            end = data.find(_END_OF_LINE, at) + len(_END_OF_LINE)
        if not at < end <= len(data):
            break
        try:
            messages, upgraded, _ = parser.feed_data(data[at:end])
        except PARSING_ERRORS:
            break
        at = end
        if messages:
            begun = Request(*messages[0])
        if begun is not None and begun.is_whole:
            if says_no_length(begun.message, begun.payload):
                break
            found.append(begun)
            begun = None
        if upgraded:
            break
    return found
