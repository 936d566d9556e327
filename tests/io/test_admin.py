"""The operators' door: what it tells, and when it says that the bridge may be taken out."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from aiohttp import ClientSession

from bridge.io.admin import Admin, Readiness
from bridge.io.admin.connections import bind_all
from bridge.observability.telemetry import Telemetry
from tests.rig.waiting import WITHIN_S, eventually


class AdminServer:
    """An admin door on a free port, and the readiness that it is told."""

    def __init__(self) -> None:
        self.readiness = Readiness(ready=False)
        self.admin = Admin(lambda: self.readiness, Telemetry().render)
        self.port = 0

    async def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        async with (
            ClientSession() as session,
            session.request(method, f"http://127.0.0.1:{self.port}{path}") as response,
        ):
            return response.status, await response.text()


@pytest.fixture
async def admin_server() -> AsyncIterator[AdminServer]:
    server = AdminServer()
    server.port = await server.admin.start("127.0.0.1", 0)
    yield server
    await server.admin.stop()


async def test_the_process_is_alive_whatever_it_lacks(admin_server: AdminServer) -> None:
    assert await admin_server.get("/livez") == (200, '{"status":"alive","degraded":[]}')


async def test_a_bridge_that_never_was_ready_is_not_put_into_the_load_balancer(
    admin_server: AdminServer,
) -> None:
    admin_server.readiness = Readiness(ready=False, degraded=["kafka"])
    assert await admin_server.get("/readyz") == (503, '{"status":"starting","degraded":["kafka"]}')


async def test_once_ready_it_stays_ready_however_degraded(admin_server: AdminServer) -> None:
    admin_server.readiness = Readiness(ready=True)
    assert await admin_server.get("/readyz") == (200, '{"status":"ready","degraded":[]}')
    admin_server.readiness = Readiness(ready=False, degraded=["kafka"])
    assert await admin_server.get("/readyz") == (200, '{"status":"degraded","degraded":["kafka"]}')


async def test_a_stopping_bridge_is_not_ready(admin_server: AdminServer) -> None:
    admin_server.readiness = Readiness(ready=True)
    await admin_server.get("/readyz")
    admin_server.readiness = Readiness(ready=True, stopping=True)
    assert (await admin_server.get("/readyz"))[0] == 503


async def test_the_metrics_are_rendered(admin_server: AdminServer) -> None:
    status, text = await admin_server.get("/metrics")
    assert status == 200
    assert "vod_bridge_deliveries_held" in text


async def test_other_pages_and_methods_are_refused(admin_server: AdminServer) -> None:
    assert (await admin_server.get("/callbacks"))[0] == 404
    assert (await admin_server.get("/livez", "POST"))[0] == 405
    assert (await admin_server.get("/readyz", "HEAD"))[0] == 503


async def test_a_connect_without_a_target_is_answered(limited: "LimitedAdminServer") -> None:
    assert (await limited.request(b"CONNECT \r\nHost: a\r\n\r\n")).startswith(b"HTTP/0.9 404 ")


class ManualClock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class LimitedAdminServer(AdminServer):
    """An admin endpoint whose clock is the test's, and whose metrics say how often they were rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.render_count = 0
        self.admin = Admin(
            lambda: self.readiness, self._render, allowed_hosts=["ops.example"], monotonic=self.clock
        )

    def _render(self) -> bytes:
        self.render_count += 1
        return b"# %d\n" % self.render_count

    async def open(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        return reader, writer

    async def request(self, request: bytes) -> bytes:
        reader, writer = await self.open(request)
        try:
            async with asyncio.timeout(WITHIN_S):
                return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def limited() -> AsyncIterator[LimitedAdminServer]:
    server = LimitedAdminServer()
    server.port = await server.admin.start("127.0.0.1", 0)
    yield server
    await server.admin.stop()


def _open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - as many as the kernel counts


async def test_two_hundred_half_sent_requests_keep_no_probe_out_and_take_few_descriptors(
    limited: LimitedAdminServer,
) -> None:
    before = _open_fds()
    connections = [await limited.open(b"GET /livez HTTP/1.1\r\nHost: a\r\n") for _ in range(200)]
    assert (await limited.get("/livez"))[0] == 200
    ends = [asyncio.create_task(reader.read()) for reader, _ in connections]
    await eventually(lambda: sum(end.done() for end in ends) >= 130, "the oldest are closed")
    ours = 200  # the test's own ends
    assert _open_fds() - before - ours <= 8
    for _, writer in connections:
        writer.close()
    await asyncio.gather(*ends, return_exceptions=True)


async def test_a_request_that_takes_over_five_seconds_gets_a_408(limited: LimitedAdminServer) -> None:
    half, _half_writer = await limited.open(b"GET /livez HTTP/1.1\r\n")
    silent, _silent_writer = await limited.open()
    assert (await limited.get("/livez"))[0] == 200  # both are accepted by now
    limited.clock.now_s += 4.9
    assert (await limited.get("/livez"))[0] == 200
    assert not half.at_eof()
    limited.clock.now_s += 0.2
    assert (await half.read()).startswith(b"HTTP/1.1 408 ")
    assert await silent.read() == b""


async def test_an_idle_connection_is_closed_for_a_new_one_and_a_busy_one_is_not(
    limited: LimitedAdminServer,
) -> None:
    idle, idle_writer = await limited.open(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await idle.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
    connections = [await limited.open(b"GET /livez HTTP/1.1\r\n") for _ in range(64)]
    await idle.read()
    assert not any(reader.at_eof() for reader, _ in connections)
    for writer in (idle_writer, *(writer for _, writer in connections)):
        writer.close()


async def test_metrics_are_rendered_once_a_second_for_everybody(limited: LimitedAdminServer) -> None:
    for _ in range(5):
        assert await limited.get("/metrics") == (200, "# 1\n")
    limited.clock.now_s += 1
    assert await limited.get("/metrics") == (200, "# 2\n")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03evil\r\n\r\n",
        b"GET /evil\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /livez HTTP/9.9 evil\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nevil : x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: evil\r\n\r\n",
        b"GET /" + b"evil" * 5000 + b" HTTP/1.1\r\n\r\n",
        b"evil\r\n\r\n",
    ],
)
async def test_garbage_gets_a_short_answer_that_repeats_nothing_and_names_no_library(
    limited: LimitedAdminServer, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await limited.request(garbage)
    assert b" 400 " in answer[:13]
    for hidden in (b"evil", b"aiohttp", b"Python", b"Traceback", b"Error"):
        assert hidden not in answer
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


@pytest.mark.parametrize("path", ["/livez", "/nothing"])
async def test_no_answer_names_the_library(limited: LimitedAdminServer, path: str) -> None:
    answer = await limited.request(b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode())
    assert b"aiohttp" not in answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 421),
        ("127.0.0.1.evil.example:9090", 421),
        ("", 421),
        ("127.0.0.1:9090", 404),
        ("[::1]:9090", 404),
        ("localhost", 404),
        ("bridge.vod.svc.cluster.local:9090", 404),
        ("OPS.example:9090", 404),
    ],
)
async def test_pages_are_not_for_an_unknown_host_name(
    limited: LimitedAdminServer, host: str, status: int
) -> None:
    request = "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n"
    assert f" {status} ".encode() in (await limited.request(request.format("/", host).encode()))[:16]
    for path in ("/livez", "/metrics"):
        assert b" 200 " in (await limited.request(request.format(path, host).encode()))[:16]


