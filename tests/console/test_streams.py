"""Requests that take their time: so many at once, never in the way of probes, the stop or a reader."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp

from bridge.io.admin.connections import STREAMS_MAX
from tests.console.console_client import ConsoleClient, uploaded
from tests.end_to_end.environment import Environment, running
from tests.rig.program import Program
from tests.rig.waiting import eventually

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
