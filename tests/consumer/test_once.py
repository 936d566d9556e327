"""`once`: the work of an event is done once, in the same transaction (Postgres) or under a lease (Redis)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import psycopg
import pytest
from redis.asyncio import Redis

from bridge.consumer import POSTGRES_TABLE, InProgressError, once
from tests.rig.postgres import RealPostgres
from tests.rig.redis import RealRedis
from tests.rig.waiting import WITHIN_S

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def postgres() -> Iterator[RealPostgres]:
    """Start a real Postgres."""
    server = RealPostgres()
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(params=["asyncpg", "psycopg"])
async def connections(request: pytest.FixtureRequest, postgres: RealPostgres) -> AsyncIterator[list[Any]]:
    """Give two connections, with empty tables."""
    if request.param == "asyncpg":
        made: list[Any] = [await asyncpg.connect(postgres.dsn) for _ in range(2)]
    else:
        made = [await psycopg.AsyncConnection.connect(postgres.dsn, autocommit=True) for _ in range(2)]
    await made[0].execute("DROP TABLE IF EXISTS vod_events_done, work")
    await made[0].execute(POSTGRES_TABLE)
    await made[0].execute("CREATE TABLE work (note text)")
    yield made
    for one in made:
        await one.close()


@pytest.fixture
async def client(redis: RealRedis) -> AsyncIterator[Redis]:
    """Give a client of an empty Redis."""
    redis.flush()
    async with Redis.from_url(redis.url) as made:
        yield made


async def _work_done(postgres: RealPostgres) -> int:
    connection = await asyncpg.connect(postgres.dsn)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM work"))
    finally:
        await connection.close()


async def _work(connection: Any, event_id: str, error: Exception | None = None) -> bool:  # noqa: ANN401 - of two libraries
    async with once(event_id, connection) as is_first:
        if is_first:
            await connection.execute("INSERT INTO work VALUES ('done')")
        if error:
            raise error
        return is_first


async def test_in_postgres_it_is_true_once_for_each_event(
    connections: list[Any], postgres: RealPostgres
) -> None:
    found = [await _work(connections[turn % 2], f"event-{turn % 3}") for turn in range(6)]
    assert found == [True, True, True, False, False, False]
    assert await _work_done(postgres) == 3


async def test_two_groups_that_share_a_database_each_do_the_work(
    connections: list[Any], client: Redis
) -> None:
    for connection in (connections[0], client):
        found = []
        for group in ("catalogue", "search", "", "catalogue", "search", ""):
            async with once("event", connection, group=group) as is_first:
                found.append(is_first)
        assert found == [True, True, True, False, False, False]


async def test_in_postgres_work_that_fails_leaves_neither_work_nor_mark(
    connections: list[Any], postgres: RealPostgres
) -> None:
    with pytest.raises(ZeroDivisionError):
        await _work(connections[0], "event", ZeroDivisionError())
    assert await _work_done(postgres) == 0
    assert await _work(connections[1], "event")


async def test_in_postgres_a_second_worker_waits_for_the_first_and_does_nothing(
    connections: list[Any], postgres: RealPostgres
) -> None:
    first, second = connections
    async with asyncio.timeout(WITHIN_S):
        async with once("event", first) as is_first:
            waiting = asyncio.create_task(_work(second, "event"))
            await first.execute("INSERT INTO work VALUES ('done')")
        assert is_first
        assert not await waiting
    assert await _work_done(postgres) == 1


async def test_in_redis_it_is_true_once_and_the_mark_is_kept_for_its_time(client: Redis) -> None:
    found = []
    for _ in range(3):
        async with once("event", client, keep_s=1_000) as is_first:
            found.append(is_first)
    assert found == [True, False, False]
    assert 900 < await client.ttl("vod-event-done:event") <= 1_000


async def test_in_redis_work_that_fails_is_tried_again_at_once(client: Redis) -> None:
    with pytest.raises(ZeroDivisionError):
        async with once("event", client):
            raise ZeroDivisionError
    async with once("event", client) as is_first:
        assert is_first


async def test_in_redis_a_second_worker_gets_an_error_while_the_first_works(client: Redis) -> None:
    async with once("event", client):
        with pytest.raises(InProgressError, match="another process works on event"):
            async with once("event", client):
                pass


async def test_in_redis_a_lease_that_another_has_by_now_is_left_alone(client: Redis) -> None:
    async with once("event", client):
        await client.set("vod-event-done:event", "another")  # ours is over, another one has begun
    assert await client.get("vod-event-done:event") == b"another"


def test_another_kind_of_connection_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(
        TypeError, match=r"asyncpg and psycopg, and clients of redis.asyncio; this is a builtins"
    ):
        once("event", object())
