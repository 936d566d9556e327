"""Answers the operators: /livez, /readyz, /metrics. Nothing of the vendor's passes here."""

import asyncio
from collections.abc import Callable

from aiohttp import web
from msgspec import Struct, json
from prometheus_client.exposition import CONTENT_TYPE_LATEST


class Readiness(Struct, frozen=True, kw_only=True):
    """How the bridge is: whether it can take deliveries now, whether it is stopping, what it does without."""

    ready: bool
    stopping: bool = False
    degraded: list[str] = []


class Admin:
    """The operators' door. ``exposition`` gives the metrics as Prometheus reads them."""

    def __init__(self, readiness: Callable[[], Readiness], exposition: Callable[[], bytes]) -> None:
        self._readiness = readiness
        self._was_ready = False
        self._pages: dict[str, Callable[[], web.Response]] = {
            "/livez": lambda: _told(200, "alive", []),
            "/readyz": self._ready,
            "/metrics": lambda: web.Response(
                body=exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST}
            ),
        }
        self._server: asyncio.Server | None = None
        self._web: web.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Open the door; returns the port that is listened on."""
        self._web = web.Server(self._answer, access_log=None)
        self._server = await asyncio.get_running_loop().create_server(self._web, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Close the door."""
        if self._server is not None:
            self._server.close()
        if self._web is not None:
            await self._web.shutdown(timeout=1)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        page = self._pages.get(request.path)
        if page is None:
            return _told(404, "no such page; /livez, /readyz and /metrics are here", [])
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        return page()

    def _ready(self) -> web.Response:
        now = self._readiness()
        # A door taken out of the load balancer answers 502 at once, and to the vendor that is a yes: once
        # ready, the bridge stays in it until it stops, however ill it is.
        self._was_ready = self._was_ready or now.ready
        if now.stopping:
            return _told(503, "stopping", now.degraded)
        if not self._was_ready:
            return _told(503, "starting", now.degraded)
        return _told(200, "degraded" if now.degraded or not now.ready else "ready", now.degraded)


def _told(status: int, word: str, degraded: list[str]) -> web.Response:
    return web.Response(
        status=status,
        body=json.encode({"status": word, "degraded": degraded}),
        content_type="application/json",
    )
