"""What a process has for people who look: its modules, a fifth of a start, are imported with the first look.

They take some 20 MB of memory, and most processes are never looked at. A supervisor's console is made in the
same way.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from aiohttp import web

from bridge.io.admin import OpenStream
from bridge.observability.masking import mask_for
from bridge.settings.settings import Settings

if TYPE_CHECKING:
    from bridge.console.site import Console
    from bridge.console.state import ProcessView
    from bridge.console.view import BridgeView
    from bridge.console.worker_answers import WorkerAnswers
    from bridge.io.admin import Readiness
    from bridge.observability.spool_backlog import SpoolReport
    from bridge.observability.telemetry import Telemetry

T = TypeVar("T")


class _Deferred(Generic[T]):
    """What ``build`` imports and makes, in a thread, when it is asked for first."""

    def __init__(self, build: Callable[[], T]) -> None:
        self._build = build
        self._made: asyncio.Future[T] | None = None

    async def get(self) -> T:
        """Return it; raises what ``build`` raises, which the next request tries again."""
        if self._made is None or (self._made.done() and self._made.exception() is not None):
            self._made = asyncio.get_running_loop().run_in_executor(None, self._build)
        return await asyncio.shield(self._made)

    def when_made(self, act: Callable[[T], None]) -> None:
        """Call ``act`` with it once it is made; never where nobody has asked for it."""

        def call(made: asyncio.Future[T]) -> None:
            if not made.cancelled() and made.exception() is None:
                act(made.result())

        if self._made is not None:
            self._made.add_done_callback(call)

    async def get_if_made(self) -> T | None:
        """Return it; None where nobody has asked for it, or it could not be made."""
        if self._made is None:
            return None
        (made,) = await asyncio.gather(self._made, return_exceptions=True)
        return None if isinstance(made, BaseException) else made  # it was logged with its request


class DeferredConsole:
    """Serves the console that ``build`` makes."""

    def __init__(self, build: Callable[[], "Console"]) -> None:
        self._console = _Deferred(build)
        self._stopped = False

    async def respond(self, request: web.BaseRequest, open_stream: OpenStream) -> web.StreamResponse:
        """Return the response to a request of the console; the first waits for the import."""
        console = await self._console.get()
        if self._stopped:
            await console.stop()
        return await console.respond(request, open_stream)

    def use_settings(self, settings: Settings) -> None:
        """Use other settings from now on; one that is made later has those of its view."""
        self._console.when_made(lambda console: console.use_settings(settings))

    async def stop(self) -> None:
        """End what the console has started, if there is one; one that is made later starts nothing."""
        self._stopped = True
        console = await self._console.get_if_made()
        if console is not None:
            await console.stop()


class DeferredAnswers:
    """Answers a supervisor by what ``build`` makes."""

    def __init__(self, build: Callable[[], "WorkerAnswers"]) -> None:
        self._answers = _Deferred(build)

    async def answer(self, kind: str, args: bytes) -> bytes:
        """Return what `WorkerAnswers.answer` returns; the first question waits for the import."""
        return await (await self._answers.get()).answer(kind, args)


def process_view(
    settings: Settings,
    telemetry: "Telemetry",
    spools: Callable[[], Sequence["SpoolReport"]],
    readiness: Callable[[], "Readiness"],
) -> "ProcessView":
    """Make what the console sees of a process."""
    from bridge.console.state import ProcessView  # noqa: PLC0415 - imported when somebody looks first

    return ProcessView(settings=settings, telemetry=telemetry, spools=spools, readiness=readiness)


def build_console(make_view: Callable[[], "BridgeView"]) -> "Console":
    """Make the console of a process, or of all workers."""
    from bridge.console.site import Console  # noqa: PLC0415 - as above

    view = make_view()
    return Console(view, mask_for(view.settings))


def build_answers(make_view: Callable[[], "ProcessView"]) -> "WorkerAnswers":
    """Make what a worker answers its supervisor by."""
    from bridge.console.worker_answers import WorkerAnswers  # noqa: PLC0415 - as above

    return WorkerAnswers(make_view())
