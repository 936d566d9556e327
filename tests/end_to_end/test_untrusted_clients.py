"""The real program beside strangers: who promises and does not send, who speaks without TLS, a crash."""

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median

import aiohttp
import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, new_task
from tests.end_to_end.senders import ANSWERED_WITHIN_S
from tests.rig.certificates import Authority
from tests.rig.program import Program
from tests.rig.waiting import eventually

KIB = 1024
HEAD = b"POST /callbacks HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
# What is sent at once, and what each second: promises of both sizes, and a byte a second.
HOSTILE_CONNECTIONS = [
    (8, HEAD % (4096 * KIB), b""),
    (520, HEAD % (64 * KIB), b""),
    (500, HEAD % (64 * KIB) + b"x", b"x"),
]
HONEST_WITHIN_S = 3.0  # most of them; a busy machine may delay a few


async def hold_connection(program: Program, opening: bytes, each_second: bytes) -> None:
    """Be one of many clients, until this is cancelled."""
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", program.port)
        writer.write(opening)
        while not reader.at_eof():
            try:
                await asyncio.wait_for(reader.read(1), 1)
            except TimeoutError:
                writer.write(each_second)
        writer.close()


async def test_many_connections_that_promise_bodies_keep_no_honest_event_out(
    environment: Environment,
) -> None:
    async with running(environment) as program, AsyncExitStack() as stack:
        for number, opening, each_second in HOSTILE_CONNECTIONS:
            for _ in range(number):
                task = asyncio.create_task(hold_connection(program, opening, each_second))
                stack.callback(task.cancel)
        expected = sum(number for number, _, _ in HOSTILE_CONNECTIONS)
        await eventually(lambda: _connected(program, expected), "they are connected")
        took: list[float] = []
        for size in (300, 100 * KIB) * 5:
            body = edited(new_task())
            body += b" " * (size - len(body))
            began = time.monotonic()
            answer = await asyncio.wait_for(program.post(body), ANSWERED_WITHIN_S)
            took.append(time.monotonic() - began)
            assert answer.status in (200, 202)
        assert median(took) < HONEST_WITHIN_S


async def _connected(program: Program, number: int) -> bool:
    return await program.metric("vod_bridge_http_connections") >= number


async def test_a_crash_leaves_no_core_file(environment: Environment) -> None:
    async with running(environment) as program:
        limits = await asyncio.to_thread(Path(f"/proc/{program.process.pid}/limits").read_text)
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4] == "0"


async def test_reading_requests_in_python_is_warned_of(environment: Environment) -> None:
    async with running(environment, {"AIOHTTP_NO_EXTENSIONS": "1"}) as program:
        assert (await program.post(edited(new_task()))).status == 200
        (line,) = [line for line in program.log_lines() if line["event"] == "http_parser_slow"]
    assert "AIOHTTP_NO_EXTENSIONS" in line["note"]


@pytest.fixture
def authority() -> Iterator[Authority]:
    """Give an authority."""
    one = Authority()
    yield one
    one.remove()


async def test_it_requires_tls_and_explains_that_to_plain_clients(
    environment: Environment, authority: Authority
) -> None:
    pair = authority.sign("server")
    settings = {
        "BRIDGE_HTTP__TLS_CERTFILE": str(pair.cert),
        "BRIDGE_HTTP__TLS_KEYFILE": str(pair.key),
        "BRIDGE_HTTP__HOST": "",
    }
    context = ssl.create_default_context(cafile=str(authority.ca))
    async with running(environment, settings) as program:
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector) as session:
            for _ in range(3):
                url = f"https://localhost:{program.port}/callbacks"
                async with session.post(url, data=edited(new_task())) as answer:
                    assert answer.status == 200
        posts = 0

        async def suppressed() -> bool:  # of two within a second the second one
            nonlocal posts
            with pytest.raises(aiohttp.ClientError):
                await program.post(edited(new_task()))
            posts += 1
            return any("suppressed" in line for line in program.log_lines())

        await eventually(suppressed, "one is left out, and that is logged", every_s=0.2)
        lines = [line for line in program.log_lines() if line["event"] == "http_request_rejected"]
        (listening,) = [line for line in program.log_lines() if line["event"] == "listening"]
        assert "Traceback" not in program.log()
    assert listening["url"] == f"https://*:{program.port}/callbacks"
    assert {line["reason"] for line in lines} == {"plaintext"}
    assert "https://" in lines[0]["detail"]
    assert 2 <= len(lines) <= posts, json.dumps(lines)
    assert len(await environment.ids()) == 3
