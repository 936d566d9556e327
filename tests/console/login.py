"""A browser's way into the console, to act."""

from playwright.async_api import Page

from tests.console.console_client import TOKEN


async def log_in(page: Page, admin_url: str) -> None:
    """Log in with the token of `console_client`, and wait until that is done."""
    await page.goto(f"{admin_url}/login")
    await page.fill("input[name=token]", TOKEN)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("text=Log out")
