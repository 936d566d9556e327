"""The whole requests that stand before broken bytes: aiohttp's parser drops them with its error.

Only for bytes that begin with a request. They are read once more, from one request's end to the next.
"""

import asyncio

from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser

from bridge.io.http.request import HEADER_MAX_BYTES, Request, has_overflowed_length

PARSE_ERRORS = (HttpProcessingError, ValueError, LookupError, TypeError, AssertionError)

_END_OF_HEAD = b"\r\n\r\n"
_END_OF_LINE = b"\r\n"
_READ_BUFFER_BYTES = 1 << 20  # more than one read of the socket, so that the parser never asks for a pause
# A chunked body is read line by line, which costs more than what is saved if there are very many.
_CHUNK_LINES_MAX = 512


def parse_complete_requests(data: bytes, loop: asyncio.AbstractEventLoop) -> list[Request]:
    """Give the requests at the beginning of ``data`` that have come whole, up to the first that has not."""
    parser = HttpRequestParser(
        BaseProtocol(loop),
        loop,
        _READ_BUFFER_BYTES,
        max_line_size=HEADER_MAX_BYTES,
        max_field_size=HEADER_MAX_BYTES,
        auto_decompress=False,
    )
    requests: list[Request] = []
    current: Request | None = None
    start = lines = 0
    while lines < _CHUNK_LINES_MAX:
        if current is None:
            end = data.find(_END_OF_HEAD, start) + len(_END_OF_HEAD)
        elif current.size >= 0:
            end = start + current.size
        else:
            lines += 1
            end = data.find(_END_OF_LINE, start) + len(_END_OF_LINE)
        if not start < end <= len(data):
            break
        try:
            messages, upgraded, _ = parser.feed_data(data[start:end])
        except PARSE_ERRORS:
            break
        start = end
        if messages:
            current = Request(*messages[0])
        if current is not None and current.body_complete:
            if has_overflowed_length(current.message, current.payload):
                break
            requests.append(current)
            current = None
        if upgraded:
            break
    return requests
