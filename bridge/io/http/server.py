"""The HTTP ingress: the server for pushed notifications.

A request passes `connection` (one after the other; a known head from `head_cache`, else `request_reader`
with aiohttp's parser), `handler` (what it means), `body_reader`, `responses`, and `rejection_log` if refused.
`connections` is the registry of all connections; `body_budget` and `read_budget` count the bytes of bodies,
`read_turns` how many large reads one turn of the event loop takes.
"""

import asyncio
import resource
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from ssl import SSLContext
from typing import Any

import structlog
from msgspec import Struct

from bridge.aio.promise import Promise
from bridge.aio.supervisor import supervise
from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryResult
from bridge.io.http.aiohttp_parser import check_version
from bridge.io.http.body_reader import BodyLimits
from bridge.io.http.clock import Clock
from bridge.io.http.connection import Connection
from bridge.io.http.connections import ConnectionRegistry
from bridge.io.http.handler import CallbackHandler
from bridge.io.http.listening import BACKLOG, listen_for_ingress
from bridge.io.http.read_turns import ReadTurns
from bridge.io.http.rejection_log import Network, RejectionLog
from bridge.io.http.request import Request
from bridge.io.http.responses import http_date
from bridge.io.http.routing import CallbackRouter
from bridge.io.http.shared_listener import ConnectionOpener, SharedListener, SharedSockets
from bridge.io.http.tls_listener import TlsListener, TlsOpener
from bridge.observability.telemetry import Telemetry

__all__ = ["Clock", "Ingress", "IngressLimits"]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# Descriptors that are not the ingress's: Kafka, Redis, files, the admin endpoint.
_RESERVED_FDS = 256
_MAINTENANCE_INTERVAL_S = 0.25
# Between one turn that closes slow clients and the next.
_CLOSING_PAUSE_S = 0.002
_CANCEL_TIMEOUT_S = 1.0
_EVICT_INTERVAL_S = 10.0


class IngressLimits(Struct, frozen=True, kw_only=True):
    """The limits of the ingress. ``hold_s`` is how long a body waits for budget before it is deferred.

    ``trusted_proxies`` are the networks whose `X-Forwarded-For` is believed. With ``traced`` trace headers
    of requests are read.
    """

    body_max_bytes: int = 4 * 1024 * 1024
    bodies_max_bytes: int = 128 * 1024 * 1024
    connections_max: int = 16_384
    read_timeout_s: float = 10
    write_timeout_s: float = 30
    hold_s: float = 6
    trusted_proxies: tuple[Network, ...] = ()
    traced: bool = False


