"""What may go wrong on the way to the vendor; no error's text, repr or chain tells a secret."""

import time
import traceback
from collections.abc import Callable

import aiohttp
import pytest
from aiohttp import web

from bridge.io.vod.account import Account, Credential
from bridge.io.vod.api import VodApi
from bridge.io.vod.errors import ApiError, TransportError
from bridge.io.vod.event_queue import EventQueue
from bridge.io.vod.json_parts import parse_object
from bridge.io.vod.legacy_api import LegacyApi
from bridge.io.vod.transport import ApiTransport
from bridge.vendor_twin.server import Application, Fault, Vendor
from tests.rig.parts import free_port
from tests.rig.waiting import WITHIN_S

KEY = Credential("AKIDvod", "s3cret-key-of-the-application", "t0ken-of-the-application")
Api = type[VodApi] | type[LegacyApi]


@pytest.fixture
def app(vendor: Vendor) -> Application:
    known = vendor.add(KEY.secret_id, KEY.secret_key, token=KEY.token)
    known.behaviour.poll_s = 0
    return known


@pytest.fixture(params=[VodApi, LegacyApi])
def kind(request: pytest.FixtureRequest) -> Api:
    chosen: Api = request.param
    return chosen


@pytest.fixture
def api(kind: Api, vendor: Vendor, app: Application, session: aiohttp.ClientSession) -> EventQueue:
    assert app.behaviour.mode == "PULL"
    return kind(Account(endpoint=vendor.url, credential=lambda: KEY, timeout_s=WITHIN_S), session, time.time)


def has_no_secret(error: BaseException) -> bool:
    excinfo = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(error.args)
    chain = repr(error.__context__) + repr(error.__cause__)
    return not any(secret in excinfo + chain for secret in (KEY.secret_key, KEY.token, "Signature="))


async def test_a_pull_whose_response_is_lost_has_leased_the_events(
    vendor: Vendor, app: Application, api: EventQueue
) -> None:
    app.put(b"{}")
    vendor.faults.next.append(Fault.LOST)
    with pytest.raises(TransportError) as excinfo:
        await api.pull()
    assert has_no_secret(excinfo.value)
    assert len(app.ledger.events[0].pulled_s) == 1
    assert await api.pull() == []


async def test_a_confirmation_whose_response_is_lost_has_confirmed(
    vendor: Vendor, app: Application, api: EventQueue
) -> None:
    app.put(b"{}")
    handles = [one.handle for one in await api.pull()]
    vendor.faults.next.append(Fault.LOST)
    with pytest.raises(TransportError):
        await api.confirm(handles)
    assert app.ledger.unconfirmed == []
    with pytest.raises(ApiError) as excinfo:
        await api.confirm(handles)
    assert excinfo.value.code in {"InvalidParameterValue", "4000"}


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.JUNK, Fault.RESET])
async def test_half_a_response_junk_and_a_reset_are_transport_errors(
    vendor: Vendor, app: Application, api: EventQueue, fault: Fault
) -> None:
    for _ in range(12):
        app.put(b'{"EventType":"X"}')
        vendor.faults.next.append(fault)
        with pytest.raises(TransportError) as excinfo:
            await api.pull()
        assert has_no_secret(excinfo.value)


async def test_a_vendor_that_does_not_respond_times_out(
    kind: Api, vendor: Vendor, app: Application, session: aiohttp.ClientSession
) -> None:
    app.behaviour.latency_s = 2 * WITHIN_S
    account = Account(endpoint=vendor.url, credential=lambda: KEY, timeout_s=0.1)
    begun = time.monotonic()
    with pytest.raises(TransportError, match=r"no answer within 0\.1 s") as excinfo:
        await kind(account, session, time.time).pull()
    assert time.monotonic() - begun < WITHIN_S
    assert has_no_secret(excinfo.value)


