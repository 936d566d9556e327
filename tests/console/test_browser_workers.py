"""In a real browser: the console of several workers and replicas, and the test of a callback URL."""

import pytest

from tests.console.console_client import uploaded
from tests.console.login import log_in
from tests.console.test_applications import reached_at
from tests.console.test_browser import NARROW, page_of
from tests.console.test_workers import post_to_both
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.workers import with_workers
from tests.rig.parts import free_port


@pytest.mark.long
@pytest.mark.parametrize("width", [1280, NARROW])
async def test_pages_of_two_workers_with_a_replica_that_is_missing_fit_and_are_accessible(
    environment: Environment, width: int
) -> None:
    settings = with_workers(2) | reached_at(free_port())
    settings |= {"BRIDGE_ADMIN__PEERS": "127.0.0.1:1"}
    async with running(environment, settings) as program, page_of(width) as watched:
        wrong: dict[str, list[str]] = {}
        for path in ("", "live", "applications", "applications?vendor=1", "spool"):
            await watched.page.goto(f"{program.admin_url}/{path}")
            wrong[path] = await watched.violations() + watched.wrongs
            watched.wrongs.clear()
            if (pixels := await watched.overflow_px()) > 0:
                wrong[path].append(f"{pixels} px too wide")
            if width == NARROW:
                wrong[path] += [f"not by keys: {one}" for one in await watched.unreachable()]
        assert {path: found for path, found in wrong.items() if found} == {}


async def test_what_comes_to_either_worker_appears_live_with_its_worker(environment: Environment) -> None:
    async with running(environment, with_workers(2)) as program, page_of() as watched:
        await post_to_both(program)
        page = watched.page
        await page.goto(f"{program.admin_url}/live")
        await page.wait_for_selector("#live-state:text('live')")
        for number in (1, 2):  # one that answers late comes with the next look
            await page.wait_for_selector(f"#live tbody tr:has-text('worker {number}')")
        await program.post(uploaded("7900001"))
        await page.wait_for_selector("#live tbody tr:has-text('7900001'):has-text('worker ')")
        assert watched.wrongs == []


async def test_a_callback_url_is_tested_dry_by_anyone_and_really_after_a_login(
    environment: Environment,
) -> None:
    async with running(environment, reached_at(free_port())) as program, page_of() as watched:
        page = watched.page
        await page.goto(f"{program.admin_url}/applications")
        await page.click("text=Show the test of shop")
        await page.wait_for_selector("#callback-state:has-text('nothing was')")
        assert "/callbacks/shop/***" in await page.inner_text("#callback-shown")
        assert await page.is_hidden("#callback-run")
        await log_in(page, program.admin_url)
        await page.goto(f"{program.admin_url}/applications")
        await page.click("text=Show the test of shop")
        await page.click("#callback-run")
        await page.wait_for_selector("#callback-state:text('it arrived')")
        assert f"received: published, {environment.other}" in await page.inner_text("#callback-shown")
        assert watched.wrongs == []