class Ingress:
    """The HTTP ingress. ``deliver`` processes one notification; its promise never fails."""

    def __init__(
        self,
        deliver: Callable[[Notification], Promise[DeliveryResult]],
        applications: Mapping[str, Application],
        limits: IngressLimits,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._telemetry = telemetry
        self.monotonic = clock.monotonic
        self.draining = False
        self.closed = False
        self.hold_s = limits.hold_s
        self.connections = self._new_registry(limits.connections_max)
        addresses = CallbackRouter(applications.values())
        self.rejections = RejectionLog(
            telemetry.count_rejected_request,
            addresses,
            limits.trusted_proxies,
            clock.monotonic,
            keep=telemetry.keep_refused,
        )
        self._handler = CallbackHandler(
            deliver,
            addresses,
            clock,
            BodyLimits(limits.body_max_bytes, limits.bodies_max_bytes, limits.hold_s),
            traced=limits.traced,
        )
        self.handle: Callable[[Request, Any], None] = self._handler.handle
        self.head_cache = self._handler.head_cache
        self.head_cache.counts = telemetry.head_cache_counts
        self.read_budget = self._handler.body_budget.reading_small
        self.read_turns = ReadTurns()
        self._servers: list[asyncio.Server | TlsListener | SharedListener] = []
        self._maintenance_task: asyncio.Task[None] | None = None
        self._active_connections = 0
        self._all_finished = asyncio.Event()
        self.date = http_date(clock.now_ms() // 1000)

    def _new_registry(self, max_connections: int) -> ConnectionRegistry:
        return ConnectionRegistry(max_connections, self._limits.read_timeout_s, self._limits.write_timeout_s)

    async def start(self, host: str, port: int, tls: SSLContext | None = None) -> int:
        """Listen on ``host``, empty for all addresses, with TLS where its context is given; gives the port.

        Raises OSError where that is not possible, `UnsupportedAiohttpError` where requests cannot be parsed.
        """
        sockets = await listen_for_ingress(host, port, self._limits.write_timeout_s)
        self._prepare()
        bound_port: int = sockets[0].getsockname()[1]
        new_connection = self._connection_factory()
        loop = asyncio.get_running_loop()
        for sock in sockets:
            self._servers.append(
                await loop.create_server(new_connection, sock=sock, backlog=BACKLOG)
                if tls is None
                else TlsListener(sock, TlsOpener(self, tls, new_connection), self._telemetry)
            )
        return bound_port

    def start_shared(self, shared: SharedSockets, tls: SSLContext | None = None) -> None:
        """Accept from sockets that other processes accept from, too. Raises as `start` does."""
        self._prepare()
        new_connection = self._connection_factory()
        for sock in shared.sockets:
            if tls is None:
                opener = ConnectionOpener(new_connection, self._count_connections)
                self._servers.append(SharedListener(sock, opener.open, opener.count, shared))
            else:
                opened = TlsOpener(self, tls, new_connection).open
                self._servers.append(SharedListener(sock, opened, self._count_connections, shared))

    def _prepare(self) -> None:
        """Raise the limit of descriptors, and begin to look after connections."""
        check_version(asyncio.get_running_loop())
        max_connections = min(self._limits.connections_max, _raise_fd_limit(self._limits.connections_max))
        if max_connections < self._limits.connections_max:
            wanted = self._limits.connections_max
            log.warning("connection_limit_lowered", configured=wanted, allowed=max_connections)
        self.connections = self._new_registry(max_connections)
        self._telemetry.connections.set_function(self._count_connections)
        self._maintenance_task = asyncio.get_running_loop().create_task(
            supervise(self._maintenance_loop, self._telemetry)
        )

    def _connection_factory(self) -> Callable[..., Connection]:
        return partial(Connection, self, asyncio.get_running_loop())

    def _count_connections(self) -> int:
        return len(self.connections)

    def stop_accepting(self) -> None:
        """Accept no more connections; those that are open go on."""
        for server in self._servers:
            server.close()

    def drain(self) -> None:
        """Close each connection with its next response, from now on."""
        self.draining = True

    async def stop(self, within_s: float = 8) -> None:
        """Stop listening, wait for open requests, close every connection after ``within_s`` at the latest."""
        self.draining = True
        self.stop_accepting()
        self.closed = True  # for who was accepted before that, and has not begun
        self.connections.close_idle()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._active_connections:
                    self._all_finished.clear()
                    await self._all_finished.wait()
        for connection in self.connections:
            connection.abort("shutdown")
        if self._maintenance_task is not None:
            self._maintenance_task.cancel()
            await asyncio.wait((self._maintenance_task,), timeout=_CANCEL_TIMEOUT_S)

    def on_internal_error(self, error: BaseException) -> None:
        """Take note of a bug."""
        log.error("internal_error", exc_info=error)
        self._telemetry.internal_errors.inc()

    def connection_opened(self) -> None:
        """Take note of a connection that requests may come from."""
        self._active_connections += 1

    def connection_finished(self) -> None:
        """Take note that all of its requests are answered, and that no more are taken."""
        self._active_connections -= 1
        if not self._active_connections:
            self._all_finished.set()

    async def _maintenance_loop(self) -> None:
        forget_at_s = self._clock.monotonic() + _EVICT_INTERVAL_S
        while True:
            await asyncio.sleep(_MAINTENANCE_INTERVAL_S)
            now_s = self._clock.monotonic()
            self.date = http_date(self._clock.now_ms() // 1000)
            while self.connections.close_slow(now_s):  # noqa: ASYNC110 - others have their turns
                await asyncio.sleep(_CLOSING_PAUSE_S)
            self._handler.body_budget.check_rates()
            self.rejections.log_suppressed()
            if now_s >= forget_at_s:
                self.head_cache.evict_unused()
                forget_at_s = now_s + _EVICT_INTERVAL_S


def _raise_fd_limit(wanted: int) -> int:
    """Raise the limit of open files as far as wanted and allowed. Returns how many connections it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = wanted + _RESERVED_FDS
    if hard != resource.RLIM_INFINITY:
        aim = min(aim, hard)
    if soft != resource.RLIM_INFINITY and soft < aim:
        resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
        soft = aim
    return wanted if soft == resource.RLIM_INFINITY else max(1, soft - _RESERVED_FDS)
