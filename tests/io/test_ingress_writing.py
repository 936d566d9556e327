"""Who does not read its answers is not read either, pins little, and is closed in time."""

import asyncio
import socket
from contextlib import suppress

import pytest
import uvloop

from bridge.core.event import Notification
from bridge.core.outcome import Outcome
from bridge.io.ingress import Limits
from tests.io.doors import Door, opened, post, until

KIB = 1024
REFUSED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(params=["asyncio", "uvloop"], scope="module")
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    """Give both loops: transports differ, and the program runs on the second."""
    return asyncio.DefaultEventLoopPolicy() if request.param == "asyncio" else uvloop.EventLoopPolicy()


def deaf_client(port: int) -> socket.socket:
    """Connect with small buffers of its own, so that what waits, waits with the other side."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * KIB)
    sock.connect(("127.0.0.1", port))
    sock.setblocking(False)  # noqa: FBT003 - the socket's own signature
    return sock


async def taken_from(sock: socket.socket, data: bytes) -> int:
    """Send until nothing more is taken for a while; give how many bytes were."""
    loop, sent = asyncio.get_running_loop(), 0
    with suppress(TimeoutError, ConnectionError):
        while True:
            async with asyncio.timeout(0.5):
                await loop.sock_sendall(sock, data)
            sent += len(data)
    return sent


def stalled(door: Door) -> int:
    """Tell how many connections do not read their answers."""
    return len(door.ingress.crowd._not_reading)  # noqa: SLF001 - it is not seen from outside


async def test_who_never_reads_is_closed_after_the_write_timeout() -> None:
    async with opened() as door:
        sock = deaf_client(door.port)
        assert await taken_from(sock, REFUSED * 100) < 600 * KIB
        await until(lambda: stalled(door) == 1)
        (connection,) = door.ingress.crowd
        door.seconds = 29.0
        assert len(door.ingress.crowd) == 1
        door.seconds = 30.5
        await until(lambda: len(door.ingress.crowd) == 0)
        assert door.refused("not_read") == 1
        del connection
        sock.close()


async def test_who_reads_again_is_read_again_and_gets_every_answer() -> None:
    async with opened() as door:
        client = await door.knock()
        flood = asyncio.create_task(client.send_all(post(b"{}") * 20_000))
        client.writer.transport.pause_reading()  # type: ignore[attr-defined] # a transport that reads
        await until(lambda: stalled(door) == 1)
        door.seconds = 20.0
        client.writer.transport.resume_reading()  # type: ignore[attr-defined] # as above
        for _ in range(20_000):
            assert (await client.response()).status == 200
        await flood
        assert stalled(door) == 0
        door.seconds = 45.0
        client.send(post(b"{}"))
        assert (await client.response()).status == 200


async def test_what_stands_behind_a_request_in_work_is_bounded() -> None:
    async with opened() as door:
        hold = asyncio.Event()

        async def deliver(notification: Notification) -> Outcome:
            await hold.wait()
            return await door.keep(notification)

        door.deliver = deliver
        sock = deaf_client(door.port)
        body = post(b"x" * (32 * KIB - 200))
        assert await taken_from(sock, body) < 400 * KIB
        (connection,) = door.ingress.crowd
        queued = connection._queued_bytes  # type: ignore[attr-defined] # noqa: SLF001 - it is not seen from outside
        arrivals = door.ingress._intake.budgets.arriving_small  # noqa: SLF001 - as above
        assert 0 < queued == arrivals._shared_bytes <= 100 * KIB  # noqa: SLF001 - as above
        hold.set()
        await until(lambda: len(door.taken) > 1)
        sock.close()
        await until(lambda: len(door.ingress.crowd) == 0)
        await until(lambda: arrivals._shared_bytes == 0)  # noqa: SLF001 - as above


async def test_what_the_kernel_may_keep_of_answers_is_bounded_from_the_start() -> None:
    async with opened(Limits(write_timeout_s=7)) as door:
        client = await door.knock()
        client.send(post(b"{}"))
        await client.response()
        (connection,) = door.ingress.crowd
        sock = connection.transport.get_extra_info("socket")  # type: ignore[attr-defined] # a connection of ours
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 64 * KIB
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7_000
