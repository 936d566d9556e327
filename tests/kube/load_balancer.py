"""Balances the load over the pods as an ingress controller would: every request to one of the ready ones.

A pod that refuses the connection is passed over; a line that breaks later breaks the sender's line too, for
what this would answer in a pod's stead the vendor would take for a yes. It notes which pod took what.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.end_to_end.chaos.ledger import UNKNOWN
from tests.rig.parts import free_port

_TASK = re.compile(rb"chaos-[0-9a-f]+-\d+")
CONNECTS_WITHIN_S = 1.0
ANSWERS_WITHIN_S = 30.0

Endpoints = Callable[[], list[tuple[int, str]]]


class LoadBalancer:
    """``ready`` gives the number and the address (host:port) of each pod that may be sent something."""

    def __init__(self, ready: Endpoints) -> None:
        self.took: dict[str, list[int]] = {}  # by task, in order: the pod, or UNKNOWN
        self.passed_over = 0
        self._ready = ready
        self._turn = 0
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Listen on loopback; gives the URL."""
        port = free_port()
        # A line for each request: none is kept open to a pod that is about to end.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=ANSWERS_WITHIN_S, sock_connect=CONNECTS_WITHIN_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as self._session:
            runner = web.ServerRunner(web.Server(self._pass, access_log=None))
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", port).start()
                yield f"http://127.0.0.1:{port}"
            finally:
                await runner.cleanup()

    async def _pass(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        task = _TASK.search(body)
        took = self.took.setdefault(task[0].decode() if task else "", [])
        position = len(took)
        took.append(UNKNOWN)
        endpoints = self._ready()
        self._turn = first = (self._turn + 1) % max(1, len(endpoints))
        for number, address in (*endpoints[first:], *endpoints[:first]):
            took[position] = number
            try:
                return await self._post(f"http://{address}{request.path_qs}", body)
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                self.passed_over += 1
                took[position] = UNKNOWN
            except (aiohttp.ClientError, TimeoutError):
                break
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=502)

    async def _post(self, url: str, body: bytes) -> web.Response:
        if self._session is None:
            raise RuntimeError("the load balancer is not open")
        async with self._session.post(url, data=body) as answer:
            return web.Response(status=answer.status, body=await answer.read())
