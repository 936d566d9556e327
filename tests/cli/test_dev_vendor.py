"""``vod-bridge dev`` with the vendor's side: its twin, or a queue that is pulled with real credentials."""

import json
import re
from pathlib import Path

import aiohttp
import pytest

from bridge.vendor_twin.server import Application, Vendor
from tests.cli.cli_process import vod_bridge
from tests.cli.dev_process import ANY_PORTS, dev_process, read_line_with
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services

pytest.importorskip("confluent_kafka")

SECRET_ID, SECRET_KEY = "AKIDmine", "my-real-key"
UPLOADED = b'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"17"}}'


@pytest.fixture
async def mine(vendor: Vendor) -> Application:
    application = vendor.add(SECRET_ID, SECRET_KEY, sub_app_id=7)
    application.behaviour.poll_s = 0.3
    return application


@pytest.fixture
def pull_options(vendor: Vendor, tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "id").write_text(f"{SECRET_ID}\n")
    (tmp_path / "key").write_text(f"{SECRET_KEY}\n")
    files = (f"--secret-id-file={tmp_path / 'id'}", f"--secret-key-file={tmp_path / 'key'}")
    return ("--pull", *files, "--sub-app-id=7", f"--endpoint={vendor.url}")


async def test_the_twin_pushes_and_is_pulled_in_the_demonstration() -> None:
    result = await vod_bridge("dev", "--vendor", "--once", "--sign-key", "secret", *ANY_PORTS)
    assert result.code == 0, result.err
    events = re.findall(
        r"^event +\S+ +(NewFileUpload|ProcedureStateChanged) +(\w+) +succeeded", result.out, re.MULTILINE
    )
    kinds = ("NewFileUpload", "ProcedureStateChanged")
    assert set(events) == {(kind, app) for kind in kinds for app in ("default", "pulled")}
    assert "pushed NewFileUpload, send 1 of 3: 200" in result.out
    assert "Traceback" not in result.out + result.err
    assert "Unclosed" not in result.out + result.err


async def test_the_twin_is_asked_by_the_commands_of_another_terminal() -> None:
    async with dev_process("--vendor") as dev:
        command = next(line for line in dev.commands if "/twin/upload/pulled" in line)
        url = next(word for word in command.split() if word.startswith("http"))
        async with aiohttp.ClientSession() as session, session.post(url) as response:
            done = await response.json()
        assert done["file_id"] in await read_line_with(dev.out, done["file_id"])
        checked = await vod_bridge("check", settings=dev.exports)
        assert (checked.code, "0 failed" in checked.out) == (0, True), checked.out
        assert "pulled: its events wait to be pulled" in checked.out
        for app in ("default", "pulled"):
            audited = await vod_bridge("audit", "--app", app, settings=dev.exports)
            assert (audited.code, "0 missing" in audited.out) == (0, True), audited
        to_twin = url.replace("/upload/", "/events/")
        posted = await vod_bridge("send", "--example", "ClipComplete", "--url", to_twin, settings=dev.exports)
        assert (posted.code, "1 queued" in posted.out) == (0, True), posted.err
        assert "pulled" in await read_line_with(dev.out, "ClipComplete")


async def test_ones_own_queue_is_pulled_and_confirmed_with_a_warning(
    mine: Application, pull_options: tuple[str, ...]
) -> None:
    event = mine.put(UPLOADED)
    async with dev_process(*pull_options, "--confirm") as dev:
        await eventually(lambda: event.confirmed_s is not None, "it is confirmed")
        shown = await vod_bridge("tail", "--no-follow", "--app", "pulled", settings=dev.exports)
        assert "file 17" in shown.out
        assert dev.exports["BRIDGE_APPS__PULLED__SECRET_KEY_FILE"].endswith("/key")
        before = dev.before_hints
    assert "taken away from every other consumer" in before
    assert "at the vendor it is" not in before
    assert SECRET_KEY not in before + json.dumps(dev.exports)


async def test_without_confirming_an_event_is_shown_and_left_at_the_vendor(
    mine: Application, pull_options: tuple[str, ...]
) -> None:
    event = mine.put(UPLOADED)
    mine.queue.lease_s = 1
    async with dev_process(*pull_options) as dev:
        await eventually(lambda: len(event.pulled_s) >= 3, "it is handed out again and again")
        shown = await vod_bridge("tail", "--no-follow", "--app", "pulled", settings=dev.exports)
        assert shown.out.count("file 17") == 1
    assert (event.confirmed_s, mine.ledger.outcomes("ConfirmEvents").total()) == (None, 0)
    assert "nothing is taken away" in dev.before_hints


async def test_what_the_vendor_refuses_is_shown_at_the_start(
    mine: Application, pull_options: tuple[str, ...], tmp_path: Path
) -> None:
    assert mine.behaviour.mode == "PULL"
    (tmp_path / "key").write_text("another-key\n")
    result = await vod_bridge("dev", "--once", *pull_options, *ANY_PORTS)
    assert "AuthFailure.SignatureFailure" in result.out
    assert "another-key" not in result.out + result.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--pull"], "--pull needs --secret-id-file, or the variable VOD_SECRET_ID"),
        (["--pull", "--vendor"], "either --vendor"),
        (["--vendor", "--app", "pulled"], "the name of the application that is pulled"),
        (["--confirm"], "are for --pull"),
        (["--pull", "--secret-id-file", "/no/such/file"], "does not exist"),
    ],
)
async def test_options_that_do_not_go_together_are_refused(words: list[str], text: str) -> None:
    result = await vod_bridge("dev", *words, settings={"VOD_SECRET_ID": "", "VOD_SECRET_KEY": ""})
    assert (result.code, text in " ".join(result.err.split())) == (2, True), result


async def test_the_console_is_opened_where_that_is_asked_for_and_there_is_a_browser(tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)
    without = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    result = await vod_bridge(
        "dev", "--once", "--open", *ANY_PORTS, settings=without | {"BROWSER": str(browser)}
    )
    (console,) = set(re.findall(r"^Console: (\S+)$", result.out, re.MULTILINE))
    await eventually((tmp_path / "opened").exists, "the browser is started")
    assert (tmp_path / "opened").read_text().strip() == console
    result = await vod_bridge("dev", "--once", "--open", *ANY_PORTS, settings=without | {"BROWSER": ""})
    assert (result.code, "there is no browser here" in result.out) == (0, True)