async def test_an_unreachable_vendor_is_reported_with_its_host(
    kind: Api, session: aiohttp.ClientSession
) -> None:
    for endpoint in (f"http://127.0.0.1:{free_port()}", "http://no-such-host.invalid"):
        account = Account(endpoint=endpoint, credential=lambda: KEY)
        with pytest.raises(TransportError, match=endpoint.removeprefix("http://")) as excinfo:
            await kind(account, session, time.time).pull()
        assert has_no_secret(excinfo.value)


def _gone() -> Credential:
    raise FileNotFoundError(2, "No such file or directory", KEY.secret_key)


def _binary() -> Credential:
    (b"\xff" + KEY.secret_key.encode()).decode()
    return KEY


@pytest.mark.parametrize(
    "source", [_gone, _binary, lambda: Credential("id\n", KEY.secret_key, f"{KEY.token}\n")]
)
async def test_a_key_that_cannot_be_used_is_no_answer_and_stays_secret(
    vendor: Vendor, session: aiohttp.ClientSession, source: Callable[[], Credential]
) -> None:
    api = VodApi(Account(endpoint=vendor.url, credential=source), session, time.time)
    with pytest.raises(TransportError) as excinfo:
        await api.pull()
    assert has_no_secret(excinfo.value)


async def test_a_vendor_that_repeats_secrets_is_not_quoted_with_them(
    kind: Api, vendor: Vendor, api: EventQueue
) -> None:
    message = f"you signed with {KEY.secret_key}\nand {KEY.token}" + "!" * 5000
    body: dict[str, object] = {"code": 4100, "message": message}
    if kind is VodApi:
        body = {"Response": {"Error": {"Code": f"X.{KEY.secret_key}", "Message": message}}}
    vendor.canned.append(web.json_response(body))
    with pytest.raises(ApiError) as excinfo:
        await api.pull()
    assert has_no_secret(excinfo.value)
    assert excinfo.value.text.startswith("you signed with *** and ***!!")
    assert len(excinfo.value.text) <= 300


async def test_no_repr_of_a_key_shows_it() -> None:
    account = Account(credential=lambda: KEY)
    assert KEY.secret_key not in f"{KEY!r} {KEY} {account!r} {[KEY]}"
    assert KEY.token not in f"{KEY!r} {KEY}"


@pytest.mark.parametrize("endpoint", ["ftp://x", "http://", "http://x:99999", "https://:1"])
async def test_an_endpoint_that_is_none_is_refused_at_once(
    kind: Api, session: aiohttp.ClientSession, endpoint: str
) -> None:
    with pytest.raises(ValueError, match=r"endpoint|[Pp]ort"):
        kind(Account(endpoint=endpoint, credential=lambda: KEY), session, time.time)


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("", "vod.tencentcloudapi.com"),
        ("vod.intl.tencentcloudapi.com", "vod.intl.tencentcloudapi.com"),
        ("https://VOD.example:443/", "vod.example"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
    ],
)
async def test_the_host_that_is_signed_is_the_host_that_is_asked(
    session: aiohttp.ClientSession, endpoint: str, host: str
) -> None:
    account = Account(endpoint=endpoint, credential=lambda: KEY)
    assert ApiTransport(account, session, "vod.tencentcloudapi.com").host == host


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":"' + rb"\"" * 100_000,
        b'{"a":' + rb'"\"' * 100_000,
        b'{"a":"' + b"\\" * 200_001,
        b'["\\ud800",' + b'["' * 100_000,
        b"{" + b'"a' * 100_000,
    ],
)
def test_a_response_with_a_text_that_has_no_end_is_refused_in_one_pass(text: bytes) -> None:
    began = time.thread_time()
    with pytest.raises(ValueError, match="neither JSON"):
        parse_object(text)
    assert time.thread_time() - began < 2  # with a second look from each quote: minutes


def test_texts_with_quotes_and_backslashes_are_separated_where_json_is_broken() -> None:
    assert parse_object(rb'{"a":"\ud800","b":{"c":"]\"\\"} ,"d":"\\"}') == {
        "a": rb'"\ud800"',
        "b": rb'{"c":"]\"\\"}',
        "d": rb'"\\"',
    }
