"""``check`` at the vendor: its findings about mode, switches, queue, and API errors."""

import json

import pytest
from pydantic import SecretStr

from bridge.operations.check.vendor import api_error_remedy, check_vendor
from bridge.settings.apps import AppSettings
from bridge.vendor_twin.server import Application, Vendor
from tests.cli.cli_process import vod_bridge
from tests.rig.parts import free_port

KEY_ID, KEY, NUMBER = "AKIDcheck", "c0rrect-key", 1500000001


@pytest.fixture
def shop(vendor: Vendor) -> Application:
    """Give a pulled application of which every event is sent."""
    application = vendor.add(KEY_ID, KEY, sub_app_id=NUMBER)
    application.switches = dict.fromkeys(application.switches, "ON")
    return application


def _settings(url: str, **changes: object) -> AppSettings:
    given = {
        "mode": "pull",
        "sub_app_id": NUMBER,
        "secret_id": SecretStr(KEY_ID),
        "secret_key": SecretStr(KEY),
        "endpoint": url,
    }
    return AppSettings.model_validate(given | changes)


async def _findings(**apps: AppSettings) -> dict[str, tuple[str, str]]:
    found = await check_vendor({name.replace("_", "-"): app for name, app in apps.items()})
    assert all(KEY not in finding.message + finding.remedy for finding in found)
    return {finding.check: (finding.state, f"{finding.message} | {finding.remedy}") for finding in found}


async def test_all_is_ok_where_mode_and_switches_are_as_expected(vendor: Vendor, shop: Application) -> None:
    shop.put(b'{"EventType":"A"}')
    found = await _findings(shop=_settings(vendor.url))
    assert {check: state for check, (state, _) in found.items()} == {
        "vendor mode": "ok",
        "vendor events": "ok",
        "vendor queue": "ok",
    }
    assert "shop: about 1 event waiting" in found["vendor queue"][1]


async def test_another_mode_at_the_vendor_has_failed_with_what_to_change(
    vendor: Vendor, shop: Application
) -> None:
    shop.behaviour.mode = "PUSH"
    shop.notification_url = "https://bridge.example/callbacks/shop/t0ken"
    found = await _findings(my_shop=_settings(vendor.url))
    state, words = found["vendor mode"]
    assert state == "failed"
    assert "at the vendor it is PUSH" in words
    assert "ModifyEventConfig Mode=PULL" in words
    assert "BRIDGE_APPS__MY_SHOP__MODE=push" in words
    assert "t0ken" not in str(found)


async def test_events_that_are_switched_off_are_named_with_their_switches(
    vendor: Vendor, shop: Application
) -> None:
    shop.switches |= {"UploadMediaComplete": "OFF", "PersistenceComplete": "OFF"}
    state, words = (await _findings(shop=_settings(vendor.url)))["vendor events"]
    assert state == "warning"
    assert "never sent: NewFileUpload, PersistenceComplete |" in words
    assert "UploadMediaCompleteEventSwitch=ON PersistenceCompleteEventSwitch=ON" in words


async def test_a_long_queue_is_warned_of(vendor: Vendor, shop: Application) -> None:
    for _ in range(10_001):
        shop.put(b"{}")
    state, words = (await _findings(shop=_settings(vendor.url)))["vendor queue"]
    assert (state, "about 10001 events waiting" in words) == ("warning", True)


@pytest.mark.parametrize(
    ("changes", "code", "remedy"),
    [
        ({"secret_key": SecretStr("wr0ng-key")}, "AuthFailure.SignatureFailure", "__SHOP__SECRET_KEY"),
        ({"secret_id": SecretStr("AKIDother")}, "AuthFailure", "__SHOP__SECRET_ID"),
        ({"sub_app_id": 7}, "UnauthorizedOperation", "__SHOP__SUB_APP_ID"),
    ],
)
@pytest.mark.usefixtures("shop")
async def test_an_api_error_is_reported_with_the_vendors_code_and_the_remedy(
    vendor: Vendor, changes: dict[str, object], code: str, remedy: str
) -> None:
    found = await _findings(shop=_settings(vendor.url, **changes))
    state, words = found.pop("vendor login")
    assert (state, found) == ("failed", {})
    assert code in words
    assert remedy in words
    assert "wr0ng-key" not in words


async def test_a_vendor_that_nothing_answers_for_is_unreachable_and_others_are_checked_all_the_same(
    vendor: Vendor, shop: Application
) -> None:
    shop.put(b"{}")
    unreachable = _settings(f"http://127.0.0.1:{free_port()}")
    found = await _findings(unreachable=unreachable, shop=_settings(vendor.url))
    state, words = found["vendor address"]
    assert (state, words.startswith("unreachable: 127.0.0.1:")) == ("failed", True)
    assert found["vendor mode"][0] == "ok"


async def test_a_rate_that_was_exceeded_is_no_failure(vendor: Vendor, shop: Application) -> None:
    shop.behaviour.calls_s, shop.clock = 1, lambda: 0.0  # all calls are of one second
    found = await _findings(shop=_settings(vendor.url))
    assert found["vendor mode"][0] == "ok"
    assert found["vendor login"][0] == "warning"


async def test_the_v2_interface_is_not_asked_and_what_is_pushed_neither() -> None:
    assert await _findings(shop=AppSettings()) == {}
    state, words = (await _findings(shop=_settings("", mode="pull-legacy")))["vendor"]
    assert (state, words.startswith("shop: not asked")) == ("ok", True)


def test_of_a_code_the_closest_known_beginning_counts() -> None:
    assert api_error_remedy("AuthFailure.SignatureExpire", "A_") == "set this machine's clock"
    assert "A_SUB_APP_ID" in api_error_remedy("InvalidParameterValue.SubAppId", "A_")
    assert "documentation" in api_error_remedy("InternalError", "A_")


@pytest.mark.usefixtures("shop")
async def test_the_command_asks_the_vendor_too(vendor: Vendor) -> None:
    result = await vod_bridge(
        "check",
        "--json",
        settings={
            "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
            "BRIDGE_REDIS__URL": f"redis://127.0.0.1:{free_port()}",
            "BRIDGE_APPS__SHOP__MODE": "pull",
            "BRIDGE_APPS__SHOP__SUB_APP_ID": str(NUMBER),
            "BRIDGE_APPS__SHOP__SECRET_ID": KEY_ID,
            "BRIDGE_APPS__SHOP__SECRET_KEY": KEY,
            "BRIDGE_APPS__SHOP__ENDPOINT": vendor.url,
        },
    )
    states = {found["check"]: found["state"] for found in json.loads(result.out)["findings"]}
    assert (states["vendor mode"], result.code) == ("ok", 1)
