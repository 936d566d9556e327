"""aiohttp's parser behind our terms: what it reads, what it refuses, and an aiohttp that is not known."""

import asyncio

import aiohttp
import pytest
from aiohttp.http_parser import HttpRequestParserPy
from structlog.testing import capture_logs

from bridge.io.http import aiohttp_parser
from bridge.io.http.aiohttp_parser import (
    ParseError,
    RequestParser,
    UnsupportedAiohttpError,
    check_version,
    parse_complete_requests,
)
from tests.io.http_server import post


class Flow:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_body_full(self) -> None:
        self.calls.append("full")

    def on_body_drained(self, *, has_more: bool) -> None:
        self.calls.append(f"drained {has_more}")


def parser(flow: Flow | None = None) -> RequestParser:
    return RequestParser(flow or Flow(), asyncio.get_running_loop())


async def test_a_request_is_its_head_and_its_body() -> None:
    ((head, body),) = parser().feed(post(b"{}", "/a/b?c=d#e", X_A="1"))
    assert (head.method, head.path, head.query, head.raw_target) == ("POST", "/a/b", "c=d", "/a/b?c=d#e")
    assert (head.headers.get("x-a", ""), head.closes, head.is_chunked) == ("1", False, False)
    assert (head.is_http11, head.is_http10, head.size_bytes > 0) == (True, False, True)
    assert body is not None
    assert (body.is_eof(), body.read_nowait(), body.total_bytes) == (True, b"{}", 2)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [("http://x/a?b", "/a", "b"), ("*", "*", ""), ("/%2e?", "/%2e", "")],
)
async def test_every_form_of_a_target_has_a_path_and_a_query(target: str, path: str, query: str) -> None:
    ((head, body),) = parser().feed(f"OPTIONS {target} HTTP/1.0\r\n\r\n".encode())
    assert (head.path, head.query, head.closes, body) == (path, query, True, None)


async def test_bytes_that_are_no_request_are_one_error_whatever_aiohttp_raises() -> None:
    for data in (
        b"\0",
        b"POST / HTTP/1.1\r\n\r\n",
        b"POST /  HTTP/9.9\r\n\r\n",
        post(b"")[:-2] + b"a\r\n\r\n",
    ):
        with pytest.raises(ParseError) as raised:
            parser().feed(data)
        assert not raised.value.is_head_too_large
    with pytest.raises(ParseError) as raised:
        parser().feed(b"POST /" + b"a" * 20_000)
    assert raised.value.is_head_too_large


async def test_a_length_that_overflows_is_an_error_behind_the_requests_before_it() -> None:
    overflowing = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551615\r\n\r\n"
    with pytest.raises(ParseError) as raised:
        parser().feed(post(b"{}") + overflowing)
    assert [head.path for head, _ in raised.value.requests] == ["/callbacks"]


async def test_a_body_that_nobody_takes_stops_the_parser_until_it_is_taken() -> None:
    flow = Flow()
    reading = parser(flow)
    ((_, body),) = reading.feed(post(b"x" * 100_000)[:90_000])
    assert body is not None
    assert (flow.calls, reading.is_stopped, reading.is_lagging) == (["full"], True, True)
    body.read_nowait()
    assert (flow.calls, reading.is_stopped) == (["full", "drained True"], False)
    reading.resume_reading()
    assert flow.calls == ["full", "drained True"]


async def test_only_whole_requests_before_broken_bytes_are_given() -> None:
    chunked = b"POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    whole = chunked + b"2\r\n{}\r\n0\r\n\r\n"
    upgrade = b"GET /up HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    loop = asyncio.get_running_loop()
    for data, paths in (
        (post(b"{}") + whole + b"\0\r\n\r\n", ["/callbacks", "/chunked"]),
        (post(b"{}") + post(b"{}")[:-1], ["/callbacks"]),
        (post(b"{}") + chunked + b"2\r\n{}\r\n" + b"\0\r\n", ["/callbacks"]),
        (upgrade + post(b"{}"), ["/up"]),
        (b"", []),
    ):
        assert [head.path for head, _ in parse_complete_requests(data, loop)] == paths
    many = chunked + b"1\r\nx\r\n" * 1_000 + b"0\r\n\r\n"
    assert parse_complete_requests(many, loop) == []


async def test_another_aiohttp_is_tried_and_refused_if_it_parses_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    with capture_logs() as lines:
        check_version(loop)
    assert lines == []
    monkeypatch.setattr(aiohttp, "__version__", "4.0.0")
    with capture_logs() as lines:
        check_version(loop)
    assert [(line["event"], line["version"]) for line in lines] == [("aiohttp_version_unknown", "4.0.0")]
    with monkeypatch.context() as patch:
        patch.setattr(aiohttp_parser, "HttpVersion10", None)
        with pytest.raises(UnsupportedAiohttpError):
            check_version(loop)
    monkeypatch.setattr(RequestParser, "resume_reading", lambda *_: None)
    with pytest.raises(UnsupportedAiohttpError, match=r"aiohttp 4\.0\.0 .* install aiohttp 3\.14\.\*"):
        check_version(loop)
    monkeypatch.setattr(aiohttp_parser, "HttpRequestParser", lambda *_: None)
    with pytest.raises(UnsupportedAiohttpError):
        check_version(loop)


async def test_aiohttps_slower_parser_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp_parser, "HttpRequestParser", HttpRequestParserPy)
    with capture_logs() as lines:
        check_version(asyncio.get_running_loop())
    assert [line["event"] for line in lines] == ["http_parser_slow"]
