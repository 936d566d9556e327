r"""The cache of request heads: the same lines mean the same, so that they are parsed once.

A sender, or the proxy before it, writes nearly the same head before each body. A head is looked up by its
bytes without the lines that differ and that nobody here reads:

* ``Content-Length``: the one line that gives the number of bytes that are here;
* ``X-...``, ``traceparent`` and ``tracestate`` (who needs one of them reads it in the head's bytes).

A line is left out only if it is plain: a name of letters, digits and ``-``, a colon, a blank, visible ASCII.
It is left out whole, so that nothing can stand in its place: all other bytes are compared. So what was found
was accepted by the parser, line for line, with one valid Content-Length (RFC 9112, 6.3), and a head that
the parser refuses is never found: a second Content-Length, a blank before a colon, a folded line, a bare
CR or LF, NUL or Transfer-Encoding would each have to be in the cache.
"""

import re
from collections import defaultdict

from msgspec import Struct

from bridge.io.http.request import CallbackTarget, Request, RequestHead

_END_OF_HEAD = b"\r\n\r\n"
_CACHED_HEADS_MAX = 256
_CACHED_HEAD_MAX_BYTES = 2 * 1024
# Far from what aiohttp's parser takes (128), also together.
_COMPARED_LINES_MAX = 32
_LEFT_OUT_LINES_MAX = 64
_LEFT_OUT = re.compile(rb"\r\n(?:[Xx]-[A-Za-z0-9-]+|[Tt]raceparent|[Tt]racestate): [!-~][ -~]*(?=\r\n)")
_TRACE_LINE = re.compile(rb"\r\n[Tt]race(parent|state): ([!-~][ -~]*)")
# As clients and most proxies write it, and as those do that speak HTTP/2 on their other side.
_LENGTH_LINES = (b"\r\nContent-Length: %d\r\n", b"\r\ncontent-length: %d\r\n")
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,6})\r\n")
# A larger one is to wait for budget, which its head is parsed for.
_AWAITED_BODY_MAX_BYTES = 32 * 1024
_HIT, _MISS = ("hit",), ("miss",)


class _CachedHead(Struct, frozen=True):
    head: RequestHead
    target: CallbackTarget


class HeadCache:
    """The heads seen last, of requests that came whole and with a Content-Length.

    They hold tokens and signatures: one that no request has used for two calls of `evict_unused` is dropped.
    ``counts`` has the requests by ``("hit",)`` and ``("miss",)``.
    """

    def __init__(self) -> None:
        self.counts: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._recent: dict[bytes, _CachedHead] = {}
        self._older: dict[bytes, _CachedHead] = {}  # since the last turn

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    def match(self, data: bytes) -> Request | None:
        """Return the request that ``data`` is, from its first byte to its last, if its head is known."""
        end = data.find(_END_OF_HEAD, 0, _CACHED_HEAD_MAX_BYTES) + len(_END_OF_HEAD)
        head_bytes = data[:end]
        key = _compared_lines(head_bytes, len(data) - end)
        # A head with a wrong token is never stored, and the look's time tells nothing of those that are.
        cached = self._recent.get(key)
        if cached is None:
            cached = self._older.pop(key, None)
            if cached is None:
                return None
            self._insert(key, cached)
        self.counts[_HIT] += 1
        return Request(cached.head, None, data[end:], cached.target, head_bytes)

    def knows_head(self, data: bytes) -> bool:
        """Whether ``data`` is a known head alone, whose body is small and has not come."""
        if data[-4:] != _END_OF_HEAD or len(data) > _CACHED_HEAD_MAX_BYTES:
            return False
        length = _LENGTH.search(data)
        if length is None or not 0 < int(length[1]) <= _AWAITED_BODY_MAX_BYTES:
            return False
        key = _compared_lines(data, int(length[1]))
        return key in self._recent or key in self._older

    def count_miss(self) -> None:
        """Count a request whose head was parsed."""
        self.counts[_MISS] += 1

    def store(self, request: Request, target: CallbackTarget) -> None:
        """Keep what a request's head asks for."""
        head_bytes = request.head_bytes
        if not head_bytes or request.stream is not None:
            return
        key = _compared_lines(head_bytes, len(request.body))
        if key and _is_cacheable(request.head, head_bytes, key):
            self._insert(key, _CachedHead(request.head, target))

    def evict_unused(self) -> None:
        """Drop what no request has come with since the last call; to be called every few seconds."""
        self._older, self._recent = self._recent, {}

    def _insert(self, key: bytes, cached: _CachedHead) -> None:
        recent = self._recent
        if len(recent) + len(self._older) >= _CACHED_HEADS_MAX:
            oldest = self._older or recent
            del oldest[next(iter(oldest))]
        recent[key] = cached


def complete_head(data: bytes, body_bytes: int) -> bytes:
    """Return the head of the one request that ``data`` is, if its body has so many bytes; else nothing."""
    end = data.find(_END_OF_HEAD, 0, _CACHED_HEAD_MAX_BYTES) + len(_END_OF_HEAD)
    return data[:end] if end >= len(_END_OF_HEAD) and end + body_bytes == len(data) else b""


def trace_headers(head_bytes: bytes) -> tuple[str, str]:
    """Return traceparent and tracestate of a head that was found in the cache; several of one are a list."""
    values: dict[bytes, list[str]] = {b"parent": [], b"state": []}
    for name, value in _TRACE_LINE.findall(head_bytes):
        values[name].append(value.decode().rstrip())
    return ",".join(values[b"parent"]), ",".join(values[b"state"])


def _compared_lines(head: bytes, body_bytes: int) -> bytes:
    """Return what is left of a head without the lines that are not compared; empty if it cannot be known."""
    for line in _LENGTH_LINES:
        rest = head.replace(line % body_bytes, b"\r\n", 1)
        if len(rest) != len(head):
            key, left_out = _LEFT_OUT.subn(b"", rest)
            return key if left_out <= _LEFT_OUT_LINES_MAX else b""
    return b""


def _is_cacheable(head: RequestHead, head_bytes: bytes, key: bytes) -> bool:
    """Whether the compared lines alone say what the parser read, but for the fields that are left out."""
    lower = key.lower()
    return (
        head.is_http11
        and key.startswith(b"POST %b HTTP/1.1\r\n" % head.raw_target.encode("utf-8", "surrogateescape"))
        and len(head.fields) == head_bytes.count(b"\r\n") - 2  # as many as lines: none is folded
        and key.count(b"\r\n") <= _COMPARED_LINES_MAX
        and not head.is_chunked
        and "Upgrade" not in head.headers
        and "Expect" not in head.headers
        and b"\r\ntraceparent"
        not in lower  # written in another way: it would be read from one request for all
        and b"\r\ntracestate" not in lower
    )
