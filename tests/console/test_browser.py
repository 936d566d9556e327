"""The console in a real browser: every page, hostile texts, live, find, replay, a narrow window, keys."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientSession, web
from playwright.async_api import Page
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from tests.console.console_client import (
    FILE_ID,
    HELPER_WITHIN_S,
    HOSTILE,
    TOKEN,
    ConsoleClient,
    transcoded,
    uploaded,
)
from tests.console.group_dead_letters import write_group_dead_letters
from tests.console.login import log_in
from tests.end_to_end.environment import Environment, running
from tests.rig.browser import WatchedPage, chromium
from tests.rig.program import Program

PAGES = ("", "live", "find", "dead-letters", "applications", "topics", "spool", "settings", "types", "check")
NARROW = 390
# It has ended, well or not.
SEARCHED = '#find-state:text-matches("^(?!looking).")'
HOSTILE_TYPE = {"EventType": HOSTILE, "HostileEvent": {"FileId": HOSTILE, "TaskId": HOSTILE}}


async def search(page: Page, text: str) -> None:
    """Go to the page and search; Enter does nothing while the button behind the field is still to come."""
    await page.click("nav >> text=Find")
    await page.wait_for_url("**/find")
    await page.fill("input[name=q]", text)
    await page.keyboard.press("Enter")


async def searched(page: Page) -> str:
    """Wait until the search of this page has ended; give what its state says then."""
    try:
        await page.wait_for_selector(SEARCHED)
    except PlaywrightTimeoutError as error:
        raise AssertionError(f"{page.url} shows: {await page.inner_text('body')}") from error
    return await page.inner_text("#find-state")


@asynccontextmanager
async def page_of(width: int = 1280) -> AsyncIterator[WatchedPage]:
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": width, "height": 900})
        yield WatchedPage(await context.new_page(), HELPER_WITHIN_S)


async def fill(program: Program) -> None:
    """Deliver one of each kind, with hostile texts wherever a sender can write any."""
    await program.post(uploaded())
    await program.post(transcoded(message=HOSTILE))
    await program.post(transcoded(HOSTILE, HOSTILE, message=HOSTILE))
    await program.post(json.dumps(HOSTILE_TYPE))
    await program.post(f"no json {HOSTILE}".encode(), headers={"Content-Type": "text/plain; x=<b>"})
    await program.post(b"{}", "/callbacks/nobody")
    await program.post(b"{}", "/callbacks/%3Cscript%3E")


async def record_paths(program: Program) -> list[str]:
    """Give the pages of one event and of one dead letter."""
    async with ConsoleClient(program) as client:
        (event, *_) = (await client.api(f"find?q={FILE_ID}"))["records"]
        (group, *_) = (await client.api("dead-letters"))["groups"]
        return [
            f"events/{one['topic']}/{one['partition']}/{one['offset']}"
            for one in (event, group["records"][0])
        ]


@pytest.mark.parametrize("width", [1280, NARROW])
async def test_every_page_shows_hostile_texts_as_text_fits_the_window_and_is_accessible(
    environment: Environment, width: int
) -> None:
    settings = {"BRIDGE_ADMIN__SHOW_PAYLOADS": "true", "BRIDGE_ADMIN__TOKEN": TOKEN}
    async with running(environment, settings) as program, page_of(width) as watched:
        await fill(program)
        pages = [*PAGES, "login", "check?run=1", *await record_paths(program)]
        pages += ["find?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E", "live?file=%22%3E%3Cb%3E"]
        wrong: dict[str, list[str]] = {}
        for path in pages:
            response = await watched.page.goto(f"{program.admin_url}/{path}")
            assert response is not None
            assert response.status == 200, path
            if path.startswith("find?q"):
                assert re.match("[0-9]+ found;", await searched(watched.page))
            wrong[path] = await watched.violations() + watched.wrongs
            watched.wrongs.clear()
            if {"\u202e", "\x1b"} & set(await watched.page.inner_text("body")):
                wrong[path].append("control characters")
            if (pixels := await watched.overflow_px()) > 0:
                wrong[path].append(f"{pixels} px too wide")
            if width == NARROW:
                wrong[path] += [f"not by keys: {one}" for one in await watched.unreachable()]
        assert {path: found for path, found in wrong.items() if found} == {}


async def test_a_button_works_after_its_part_of_the_page_was_fetched_again(environment: Environment) -> None:
    async with running(environment) as program, page_of() as watched:
        page = watched.page
        await page.goto(program.admin_url)
        await page.evaluate("document.querySelector('button[data-copy]').id = 'old'")
        fetched_again = await page.wait_for_selector("button[data-copy]:not(#old)")
        assert fetched_again is not None
        assert await fetched_again.is_enabled()
        assert watched.wrongs == []


async def test_what_is_delivered_appears_live_until_paused_and_a_filter_holds_it_back(
    environment: Environment,
) -> None:
    async with running(environment) as program, page_of() as watched:
        page = watched.page
        await page.goto(f"{program.admin_url}/live?type=TranscodeComplete")
        await page.wait_for_selector("#live-state:text('live')")
        await program.post(uploaded("7000001"))
        await program.post(transcoded("7000002", HOSTILE))
        await page.wait_for_selector("#live tbody tr:has-text('7000002')")
        assert await page.locator("#live tbody tr").count() == 1
        await page.click("#pause")
        await program.post(transcoded("7000003", "1256768367-Transcode-3"))
        await page.wait_for_selector("#live-state:has-text('1 waiting')")
        assert await page.locator("#live tbody tr").count() == 1
        await page.click("#pause")
        await page.wait_for_selector("#live tbody tr:has-text('7000003')")
        assert await page.get_attribute("#pause", "aria-pressed") == "false"
        assert watched.wrongs == []


async def test_a_file_is_found_by_its_box_and_its_record_is_one_click_further(
    environment: Environment,
) -> None:
    async with running(environment) as program, page_of() as watched:
        await program.post(uploaded())
        await program.post(transcoded())
        page = watched.page
        await page.goto(program.admin_url)
        await search(page, FILE_ID)
        assert (await searched(page)).startswith("2 found; looked at")
        items = await page.locator("#timeline li strong").all_inner_texts()
        assert items == ["TranscodeComplete", "NewFileUpload"]
        await page.click("#timeline li a >> nth=0")
        await page.wait_for_selector("h2:text('Why')")
        assert "70000" in await page.inner_text("main")
        assert watched.wrongs == []


async def test_what_is_not_found_has_a_word_where_to_look_and_the_id_of_a_body_cut_off_is_found(
    environment: Environment,
) -> None:
    async with running(environment) as program, page_of() as watched:
        await program.post(b'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"7000001","Na')
        page = watched.page
        await page.goto(f"{program.admin_url}/find?q=7000001")
        assert (await searched(page)).startswith("1 found; looked at")
        assert "malformed" in await page.inner_text("#timeline li")
        assert await page.is_hidden("#find-none")
        await page.goto(f"{program.admin_url}/find?q=7000002")
        assert (await searched(page)).startswith("0 found; looked at")
        await page.wait_for_selector("#find-none:visible")
        await page.click("#find-none a >> nth=0")
        await page.wait_for_selector("#live-state:text('live')")
        await page.click("summary:has-text('What the reasons mean')")
        assert "Compare the clocks" in await page.inner_text("details")
        assert watched.wrongs == []


async def test_dead_letters_are_tried_dry_by_anyone_and_replayed_after_a_login(
    environment: Environment,
) -> None:
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        page_of() as watched,
    ):
        await program.post(b"no json")
        page = watched.page
        await page.goto(f"{program.admin_url}/dead-letters")
        await page.click("text=What would a replay of all do?")
        await page.wait_for_selector("#replay-state:has-text('nothing was written')")
        assert "would be rejected" in await page.inner_text("#replay-figures")
        assert await page.is_hidden("#replay-run")
        await page.click("text=Log in")
        await page.fill("input[name=token]", "wrong")
        await page.keyboard.press("Enter")
        await page.wait_for_selector("[role=alert]")
        assert watched.wrongs == [
            "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
        ]
        watched.wrongs.clear()
        await page.fill("input[name=token]", TOKEN)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=Log out")
        await page.click("nav >> text=Dead letters")
        await page.click("text=What would a replay of these do?")
        await page.click("#replay-run")
        await page.wait_for_selector("#replay-state:text('replayed')")
        await page.click("text=Log out")
        await page.wait_for_selector("text=Log in")
        assert watched.wrongs == []
        assert [line["access"] for line in program.log_lines() if line["event"] == "console_action"][-2:] == [
            "act",
            "act",
        ]


async def test_a_group_s_dead_letters_are_redriven_from_the_page_of_topics(environment: Environment) -> None:
    letters = await write_group_dead_letters(environment)
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        page_of(NARROW) as watched,
    ):
        page = watched.page
        await log_in(page, program.admin_url)
        await page.goto(f"{program.admin_url}/topics")
        assert await watched.violations() == []
        assert await watched.overflow_px() <= 0
        await page.click("text=What would a redrive do?")
        await page.wait_for_selector("#replay-state:has-text('nothing was written')")
        assert "would be published" in await page.inner_text("#replay-figures")
        await page.click("#replay-run")
        await page.wait_for_selector(f"#replay-state:has-text('they are on {letters}.retry')")
        assert watched.wrongs == []


async def test_the_console_works_below_a_path_that_a_proxy_gives_it(environment: Environment) -> None:
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        prefixed(program) as url,
        page_of() as watched,
    ):
        page = watched.page
        await page.goto(url)
        await page.click("nav >> text=Live")
        await page.wait_for_selector("#live-state:text('live')")
        await program.post(uploaded())
        await page.wait_for_selector("#live tbody tr:has-text('NewFileUpload')")
        await page.click("text=Log in")
        await page.fill("input[name=token]", TOKEN)
        await page.keyboard.press("Enter")
        await page.wait_for_selector("text=You may act")
        assert page.url == url
        await search(page, FILE_ID)
        assert (await searched(page)).startswith("1 found; looked at")
        await page.click("#timeline li a >> nth=0")
        await page.wait_for_selector("h2:text('Why')")
        await page.click("nav >> text=Now")
        await page.wait_for_selector("text=You may act")
        assert watched.wrongs == []


@asynccontextmanager
async def prefixed(program: Program) -> AsyncIterator[str]:
    """Serve the console below a path, as an ingress does that cuts it off."""

    async def forward(request: web.Request) -> web.StreamResponse:
        target = f"{program.admin_url}/{request.match_info['path']}"
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        async with session.request(
            request.method,
            target,
            params=request.query,
            headers=headers,
            data=await request.read(),
            allow_redirects=False,
        ) as answer:
            passed = {
                name: value
                for name, value in answer.headers.items()
                if name not in ("Content-Length", "Transfer-Encoding", "Content-Encoding")
            }
            response = web.StreamResponse(status=answer.status, headers=passed)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            return response

    app = web.Application()
    app.router.add_route("*", "/ops/bridge/{path:.*}", forward)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with ClientSession() as session:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            yield f"http://127.0.0.1:{port}/ops/bridge/"
        finally:
            await runner.cleanup()
