"""The most common mistakes in addresses: `check` names the mistake, the reason and the remedy.

Ports in use, settings, files and notifications: `test_start_refused`, `test_usage`, `test_send`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.cli.cli_process import vod_bridge
from tests.rig.kafka import RealKafka
from tests.rig.parts import free_port

pytestmark = pytest.mark.services

ConnectionHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def _server(talk: ConnectionHandler) -> AsyncIterator[int]:
    """Listen with this handler; yield the port."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # until the other side has had enough
    writer.close()


async def _hangs_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.close()


async def _speaks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


async def _failed(part: str, **settings: str) -> str:
    """Run `check`, and give the line of the part that has failed."""
    own = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "BRIDGE_REDIS__URL": "redis://127.0.0.1:1"}
    result = await vod_bridge("check", settings=own | settings)
    assert (result.code, result.err) == (1, "")
    (line,) = [line for line in result.out.splitlines() if line.startswith(f"failed  {part}")]
    return line


async def test_a_brokers_name_that_is_not_known() -> None:
    line = await _failed("kafka", BRIDGE_KAFKA__BOOTSTRAP_SERVERS="no-such-host.invalid:9092")
    assert "the name no-such-host.invalid is not known here - check its spelling and the DNS" in line


async def test_a_port_on_which_no_broker_listens() -> None:
    port = free_port()
    line = await _failed("kafka", BRIDGE_KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
    assert (
        f"127.0.0.1:{port}: refused - nothing listens on this port; check the port, start the broker" in line
    )


async def test_a_server_that_is_no_kafka() -> None:
    async with _server(_silent) as port:
        line = await _failed("kafka", BRIDGE_KAFKA__BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
    assert "accepts the connection and does not respond within 5 s" in line
    assert "it may be no Kafka" in line


async def test_a_port_on_which_no_redis_listens() -> None:
    port = free_port()
    line = await _failed("redis", BRIDGE_REDIS__URL=f"redis://127.0.0.1:{port}")
    assert f"127.0.0.1:{port}: refused - nothing listens there; check the port, start Redis" in line


@pytest.mark.parametrize(
    ("talk", "what"),
    [
        (_hangs_up, "accepts the connection and closes it"),
        (_speaks_http, "does not answer as a Redis does"),
        (_silent, "no answer within 5 s"),
    ],
)
async def test_a_server_that_is_no_redis(talk: ConnectionHandler, what: str) -> None:
    async with _server(talk) as port:
        line = await _failed("redis", BRIDGE_REDIS__URL=f"redis://127.0.0.1:{port}")
    assert f"127.0.0.1:{port}: {what}" in line
    assert "it may be no Redis" in line


async def test_a_redis_url_that_points_at_kafka(kafka: RealKafka) -> None:
    line = await _failed("redis", BRIDGE_REDIS__URL=f"redis://{kafka.bootstrap}")
    assert f"{kafka.bootstrap}: accepts the connection and closes it - check host and port of" in line
    assert "BRIDGE_REDIS__URL: it may be no Redis, but Kafka or another server" in line
