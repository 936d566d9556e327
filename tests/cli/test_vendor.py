"""``vod-bridge vendor``: what the vendor has, what differs from the settings, and what ``--set`` changes."""

import json

import pytest

from bridge.vendor_twin.faults import Fault
from bridge.vendor_twin.server import Application, Vendor
from tests.cli.cli_process import CommandResult, vod_bridge
from tests.rig.parts import free_port

pytestmark = pytest.mark.services  # each starts the command

KEY_ID, KEY, NUMBER = "AKIDvendor", "c0rrect-key", 1500000001
TOKEN, SIGN_KEY = "t0ken-of-sixteen-characters", "s1gnKeyOfTheShop"
URL = f"https://bridge.example/callbacks/my-shop/{TOKEN}"
EVENTS = ("NewFileUpload", "FileDeleted", "PersistenceComplete")


@pytest.fixture
def shop(vendor: Vendor) -> Application:
    """Give a pushed application that still calls another address."""
    application = vendor.add(KEY_ID, KEY, sub_app_id=NUMBER)
    application.behaviour.mode = "PUSH"
    application.notification_url = "http://old.example/hook"
    return application


class Command:
    """The command, with the settings of a pushed application and a key for the vendor's API."""

    def __init__(self, vendor: Vendor) -> None:
        self.settings = {
            "BRIDGE_APPS__MY_SHOP__TOKEN": TOKEN,
            "BRIDGE_APPS__MY_SHOP__SIGN_KEY": SIGN_KEY,
            "BRIDGE_APPS__MY_SHOP__SUB_APP_ID": str(NUMBER),
            "BRIDGE_APPS__MY_SHOP__ENDPOINT": vendor.url,
            "BRIDGE_HTTP__PUBLIC_URL": "https://bridge.example/",
            "VOD_SECRET_ID": KEY_ID,
            "VOD_SECRET_KEY": KEY,
        }

    async def run(self, *args: str, app: str = "my-shop") -> CommandResult:
        """Run it; it shows no secret and no traceback."""
        result = await vod_bridge("vendor", "--app", app, *args, settings=self.settings)
        shown = result.out + result.err
        assert not [secret for secret in (KEY, TOKEN, SIGN_KEY, "Traceback") if secret in shown], shown
        return result

    def pull(self) -> None:
        """Make the application a pulled one."""
        for name in ("TOKEN", "SIGN_KEY"):
            del self.settings[f"BRIDGE_APPS__MY_SHOP__{name}"]
        self.settings |= {"BRIDGE_APPS__MY_SHOP__MODE": "pull"}
        for name in ("SECRET_ID", "SECRET_KEY"):
            self.settings[f"BRIDGE_APPS__MY_SHOP__{name}"] = self.settings.pop(f"VOD_{name}")


@pytest.fixture
def command(vendor: Vendor) -> Command:
    """Give the command."""
    return Command(vendor)


async def test_the_callback_url_is_shown_compared_and_set(command: Command, shop: Application) -> None:
    shown = await command.run()
    assert shown.code == 1
    assert f"SubAppId            {NUMBER}\nmode                PUSH\n" in shown.out
    differs = "callback URL: http://old.example/hook -> https://bridge.example/callbacks/my-shop/***"
    assert f"differs, --set changes it: {differs}" in shown.out
    assert shop.notification_url == "http://old.example/hook"
    changed = await command.run("--set")
    assert (changed.code, f"changed: {differs}" in changed.out) == (0, True), changed
    assert "about 10 minutes" in changed.out
    assert (shop.notification_url, shop.sign_key, shop.behaviour.mode) == (URL, "", "PUSH")
    assert set(shop.switches.values()) == {"OFF"}
    again = await command.run("--set")
    assert (again.code, "nothing differs from the settings" in again.out) == (0, True)


async def test_another_token_differs_and_neither_is_shown(command: Command, shop: Application) -> None:
    shop.notification_url = URL.replace(TOKEN, "another-t0ken")
    shown = await command.run()
    assert (shown.code, "/callbacks/my-shop/*** (another token, login or query)" in shown.out) == (1, True)
    assert "another-t0ken" not in shown.out


async def test_events_and_the_sign_key_are_set_where_that_is_asked_for(
    command: Command, shop: Application
) -> None:
    shop.notification_url = URL
    some = await command.run("--events", "FileDeleted", "--set")
    assert "changed: FileDeleted: off -> on" in some.out
    assert [name for name, state in shop.switches.items() if state == "ON"] == ["DeleteMediaComplete"]
    whole = await command.run("--events", "all", "--sign-key", "--set", "--json")
    report = json.loads(whole.out)
    assert [one["name"] for one in report["differences"]] == [EVENTS[0], EVENTS[2]]
    assert (report["sub_app_id"], report["changed"], report["sign_key_sent"]) == (NUMBER, True, True)
    assert (set(shop.switches.values()), shop.sign_key) == ({"ON"}, SIGN_KEY)
    alone = await command.run("--sign-key", "--set")
    assert (alone.code, "the SignKey was sent" in alone.out) == (0, True)


async def test_a_pulled_application_is_set_to_pull_and_its_url_is_left(
    command: Command, shop: Application
) -> None:
    command.pull()
    assert (await command.run()).code == 1
    assert "changed: mode: PUSH -> PULL" in (await command.run("--set")).out
    assert (shop.behaviour.mode, shop.notification_url) == ("PULL", "http://old.example/hook")


