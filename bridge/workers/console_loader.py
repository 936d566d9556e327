"""The console of a supervisor, loaded when somebody looks first: it takes some 20 MB of memory."""

import asyncio
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from aiohttp import web

from bridge.io.admin import OpenStream
from bridge.observability.masking import mask_for
from bridge.settings.settings import Settings
from bridge.workers.keeper import WorkerKeeper
from bridge.workers.summary import WorkersSummary

if TYPE_CHECKING:
    from bridge.console.site import Console
    from bridge.workers.console_view import WorkersView

_MODULES = ("bridge.console.site", "bridge.workers.console_view")


class ConsoleLoader:
    """The site of a supervisor's admin endpoint."""

    def __init__(
        self, settings: Settings, summary: WorkersSummary, keepers: Callable[[], Sequence[WorkerKeeper]]
    ) -> None:
        self._settings = settings
        self._summary = summary
        self._keepers = keepers
        self._console: Console | None = None
        self._view: WorkersView | None = None
        self._loading = asyncio.Lock()
        self._stopped = False

    async def respond(self, request: web.BaseRequest, open_stream: OpenStream) -> web.StreamResponse:
        """Return the console's response."""
        async with self._loading:
            console = self._console or await self._load()
        return await console.respond(request, open_stream)

    def use_settings(self, settings: Settings) -> None:
        """Use what the workers have read anew; section admin must be as it was."""
        self._settings = settings
        if self._console is not None and self._view is not None:
            self._console.use_settings(settings)
            self._view.settings = settings

    async def stop(self) -> None:
        """End the helper process and what it does."""
        self._stopped = True
        if self._console is not None:
            await self._console.stop()

    async def _load(self) -> "Console":
        for name in _MODULES:  # beside the event loop, which answers probes meanwhile
            await asyncio.to_thread(import_module, name)
        from bridge.console.site import Console  # noqa: PLC0415
        from bridge.workers.console_view import WorkersView  # noqa: PLC0415

        self._view = WorkersView(self._settings, self._summary, self._keepers)
        self._console = Console(self._view, mask_for(self._settings))
        if self._stopped:
            await self._console.stop()
        return self._console
