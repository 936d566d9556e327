"""What the console says of applications: the vendor's own view, and the test of their callback URLs."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bridge.core.application import Application
from bridge.operations.callback_probe import callback_url, post_probe
from bridge.operations.vendor_states import without_token
from bridge.settings.settings import load
from bridge.vendor_twin.server import Vendor
from tests.console.console_client import READ_TOKEN, SAME_SITE, TOKEN, Answer, ConsoleClient
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.workers import with_workers
from tests.rig.parts import free_port

SIGN_KEY, PATH_TOKEN = "SignKey0123456789", "a-secret-part-of-the-path"
JSON = {"Content-Type": "application/json"}
SHOP = {
    "BRIDGE_APPS__SHOP__SIGN_KEY": SIGN_KEY,
    "BRIDGE_APPS__SHOP__TOKEN": PATH_TOKEN,
    "BRIDGE_ADMIN__TOKEN": TOKEN,
}


def reached_at(port: int) -> dict[str, str]:
    return SHOP | {"BRIDGE_HTTP__PORT": str(port), "BRIDGE_HTTP__PUBLIC_URL": f"http://127.0.0.1:{port}/"}


async def callback_test(
    client: ConsoleClient, *, dry_run: bool, application: str = "shop", headers: dict[str, str] | None = None
) -> Answer:
    path = f"/api/v1/applications/{application}/test"
    body = json.dumps({"dry_run": dry_run})
    return await client.request("POST", path, body, JSON | (headers or {}))


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_test_goes_through_the_public_url_to_the_topic_for_others_and_is_seen_to_arrive(
    environment: Environment, workers: int
) -> None:
    settings = reached_at(free_port()) | with_workers(workers)
    async with running(environment, settings) as program, ConsoleClient(program, token=TOKEN) as client:
        plan = await callback_test(client, dry_run=True)
        assert plan.status == 200, plan.text
        assert plan.json["url"] == f"http://127.0.0.1:{program.port}/callbacks/shop/***"
        assert json.loads(plan.json["body"])["EventType"] == "VodBridgeTest"
        assert await environment.records(environment.other) == []

        found = await callback_test(client, dry_run=False)
        assert found.status == 200, found.text
        answer, delivery = found.json["answer"], found.json["delivery"]
        assert (answer["status"], answer["outcome"], found.json["problem"]) == (200, "published", "")
        assert delivery["task_id"] == found.json["task_id"]
        assert (delivery["outcome"], delivery["topic"]) == ("published", environment.other)
        assert delivery.get("worker", 0) in range(1 if workers > 1 else 0, workers + 1)
        (record,) = await environment.records(environment.other)
        assert json.loads(record.value)["type"] == "VodBridgeTest"
        assert await environment.published() == []
        unknown = await program.metric("vod_bridge_events_conformance_total", type="other")
        assert unknown == 0
        for text in (plan.text, found.text, program.log()):
            assert SIGN_KEY not in text
            assert PATH_TOKEN not in text
        actions = [line["action"] for line in program.log_lines() if line["event"] == "console_action"]
        assert actions == ["api/v1/applications/{application}/test"] * 2


async def test_a_test_is_posted_only_with_the_token_and_from_the_console_itself(
    environment: Environment,
) -> None:
    settings = reached_at(free_port()) | {"BRIDGE_ADMIN__READ_TOKEN": READ_TOKEN}
    async with (
        running(environment, settings) as program,
        ConsoleClient(program) as stranger,
        ConsoleClient(program, token=READ_TOKEN) as reader,
        ConsoleClient(program, token=TOKEN) as operator,
    ):
        cross_site = {"Sec-Fetch-Site": "cross-site"}
        for client, dry_run, headers, status in (
            (stranger, True, SAME_SITE, 401),
            (stranger, False, SAME_SITE, 401),
            (reader, True, SAME_SITE, 200),
            (reader, False, SAME_SITE, 401),
            (reader, True, cross_site, 403),
            (operator, False, cross_site, 403),
        ):
            answer = await callback_test(client, dry_run=dry_run, headers=headers)
            assert answer.status == status, (dry_run, headers, answer)
        assert (await stranger.get("/api/v1/applications/vendor")).status == 401
        assert (await reader.get("/api/v1/applications/vendor")).status == 200
        assert (await callback_test(operator, dry_run=False, application="nobody")).status == 404
        for body, headers, status in (
            ("{}", {"Content-Type": "text/plain"}, 415),
            ('{"dry_run":1}', JSON, 400),
            ('{"url":"http://elsewhere"}', JSON, 400),
        ):
            path = "/api/v1/applications/shop/test"
            assert (await operator.request("POST", path, body, headers)).status == status, body
        assert await environment.records(environment.other) == []


@asynccontextmanager
async def answering(response: web.Response) -> AsyncIterator[tuple[int, list[str]]]:
    """Answer every request on a port like this; give the port, and the paths asked for."""
    paths: list[str] = []

    async def respond(request: web.BaseRequest) -> web.Response:
        paths.append(request.path)
        return response

    runner = web.ServerRunner(web.Server(respond))
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield port, paths
    finally:
        await runner.cleanup()


async def test_an_answer_of_no_bridge_is_a_problem_and_no_redirect_is_followed(
    environment: Environment,
) -> None:
    moved = web.Response(status=302, headers={"Location": "/elsewhere"})
    async with answering(moved) as (port, paths):
        settings = SHOP | {"BRIDGE_HTTP__PUBLIC_URL": f"http://127.0.0.1:{port}"}
        async with running(environment, settings) as program, ConsoleClient(program, token=TOKEN) as client:
            found = (await callback_test(client, dry_run=False)).json
    assert paths == [f"/callbacks/shop/{PATH_TOKEN}"]
    assert (found["answer"]["status"], found["delivery"]) == (302, None)
    assert found["problem"] == "status 302, and not from a bridge"
    assert "BRIDGE_HTTP__PUBLIC_URL" in found["remedy"]


async def test_a_status_that_no_standard_knows_is_shown_as_it_is() -> None:
    refused = web.json_response({"error": "web server is down"}, status=521)
    async with answering(refused) as (port, _):
        settings = load(None, SHOP | {"BRIDGE_HTTP__PUBLIC_URL": f"http://127.0.0.1:{port}"})
        found = await post_probe(settings, settings.applications()["shop"], "task")
    assert (found.status, found.problem) == (521, "the bridge refuses it with status 521")


async def test_a_test_that_another_bridge_takes_or_that_nobody_answers_is_a_problem(
    environment: Environment,
) -> None:
    taken = web.json_response({"outcome": "published", "event_id": "x", "topic": "y"})
    async with answering(taken) as (port, _):
        settings = SHOP | {"BRIDGE_HTTP__PUBLIC_URL": f"http://127.0.0.1:{port}"}
        silent = socket.create_server(("127.0.0.1", 0))  # a replica that hangs does not hold up the answer
        settings["BRIDGE_ADMIN__PEERS"] = f"127.0.0.1:{silent.getsockname()[1]}"
        with silent:
            async with (
                running(environment, settings) as program,
                ConsoleClient(program, token=TOKEN) as client,
            ):
                elsewhere = (await callback_test(client, dry_run=False)).json
    settings = SHOP | {"BRIDGE_HTTP__PUBLIC_URL": "http://127.0.0.1:1"}
    async with running(environment, settings) as program, ConsoleClient(program, token=TOKEN) as client:
        nobody = await callback_test(client, dry_run=False)
    assert "another bridge took it" in elsewhere["problem"]
    assert nobody.json["answer"]["status"] == 0
    assert "ClientConnectorError" in nobody.json["problem"]
    assert PATH_TOKEN not in nobody.text


async def test_the_vendors_view_of_a_pulled_application_is_shown_without_tokens(
    environment: Environment,
) -> None:
    async with Vendor(seed=7) as vendor:
        shop = vendor.add("AKIDexample0123456789", "secret0123456789", sub_app_id=1500000001)
        shop.notification_url = "https://user:word@old.example/callbacks/shop/an-old-token?x=y"
        settings = {
            "BRIDGE_APPS__SHOP__MODE": "pull",
            "BRIDGE_APPS__SHOP__SUB_APP_ID": "1500000001",
            "BRIDGE_APPS__SHOP__SECRET_ID": "AKIDexample0123456789",
            "BRIDGE_APPS__SHOP__SECRET_KEY": "secret0123456789",
            "BRIDGE_APPS__SHOP__ENDPOINT": vendor.url,
            "BRIDGE_APPS__PUSHED__TOKEN": PATH_TOKEN,
            "BRIDGE_ADMIN__TOKEN": TOKEN,
        }
        async with running(environment, settings) as program, ConsoleClient(program, token=TOKEN) as client:
            answer = await client.api("applications/vendor")
            page = await client.page("/applications?vendor=1")
            refused = await callback_test(client, dry_run=True)
            no_url = await callback_test(client, dry_run=True, application="pushed")
    states = {one["application"]: one for one in answer["states"]}
    assert states["shop"]["mode"] == "PULL"
    assert states["shop"]["callback_url"] == "https://old.example/callbacks/shop/***"
    assert states["shop"]["events"] == {
        "NewFileUpload": "off",
        "FileDeleted": "off",
        "PersistenceComplete": "off",
    }
    assert (states["shop"]["waiting"], states["pushed"]["is_asked"]) == (0, False)
    assert "https://old.example/callbacks/shop/***" in page
    assert (refused.status, no_url.status) == (409, 409)
    assert "BRIDGE_HTTP__PUBLIC_URL" in no_url.json["remedy"]


@pytest.mark.parametrize(
    "url", ["https://u:p@ss@a.example/callbacks/shop/t?key=t", "https://a.example/callbacks/shop/t"]
)
def test_a_url_is_shown_without_login_query_and_token(url: str) -> None:
    assert without_token(url) == "https://a.example/callbacks/shop/***"


@pytest.mark.parametrize(
    ("application", "base", "url"),
    [
        (Application(name="default"), "https://a.example/", "https://a.example/callbacks"),
        (Application(name="shop"), "https://a.example/x", "https://a.example/x/callbacks/shop"),
        (Application(name="default", token="t"), "http://a:81", "http://a:81/callbacks/default/***"),
        (Application(name="shop", mode="pull"), "https://a.example", ""),
        (Application(name="shop"), "", ""),
    ],
)
def test_a_callback_url_is_the_public_url_with_the_path(
    application: Application, base: str, url: str
) -> None:
    settings = load(None, {"BRIDGE_HTTP__PUBLIC_URL": base})
    assert without_token(callback_url(settings, application)) == url
