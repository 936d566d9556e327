"""The twin of the vendor: leases, long polls, rates, faults, the ledger."""

import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from bridge.io.vod.account import Account, Credential
from bridge.io.vod.api import VodApi
from bridge.io.vod.errors import ApiError, TransportError
from bridge.vendor_twin.server import Application, Chances, Vendor

KEY = Credential("AKIDvod", "key")


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def vendor(clock: Clock) -> AsyncIterator[Vendor]:
    async with Vendor(clock=clock) as running:
        yield running


@pytest.fixture
def app(vendor: Vendor) -> Application:
    known = vendor.add(KEY.secret_id, KEY.secret_key)
    known.behaviour.poll_s = 0
    return known


@pytest.fixture
async def api(vendor: Vendor, app: Application) -> AsyncIterator[VodApi]:
    assert app.behaviour.poll_s == 0
    async with aiohttp.ClientSession() as session:
        yield VodApi(Account(endpoint=vendor.url, credential=lambda: KEY), session, time.time)


async def test_a_lease_that_ends_makes_the_event_come_again_under_a_new_handle(
    clock: Clock, app: Application, api: VodApi
) -> None:
    app.put(b"{}")
    (first,) = await api.pull()
    clock.now_s += 29
    assert await api.pull() == []
    clock.now_s += 1
    with pytest.raises(ApiError, match="InvalidParameterValue"):
        await api.confirm([first.handle])
    (second,) = await api.pull()
    assert second.handle != first.handle
    clock.now_s += 7
    await api.confirm([second.handle])
    (event,) = app.ledger.confirmed
    assert (len(event.pulled_s), event.age_s, app.ledger.oldest_s, app.ledger.stale) == (2, 7, 7, 1)


async def test_sixteen_events_a_call(app: Application, api: VodApi) -> None:
    for _ in range(20):
        app.put(b"{}")
    assert [len(await api.pull()) for _ in range(3)] == [16, 4, 0]


async def test_the_long_poll_lasts_as_long_as_it_is_set(app: Application, api: VodApi) -> None:
    app.behaviour.poll_s = 0.2
    begun = time.monotonic()
    assert await api.pull() == []
    assert time.monotonic() - begun >= 0.19


async def test_the_empty_forms_come_in_turn(app: Application, api: VodApi) -> None:
    app.behaviour.empty = "cycle"
    for _ in range(3):
        assert await api.pull() == []
    assert app.ledger.outcomes("PullEvents") == {"ok": 2, "ResourceNotFound": 1}


async def test_an_application_that_is_pushed_refuses_pulls(app: Application, api: VodApi) -> None:
    app.behaviour.mode = "PUSH"
    with pytest.raises(ApiError, match="FailedOperation"):
        await api.pull()
    assert (await api.event_config()).mode == "PUSH"


async def test_two_applications_have_two_queues(vendor: Vendor, app: Application, api: VodApi) -> None:
    vendor.add(KEY.secret_id, KEY.secret_key, sub_app_id=2).put(b"{}")
    assert await api.pull() == []
    app.put(b"{}")
    assert len(await api.pull()) == 1


async def test_every_kind_of_fault_occurs_and_every_event_is_confirmed_in_the_end(
    clock: Clock, vendor: Vendor, app: Application, api: VodApi
) -> None:
    vendor.faults.chances = Chances(error=0.1, junk=0.1, cut=0.1, reset=0.1, lost=0.1, slow=0.05, slow_s=0)
    for _ in range(200):
        app.put(b'{"EventType":"X"}')
    while app.ledger.unconfirmed:
        clock.now_s += 5
        try:
            await api.confirm([one.handle for one in await api.pull()])
        except (ApiError, TransportError):
            continue
    seen = {call.outcome for call in app.ledger.calls}
    assert {"ok", "junk", "reset", "ok, but lost", "ok, but cut"} <= seen
    assert {"InternalError", "FailedOperation", "RequestLimitExceeded"} & seen
    assert len(app.ledger.confirmed) == 200
    assert app.ledger.largest_group <= 16
