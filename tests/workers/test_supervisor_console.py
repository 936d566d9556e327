"""The console of a supervisor costs nothing before somebody looks, and starts nothing once it is stopped."""

import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from aiohttp.test_utils import make_mocked_request

from bridge.console.deferred import DeferredConsole, build_console
from bridge.settings.settings import Settings, load
from bridge.workers.console_view import WorkersView
from bridge.workers.summary import WorkersSummary

_LOADED = (
    "import bridge.workers.supervisor, sys;"
    " print({'bridge.console.site', 'bridge.operations', 'aiokafka', 'jinja2'} & {*sys.modules})"
)


def open_stream() -> AbstractContextManager[bool]:
    return nullcontext(enter_result=True)


def test_a_supervisor_that_nobody_looks_at_loads_neither_the_console_nor_kafkas_client() -> None:
    ran = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert ran.stdout == "set()\n"


class Workers:
    """What a supervisor's console is made of; the settings may be others later."""

    def __init__(self) -> None:
        self.settings = load(None, {})
        view = WorkersView(lambda: self.settings, WorkersSummary(0, list), list)
        self.console = DeferredConsole(partial(build_console, lambda: view))

    def use(self, settings: Settings) -> None:
        self.settings = settings
        self.console.use_settings(settings)

    async def ask(self, path: str) -> tuple[int, bytes]:
        request = make_mocked_request("GET", path, headers={"Host": "localhost"})
        response = await self.console.respond(request, open_stream)
        return response.status, response.body  # type: ignore[attr-defined] # a response with its body


async def test_it_is_loaded_when_somebody_looks_and_stopped_then_asks_nobody_any_more() -> None:
    workers = Workers()
    await workers.console.stop()
    workers.use(load(None, {"BRIDGE_APPS__NEW__TOKEN": "a-token"}))
    status, _ = await workers.ask("/api/v1/topics")
    assert status == 503
    _, page = await workers.ask("/api/v1/applications")
    assert b'"new"' in page
    await workers.console.stop()


async def test_settings_that_are_read_anew_are_used_and_their_secrets_masked() -> None:
    workers = Workers()
    await workers.ask("/api/v1/applications")
    workers.use(load(None, {"BRIDGE_APPS__OTHER__TOKEN": "a-token-of-the-other-one"}))
    _, page = await workers.ask("/api/v1/applications")
    assert b'"other"' in page
    _, page = await workers.ask("/api/v1/settings")
    assert b"a-token-of-the-other-one" not in page
    await workers.console.stop()
