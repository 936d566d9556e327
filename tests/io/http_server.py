"""A real ingress on a free port, raw sockets as clients, and a record of the notifications it delivered."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec import Struct, json

from bridge.aio.inline_task import start_inline
from bridge.aio.promise import Promise
from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.http.connection_counts import ConnectionCounts
from bridge.io.http.listening import listen_for_ingress
from bridge.io.http.server import Clock, Ingress, IngressLimits
from bridge.io.http.shared_listener import SharedSockets
from bridge.observability.telemetry import Telemetry
from tests.rig.reset import reset_connection
from tests.rig.waiting import WITHIN_S, eventually

APPS = {
    "default": Application(name="default"),
    "shop": Application(name="shop", token="t0ken"),
    "later": Application(name="later", mode="pull"),
}
PUBLISHED = DeliveryResult(
    outcome=DeliveryOutcome.PUBLISHED,
    event_id="NewFileUpload:1",
    event_type="NewFileUpload",
    topic="vod.NewFileUpload",
)


class RawResponse(Struct):
    """One response as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    @property
    def json_body(self) -> object:
        return json.decode(self.body)


class RawClient:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def send_all(self, data: bytes) -> None:
        """Send at the pace of the other side."""
        for start in range(0, len(data), 50_000):
            self.send(data[start : start + 50_000])
            await self.writer.drain()

    def reset(self) -> None:
        """Be gone with a reset, not with a mere end of what is sent."""
        reset_connection(self.writer.transport)

    async def response(self, *, omit_body: bool = False) -> RawResponse:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), WITHIN_S)
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        body = b""
        if not omit_body and int(first.split()[1]) >= 200:
            body = await asyncio.wait_for(self.reader.readexactly(int(headers["content-length"])), WITHIN_S)
        return RawResponse(int(first.split()[1]), headers, body, head + body)

    async def reads_eof(self) -> bool:
        """Return whether the server closes this connection without another byte."""
        try:
            return await asyncio.wait_for(self.reader.read(1), WITHIN_S) == b""
        except ConnectionError:
            return True


class HeldDelivery:
    """A deliver that tells when it has begun, and ends when it is told to. ``count``: how many have begun."""

    def __init__(self) -> None:
        self.count = 0
        self.started, self.release = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: Notification) -> DeliveryResult:
        """Take one delivery, and keep it."""
        self.count += 1
        self.started.set()
        await self.release.wait()
        return PUBLISHED


class HttpTestServer:
    """An ingress with a delivery of the test's own behind it, and a clock that the test moves."""

    def __init__(self, limits: IngressLimits | None = None) -> None:
        self.notifications: list[Notification] = []
        self.result = PUBLISHED
        self.deliver: Callable[[Notification], Awaitable[DeliveryResult]] = self.record
        self.telemetry = Telemetry()
        self.now_s = 0.0
        clock = Clock(now_ms=lambda: 1_700_000_000_000, monotonic=lambda: self.now_s)
        self.ingress = Ingress(self._deliver, APPS, limits or IngressLimits(), clock, self.telemetry)
        self.port = 0

    def _deliver(self, notification: Notification) -> Promise[DeliveryResult]:
        async def passed_on() -> DeliveryResult:
            return await self.deliver(notification)

        return start_inline(passed_on())

    async def record(self, notification: Notification) -> DeliveryResult:
        self.notifications.append(notification)
        return self.result

    def rejected_count(self, reason: str, app: str | None = None) -> float:
        """Count the refusals of a reason, of all applications or of one; "" is none of ours."""
        name = "vod_bridge_http_requests_rejected_total"
        apps = ("", *APPS) if app is None else (app,)
        counts = (
            self.telemetry.registry.get_sample_value(name, {"reason": reason, "app": one}) for one in apps
        )
        return sum(value or 0 for value in counts)

    def reading_count(self) -> int:
        """Return how many requests have begun to arrive and not ended."""
        return len(self.ingress.connections._reading)  # noqa: SLF001 - seen from outside only once it is too late

    def write_stalled_count(self) -> int:
        """Return how many connections do not read their answers."""
        return len(self.ingress.connections._write_stalled)  # noqa: SLF001 - it is not seen from outside

    async def connect(self) -> RawClient:
        return RawClient(*await asyncio.open_connection("127.0.0.1", self.port))

    async def request(self, data: bytes) -> RawResponse:
        client = await self.connect()
        client.send(data)
        try:
            return await client.response(omit_body=data.startswith(b"HEAD"))
        finally:
            client.writer.close()

    async def post(self, body: bytes, path: str = "/callbacks", **headers: str) -> RawResponse:
        return await self.request(post(body, path, **headers))


def post(body: bytes, path: str = "/callbacks", **headers: str) -> bytes:
    """Write a POST request; header names with ``_`` for ``-``."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def running_server(
    limits: IngressLimits | None = None, tls: ssl.SSLContext | None = None, *, port: int = 0
) -> AsyncIterator[HttpTestServer]:
    """Start an ingress for a test, with TLS if its context is given, on any free port unless one is given."""
    server = HttpTestServer(limits)
    server.port = await server.ingress.start("127.0.0.1", port, tls)
    errors: list[dict[str, object]] = []
    loop, before = asyncio.get_running_loop(), asyncio.get_running_loop().get_exception_handler()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    try:
        yield server
    finally:
        await server.ingress.stop(within_s=0)
        loop.set_exception_handler(before)
    assert not errors


@contextlib.asynccontextmanager
async def running_worker_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpTestServer]:
    """Start the ingress of a worker, on a listening socket that it does not own."""
    server, counts = HttpTestServer(), ConnectionCounts.create(2)
    sockets = await listen_for_ingress("127.0.0.1", 0, 30)
    server.port = sockets[0].getsockname()[1]
    server.ingress.start_shared(SharedSockets([sock.dup() for sock in sockets], counts, 0), tls)
    try:
        yield server
    finally:
        await server.ingress.stop(within_s=0)
        counts.close()
        for sock in sockets:
            sock.close()


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something has come about."""
    await eventually(condition, "it comes about", every_s=0.001)


async def start_many(server: HttpTestServer, number: int, data: bytes) -> list[RawClient]:
    """Let so many clients send the same beginning, and wait until it has come."""
    clients = [await server.connect() for _ in range(number)]
    for client in clients:
        client.send(data)
    await until(lambda: server.reading_count() == number)
    return clients
