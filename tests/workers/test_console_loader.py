"""The console of a supervisor costs nothing before somebody looks, and starts nothing once it is stopped."""

import subprocess
import sys
from contextlib import AbstractContextManager, nullcontext

from aiohttp.test_utils import make_mocked_request

from bridge.settings.settings import load
from bridge.workers.console_loader import ConsoleLoader
from bridge.workers.summary import WorkersSummary

_LOADED = (
    "import bridge.workers.supervisor, sys; print({'bridge.console', 'aiokafka', 'jinja2'} & {*sys.modules})"
)


def open_stream() -> AbstractContextManager[bool]:
    return nullcontext(enter_result=True)


def test_a_supervisor_that_nobody_looks_at_loads_neither_the_console_nor_kafkas_client() -> None:
    ran = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)  # noqa: S603 - our own
    assert ran.stdout == "set()\n"


async def test_it_is_loaded_when_somebody_looks_and_stopped_then_asks_nobody_any_more() -> None:
    loader = ConsoleLoader(load(None, {}), WorkersSummary(0, list), list)
    await loader.stop()
    loader.use_settings(load(None, {"BRIDGE_APPS__NEW__TOKEN": "a-token"}))
    request = make_mocked_request("GET", "/api/v1/topics", headers={"Host": "localhost"})
    response = await loader.respond(request, open_stream)
    assert response.status == 503
    page = await loader.respond(make_mocked_request("GET", "/api/v1/applications"), open_stream)
    assert b'"new"' in page.body  # type: ignore[attr-defined] # a response with its body
    await loader.stop()
