"""The twin of the vendor pushes as the vendor does, and makes happen what a person asks it for."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bridge.core.backfill import notification_from_task
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.io.vod.account import Account, Credential
from bridge.io.vod.api import VodApi
from bridge.vendor_twin.ledger import Push
from bridge.vendor_twin.server import Application, Vendor
from tests.rig.parts import free_port
from tests.rig.waiting import WITHIN_S, eventually

KEY = Credential("AKIDtwin", "key")
BODY = b'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"17"}}\n'


class Callback:
    """A callback URL; ``status`` None gives no answer."""

    def __init__(self) -> None:
        self.url = ""
        self.status: int | None = 200
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []

    async def handle(self, request: web.Request) -> web.Response:
        """Keep the body, and answer."""
        self.bodies.append(await request.read())
        self.headers.append(dict(request.headers))
        if self.status is None:
            assert isinstance(request.transport, asyncio.Transport)
            request.transport.pause_reading()
            await eventually(lambda: self.status, "the test is over")
        return web.Response(status=self.status or 200)


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    server = Callback()
    site = web.Application()
    site.router.add_post("/callbacks/{rest:.*}", server.handle)
    runner = web.AppRunner(site, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/callbacks/shop"
    yield server
    server.status = 200
    await runner.cleanup()


@pytest.fixture
async def reports() -> list[str]:
    return []


@pytest.fixture
async def vendor(reports: list[str]) -> AsyncIterator[Vendor]:
    async with Vendor(report=reports.append) as running:
        yield running


@pytest.fixture
def shop(vendor: Vendor, callback: Callback) -> Application:
    application = vendor.add(KEY.secret_id, KEY.secret_key, name="shop")
    application.behaviour.mode, application.notification_url = "PUSH", callback.url
    application.behaviour.push_pause_s, application.behaviour.push_timeout_s = 0, WITHIN_S
    return application


async def _pushed(vendor: Vendor, shop: Application) -> Push:
    assert vendor.emit(shop, BODY) == "pushing"
    await eventually(lambda: any(one.is_answered or one.is_lost for one in shop.ledger.pushes), "it is over")
    return shop.ledger.pushes[0]


async def _post(vendor: Vendor, path: str, body: bytes = b"") -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{vendor.url}/twin/{path}", data=body) as response,
    ):
        return response.status, json.loads(await response.read())


@pytest.mark.parametrize("status", [200, 302, 500])
async def test_any_answer_ends_the_sends(
    status: int, vendor: Vendor, shop: Application, callback: Callback
) -> None:
    callback.status = status
    push = await _pushed(vendor, shop)
    assert (push.sends, push.is_lost) == ([str(status)], False)
    assert callback.bodies == [BODY]
    assert callback.headers[0]["User-Agent"] == "Go-http-client/1.1"
    assert callback.headers[0]["Connection"].lower() == "close"


async def test_without_an_answer_in_time_it_is_sent_three_times_and_then_lost(
    vendor: Vendor, shop: Application, callback: Callback, reports: list[str]
) -> None:
    assert type(shop.behaviour)().push_timeout_s == 5
    shop.behaviour.push_timeout_s, callback.status = 0.3, None
    push = await _pushed(vendor, shop)
    assert push.sends == ["no answer within 0.3 s"] * 3
    assert (push.is_lost, push.is_answered) == (True, False)
    assert reports[-1] == "lost NewFileUpload: no answer to 3 sends, and no more follow"


async def test_a_bridge_that_does_not_run_gets_no_event(vendor: Vendor, shop: Application) -> None:
    shop.notification_url = f"http://127.0.0.1:{free_port()}/callbacks"
    push = await _pushed(vendor, shop)
    assert (len(push.sends), push.is_lost) == (3, True)
    assert all(one.startswith("no connection") for one in push.sends)
    shop.notification_url = ""
    assert vendor.emit(shop, BODY) == "dropped"


async def test_a_push_is_signed_as_the_bridge_checks_it(
    vendor: Vendor, shop: Application, callback: Callback
) -> None:
    shop.sign_key, before = "secret", int(time.time())
    await _pushed(vendor, shop)
    posted = json.loads(callback.bodies[0])
    expected = hashlib.md5(f"secret{posted['T']}".encode(), usedforsecurity=False).hexdigest()
    assert posted["Sign"] == expected
    assert before + 600 <= posted["T"] <= time.time() + 600
    assert posted["FileUploadEvent"] == {"FileId": "17"}


async def test_an_upload_is_an_event_and_a_task_that_an_audit_can_rebuild(
    vendor: Vendor, shop: Application, callback: Callback
) -> None:
    shop.switches["UploadMediaComplete"] = "ON"
    status, done = await _post(vendor, "upload/shop", b'{"name":"holiday.mov","fails":true}')
    assert (status, done["outcome"]) == (200, "pushing")
    assert done["events"] == ["NewFileUpload", "ProcedureStateChanged"]
    await eventually(lambda: len(callback.bodies) == 2, "both are pushed")
    events = {event.type: event for event in (read_event(open_envelope(body)) for body in callback.bodies)}
    assert {event.file_id for event in events.values()} == {done["file_id"]}
    assert events["ProcedureStateChanged"].outcome == "failed"
    async with aiohttp.ClientSession() as session:
        api = VodApi(Account(endpoint=vendor.url, credential=lambda: KEY), session, time.time)
        (task,) = (await api.finished_tasks("2026-01-01T00:00:00Z")).tasks
        rebuilt = notification_from_task(await api.task_detail(task.task_id), task.task_id)
    assert task.task_id == done["task_id"]
    assert rebuilt is not None
    assert read_event(open_envelope(rebuilt)).identity.key == events["ProcedureStateChanged"].identity.key


async def test_what_is_switched_off_is_not_sent(vendor: Vendor, shop: Application) -> None:
    _, done = await _post(vendor, "upload/shop", b'{"procedure":""}')
    assert (done["outcome"], done["events"]) == ("switched off", [])
    _, done = await _post(vendor, "delete/shop", b'{"file_id":"17"}')
    assert done["events"] == []
    assert shop.ledger.pushes == []


async def test_a_pulled_applications_events_wait_in_its_queue(vendor: Vendor, shop: Application) -> None:
    shop.behaviour.mode, shop.switches["DeleteMediaComplete"] = "PULL", "ON"
    assert (await _post(vendor, "events/shop", BODY)) == (200, {"outcome": "queued"})
    await _post(vendor, "delete/shop", b'{"file_id":"17"}')
    assert len(shop.queue) == 2
    async with aiohttp.ClientSession() as session:
        api = VodApi(Account(endpoint=vendor.url, credential=lambda: KEY), session, time.time)
        pulled = await api.pull()
        await api.confirm([one.handle for one in pulled])
        assert [read_event(open_envelope(one.body)).type for one in pulled] == [
            "NewFileUpload",
            "FileDeleted",
        ]
        async with session.get(f"{vendor.url}/twin") as response:
            state = (await response.json())["shop"]
    assert (state["mode"], state["waiting"], state["confirmed"]) == ("PULL", 0, 2)


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("upload/nobody", b"", 404, "the twin has: shop"),
        ("upload/shop", b'{"fails":7}', 400, "Expected `bool`"),
        ("delete/shop", b"{}", 400, "file_id"),
        ("events/shop", b"no json", 400, "no JSON object"),
    ],
)
async def test_what_the_twin_cannot_do_is_answered_with_the_reason(  # noqa: PLR0913, PLR0917 - the cases
    path: str, body: bytes, status: int, text: str, vendor: Vendor, shop: Application
) -> None:
    answered, answer = await _post(vendor, path, body)
    assert (answered, text in answer["error"]) == (status, True), answer
    assert len(shop.queue) == 0
