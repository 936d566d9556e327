"""What balances the load over the pods answers nothing of its own."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing

import aiohttp
import pytest
from aiohttp import web

from tests.end_to_end.chaos.ledger import UNKNOWN
from tests.kube.load_balancer import LoadBalancer
from tests.rig.parts import free_port

BODY = b'{"TaskId":"chaos-0a1b2c-0000001"}'
TASK = "chaos-0a1b2c-0000001"


async def pod(status: int) -> tuple[web.ServerRunner, str]:
    """Give a pod that answers so, or breaks the line (0), and its address."""

    async def answer(request: web.BaseRequest) -> web.Response:
        if not status and request.transport is not None:
            request.transport.abort()
        return web.Response(status=status or 500, text="answered")

    runner, port = web.ServerRunner(web.Server(answer)), free_port()
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner, f"127.0.0.1:{port}"


@pytest.fixture
def refusing() -> Iterator[list[str]]:
    """Give two addresses that refuse connections: bound, so that nobody else listens there."""
    with closing(socket.socket()) as first, closing(socket.socket()) as second:
        for sock in (first, second):
            sock.bind(("127.0.0.1", 0))
        yield [f"127.0.0.1:{sock.getsockname()[1]}" for sock in (first, second)]


async def test_a_pod_that_refuses_is_passed_over(refusing: list[str]) -> None:
    runner, address = await pod(202)
    balancer = LoadBalancer(lambda: [(0, refusing[0]), (1, address)])
    async with balancer.open() as url, aiohttp.ClientSession() as session:
        for _ in range(2):  # each of the two is first once
            async with session.post(url, data=BODY) as answer:
                assert (answer.status, await answer.text()) == (202, "answered")
    await runner.cleanup()
    assert (balancer.took[TASK], balancer.passed_over) == ([1, 1], 1)


async def test_of_many_at_once_each_comes_to_the_pod_that_takes_it(refusing: list[str]) -> None:
    runner, address = await pod(200)
    balancer = LoadBalancer(lambda: [*enumerate(refusing), (2, address)])
    async with balancer.open() as url, aiohttp.ClientSession() as session:
        answers = await asyncio.gather(*(session.post(url, data=BODY) for _ in range(50)))
        assert {answer.status for answer in answers} == {200}
    await runner.cleanup()
    assert balancer.took[TASK] == [2] * 50


async def test_a_line_that_breaks_breaks_the_senders() -> None:
    runner, address = await pod(0)
    balancer = LoadBalancer(lambda: [(0, address)])
    async with balancer.open() as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(url, data=BODY)
    await runner.cleanup()
    assert balancer.took[TASK] == [0]


async def test_where_nobody_is_ready_the_line_breaks_too() -> None:
    balancer = LoadBalancer(list)
    async with balancer.open() as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(url, data=BODY)
    assert balancer.took[TASK] == [UNKNOWN]
