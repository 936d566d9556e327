"""The door's table: which request gets which answer, and what reaches the pipeline."""

import asyncio

import pytest
from msgspec import json

from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.http.request import HEADER_MAX_BYTES
from tests.io.http_server import PUBLISHED, HttpTestServer, post, until

BODY = b'{"EventType":"NewFileUpload"}'


async def test_a_notification_is_delivered_as_it_came(server: HttpTestServer) -> None:
    response = await server.post(BODY, "/callbacks?Sign=abc&T=17&t=18", Content_Type="text/x; charset=gbk")
    assert response.status == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json_body == {
        "outcome": "published",
        "event_id": "NewFileUpload:1",
        "event_type": "NewFileUpload",
        "topic": "vod.NewFileUpload",
    }
    (notification,) = server.notifications
    assert (notification.body, notification.application.name, notification.received_ms) == (
        BODY,
        "default",
        1_700_000_000_000,
    )
    assert (notification.content_type, notification.query_sign, notification.query_t) == (
        "text/x; charset=gbk",
        "abc",
        "17",
    )
    assert (notification.mode, notification.decode_error) == ("push", "")


@pytest.mark.parametrize(
    ("outcome", "status", "told"),
    [
        (
            DeliveryResult(outcome=DeliveryOutcome.DUPLICATE, event_id="a", event_type="b", topic="c"),
            200,
            {"outcome": "duplicate", "event_id": "a", "event_type": "b", "topic": "c"},
        ),
        (
            DeliveryResult(outcome=DeliveryOutcome.SPOOLED, event_id="a", event_type="b", topic="c"),
            202,
            {"outcome": "spooled", "event_id": "a", "event_type": "b", "topic": "c"},
        ),
        (
            DeliveryResult(
                outcome=DeliveryOutcome.REJECTED, reason="malformed", detail="not JSON", topic="d"
            ),
            422,
            {"outcome": "rejected", "reason": "malformed", "detail": "not JSON"},
        ),
        (
            DeliveryResult(outcome=DeliveryOutcome.UNAUTHORIZED, reason="expired", detail="x"),
            401,
            {"outcome": "unauthorized", "reason": "expired"},
        ),
        (
            DeliveryResult(
                outcome=DeliveryOutcome.DEFERRED, event_type="b", detail="Kafka has not answered yet"
            ),
            503,
            {"outcome": "deferred", "detail": "Kafka has not answered yet"},
        ),
    ],
)
async def test_each_outcome_has_its_response(
    server: HttpTestServer, outcome: DeliveryResult, status: int, told: dict[str, str]
) -> None:
    server.result = outcome
    response = await server.post(BODY)
    assert (response.status, response.json_body) == (status, told)
    assert ("retry-after" in response.headers) == (status == 503)


async def test_a_query_of_too_many_fields_proves_nothing(server: HttpTestServer) -> None:
    assert (await server.post(BODY, "/callbacks?" + "sign=a&" * 101)).status == 200
    assert server.notifications[0].query_sign == ""


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "CONNECT"])
async def test_other_methods_are_refused_before_the_address_is_judged(
    server: HttpTestServer, method: str
) -> None:
    target = "x:443" if method == "CONNECT" else "/nowhere"
    response = await server.request(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (response.status, response.headers["allow"]) == (405, "POST")
    assert server.rejected_count("method_not_allowed") == 1


@pytest.mark.parametrize("fill", [0, HEADER_MAX_BYTES], ids=["small", "large"])
async def test_a_connect_without_a_target_is_no_bug(server: HttpTestServer, fill: int) -> None:
    response = await server.request(b"CONNECT \r\nHost: x\r\nX-Fill: " + b"f" * fill + b"\r\n\r\n")
    assert response.status == (431 if fill else 405)
    assert server.telemetry.registry.get_sample_value("vod_bridge_internal_errors_total") == 0


async def test_a_head_request_gets_no_body(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + post(BODY))
    assert (await client.response(omit_body=True)).status == 405
    assert (await client.response()).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/callbacks",
        "//callbacks",
        "/callbacks/",
        "/callbacks/default",
        "/callbacks/default//",
        "///callbacks///shop//t0ken/",
        "/callbacks/shop/t0ken",
        "/callbacks/shop/t0%6ben?x=y",
        "/callbacks#fragment",
        "http://elsewhere:1/callbacks/shop/t0ken?sign=1",
    ],
)
async def test_an_application_is_reached_by_its_address(server: HttpTestServer, path: str) -> None:
    assert (await server.post(BODY, path)).status == 200


