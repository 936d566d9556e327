"""The operators' door: what it tells, and when it says that the bridge may be taken out."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from bridge.io.admin import Admin, Readiness
from bridge.telemetry import Telemetry


class Door:
    """An admin door on a free port, and the readiness that it is told."""

    def __init__(self) -> None:
        self.readiness = Readiness(ready=False)
        self.admin = Admin(lambda: self.readiness, Telemetry().exposition)
        self.port = 0

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        async with (
            ClientSession() as session,
            session.request(method, f"http://127.0.0.1:{self.port}{path}") as response,
        ):
            return response.status, await response.text()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    opened = Door()
    opened.port = await opened.admin.start("127.0.0.1", 0)
    yield opened
    await opened.admin.stop()


async def test_the_process_is_alive_whatever_it_lacks(door: Door) -> None:
    assert await door.get("/livez") == (200, '{"status":"alive","degraded":[]}')


async def test_a_bridge_that_never_was_ready_is_not_put_into_the_load_balancer(door: Door) -> None:
    door.readiness = Readiness(ready=False, degraded=["kafka"])
    assert await door.get("/readyz") == (503, '{"status":"starting","degraded":["kafka"]}')


async def test_once_ready_it_stays_ready_however_degraded(door: Door) -> None:
    door.readiness = Readiness(ready=True)
    assert await door.get("/readyz") == (200, '{"status":"ready","degraded":[]}')
    door.readiness = Readiness(ready=False, degraded=["kafka"])
    assert await door.get("/readyz") == (200, '{"status":"degraded","degraded":["kafka"]}')


async def test_a_stopping_bridge_is_not_ready(door: Door) -> None:
    door.readiness = Readiness(ready=True)
    await door.get("/readyz")
    door.readiness = Readiness(ready=True, stopping=True)
    assert (await door.get("/readyz"))[0] == 503


async def test_the_metrics_are_told(door: Door) -> None:
    status, text = await door.get("/metrics")
    assert status == 200
    assert "bridge_deliveries_held" in text


async def test_other_pages_and_methods_are_refused(door: Door) -> None:
    assert (await door.get("/callbacks"))[0] == 404
    assert (await door.get("/livez", "POST"))[0] == 405
    assert (await door.get("/readyz", "HEAD"))[0] == 503
