"""The cache of heads: what it finds is what the parser reads, and what the parser refuses it never finds."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.application import Application
from bridge.io.http.aiohttp_parser import parse_complete_requests, received_head
from bridge.io.http.head_cache import HeadCache, complete_head, trace_headers
from bridge.io.http.request import CallbackTarget, Request

TARGET = CallbackTarget(Application(name="default"), "", None, "")
HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        (b"Content-Length: 2\r\nExpect: 100-continue\r\n", b"{}"),
        (b"Content-Length: 2\r\nUpgrade: h2c\r\nConnection: upgrade\r\n", b"{}"),
        (b"Content-Length: 2\r\nX: " + b"x" * 2_048 + b"\r\n", b"{}"),
        (b"Content-Length: 02\r\n", b"{}"),
        (b"", b""),
        (b"Content-Length: 2\r\nTRACEPARENT: 00-1\r\n", b"{}"),
        (b"Content-Length: 2\r\n" + b"A: b\r\n" * 40, b"{}"),
        (b"Content-Length: 2\r\n" + b"X-A: b\r\n" * 80, b"{}"),
    ],
)
async def test_what_needs_more_than_its_head_is_not_cached(lines: bytes, body: bytes) -> None:
    cache = HeadCache()
    cache.store(_request(HEAD + lines + b"\r\n", body), TARGET)
    assert len(cache) == 0
    assert cache.match(HEAD + lines + b"\r\n" + body) is None


async def test_a_request_whose_body_still_arrives_is_not_cached() -> None:
    cache = HeadCache()
    request = _request(HEAD + b"Content-Length: 2\r\n\r\n", b"{}")
    request.head_bytes = b""
    cache.store(request, TARGET)
    assert len(cache) == 0


async def test_heads_that_differ_only_in_what_nobody_reads_are_one() -> None:
    cache = HeadCache()
    cache.store(_request(HEAD + b"X-Request-ID: 1\r\nContent-Length: 2\r\n\r\n", b"{}"), TARGET)
    for lines in (
        b"X-Request-ID: 22\r\nContent-Length: 3\r\n",
        b"content-length: 3\r\nx-request-id: 22\r\nX-Real-IP: 10.0.0.1\r\n",
        b"traceparent: 00-a-b-01\r\nTracestate: a=1, b=2\r\nContent-Length: 3\r\n",
        b"Content-Length: 3\r\n",
    ):
        matched = cache.match(HEAD + lines + b"\r\n[1]")
        assert matched is not None
        assert (matched.pop_body(), matched.head_bytes) == (b"[1]", HEAD + lines + b"\r\n")
    assert len(cache) == 1
    assert cache.counts == {("hit",): 4}


async def test_a_known_head_alone_is_known_if_its_body_is_small() -> None:
    cache = HeadCache()
    cache.store(_request(HEAD + b"Content-Length: 2\r\n\r\n", b"{}"), TARGET)
    for lines, knows in (
        (b"Content-Length: 9\r\nX-A: 1\r\n", True),
        (b"content-length: 32768\r\n", True),
        (b"Content-Length: 32769\r\n", False),
        (b"Content-Length: 0\r\n", False),
        (b"Content-Length: 9\r\nA: 1\r\n", False),
        (b"Content-Length: 9\r\nContent-Length: 9\r\n", False),
        (b"X-A: 1\r\n", False),
    ):
        assert cache.knows_head(HEAD + lines + b"\r\n") is knows
        assert not cache.knows_head(HEAD + lines + b"\r\n{")
    cache.evict_unused()
    assert cache.knows_head(HEAD + b"Content-Length: 2\r\n\r\n")
    assert not cache.knows_head(b"x" * 3_000 + b"\r\n\r\n")


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 2\r\nContent-Length: 2\r\n",
        b"content-length: 2\r\nContent-Length: 2\r\n",
        b"Content-Length: 2\r\nContent-Length: 3\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length : 2\r\n",
        b"Content-Length:2\r\n",
        b"Content-Length: 2 \r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 3\r\n",
        b"X-A: b\r\n",
        b"X-Content-Length: 2\r\n",
        b"Content-Length: 2\r\nX-A\r\n",
        b"Content-Length: 2\r\nX-A : b\r\n",
        b"Content-Length: 2\r\n X-A: b\r\n",
        b"Content-Length: 2\r\nX-A: b\r\n c\r\n",
        b"Content-Length: 2\r\nX-A: b\0\r\n",
        b"Content-Length: 2\r\nX-A: b\n\r\n",
        b"Content-Length: 2\r\nX-A: b\rTransfer-Encoding: chunked\r\n",
        b"Content-Length: 2\nX-A: b\r\n",
        b"Content-Length: 2\r\n\r\n",
        b"\r\nContent-Length: 2\r\n",
    ],
)
async def test_a_line_that_is_not_plain_is_never_left_out(lines: bytes) -> None:
    cache = HeadCache()
    for known in (b"Content-Length: 2\r\n", b"X-A: b\r\nContent-Length: 2\r\n"):
        cache.store(_request(HEAD + known + b"\r\n", b"{}"), TARGET)
    assert cache.match(HEAD + b"X-A: b\r\nContent-Length: 2\r\n\r\n{}") is not None
    assert cache.match(HEAD + lines + b"\r\n{}") is None


# Lines that a head may have or not, and what may be done to a head's bytes.
_LINES = [
    b"Host: x",
    b"Content-Length: 2",
    b"content-length: 2",
    b"Content-Length: 3",
    b"Content-Length: 02",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: identity",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Content-Type: a/b",
    b"Content-Encoding: gzip",
    b"X-Request-ID: 1",
    b"x-request-id: abc def",
    b"X-Forwarded-For: 10.0.0.1",
    b"X-A:b",
    b"X-A: ",
    b"X-A : b",
    b" folded",
    b"X-A: \xff",
    b"traceparent: 00-a-b-01",
    b"Traceparent: 00-c-d-00 ",
    b"TraceParent: 00-e",
    b"tracestate: a=1",
    b"no colon",
    b"",
]
_KNOWN = [
    [b"Host: x", b"Content-Length: 2"],
    [b"Host: x", b"X-Request-ID: 7", b"Content-Length: 2", b"Content-Type: a/b"],
    [b"Host: x", b"Connection: close", b"Content-Length: 2"],
    [b"Host: x", b"traceparent: 00-a-b-00", b"Content-Length: 2"],
]
_SEPARATORS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\n ", b"\0\r\n"])
_CHANGES = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(_LINES)), max_size=2)


@settings(max_examples=400, deadline=None)
@given(known=st.sampled_from(_KNOWN), changes=_CHANGES, data=st.data())
def test_what_the_cache_knows_the_parser_reads_alike(
    known: list[bytes], changes: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    lines = [b"POST /callbacks HTTP/1.1", *known]
    for at, line in changes:
        if data.draw(st.booleans()):
            lines.insert(1 + at, line)
        elif at < len(known):
            lines[1 + at] = line
    separators = [data.draw(_SEPARATORS) for _ in lines]
    head = b"".join(line + separator for line, separator in zip(lines, separators, strict=True)) + b"\r\n"
    body = data.draw(st.sampled_from([b"{}", b"{}", b"[1]", b"", b"{}POST / HTTP/1.1\r\n\r\n"]))

    async def compare() -> None:
        cache = HeadCache()
        for each in _KNOWN:
            cache.store(_request(b"\r\n".join([lines[0], *each]) + b"\r\n\r\n", b"{}"), TARGET)
        assert len(cache) == 3  # the first and the last but for what is left out are one
        matched = cache.match(head + body)
        if matched is None:
            return
        parsed = _request(head, body)  # fails where the parser reads no request, or more than one
        names = ("Content-Type", "Content-Encoding", "Host", "Connection", "Transfer-Encoding")
        for name in names:
            assert matched.head.headers.getall(name, ()) == parsed.head.headers.getall(name, ())
        assert (matched.head.closes, matched.head.path) == (parsed.head.closes, parsed.head.path)
        assert matched.body == parsed.body
        received = received_head(matched).headers
        assert received == parsed.head.headers
        traces = tuple(",".join(received.getall(name, ())) for name in ("traceparent", "tracestate"))
        assert trace_headers(matched.head_bytes) == traces

    asyncio.run(compare())


async def test_only_what_is_one_request_from_first_to_last_byte_matches() -> None:
    cache, head = HeadCache(), HEAD + b"Content-Length: 2\r\n\r\n"
    cache.store(_request(head, b"{}"), TARGET)
    matched = cache.match(head + b"[]")
    assert matched is not None
    assert (matched.target, matched.size, matched.pop_body(), matched.pop_body()) == (TARGET, 2, b"[]", b"")
    for other in (head + b"[", head + b"[ ]", head, b"", head[:-1], b"\r\n" + head + b"[]", head[1:] + b"[]"):
        assert cache.match(other) is None


async def test_only_the_heads_cached_last_are_kept() -> None:
    cache = HeadCache()
    for number in range(600):
        head = HEAD + b"A: %d\r\nContent-Length: 2\r\n\r\n" % number
        cache.store(_request(head, b"{}"), TARGET)
    assert len(cache) == 256
    assert cache.match(HEAD + b"A: 599\r\nContent-Length: 2\r\n\r\n{}")
    assert cache.match(HEAD + b"A: 0\r\nContent-Length: 2\r\n\r\n{}") is None


async def test_a_head_without_requests_is_evicted_and_one_that_is_used_is_kept() -> None:
    cache, used, unused = HeadCache(), HEAD + b"X: 1\r\n", HEAD + b"X: 2\r\n"
    used, unused = (head + b"Content-Length: 2\r\n\r\n" for head in (used, unused))
    for head in (used, unused):
        cache.store(_request(head, b"{}"), TARGET)
    for _ in range(3):
        cache.evict_unused()
        assert cache.match(used + b"{}")
    assert len(cache) == 1
    assert cache.match(unused + b"{}") is None
    cache.evict_unused()
    cache.evict_unused()
    assert len(cache) == 0


def _request(head: bytes, body: bytes) -> Request:
    """Read a request as a connection does, and let its head be learned."""
    ((parsed, stream),) = parse_complete_requests(head + body, asyncio.get_running_loop())
    content = stream.read_nowait() if stream is not None else b""
    return Request(parsed, None, content, None, complete_head(head + body, len(content)))
