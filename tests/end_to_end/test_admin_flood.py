"""What clients of the admin endpoint do costs the ingress nothing: the real process, Kafka down, spooling."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.rig.parts import free_port
from tests.rig.program import Program

pytestmark = pytest.mark.services

SETTINGS = {
    "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "BRIDGE_REDIS__URL": "redis://127.0.0.1:1",
}


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 4096 else max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
async def bridge() -> AsyncIterator[Program]:
    settings = SETTINGS | {"BRIDGE_ADMIN__PORT": str(free_port())}
    async with Program(settings, descriptors=700) as program:
        yield program


async def _honest(program: Program, number: int) -> int:
    body = {"EventType": "FileDeleted", "FileDeleteEvent": {"FileIdSet": [str(number)]}}
    connector = aiohttp.TCPConnector(force_close=True)
    async with (
        aiohttp.ClientSession(connector=connector) as session,  # a new connection each time
        session.post(f"{program.url}/callbacks", json=body) as answer,
    ):
        return answer.status


async def test_nine_hundred_half_sent_requests_with_seven_hundred_descriptors_cost_no_event(
    bridge: Program,
) -> None:
    connections = []
    for _ in range(900):
        connecting = asyncio.open_connection("127.0.0.1", bridge.admin_port)
        connections.append(asyncio.ensure_future(asyncio.wait_for(connecting, 30)))
    await asyncio.wait(connections[:64])
    for _, writer in (one.result() for one in connections[:64]):
        writer.write(b"GET /livez HTTP/1.1\r\n")
    assert {await _honest(bridge, number) for number in range(20)} == {202}
    assert (await bridge.admin("/livez")).status == 200
    assert "Traceback" not in bridge.log()
    assert not [line for line in bridge.log_lines() if line["level"] == "error"]
    for one in connections:
        one.cancel()
    for ended in await asyncio.gather(*connections, return_exceptions=True):
        if isinstance(ended, tuple):
            ended[1].transport.abort()


@pytest.mark.parametrize("path", ["/metrics", "/live", "/api/v1/deliveries?limit=1000"])
async def test_scrapers_in_a_loop_cost_no_event(bridge: Program, path: str) -> None:
    done = asyncio.Event()

    async def scrape() -> int:
        scraped = 0
        async with aiohttp.ClientSession() as session:
            while not done.is_set():
                async with session.get(f"{bridge.admin_url}{path}") as answer:
                    scraped += answer.status == 200 and bool(await answer.read())
        return scraped

    scrapers = [asyncio.create_task(scrape()) for _ in range(4)]
    assert {await _honest(bridge, number) for number in range(50)} == {202}
    done.set()
    assert all(await asyncio.gather(*scrapers))
