"""Every refusal is counted by reason and application and logged: once a second each, without a token."""

from collections.abc import MutableMapping
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.http.server import IngressLimits
from tests.io.http_server import HttpTestServer, post, running_server, until

LogLines = list[MutableMapping[str, Any]]


def rejections(lines: LogLines) -> LogLines:
    """Pick the refusals, without what stands in each line."""
    picked = [line for line in lines if line["event"] == "http_request_rejected"]
    assert all(line["log_level"] == "warning" for line in picked)
    return [{k: v for k, v in line.items() if k not in ("event", "log_level")} for line in picked]


@pytest.mark.parametrize(
    ("request_", "reason", "app", "known"),
    [
        (post(b"{}", "/callbacks/shop/s3cret-tok"), "wrong_token", "shop", True),
        (post(b"{}", "/callbacks/shop"), "missing_token", "shop", True),
        (post(b"{}", "/callbacks/default/s3cret-tok"), "unexpected_token", "default", True),
        (post(b"{}", "/callbacks/nobody/s3cret-tok"), "unknown_application", "nobody", False),
        (post(b"{}", "/callbacks/later"), "unknown_application", "later", False),
        (post(b"{}", "/callbacks/t0ken"), "unknown_application", "", False),
        (post(b"{}", "/callbacks/No%0Abody"), "unknown_application", "", False),
        (post(b"{}", "/callbacks/" + "a" * 41), "unknown_application", "", False),
        (post(b"{}", "/s3cret-tok"), "not_found", "", False),
        (b"GET /callbacks/shop/t0ken HTTP/1.1\r\nHost: x\r\n\r\n", "method_not_allowed", "shop", True),
        (
            b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
            "too_large",
            "default",
            True,
        ),
        (b"s3cret-tok\r\n\r\n", "bad_request", "", False),
        (b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", "header_too_large", "", False),
    ],
)
async def test_a_refusal_is_counted_and_logged_with_who_and_why(
    server: HttpTestServer, request_: bytes, reason: str, app: str, *, known: bool
) -> None:
    with capture_logs() as lines:
        await server.request(request_)
    assert server.rejected_count(reason, app if known else "") == 1
    fields = {"app": app} if app else {}
    assert rejections(lines) == [{"reason": reason, "client": "127.0.0.1", **fields}]
    assert "t0ken" not in str(lines)
    assert "s3cret" not in str(lines)


async def test_a_bad_signature_is_logged_with_its_client_too(server: HttpTestServer) -> None:
    server.result = DeliveryResult(outcome=DeliveryOutcome.UNAUTHORIZED, reason="expired", detail="x")
    with capture_logs() as lines:
        assert (await server.post(b"{}", "/callbacks/shop/t0ken")).status == 401
    assert rejections(lines) == [
        {"reason": "unauthorized", "app": "shop", "client": "127.0.0.1", "detail": "expired"}
    ]


async def test_one_line_a_second_for_each_reason_and_application_counts_what_was_left_out(
    server: HttpTestServer,
) -> None:
    server.now_s = 100.0
    with capture_logs() as lines:
        for _ in range(5):
            for path in ("/callbacks/shop/x", "/callbacks/default/x", "/callbacks/a", "/callbacks/b"):
                await server.post(b"{}", path)
        assert len(rejections(lines)) == 3
        server.now_s = 100.9
        await server.post(b"{}", "/callbacks/shop/x")
        assert len(rejections(lines)) == 3
        server.now_s = 101.0
        await until(lambda: len(rejections(lines)) == 6)
    assert {(line["reason"], line["app"], line["suppressed"]) for line in rejections(lines)[3:]} == {
        ("wrong_token", "shop", 5),
        ("unexpected_token", "default", 4),
        ("unknown_application", "a", 9),
    }
    assert server.rejected_count("wrong_token", "shop") == 6


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ([], "127.0.0.1"),
        (["203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9,10.0.0.7:4711"], "203.0.113.9"),
        (["[2001:db8::1]:443"], "2001:db8::1"),
        (["::ffff:203.0.113.9"], "203.0.113.9"),
        (["10.0.0.1"], "10.0.0.1"),
        (["6.6.6.6, <b>s3cret, 10.0.0.7"], "10.0.0.7"),
        ([""], "127.0.0.1"),
    ],
)
async def test_behind_trusted_proxies_the_client_is_whom_the_nearest_of_them_names(
    forwarded: list[str], client: str
) -> None:
    networks = (ip_network("127.0.0.0/8"), ip_network("10.0.0.0/8"))
    async with running_server(IngressLimits(trusted_proxies=networks)) as server:
        lines_ = "".join(f"X-Forwarded-For: {value}\r\n" for value in forwarded)
        request = f"POST /callbacks/a HTTP/1.1\r\nHost: x\r\n{lines_}Content-Length: 0\r\n\r\n".encode()
        with capture_logs() as lines:
            await server.request(request)
    assert rejections(lines)[0]["client"] == client
    assert "s3cret" not in str(lines)


async def test_of_a_known_head_too_each_client_is_named() -> None:
    async with running_server(IngressLimits(trusted_proxies=(ip_network("127.0.0.0/8"),))) as server:
        server.result = DeliveryResult(outcome=DeliveryOutcome.UNAUTHORIZED, reason="expired")
        with capture_logs() as lines:
            for number in range(3):
                server.now_s = 2.0 * number
                await server.post(b"{}", X_Forwarded_For=f"6.6.6.{number}")
    assert [line["client"] for line in rejections(lines)] == [f"6.6.6.{number}" for number in range(3)]


async def test_without_a_trusted_proxy_nobody_is_believed(server: HttpTestServer) -> None:
    with capture_logs() as lines:
        await server.post(b"{}", "/callbacks/a", X_Forwarded_For="6.6.6.6")
    assert rejections(lines)[0]["client"] == "127.0.0.1"


async def test_who_leaves_in_the_middle_is_logged_with_its_address(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(b"POST /callbacks/shop/t0ken HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    await until(server.reading_count)
    with capture_logs() as lines:
        client.reset()
        await until(lambda: server.rejected_count("incomplete", "shop"))
    assert rejections(lines) == [{"reason": "incomplete", "app": "shop", "client": "127.0.0.1"}]
