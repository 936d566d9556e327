"""The client of API 2018-07-17 against a fake that checks signatures and leases for real."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bridge.io.vod.account import Account, Credential
from bridge.io.vod.api import EventConfig, VodApi
from bridge.io.vod.errors import ApiError, TransportError
from bridge.io.vod.event_queue import PulledEvent
from bridge.vendor_twin.application import element
from bridge.vendor_twin.server import Application, Vendor
from tests.rig.waiting import WITHIN_S

KEY = Credential("AKIDvod", "s3cret-key-of-the-application")
SUB_APP = 1500000001
Known = tuple[Vendor, aiohttp.ClientSession]
EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
# Whatever a reader of numbers, texts or objects would change on the way.
UNUSUAL_EVENTS = (
    b'{"EventType":"X","AudioDuration":59.990001678467,"n":1e16,"m":1E+2,"z":-0.0,"k":1.10}',
    b'{"FileId":1152921504606846976,"big":123456789012345678901234567890}',
    b'{"name":"\\u5c0f\\u732b\\/\\ud83d\\ude00","raw":"\xe5\xb0\x8f\x7f"}',
    b'{ "a"\t:\r\n [ 1 , 2,3 ]  ,"b" : { } }',
    b'{"a":1,"a":2,"EventHandle2":"x"}',
    b"{}",
    b'{"half of a pair":"\\ud83d"}',
    b'{"bad escape":"\\q"}',
    b'{"raw\x01control":"\n"}',
    b'{"not utf-8":"\xff\xfe","brackets":"]}\\"[{"}',
    b'{"deep":' + b"[" * 3000 + b"]" * 3000 + b"}",
)


@pytest.fixture
def app(vendor: Vendor) -> Application:
    known = vendor.add(KEY.secret_id, KEY.secret_key, sub_app_id=SUB_APP)
    known.behaviour.poll_s = 0
    return known


@pytest.fixture
def api(vendor: Vendor, app: Application, session: aiohttp.ClientSession) -> VodApi:
    assert app.behaviour.poll_s == 0
    account = Account(endpoint=vendor.url, sub_app_id=SUB_APP, credential=lambda: KEY, timeout_s=WITHIN_S)
    return VodApi(account, session, time.time)


@pytest.fixture
def known(vendor: Vendor, app: Application, session: aiohttp.ClientSession) -> Known:
    assert app.ledger.calls == []
    return vendor, session


def queue_response(vendor: Vendor, body: bytes, status: int = 200, **headers: str) -> None:
    vendor.canned.append(web.Response(status=status, body=body, headers=headers))


async def test_every_byte_of_an_event_comes_out_as_the_vendor_sent_it(app: Application, api: VodApi) -> None:
    events = [app.put(body) for body in UNUSUAL_EVENTS]
    pulled = await api.pull()
    assert pulled == [
        PulledEvent(one.handle, element(one.handle, event)) for one, event in zip(pulled, events, strict=True)
    ]
    await api.confirm([one.handle for one in pulled])
    assert app.ledger.unconfirmed == []


async def test_the_vendors_own_samples_come_out_as_they_are(app: Application, api: VodApi) -> None:
    samples = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/*.in.json"))[:16]]
    for body in samples:
        app.put(body)
    pulled = await api.pull()
    assert len(pulled) == 16
    for one, body in zip(pulled, samples, strict=True):
        assert one.body.endswith(body.lstrip()[1:].rstrip())


@pytest.mark.parametrize("empty", ["ResourceNotFound", "null", "empty"])
async def test_an_empty_queue_is_no_error_in_any_of_its_forms(
    app: Application, api: VodApi, empty: str
) -> None:
    app.behaviour.empty = empty
    assert await api.pull() == []


async def test_an_event_that_comes_during_the_long_poll_is_pulled(app: Application, api: VodApi) -> None:
    app.behaviour.poll_s = 2 * WITHIN_S
    pulling = asyncio.create_task(api.pull())
    await asyncio.sleep(0)
    app.put(b"{}")
    assert len(await asyncio.wait_for(pulling, WITHIN_S)) == 1


@pytest.mark.parametrize(
    "lame",
    [
        b"{}",
        b'{"EventHandle":null}',
        b'{"EventHandle":7}',
        b'{"EventHandle":""}',
        b"7",
        b"null",
        b'"\\ud800"',
        b"[]",
    ],
)
async def test_an_element_without_a_usable_handle_is_neither_lost_nor_in_the_way(
    app: Application, api: VodApi, lame: bytes
) -> None:
    app.put(lame, spliced=False)
    app.put(b'{"EventType":"X"}')
    first, second = await api.pull()
    assert first == PulledEvent("", lame)
    await api.confirm([first.handle, second.handle])
    assert [event.confirmed_s is None for event in app.ledger.events] == [True, False]


async def test_seventeen_handles_are_a_mistake_of_ours_and_none_no_call(
    app: Application, api: VodApi
) -> None:
    with pytest.raises(ValueError, match="17 handles"):
        await api.confirm(["x"] * 17)
    await api.confirm([])
    assert app.ledger.calls == []


async def test_one_void_handle_confirms_nothing(app: Application, api: VodApi) -> None:
    app.put(b"{}")
    (pulled,) = await api.pull()
    with pytest.raises(ApiError) as excinfo:
        await api.confirm([pulled.handle, "void"])
    assert excinfo.value.code == "InvalidParameterValue"
    assert len(app.ledger.unconfirmed) == 1


async def test_a_refusal_carries_the_vendors_code(vendor: Vendor, app: Application, api: VodApi) -> None:
    app.behaviour.calls_s, app.clock = 1, lambda: 0.0  # both calls are of one second
    await api.pull()
    with pytest.raises(ApiError) as excinfo:
        await api.pull()
    assert excinfo.value.code == "RequestLimitExceeded"
    for code in (
        "AuthFailure.TokenFailure",
        "UnauthorizedOperation",
        "InvalidParameterValue",
        "Never.HeardOf",
    ):
        queue_response(vendor, json.dumps({"Response": {"Error": {"Code": code}}}).encode(), 400)
        with pytest.raises(ApiError) as excinfo:
            await api.pull()
        assert (excinfo.value.code, excinfo.value.text) == (code, "")


@pytest.mark.parametrize(
    ("key", "sub_app", "code"),
    [
        (Credential(KEY.secret_id, "wrong"), SUB_APP, "AuthFailure.SignatureFailure"),
        (Credential("AKIDnobody", KEY.secret_key), SUB_APP, "AuthFailure.SecretIdNotFound"),
        (Credential(KEY.secret_id, KEY.secret_key, "old"), SUB_APP, "AuthFailure.TokenFailure"),
        (KEY, 7, "UnauthorizedOperation"),
        (KEY, None, "UnauthorizedOperation"),
    ],
)
async def test_a_wrong_key_or_application_is_refused(
    known: Known, key: Credential, sub_app: int | None, code: str
) -> None:
    vendor, session = known
    account = Account(endpoint=vendor.url, sub_app_id=sub_app, credential=lambda: key)
    with pytest.raises(ApiError) as excinfo:
        await VodApi(account, session, time.time).pull()
    assert (excinfo.value.code, vendor.refused_calls) == (code, [code])


async def test_a_clock_that_is_minutes_off_is_refused(known: Known) -> None:
    vendor, session = known
    account = Account(endpoint=vendor.url, sub_app_id=SUB_APP, credential=lambda: KEY)
    with pytest.raises(ApiError, match=r"AuthFailure\.SignatureExpire"):
        await VodApi(account, session, lambda: time.time() - 400).pull()


async def test_a_rotated_key_counts_from_the_next_call(
    vendor: Vendor, session: aiohttp.ClientSession
) -> None:
    keys = [Credential("AKIDa", "first", "t1"), Credential("AKIDa", "second", "t2")]
    for key in list(keys):
        vendor.add(key.secret_id, key.secret_key, token=key.token).behaviour.poll_s = 0
        account = Account(endpoint=vendor.url, credential=lambda: keys[0])
        assert await VodApi(account, session, time.time).pull() == []
        keys.pop(0)


async def test_the_application_is_described(app: Application, api: VodApi) -> None:
    app.switches["UploadMediaComplete"] = "ON"
    app.notification_url = "https://example.com/x"
    app.put(b"{}")
    assert await api.queue_depth() == 1
    assert await api.event_config() == EventConfig(
        mode="PULL", notification_url="https://example.com/x", upload=True, delete=False, persistence=False
    )


async def test_finished_tasks_come_page_by_page(app: Application, api: VodApi) -> None:
    for n in range(150):
        at = f"2026-01-02T00:{n // 60:02}:{n % 60:02}Z"
        app.tasks.append(
            {"TaskId": f"t{n}", "TaskType": "Procedure", "FinishTime": at, "SessionId": None, "New": {}}
        )
    first = await api.finished_tasks("2026-01-02T00:00:10Z")
    second = await api.finished_tasks("2026-01-02T00:00:10Z", first.scroll)
    assert (len(first.tasks), len(second.tasks), second.scroll) == (100, 40, "")
    assert (first.tasks[0].task_id, first.tasks[0].session_id) == ("t10", "")
    assert (second.tasks[-1].task_id, second.tasks[-1].finish_time) == ("t149", "2026-01-02T00:02:29Z")


async def test_a_tasks_detail_comes_as_its_bytes(app: Application, api: VodApi) -> None:
    app.details["t1"] = b'{"TaskType":"Procedure", "n":59.990001678467,"x":"\\ud83d"}'
    assert app.details["t1"][:-1] in await api.task_detail("t1")
    with pytest.raises(ApiError, match=r"InvalidParameterValue\.TaskId"):
        await api.task_detail("t2")


GARBAGE: list[tuple[int, bytes]] = [
    (502, b"<html>502 Bad Gateway</html>"),
    (200, b"<html>a portal that wants a login</html>"),
    (200, b""),
    (200, b"{}"),
    (200, b"[]"),
    (200, b"null"),
    (200, b'{"Response":null}'),
    (200, b'{"Response":{"EventSet":{}}}'),
    (200, b'{"Response":{"EventSet":[{"EventHandle":"x"'),
    (200, b'{"Response":{"EventSet":[]}} and more'),
    (200, b'{"Response":{"Error":{"Message":"no code"}}}'),
    (200, b'{"Response":{"Error":"text"}}'),
    (200, b"[" * 100_000),
    (500, b'{"Response":{"EventSet":[]}}'),
]


@pytest.mark.parametrize(("status", "body"), GARBAGE)
async def test_garbage_is_no_answer_and_no_empty_queue(
    vendor: Vendor, api: VodApi, status: int, body: bytes
) -> None:
    queue_response(vendor, body, status)
    with pytest.raises(TransportError, match=f"status {status}"):
        await api.pull()


@pytest.mark.parametrize(
    "said", [b'{"Response":{}}', b'{"Response":{"CountOfEventsToPull":"many","Mode":7,"TaskSet":[{}]}}']
)
async def test_descriptions_that_describe_nothing_are_garbage(
    vendor: Vendor, api: VodApi, said: bytes
) -> None:
    calls: list[Any] = [api.event_config, api.queue_depth]
    calls += [] if said == b'{"Response":{}}' else [lambda: api.finished_tasks("2026-01-01T00:00:00Z")]
    for call in calls:
        queue_response(vendor, said)
        with pytest.raises(TransportError, match="of no use"):
            await call()


async def test_a_redirect_is_not_followed(vendor: Vendor, app: Application, api: VodApi) -> None:
    queue_response(vendor, b"", 307, Location=f"{vendor.url}/")
    with pytest.raises(TransportError, match="status 307"):
        await api.pull()
    assert len(app.ledger.calls) == 1


async def test_a_response_without_end_is_given_up(vendor: Vendor, api: VodApi) -> None:
    large = web.Response(body=b" " * (65 * 1024 * 1024))
    large.enable_compression(web.ContentCoding.gzip)
    vendor.canned.append(large)
    with pytest.raises(TransportError, match="more than"):
        await api.pull()


async def test_a_compressed_response_is_read(vendor: Vendor, api: VodApi) -> None:
    packed = web.Response(body=b'{"Response":{"EventSet":[{"EventHandle":"h"}]}}')
    packed.enable_compression(web.ContentCoding.gzip)
    vendor.canned.append(packed)
    assert await api.pull() == [PulledEvent("h", b'{"EventHandle":"h"}')]
