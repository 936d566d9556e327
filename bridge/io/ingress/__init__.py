"""Takes what is pushed to us: the HTTP door.

The order of a request's way: `receiving` cuts bytes into `requests`, `connection` turns to one after the
other, `intake` says what one means, `reading` takes its body, `answers` writes what is told of it, `refusals`
logs what is refused. `crowd` knows who is connected, `budget` and `arrivals` how many bytes are here.
"""

import asyncio
import resource
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from ssl import SSLContext

import structlog
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from msgspec import Struct

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from bridge.io.ingress import window
from bridge.io.ingress.addresses import Addresses
from bridge.io.ingress.answers import date_of
from bridge.io.ingress.clock import Clock
from bridge.io.ingress.connection import Connection
from bridge.io.ingress.crowd import Crowd, Guest
from bridge.io.ingress.handshake import TlsListener
from bridge.io.ingress.intake import Intake
from bridge.io.ingress.reading import Sizes
from bridge.io.ingress.refusals import Network, Refusals
from bridge.io.listening import listen
from bridge.telemetry import Telemetry
from bridge.telling import Told
from bridge.tending import tended

__all__ = ["Clock", "Ingress", "Limits"]

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_BACKLOG = 4096
# Descriptors that are not the door's: Kafka, Redis, files, the operators' door.
_DESCRIPTORS_BESIDE = 256
_WATCH_EVERY_S = 0.25
_CANCELLED_S = 1.0
_FORGET_EVERY_S = 10.0
_PARSER_MEANING = (
    "aiohttp is installed without its C extension (no wheel for this platform, or AIOHTTP_NO_EXTENSIONS is"
    " set): requests are read by its Python parser, which is slower and less strict; install a wheel of it"
)


class Limits(Struct, frozen=True, kw_only=True):
    """What the door takes at most. ``hold_s`` is how long a delivery waits for room before it is put off.

    ``trusted_proxies`` are the networks whose `X-Forwarded-For` is believed. With ``traced`` it takes what a
    request says of its trace as well.
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
    """The door. ``deliver`` takes one notification and tells how it ended; it never raises."""

    def __init__(
        self,
        deliver: Callable[[Notification], Told[Outcome]],
        applications: Mapping[str, Application],
        limits: Limits,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._telemetry = telemetry
        self.monotonic = clock.monotonic
        self.draining = False
        self.shut = False
        self.hold_s = limits.hold_s
        self.crowd = self._crowd_of(limits.connections_max)
        addresses = Addresses(applications.values())
        self.refusals = Refusals(telemetry.refused, addresses, limits.trusted_proxies, clock.monotonic)
        self._intake = Intake(
            deliver,
            addresses,
            clock,
            Sizes(limits.body_max_bytes, limits.bodies_max_bytes, limits.hold_s),
            traced=limits.traced,
        )
        self._servers: list[asyncio.Server | TlsListener] = []
        self._watch: asyncio.Task[None] | None = None
        self._serving: set[Guest] = set()
        self._quiet = asyncio.Event()
        self._date = (0, b"")

    def _crowd_of(self, most: int) -> Crowd:
        return Crowd(most, self._limits.read_timeout_s, self._limits.write_timeout_s)

    async def start(self, host: str, port: int, tls: SSLContext | None = None) -> int:
        """Listen on ``host``, empty for all addresses, with TLS where its context is given; gives the port.

        Raises OSError where that is not possible.
        """
        loop = asyncio.get_running_loop()
        most = min(self._limits.connections_max, _descriptors(self._limits.connections_max))
        if most < self._limits.connections_max:
            log.warning("connections_capped", wanted=self._limits.connections_max, allowed=most)
        self.crowd = self._crowd_of(most)
        self._telemetry.connections.set_function(lambda: len(self.crowd))
        connect = partial(Connection, self, self._intake, loop)
        options = window.inherited(self._limits.write_timeout_s)
        sockets = await listen(host, port, backlog=_BACKLOG, options=options)
        bound: int = sockets[0].getsockname()[1]
        for sock in sockets:
            self._servers.append(
                await loop.create_server(connect, sock=sock, backlog=_BACKLOG)
                if tls is None
                else TlsListener(self, sock, tls, connect, self._telemetry)
            )
        if HttpRequestParser is HttpRequestParserPy:
            log.warning("http_parser_slow", meaning=_PARSER_MEANING)
        self._watch = loop.create_task(tended(self._look_after, self._telemetry))
        return bound

    def drain(self) -> None:
        """From now on every answer closes its connection."""
        self.draining = True

    async def stop(self, within_s: float = 8) -> None:
        """Close the door, end what is under way, and leave nothing open after ``within_s``."""
        self.draining = True
        for server in self._servers:
            server.close()
        self.shut = True  # for who was accepted before that, and has not begun
        self.crowd.cut_idle()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._serving:
                    self._quiet.clear()
                    await self._quiet.wait()
        for guest in self.crowd:
            guest.cut("stopped")
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait((self._watch,), timeout=_CANCELLED_S)

    def date(self) -> bytes:
        """Tell the time as a Date header has it."""
        now = self._clock.now_ms() // 1000
        if self._date[0] != now:
            self._date = (now, date_of(now))
        return self._date[1]

    def broken(self, error: BaseException) -> None:
        """Take note of a bug."""
        log.error("internal", exc_info=error)
        self._telemetry.internal_errors.inc()

    def serve(self, guest: Guest) -> None:
        """Take note of a connection that requests may come from."""
        self._serving.add(guest)

    def ended(self, guest: Guest) -> None:
        """Take note that all of them are answered, and that no more are taken."""
        self._serving.discard(guest)
        if not self._serving:
            self._quiet.set()

    async def _look_after(self) -> None:
        forget_at_s = self._clock.monotonic() + _FORGET_EVERY_S
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            now_s = self._clock.monotonic()
            self.crowd.cut_slow(now_s)
            self._intake.budgets.check_rates()
            self.refusals.tell_left_out()
            if now_s >= forget_at_s:
                self._intake.heads.forget_unused()
                forget_at_s = now_s + _FORGET_EVERY_S


def _descriptors(wanted: int) -> int:
    """Raise the limit of open files as far as wanted and allowed; tell how many connections it bears."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    aim = wanted + _DESCRIPTORS_BESIDE
    if hard != resource.RLIM_INFINITY:
        aim = min(aim, hard)
    if soft != resource.RLIM_INFINITY and soft < aim:
        resource.setrlimit(resource.RLIMIT_NOFILE, (aim, hard))
        soft = aim
    return wanted if soft == resource.RLIM_INFINITY else max(1, soft - _DESCRIPTORS_BESIDE)