async def test_a_page_that_fails_is_an_answer_without_a_traceback() -> None:
    def broken() -> bytes:
        raise RuntimeError("secret of the page")

    admin = Admin(lambda: Readiness(ready=True), broken)
    port = await admin.start("127.0.0.1", 0)
    try:
        async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
            assert response.status == 500
            assert "secret" not in await response.text()
    finally:
        await admin.stop()


async def test_who_does_not_take_its_answer_is_cut() -> None:
    clock = ManualClock()
    admin = Admin(lambda: Readiness(ready=True), lambda: b"#" * 32_000_000, monotonic=clock)
    port = await admin.start("127.0.0.1", 0)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await reader.readexactly(8) == b"HTTP/1.1"
        clock.now_s += 6

        taken = 0

        async def has_ended() -> bool:
            nonlocal taken
            with suppress(ConnectionResetError):
                taken += len(piece := await reader.read(100_000))
                return not piece
            return True

        await eventually(has_ended, "the connection is cut")
        assert taken < 32_000_000
        writer.close()
    finally:
        await admin.stop()


async def test_it_listens_on_every_address_of_a_name() -> None:
    sockets = bind_all("", 0)
    families = {one.family for one in sockets}
    ports = {one.getsockname()[1] for one in sockets}
    for one in sockets:
        one.close()
    assert socket.AF_INET in families
    assert len(ports) == 1


async def test_a_taken_port_is_an_error_and_leaves_nothing_open() -> None:
    (first,) = bind_all("127.0.0.1", 0)
    first.listen()
    with pytest.raises(OSError, match="in use"):
        bind_all("127.0.0.1", first.getsockname()[1])
    first.close()
