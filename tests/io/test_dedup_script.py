"""What a call of the script fails with when another call's READONLY drops the connections."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError

from bridge.io.dedup.script import Script
from tests.io.patient_dedup import new_breaker, timed_call
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio


class FakeConnection:
    """A connection whose replies the test decides."""

    def __init__(self) -> None:
        self.is_connected = True
        self.socket_timeout: float | None = None
        self.reply: asyncio.Future[bytes] | None = None

    async def send_packed_command(self, _command: object, *, check_health: bool) -> None:
        assert not check_health

    async def read_response(self, *, timeout: float) -> bytes:  # noqa: ASYNC109 - the library's name
        assert timeout
        self.reply = asyncio.get_running_loop().create_future()
        return await self.reply

    def should_reconnect(self) -> bool:
        return False

    async def can_read(self) -> bool:
        return False

    async def disconnect(self, **_: bool) -> None:
        self.is_connected = False
        if self.reply is not None and not self.reply.done():
            self.reply.set_exception(RedisConnectionError("Connection closed by us"))


class FakePool(ConnectionPool):
    """A pool that hands out fakes."""

    def __init__(self) -> None:
        super().__init__(socket_timeout=WITHIN_S)
        self.made: list[FakeConnection] = []

    async def get_connection(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - the library means its own
        self.made.append(FakeConnection())
        return self.made[-1]

    async def release(self, connection: object) -> None:
        assert connection in self.made

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 - as the library's
        assert inuse_connections
        for connection in self.made:
            await connection.disconnect()


async def _failure_reason(script: Script) -> str:
    """Run the script; return why there was no reply."""
    breaker = new_breaker()
    await script.run([], [], timed_call(WITHIN_S, breaker))
    return breaker.reason


async def test_calls_on_connections_that_a_readonly_dropped_fail_with_readonly() -> None:
    pool = FakePool()
    script = Script(Redis.from_pool(pool), "dedup.lua")
    refused, dropped = (asyncio.create_task(_failure_reason(script)) for _ in range(2))
    await eventually(
        lambda: [one.reply for one in pool.made].count(None) == 0 and len(pool.made) == 2, "both are sent"
    )
    reply = pool.made[0].reply
    assert reply is not None
    reply.set_exception(ReadOnlyError("You can't write against a read only replica."))
    assert await refused == await dropped == "READONLY"


async def test_a_connection_that_is_lost_later_is_a_lost_connection() -> None:
    pool = FakePool()
    script = Script(Redis.from_pool(pool), "dedup.lua")
    refused = asyncio.create_task(_failure_reason(script))
    await eventually(lambda: pool.made and pool.made[0].reply is not None, "it is sent")
    reply = pool.made[0].reply
    assert reply is not None
    reply.set_exception(ReadOnlyError("You can't write against a read only replica."))
    assert await refused == "READONLY"
    later = asyncio.create_task(_failure_reason(script))
    await eventually(lambda: len(pool.made) == 2 and pool.made[1].reply is not None, "it is sent")
    await pool.made[1].disconnect()
    assert await later == "ConnectionError"
