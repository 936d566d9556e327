"""``python -m tests.console.screenshots``: a picture of each page of a bridge with events, in docs/images."""

import asyncio
import uuid

from playwright.async_api import Page

from tests.console.console_client import TOKEN, ConsoleClient
from tests.console.group_dead_letters import write_group_dead_letters
from tests.console.login import log_in
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import published_payloads
from tests.rig.browser import chromium
from tests.rig.kafka import RealKafka
from tests.rig.parts import ROOT, free_port
from tests.rig.program import Program
from tests.rig.redis import RealRedis

FOLDER = ROOT / "docs" / "images"
PAGES = ("now", "live", "dead-letters", "applications", "topics", "spool", "settings", "types", "check")
APPS = {
    "BRIDGE_APPS__MY_SHOP__TOKEN": "a-token-of-the-shop-0123",
    "BRIDGE_APPS__ARCHIVE__SIGN_KEY": "aSignKeyOfTheArchive0123",
    "BRIDGE_ADMIN__TOKEN": TOKEN,
    "BRIDGE_ADMIN__SHOW_PAYLOADS": "true",
}
FILE = "24961954183923290"
UPLOADED = '{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"%s","MediaBasicInfo":{"Name":"a.mp4"}}}'
TRANSCODED = '{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{"FileId":"%s",'
SHOP = "/callbacks/my-shop/a-token-of-the-shop-0123"
STORY = (
    UPLOADED,
    TRANSCODED + '"TaskId":"1256768367-Transcode-7f3","ErrCode":70000,"Message":"no space"}}',
    TRANSCODED + '"TaskId":"1256768367-Transcode-8a1","ErrCode":0,"Message":"SUCCESS"}}',
)


async def main() -> None:
    """Start all parts, deliver the examples, take the pictures."""
    kafka, redis = RealKafka(), RealRedis()
    try:
        kafka.start()
        redis.start()
        environment = Environment(kafka=kafka, redis=redis, name=f"pictures-{uuid.uuid4().hex[:6]}")
        await kafka.create_topics(environment.topics)
        names = {
            "BRIDGE_KAFKA__TOPIC": environment.events,
            "BRIDGE_KAFKA__TOPIC_OTHER": environment.other,
            "BRIDGE_KAFKA__TOPIC_DEAD_LETTER": environment.dead_letters,
        }
        settings = names | APPS
        async with running(environment, settings) as other:
            port = str(free_port())
            own = {
                "BRIDGE_HTTP__PORT": port,
                "BRIDGE_HTTP__PUBLIC_URL": f"http://127.0.0.1:{port}",
                "BRIDGE_ADMIN__PEERS": other.admin_url.removeprefix("http://"),
            }
            async with running(environment, settings | own) as program:
                await fill(program)
                await other.post((UPLOADED % "24961954183923291").encode(), SHOP)
                await write_group_dead_letters(environment)
                await shoot(program)
    finally:
        redis.remove()
        kafka.remove()


async def fill(program: Program) -> None:
    """Deliver what the pictures show."""
    for case in published_payloads():
        await program.post(case.read_bytes(), SHOP)
    for text in STORY:
        await program.post((text % FILE).encode(), SHOP)
    await program.post(b"{}", "/callbacks/my-shop/a-wrong-token")
    await program.post(UPLOADED % "1", "/callbacks/archive")


async def shoot(program: Program) -> None:
    """Take a picture of each page, and of Now as it is in the dark and on a telephone."""
    FOLDER.mkdir(exist_ok=True)
    async with ConsoleClient(program) as client:
        record = (await client.api(f"find?q={FILE}"))["records"][0]
        at = f"{record['topic']}/{record['partition']}/{record['offset']}"
    async with chromium() as browser:
        context = await browser.new_context(viewport={"width": 1280, "height": 800}, timezone_id="UTC")
        page = await context.new_page()
        for name in PAGES:
            path = {"now": "", "check": "check?run=1"}.get(name, name)
            await page.goto(f"{program.admin_url}/{path}")
            await save(page, name)
        await page.goto(f"{program.admin_url}/find?q={FILE}")
        await page.wait_for_selector('#find-state:text-matches("^[0-9]+ found;")')
        await save(page, "find")
        await page.goto(f"{program.admin_url}/events/{at}")
        await save(page, "event")
        await shoot_actions(page, program)
        dark = await browser.new_context(viewport={"width": 390, "height": 720}, color_scheme="dark")
        page = await dark.new_page()
        await page.goto(program.admin_url)
        await save(page, "now-dark-390")


async def shoot_actions(page: Page, program: Program) -> None:
    """Take pictures of what needs the token: the test of a callback URL, a replay and a redrive, both dry."""
    await log_in(page, program.admin_url)
    await page.goto(f"{program.admin_url}/applications")
    await page.click("text=Show the test of my-shop")
    await page.click("#callback-run:visible")
    await page.wait_for_selector("#callback-state:text('it arrived')")
    await save(page, "test")
    for path, button, name in (
        ("dead-letters", "What would a replay of all do?", "replay"),
        ("topics", "What would a redrive do?", "redrive"),
    ):
        await page.goto(f"{program.admin_url}/{path}")
        await page.click(f"text={button}")
        await page.wait_for_selector("#replay-run:visible")
        await page.locator("#replay").scroll_into_view_if_needed()
        await save(page, name)


async def save(page: Page, name: str) -> None:
    """Write one picture."""
    await page.screenshot(path=FOLDER / f"console-{name}.png")


if __name__ == "__main__":
    asyncio.run(main())
