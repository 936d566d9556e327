"""Requests that take their time: so many at once, never in the way of probes, the stop or a reader."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from bridge.console.site import Console
from bridge.console.view import BridgeReport, Numbers, OwnDeliveries
from bridge.io.admin import Admin, Readiness
from bridge.io.admin.connections import STREAMS_MAX
from bridge.observability.masking import Mask
from bridge.observability.recent_deliveries import DeliveryFilter
from bridge.settings.settings import load
from tests.console.console_client import ConsoleClient, uploaded
from tests.end_to_end.environment import Environment, running
from tests.rig.program import Program
from tests.rig.waiting import WITHIN_S, eventually

EVENTS = {"Accept": "text/event-stream"}


async def open_stream(stack: AsyncExitStack, program: Program) -> int:
    session = await stack.enter_async_context(aiohttp.ClientSession())
    response = await session.get(f"{program.admin_url}/api/v1/deliveries", headers=EVENTS)
    return response.status


async def test_sixteen_streams_are_open_at_once_and_probes_still_pass(environment: Environment) -> None:
    async with running(environment) as program, ConsoleClient(program) as client:
        async with AsyncExitStack() as stack:
            for _ in range(STREAMS_MAX):
                assert await open_stream(stack, program) == 200
            assert await open_stream(stack, program) == 503
            for path in ("/livez", "/readyz", "/metrics", "/api/v1/status", "/"):
                assert (await client.get(path)).status == 200
            assert (await client.get("/api/v1/topics")).status == 503
        await eventually(lambda: _is_free(client), "the streams of who has left are free again")
        assert await program.terminate() == 0


async def _is_free(client: ConsoleClient) -> bool:
    return (await client.get("/api/v1/topics")).status == 200


async def test_a_stream_outlives_the_time_of_other_responses_and_does_not_hold_up_the_stop(
    environment: Environment,
) -> None:
    async with running(environment) as program, aiohttp.ClientSession() as session:
        url = f"{program.admin_url}/api/v1/deliveries"
        async with session.get(url, headers=EVENTS) as response:
            assert await response.content.readline() == b": \n"
            await asyncio.wait_for(_first_data(response, program), 60)
            assert await program.terminate() == 0


class _BrokenView:
    """A bridge whose deliveries cannot be read, for a bug."""

    settings = load(None, {})
    internal_errors = 0

    async def report(self) -> BridgeReport:
        raise ZeroDivisionError

    async def deliveries(
        self, after: Numbers | None, wanted: DeliveryFilter | None, limit: int
    ) -> OwnDeliveries:
        del after, wanted, limit
        raise ZeroDivisionError

    def may_have_more(self, after: Numbers) -> bool:
        return not after

    def count_internal_error(self) -> None:
        self.internal_errors += 1


async def test_a_stream_that_fails_is_cut_off_so_that_its_reader_begins_anew() -> None:
    console = Console(view := _BrokenView(), Mask())
    admin = Admin(lambda: Readiness(ready=True), lambda: b"", site=console)
    port = await admin.start("127.0.0.1", 0)
    try:
        async with asyncio.timeout(WITHIN_S), aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/api/v1/deliveries", headers=EVENTS) as response:
                with pytest.raises(aiohttp.ClientError):
                    await response.read()
            async with session.get(f"http://127.0.0.1:{port}/livez") as response:
                assert response.status == 200
    finally:
        await admin.stop()
        await console.stop()
    assert view.internal_errors == 1


async def _first_data(response: aiohttp.ClientResponse, program: Program) -> None:
    """Deliver one after more than the 5 s that other responses may take, and wait until it shows."""
    begun = asyncio.get_running_loop().time()
    await eventually(
        lambda: asyncio.get_running_loop().time() - begun > 7, "the time of other responses passes"
    )
    await program.post(uploaded())
    async for line in response.content:
        if line.startswith(b"data: "):
            assert b"NewFileUpload" in line
            return
    raise AssertionError("the stream ended")