async def test_all_that_is_unknown_gets_the_very_same_bytes(server: HttpTestServer) -> None:
    paths = [
        "/",
        "/callback",
        "/callbacks/nobody",
        "/callbacks/nobody/t0ken",
        "/callbacks/shop",
        "/callbacks/shop/",
        "/callbacks/shop/wrong",
        "/callbacks/shop/t0ken/more",
        "/callbacks/default/t0ken",
        "/callbacks/default/%00",
        "/callbacks/nobody/%00%00",
        "/callbacks/later",
        "/Callbacks",
        "/callbacks/shop/t0ken%2F",
        "/callbacks/later/",
        "/callbacks//nobody",
        "http://x/",
        "/callbacks/%ED%A0%BD",
    ]
    responses = {(await server.request(post(BODY, path))).raw for path in paths}
    assert len(responses) == 1
    assert responses.pop().startswith(b"HTTP/1.1 404 ")
    reasons = (
        "not_found",
        "unknown_application",
        "wrong_token",
        "missing_token",
        "unexpected_token",
    )
    assert sum(server.rejected_count(reason) for reason in reasons) == len(paths)
    assert server.notifications == []


async def test_a_chunked_body_is_joined(server: HttpTestServer) -> None:
    head = b"POST /callbacks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    response = await server.request(head + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailer: x\r\n\r\n")
    assert response.status == 200
    assert server.notifications[0].body == b"hello world"


async def test_an_empty_body_is_delivered_too(server: HttpTestServer) -> None:
    await server.request(b"POST /callbacks HTTP/1.1\r\nHost: x\r\n\r\n")
    assert server.notifications[0].body == b""


async def test_100_000_brackets_are_only_bytes_here(server: HttpTestServer) -> None:
    await server.post(b"[" * 100_000)
    assert len(server.notifications[0].body) == 100_000


async def test_pipelined_requests_are_answered_in_order(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(b"".join(post(b"%d" % n) for n in range(200)))
    for _ in range(200):
        assert (await client.response()).status == 200
    assert [n.body for n in server.notifications] == [b"%d" % n for n in range(200)]


async def test_large_requests_behind_each_other_are_all_answered(server: HttpTestServer) -> None:
    client = await server.connect()
    requests = b"".join(post(b"x" * 100_000) + post(b"y") for _ in range(60))
    sending = asyncio.create_task(client.send_all(requests))
    assert {(await client.response()).status for _ in range(120)} == {200}
    await sending
    assert len(server.notifications) == 120


async def test_a_body_that_comes_late_does_not_stop_what_is_pipelined_later(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(post(b"{}")[:-1])
    await until(server.reading_count)
    client.send(b"}")
    assert (await client.response()).status == 200
    client.send(post(b"{}") * 40)
    assert {(await client.response()).status for _ in range(40)} == {200}


async def test_a_request_in_single_bytes_is_one_request(server: HttpTestServer) -> None:
    client = await server.connect()
    for byte in post(BODY) + post(BODY):
        client.send(bytes([byte]))
        await client.writer.drain()
    assert [(await client.response()).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    ("version", "connection", "goes_on"),
    [("1.1", "", True), ("1.1", "close", False), ("1.0", "", False), ("1.0", "keep-alive", True)],
)
async def test_a_connection_goes_on_as_http_has_it(
    server: HttpTestServer, version: str, connection: str, *, goes_on: bool
) -> None:
    extra = f"Connection: {connection}\r\n" if connection else ""
    request = f"POST /callbacks HTTP/{version}\r\nHost: x\r\n{extra}Content-Length: 2\r\n\r\n{{}}".encode()
    client = await server.connect()
    client.send(request)
    response = await client.response()
    if goes_on:
        assert response.headers.get("connection") == (None if version == "1.1" else "keep-alive")
        client.send(request)
        assert (await client.response()).status == 200
    else:
        assert response.headers["connection"] == "close"
        assert await client.reads_eof()


async def test_a_client_that_expects_100_continue_gets_it(server: HttpTestServer) -> None:
    client = await server.connect()
    head, _, _ = post(BODY, Expect="100-Continue").partition(b"{")
    client.send(head)
    assert (await client.response()).status == 100
    client.send(BODY)
    assert (await client.response()).status == 200


async def test_a_client_that_expects_100_continue_for_too_large_a_body_is_refused(
    server: HttpTestServer,
) -> None:
    client = await server.connect()
    client.send(
        b"POST /callbacks HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4194305\r\n\r\n"
    )
    assert (await client.response()).status == 413
    assert await client.reads_eof()


async def test_a_client_that_closes_its_half_is_answered(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(post(BODY))
    client.writer.write_eof()
    assert (await client.response()).status == 200
    assert await client.reads_eof()


async def test_an_upgrade_is_not_followed(server: HttpTestServer) -> None:
    client = await server.connect()
    client.send(post(BODY, Connection="Upgrade", Upgrade="websocket") + b"\x81\x00")
    response = await client.response()
    assert (response.status, response.headers["connection"]) == (200, "close")
    assert await client.reads_eof()


async def test_the_answers_are_json_of_one_line(server: HttpTestServer) -> None:
    server.result = PUBLISHED
    assert (await server.post(BODY)).body == json.encode((await server.post(BODY)).json_body)
