"""The client of the v2 interface against the fake."""

import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from bridge.io.vod.account import Account, Credential
from bridge.io.vod.errors import ApiError, TransportError
from bridge.io.vod.event_queue import PulledEvent
from bridge.io.vod.legacy_api import LegacyApi
from bridge.vendor_twin.server import Application, Vendor

KEY = Credential("AKIDold", "key+with/odd=chars&")
EVENT = (
    b'{ "version":"4.0","eventType":"NewFileUpload", "data":{"n":59.990001678467,"m":1152921504606846976}}'
)


@pytest.fixture
def app(vendor: Vendor) -> Application:
    known = vendor.add(KEY.secret_id, KEY.secret_key, sub_app_id=15)
    known.behaviour.poll_s = 0
    return known


@pytest.fixture
async def api(vendor: Vendor, app: Application) -> AsyncIterator[LegacyApi]:
    assert app.behaviour.poll_s == 0
    async with aiohttp.ClientSession() as session:
        account = Account(endpoint=vendor.url, sub_app_id=15, credential=lambda: KEY)
        yield LegacyApi(account, session, time.time)


@pytest.mark.parametrize("texts", [False, True])
async def test_an_events_bytes_are_the_body_also_out_of_a_text(
    app: Application, api: LegacyApi, *, texts: bool
) -> None:
    app.behaviour.texts = texts
    for _ in range(16):
        app.put(EVENT)
    pulled = await api.pull()
    assert {one.body for one in pulled} == {EVENT}
    await api.confirm([one.handle for one in pulled])
    assert (app.ledger.unconfirmed, app.ledger.largest_group) == ([], 16)


@pytest.mark.parametrize("empty", ["ResourceNotFound", "null", "empty"])
async def test_an_empty_queue_is_no_error_in_any_of_its_forms(
    app: Application, api: LegacyApi, empty: str
) -> None:
    app.behaviour.empty = empty
    assert await api.pull() == []


async def test_a_late_confirmation_is_refused_with_4000(app: Application, api: LegacyApi) -> None:
    app.put(EVENT)
    (pulled,) = await api.pull()
    app.queue.lease_s = 0
    with pytest.raises(ApiError, match="4000"):
        await api.confirm([pulled.handle])


async def test_a_wrong_key_is_refused_with_4100(vendor: Vendor, app: Application, api: LegacyApi) -> None:
    vendor.add(KEY.secret_id, "another")
    with pytest.raises(ApiError) as excinfo:
        await api.pull()
    assert excinfo.value.code == "4100"
    assert app.ledger.calls == []


async def test_more_than_sixteen_handles_are_a_mistake_of_ours_and_none_no_call(
    app: Application, api: LegacyApi
) -> None:
    with pytest.raises(ValueError, match="17"):
        await api.confirm(["x"] * 17)
    await api.confirm([""])
    assert app.ledger.calls == []


async def test_a_strange_element_is_neither_lost_nor_in_the_way(vendor: Vendor, api: LegacyApi) -> None:
    vendor.canned.append(
        web.Response(
            body=b'{"code":"0","eventList":[7,{"msgHandle":"a"},{"eventContent":{"x":"\\ud800"}},'
            b'{"msgHandle":"b","eventContent":null}]}'
        )
    )
    assert await api.pull() == [
        PulledEvent("", b"7"),
        PulledEvent("a", b'{"msgHandle":"a"}'),
        PulledEvent("", b'{"x":"\\ud800"}'),
        PulledEvent("b", b"null"),
    ]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'{"code":null}', b'{"code":0,"eventList":7}', b'{"code":0']
)
async def test_garbage_is_no_answer_and_no_empty_queue(vendor: Vendor, api: LegacyApi, body: bytes) -> None:
    vendor.canned.append(web.Response(body=body))
    with pytest.raises(TransportError, match="of no use"):
        await api.pull()