async def test_without_a_public_url_the_callback_url_is_not_compared(
    command: Command, shop: Application
) -> None:
    del command.settings["BRIDGE_HTTP__PUBLIC_URL"]
    shown = await command.run("--set")
    assert (shown.code, "set http.public_url, or give --url" in shown.err) == (0, True)
    assert shop.notification_url == "http://old.example/hook"
    as_json = await command.run("--json")
    assert (as_json.code, "set http.public_url, or give --url" in as_json.err) == (0, True)
    assert (await command.run("--url", "https://bridge.example", "--set")).code == 0
    assert shop.notification_url == URL


async def test_no_application_is_set_to_push_to_a_url_that_is_not_known(
    command: Command, shop: Application
) -> None:
    shop.behaviour.mode = "PULL"
    del command.settings["BRIDGE_HTTP__PUBLIC_URL"]
    refused = await command.run("--set", "--events", "all")
    assert (refused.code, "nothing was changed: the mode would become PUSH" in refused.err) == (1, True)
    assert (shop.behaviour.mode, set(shop.switches.values())) == ("PULL", {"OFF"})
    changed = await command.run("--set", "--url", "https://bridge.example")
    assert (changed.code, "events that wait in its queue are not posted" in changed.out) == (0, True)
    assert (shop.behaviour.mode, shop.notification_url) == ("PUSH", URL)


async def test_without_a_sub_app_id_it_is_shown_whose_set_up_that_is_and_nothing_is_set(
    command: Command, vendor: Vendor
) -> None:
    main = vendor.add("AKIDmain", KEY)
    main.behaviour.mode, main.notification_url = "PUSH", "http://main.example/hook"
    command.settings |= {"VOD_SECRET_ID": "AKIDmain"}
    del command.settings["BRIDGE_APPS__MY_SHOP__SUB_APP_ID"]
    assert "none: the vendor takes the account's main application" in (await command.run()).out
    refused = await command.run("--set")
    assert (refused.code, "set BRIDGE_APPS__MY_SHOP__SUB_APP_ID, or give --sub-app-id" in refused.err) == (
        2,
        True,
    )
    assert main.notification_url == "http://main.example/hook"


async def test_a_change_without_a_response_is_reported_as_unknown(
    command: Command, shop: Application, vendor: Vendor
) -> None:
    vendor.faults.next.extend((Fault.NONE, Fault.LOST))
    lost = await command.run("--set")
    assert (lost.code, "it is not known whether the vendor has changed it" in lost.err) == (1, True), lost
    assert shop.notification_url == URL


async def test_a_url_of_a_pulled_application_is_refused(command: Command, shop: Application) -> None:
    command.pull()
    result = await command.run("--url", "https://bridge.example", "--set")
    assert (result.code, "my-shop is pulled, and has no callback URL" in result.err) == (2, True)
    assert shop.behaviour.mode == "PUSH"


async def test_a_sign_key_that_the_vendor_does_not_take_is_not_sent(
    command: Command, shop: Application
) -> None:
    command.settings |= {"BRIDGE_APPS__MY_SHOP__SIGN_KEY": SIGN_KEY * 3}
    result = await command.run("--sign-key", "--set")
    assert (result.code, "takes 1 to 32 letters and digits" in result.err) == (2, True), result
    assert shop.notification_url == "http://old.example/hook"


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize(
    ("args", "problem"),
    [
        (("--events", "TranscodeComplete"), "cannot be switched; what can: NewFileUpload, FileDeleted"),
        (("--sign-key",), "--sign-key is for --set"),
        (("--url", "bridge.example"), "must be an http(s) URL without login and query"),
        (("--url", f"https://user:{TOKEN}@bridge.example"), "--url https://bridge.example: must be"),
        (("--url", "https://bridge.example/callbacks/"), "give it without /callbacks"),
        (("--secret-key", ""), "belong together"),
    ],
)
async def test_wrong_usage_is_one_line(command: Command, args: tuple[str, ...], problem: str) -> None:
    result = await command.run(*args)
    assert (result.code, problem in result.err, result.err.count("\n")) == (2, True, 1), result


@pytest.mark.usefixtures("shop")
async def test_what_the_vendor_refuses_and_an_unavailable_vendor_are_one_line(command: Command) -> None:
    command.settings |= {"VOD_SECRET_KEY": "wr0ng"}
    refused = await command.run()
    assert (refused.code, "check VOD_SECRET_KEY" in refused.err, "wr0ng" in refused.err) == (1, True, False)
    away = await command.run("--endpoint", f"http://127.0.0.1:{free_port()}")
    assert (away.code, away.err.startswith("error: the vendor cannot be asked: ")) == (1, True), away
    assert "check BRIDGE_APPS__MY_SHOP__ENDPOINT, then the way out" in away.err
    command.settings |= {"VOD_SECRET_ID": "AKIDofAnotherSite"}
    assert "at the endpoint vod.intl.tencentcloudapi.com" in (await command.run()).err
    command.settings |= {"VOD_SECRET_ID": KEY_ID}
    assert (await command.run(app="no-shop")).code == 2
    key = command.settings.pop("BRIDGE_APPS__MY_SHOP__SIGN_KEY")
    command.settings |= {"BRIDGE_APPS__MY_SHOP__SIGN_KEYS": f"{key},other"}
    several = await command.run("--sign-key", "--set")
    assert (several.code, "has several sign keys" in several.err) == (2, True)
