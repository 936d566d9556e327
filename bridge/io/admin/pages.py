"""The pages of the admin endpoint: probes, metrics, and rejections. The rest is the site's: the console."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Protocol

import structlog
from aiohttp import web
from msgspec import Struct, json
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bridge.core.printable import json_escaped
from bridge.io.admin.aiohttp_server import SERVER_NAME, HttpServer
from bridge.io.admin.connections import (
    AdminConnection,
    AdminConnections,
    ConnectionState,
    RateLimiter,
    bind_all,
)
from bridge.io.admin.hosts import is_allowed

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_METRICS_CACHE_S = 1.0
# Rendering and answering: about 3 % of a loop at most, whoever asks in a loop of its own.
_RESPONSE_INTERVAL_S = 0.01
_RESPONSE_BURST = 30
_STOP_TIMEOUT_S = 1.0
_NO_SUCH_PAGE = "no such page; /livez, /readyz and /metrics are here"  # with a site it is the site's


class Readiness(Struct, frozen=True, kw_only=True):
    """How the bridge is: whether it can take deliveries now, whether it is stopping, what it does without."""

    ready: bool
    stopping: bool = False
    degraded: list[str] = []


OpenStream = Callable[[], AbstractContextManager[bool]]
"""Lets a response take its time while the context is open; it is False where too many do so now."""


class Site(Protocol):
    """What else is served here, to browsers that call it by an allowed name."""

    async def respond(self, request: web.BaseRequest, open_stream: OpenStream) -> web.StreamResponse:
        """Return the response: not prepared yet, or streamed to its end. Must not raise."""


class Admin:
    """The admin endpoint. ``exposition`` gives the metrics as Prometheus reads them; ``site`` has the rest.

    ``allowed_hosts`` are further names by which a browser may ask for pages. Probes and metrics may be asked
    for by any name: kubelet and Prometheus use a pod's address, or what their configuration says.
    """

    def __init__(
        self,
        readiness: Callable[[], Readiness],
        render_metrics: Callable[[], bytes | Awaitable[bytes]],
        *,
        allowed_hosts: Collection[str] = (),
        site: Site | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._readiness = readiness
        self._render_metrics = render_metrics
        self._allowed_hosts = frozenset(name.lower() for name in allowed_hosts)
        self._site = site
        self._monotonic = monotonic
        self._was_ready = False
        self._metrics_body = b""
        self._metrics_at_s = -_METRICS_CACHE_S
        self._limiter = RateLimiter(interval_s=_RESPONSE_INTERVAL_S, burst=_RESPONSE_BURST)
        self._rendering = asyncio.Lock()
        self._routes: dict[str, Callable[[], web.Response]] = {
            "/livez": lambda: _json_response(200, "alive", []),
            "/readyz": self._readyz,
            "/metrics": lambda: web.Response(
                body=self._metrics_body, headers={"Content-Type": CONTENT_TYPE_LATEST}
            ),
        }
        self._http: HttpServer | None = None
        self._connections: AdminConnections | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises OSError where it is taken."""
        sockets = bind_all(host, port)
        self._http = HttpServer(self._handle)
        self._connections = AdminConnections(self._http.make_protocol, self._monotonic)
        self._connections.start(sockets)
        number: int = sockets[0].getsockname()[1]
        return number

    async def stop(self) -> None:
        """Stop listening, and end what is under way within a second."""
        if self._connections is None or self._http is None:
            return
        self._connections.stop_accepting()
        await self._http.stop(_STOP_TIMEOUT_S)
        self._connections.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = None if self._connections is None else self._connections.find(request.protocol)
        if connection:
            connection.enter(ConnectionState.RESPONDING)
        try:
            if wait_s := self._limiter.reserve_wait_s(asyncio.get_running_loop().time()):
                await asyncio.sleep(wait_s)
            response = await self._respond(request, connection)
            if not response.prepared:
                response.headers["Server"] = SERVER_NAME
                await response.prepare(request)
            await response.write_eof()
            return response
        finally:
            if connection:
                connection.enter(ConnectionState.IDLE)

    async def _respond(
        self, request: web.BaseRequest, connection: AdminConnection | None
    ) -> web.StreamResponse:
        try:
            if self._site is not None and request.path not in self._routes and self._is_allowed(request):
                return await self._site.respond(request, partial(self._streaming, connection))
            if request.path == "/metrics":
                async with self._rendering:
                    await self._update_metrics()
            return self._route(request)
        except Exception:  # a page's bug must not look like a dead process
            log.exception("internal_error", page=request.path)
            return _json_response(500, "failed", [])

    def _streaming(self, connection: AdminConnection | None) -> AbstractContextManager[bool]:
        if self._connections is None:
            return nullcontext(enter_result=False)
        return self._connections.streaming(connection)

    def _is_allowed(self, request: web.BaseRequest) -> bool:
        return is_allowed(request.headers.get("Host", ""), self._allowed_hosts)

    def _route(self, request: web.BaseRequest) -> web.Response:
        endpoint = self._routes.get(request.path)
        if endpoint is None:
            if not self._is_allowed(request):
                return _json_response(
                    421, "not served by this name; BRIDGE_ADMIN__ALLOWED_HOSTS adds names", []
                )
            return _json_response(404, _NO_SUCH_PAGE, [])
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        return endpoint()

    async def _update_metrics(self) -> None:
        # Rendering takes some 3 ms of the event loop: once a second, whoever asks how often.
        if self._monotonic() - self._metrics_at_s >= _METRICS_CACHE_S:
            rendered = self._render_metrics()
            self._metrics_body = rendered if isinstance(rendered, bytes) else await rendered
            self._metrics_at_s = self._monotonic()

    def _readyz(self) -> web.Response:
        now = self._readiness()
        # An ingress taken out of the load balancer answers 502 at once, and to the vendor that is a yes: once
        # ready, the bridge stays in it until it stops, however ill it is.
        self._was_ready = self._was_ready or now.ready
        if now.stopping:
            return _json_response(503, "stopping", now.degraded)
        if not self._was_ready:
            return _json_response(503, "starting", now.degraded)
        return _json_response(200, "degraded" if now.degraded or not now.ready else "ready", now.degraded)


def _json_response(code: int, status: str, degraded: list[str]) -> web.Response:
    return web.Response(
        status=code,
        text=json_escaped(json.encode({"status": status, "degraded": degraded}).decode()),
        content_type="application/json",
    )
