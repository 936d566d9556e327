"""Dead letters by time: shown, tried and replayed are those of the time chosen, in the reader's zone."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from aiokafka import AIOKafkaProducer

from tests.console.console_client import HELPER_WITHIN_S, TOKEN, ConsoleClient, transcoded
from tests.console.login import log_in
from tests.end_to_end.environment import Environment, running
from tests.rig.browser import WatchedPage, chromium

TOKYO = ZoneInfo("Asia/Tokyo")
NARROW = 390


def text_of(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def write(environment: Environment, at: datetime, body: bytes | str, reason: str) -> None:
    """Write a dead letter as a bridge did at that time."""
    async with AIOKafkaProducer(bootstrap_servers=environment.kafka.bootstrap) as producer:
        await producer.send_and_wait(
            environment.dead_letters,
            body.encode() if isinstance(body, str) else body,
            key=b"default",
            timestamp_ms=round(at.timestamp() * 1000),
            headers=[("reason", reason.encode()), ("app", b"default"), ("mode", b"push")],
        )


async def test_the_time_of_the_list_is_that_of_the_dry_run_and_of_the_replay(
    environment: Environment,
) -> None:
    now = datetime.now(UTC)
    since, until = now - timedelta(hours=10), now - timedelta(hours=2)
    within = {"since": text_of(since), "until": text_of(until)}
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        ConsoleClient(program, token=TOKEN) as client,
    ):
        await write(environment, since - timedelta(hours=20), transcoded("7000001", "1-Task-1"), "earlier")
        await write(environment, since + timedelta(hours=1), transcoded("7000002", "1-Task-2"), "within")
        await write(environment, until + timedelta(minutes=1), transcoded("7000003", "1-Task-3"), "after")

        async def reasons(query: str = "") -> dict[str, int]:
            groups = (await client.api(f"dead-letters{query}"))["groups"]
            return {one["reason"]: one["pending"] for one in groups}

        assert await reasons() == {"earlier": 1, "within": 1, "after": 1}
        assert await reasons("?since={since}&until={until}".format_map(within)) == {"within": 1}
        assert await reasons(f"?since={within['since']}") == {"within": 1, "after": 1}
        in_another_zone = since.astimezone(TOKYO).isoformat(timespec="seconds").replace("+", "%2B")
        assert await reasons(f"?until={in_another_zone}") == {"earlier": 1}
        plan = await client.replay(within)
        assert plan.json["summary"]["endings"] == {"published": 1}
        started = await client.replay(within | {"dry_run": False})
        job = await client.ended_job(started.json["id"])
        assert job["result"]["summary"]["endings"] == {"published": 1}, job
        assert await reasons() == {"earlier": 1, "after": 1, "within": 0}
        assert [event["file_id"] for event in await environment.published()] == ["7000002"]


@pytest.mark.parametrize("query", ["since=yesterday", "until=2026-11-21T18:00:00", "since=1763700000000"])
async def test_a_time_without_a_zone_or_that_is_none_is_refused_with_what_to_write(
    environment: Environment, query: str
) -> None:
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        ConsoleClient(program, token=TOKEN) as client,
    ):
        refused = await client.get(f"/api/v1/dead-letters?{query}")
        assert (refused.status, refused.json["title"]) == (400, "since or until is no time")
        assert "2026-11-21T18:00:00Z" in refused.json["detail"]
        name, _, text = query.partition("=")
        assert (await client.replay({name: text})).status == 400


async def test_what_failed_last_night_is_replayed_with_a_few_keys_in_the_reader_s_zone(
    environment: Environment,
) -> None:
    today = datetime.now(TOKYO).replace(hour=10, minute=0, second=0, microsecond=0)
    night = today - timedelta(hours=11)
    await write(environment, night, transcoded("7000002", "1-Task-2"), "in_the_night")
    await write(environment, today - timedelta(hours=20), transcoded("7000001", "1-Task-1"), "by_day")
    async with (
        running(environment, {"BRIDGE_ADMIN__TOKEN": TOKEN}) as program,
        chromium() as browser,
    ):
        context = await browser.new_context(
            viewport={"width": NARROW, "height": 900}, timezone_id="Asia/Tokyo", locale="en-GB"
        )
        watched = WatchedPage(await context.new_page(), HELPER_WITHIN_S)
        page = watched.page
        await page.clock.set_fixed_time(today)
        await log_in(page, program.admin_url)
        await page.goto(f"{program.admin_url}/dead-letters")
        await page.locator("text=Last night").press("Enter")
        await page.wait_for_selector("text=The counts and replays below are of these alone.")
        chosen = parse_qs(urlsplit(page.url).query)
        assert chosen == {
            "since": [text_of(today - timedelta(hours=16))],
            "until": [text_of(today - timedelta(hours=2))],
        }
        # The page's script makes it an input of the reader's zone, once the page is whole.
        entered = await page.input_value("input[name=since][type=datetime-local]")
        assert entered == (today - timedelta(hours=16)).strftime("%Y-%m-%dT18:00")
        headings = await page.locator("h2:visible").all_inner_texts()
        assert headings == ["in_the_night, default"]
        assert await watched.violations() == []
        assert await watched.overflow_px() <= 0
        assert await watched.unreachable() == []
        await page.locator("text=What would a replay of all of that time do?").press("Enter")
        await page.wait_for_selector("#replay-state:has-text('nothing was written')")
        assert "would be published\n1" in await page.inner_text("#replay-figures")
        await page.locator("#replay-run").press("Enter")
        await page.wait_for_selector("#replay-state:text('replayed')")
        assert [event["file_id"] for event in await environment.published()] == ["7000002"]
        await page.fill("input[name=until]", "2001-01-01T00:00:00")
        await page.click("text=Filter")
        assert await page.evaluate("document.querySelector('input[name=until]').validationMessage")
        await page.click("a:text-is('All')")
        await page.wait_for_selector("h2:has-text('by_day')")
        assert watched.wrongs == []
