"""A real Chromium, driven by playwright, that notes whatever a page must not do."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Dialog, Page, async_playwright

from tests.rig.parts import MissingPartError
from tests.rig.waiting import WITHIN_S


def chromium_path() -> str:
    """Give the program; Debian's is called chromium. Raises `MissingPartError`."""
    found = (
        os.environ.get("BRIDGE_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    if not found:
        raise MissingPartError("browser", "no chromium: install the package chromium")
    return found


class WatchedPage:
    """A page; ``wrongs`` are its errors, refused by the content security policy or not, and its dialogs.

    What it is to show is waited for ``within_s``.
    """

    def __init__(self, page: Page, within_s: float = WITHIN_S) -> None:
        self.page = page
        self.wrongs: list[str] = []
        page.set_default_timeout(within_s * 1000)
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.wrongs.append(str(error)))
        page.on("dialog", self._on_dialog)

    async def violations(self) -> list[str]:
        """Run axe; give what it finds, by rule and element."""
        results = await Axe().run(self.page)
        return [
            f"{one['id']}: {node['html']}" for one in results.response["violations"] for node in one["nodes"]
        ]

    async def overflow_px(self) -> int:
        """Give how much wider than the window the page is."""
        width: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    async def unreachable(self) -> list[str]:
        """Press Tab through the page; give what can be clicked and was not focused on the way."""
        script = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']"
        # A page that is not seen refreshes no part of itself, which would have to be gone through anew.
        await self.page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true})"
        )
        while True:
            number: int = await self.page.evaluate(
                "selector => { window.wanted = [...document.querySelectorAll(selector)].filter("
                "  one => one.checkVisibility({visibilityProperty: true}));"
                "  const keys = one => one.type === 'datetime-local' ? 9 : 1;"  # one for each of its parts
                "  return window.wanted.reduce((sum, one) => sum + keys(one), 0); }",
                script,
            )
            await self.page.evaluate("document.body.focus()")
            for _ in range(number + 3):
                await self.page.keyboard.press("Tab")
                await self.page.evaluate(
                    "window.wanted = window.wanted.filter(x => x !== document.activeElement)"
                )
            if await self.page.evaluate("window.wanted.every(one => one.isConnected)"):
                break  # else a part that was on its way has come meanwhile
        left: list[str] = await self.page.evaluate(
            "delete document.hidden, window.wanted.map(one => one.outerHTML)"
        )
        return left

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrongs.append(message.text)

    async def _on_dialog(self, dialog: Dialog) -> None:
        self.wrongs.append(f"dialog: {dialog.message}")
        await dialog.dismiss()


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a browser without a window."""
    path = chromium_path()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=WITHIN_S * 1000
        )
        try:
            yield browser
        finally:
            await browser.close()
