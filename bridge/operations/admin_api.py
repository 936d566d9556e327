"""What a running bridge answers at its admin port: its status, and its metrics."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from bridge.settings.settings import Settings

_TIMEOUT_S = 5.0


class AdminApiError(Exception):
    """The bridge did not answer; the text says why, and what to do."""


def admin_url(settings: Settings, url: str = "") -> str:
    """Return the address of a bridge's admin port; by default that of the settings; "" if unknown."""
    if url:
        return url.rstrip("/")
    return f"http://localhost:{settings.admin.port}" if settings.admin.port else ""


@asynccontextmanager
async def open_admin(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """Open a session that shows the token of the settings, where there is one."""
    token = settings.admin.read_token or settings.admin.token
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield session


async def read_status(session: aiohttp.ClientSession, url: str) -> tuple[str, dict[str, Any]]:
    """Return the API's status of the bridge as text, and decoded. Raises `AdminApiError`."""
    text = await read_page(session, url, "/api/v1/status")
    try:
        return text, msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        raise AdminApiError(f"{url} does not answer as a bridge: is this the admin port of one?") from None


async def read_page(session: aiohttp.ClientSession, url: str, path: str) -> str:
    """Return the text of a page. Raises `AdminApiError`."""
    try:
        async with session.get(f"{url}{path}") as response:
            text = await response.text()
            if response.status == 401:  # noqa: PLR2004 - HTTP's own
                raise AdminApiError(
                    f"{url} asks for a token: set BRIDGE_ADMIN__READ_TOKEN as the bridge has it"
                )
            if response.status != 200:  # noqa: PLR2004 - HTTP's own
                raise AdminApiError(f"{url} answers {response.status}: is this the admin port of a bridge?")
            return text
    except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
        raise AdminApiError(
            f"{url} does not answer ({error or 'no answer'}): is the bridge running, and this its admin port?"
        ) from None
