"""Who does not read its answers is not read either, pins little, and is closed in time."""

import asyncio
import socket

import pytest

from bridge.core.event import Notification
from bridge.core.outcome import DeliveryResult
from bridge.io.http.server import IngressLimits
from tests.io.http_server import HttpTestServer, post, running_server, until
from tests.rig.waiting import POLL_S

RUNS_ON_BOTH_LOOPS = True  # transports differ, and the program runs on uvloop's
KIB = 1024
REFUSALS = 25
REFUSED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def connect_without_reading(port: int) -> socket.socket:
    """Connect with small buffers of its own, so that what waits, waits with the other side."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * KIB)
    sock.connect(("127.0.0.1", port))
    sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return sock


async def send_until_blocked(sock: socket.socket, data: bytes) -> int:
    """Send until nothing more is taken while the server has many turns; give how many bytes were."""
    sent, refused, rest = 0, 0, data
    while refused < REFUSALS:
        try:
            taken = sock.send(rest)
        except BlockingIOError:
            refused += 1
            await asyncio.sleep(POLL_S)
        except ConnectionError:
            break
        else:
            sent, refused, rest = sent + taken, 0, rest[taken:] or data
    return sent


async def test_who_never_reads_is_closed_after_the_write_timeout() -> None:
    async with running_server() as server:
        sock = connect_without_reading(server.port)
        assert await send_until_blocked(sock, REFUSED * 100) < 600 * KIB
        await until(lambda: server.write_stalled_count() == 1)
        (connection,) = server.ingress.connections
        server.now_s = 29.0
        assert len(server.ingress.connections) == 1
        server.now_s = 30.5
        await until(lambda: len(server.ingress.connections) == 0)
        assert server.rejected_count("write_timeout") == 1
        del connection
        sock.close()


async def test_who_reads_again_is_read_again_and_gets_every_answer() -> None:
    async with running_server() as server:
        client = await server.connect()
        flood = asyncio.create_task(client.send_all(post(b"{}") * 20_000))
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport that reads
        await until(lambda: server.write_stalled_count() == 1)
        server.now_s = 20.0
        client.writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        for _ in range(20_000):
            assert (await client.response()).status == 200
        await flood
        assert server.write_stalled_count() == 0
        server.now_s = 45.0
        client.send(post(b"{}"))
        assert (await client.response()).status == 200


async def test_what_is_pipelined_behind_a_request_is_bounded() -> None:
    async with running_server() as server:
        hold = asyncio.Event()

        async def deliver(notification: Notification) -> DeliveryResult:
            await hold.wait()
            return await server.record(notification)

        server.deliver = deliver
        sock = connect_without_reading(server.port)
        body = post(b"x" * (32 * KIB - 200))
        assert await send_until_blocked(sock, body) < 400 * KIB
        (connection,) = server.ingress.connections
        queued = connection._reader.queued_bytes  # type: ignore[attr-defined] # noqa: SLF001 - it is not seen from outside
        read_budget = server.ingress._handler.body_budget.reading_small  # noqa: SLF001 - as above
        # A read takes all that the kernel has: twice the window, where we stood still while that came.
        assert 0 < queued == read_budget._shared_bytes <= 160 * KIB  # noqa: SLF001 - as above
        hold.set()
        await until(lambda: len(server.notifications) > 1)
        sock.close()
        await until(lambda: len(server.ingress.connections) == 0)
        await until(lambda: read_budget._shared_bytes == 0)  # noqa: SLF001 - as above


async def test_what_the_kernel_may_keep_of_answers_is_bounded_from_the_start() -> None:
    async with running_server(IngressLimits(write_timeout_s=7)) as server:
        client = await server.connect()
        client.send(post(b"{}"))
        await client.response()
        (connection,) = server.ingress.connections
        sock = connection.client._transport.get_extra_info("socket")  # type: ignore[attr-defined] # noqa: SLF001 - as above
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 64 * KIB
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7_000


@pytest.mark.parametrize(
    "closing",
    [
        b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        post(b"{}").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
    ],
)
async def test_a_connection_ends_without_an_error_behind_an_answer_that_is_given_at_once(
    server: HttpTestServer, closing: bytes
) -> None:
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    client = await server.connect()
    client.send(closing)
    assert (await client.response()).headers["connection"] == "close"
    assert await client.reads_eof()
    assert not errors
