"""The console of a process in which nobody has looked yet: its modules are imported by the first request."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from bridge.io.admin import OpenStream

if TYPE_CHECKING:
    from bridge.console.site import Console


class DeferredConsole:
    """Serves the console that ``build`` imports and makes when somebody looks first.

    A fifth of a start's work is these modules, and most processes are never looked at.
    """

    def __init__(self, build: "Callable[[], Console]") -> None:
        self._build = build
        self._console: asyncio.Future[Console] | None = None

    async def respond(self, request: web.BaseRequest, open_stream: OpenStream) -> web.StreamResponse:
        """Return the response to a request of the console; the first waits for the import, in a thread."""
        if self._console is None:
            self._console = asyncio.get_running_loop().run_in_executor(None, self._build)
        console = await asyncio.shield(self._console)
        return await console.respond(request, open_stream)

    async def stop(self) -> None:
        """End what the console has started, if there is one."""
        if self._console is None:
            return
        (console,) = await asyncio.gather(self._console, return_exceptions=True)
        if not isinstance(console, BaseException):  # what could not be made was logged with its request
            await console.stop()
