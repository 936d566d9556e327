"""Calls to Redis over kept connections: what Redis closes, what stays silent, what is said out of time."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bridge.core.claim import Claim, ClaimStatus
from bridge.io.dedup.redis_client import redis_client
from bridge.io.dedup.store import DedupLimits, RedisDedup
from bridge.io.dedup.timed_call import TimedCall
from bridge.observability.telemetry import Telemetry
from bridge.settings.sections import RedisSettings
from tests.contracts import ONE, TWO, Clock, make_claim
from tests.io.patient_dedup import PATIENT, new_breaker, patient_client, timed_call
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

CONNECTIONS = 4


@pytest.fixture
async def client(redis: RealRedis) -> AsyncIterator[Redis]:
    """Give a client of an empty Redis; a busy machine gets its time."""
    redis.flush()
    client = patient_client(redis.url, CONNECTIONS)
    yield client
    await client.aclose()


async def test_calls_one_after_another_share_a_connection(redis: RealRedis, client: Redis) -> None:
    dedup = RedisDedup(client, Telemetry(), Clock(), PATIENT)
    before = redis.ask("INFO", "stats").split("total_connections_received:")[1].split()[0]
    for n in range(20):
        await dedup.commit(await dedup.claim(make_claim(f"Type:t{n}", token=ONE)))
    after = redis.ask("INFO", "stats").split("total_connections_received:")[1].split()[0]
    assert int(after) - int(before) == 2  # the memory's, and the asking one


async def test_a_connection_that_redis_closed_meanwhile_costs_no_result(
    redis: RealRedis, client: Redis
) -> None:
    dedup = RedisDedup(client, Telemetry(), Clock(), PATIENT)
    await dedup.claim(make_claim("warm", token=ONE))
    for n in range(5):
        assert redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")[:1] == b":"
        await eventually(lambda: redis.ask("CLIENT", "LIST").count("\n") == 1, "nobody but who asks is left")
        await eventually(lambda: _have_ended(client), "the loop has read that the connection has ended")
        assert (await dedup.claim(make_claim(f"Type:t{n}", token=ONE))).status is ClaimStatus.ACQUIRED


def _have_ended(client: Redis) -> bool:
    """Whether the end of each connection has been read; idle ones of the store are in use to the pool."""
    pool = client.connection_pool
    readers = [one._reader for one in (*pool._available_connections, *pool._in_use_connections)]  # noqa: SLF001
    return all(reader is None or reader.at_eof() for reader in readers)


async def test_connections_that_stay_silent_are_closed_and_block_no_new_one(
    redis: RealRedis,
) -> None:
    with redis.open_proxy() as proxy:
        settings = RedisSettings(url=f"redis://127.0.0.1:{proxy.port}/0")
        dedup = RedisDedup(
            redis_client(settings, CONNECTIONS, timeout_s=0.05),
            Telemetry(),
            Clock(),
            DedupLimits(call_timeout_s=0.02, probe_interval_s=0.02),
        )
        dedup.start()

        # The limits are short: a busy machine misses them now and then.
        async def claimed(token: str, status: ClaimStatus) -> Claim | None:
            claim = await dedup.claim(make_claim("Silent:before", token=token))
            return claim if claim.status is status else None

        held = await eventually(lambda: claimed(ONE, ClaimStatus.ACQUIRED), "it is claimed")
        assert held is not None
        opened = proxy.connections
        proxy.stall()
        for n in range(3):
            assert (await dedup.claim(make_claim(f"Silent:{n}", token=ONE))).status is ClaimStatus.UNAVAILABLE
        await eventually(lambda: proxy.connections > opened + 2 * CONNECTIONS, "many were tried")
        assert dedup.unavailable
        proxy.resume()
        await eventually(lambda: not dedup.unavailable, "Redis is used again")
        await dedup.commit(held)
        await eventually(lambda: claimed(TWO, ClaimStatus.DUPLICATE), "it is remembered")
        await dedup.stop()


def _call(limit_s: float, results: list[str | None]) -> TimedCall:
    return timed_call(limit_s, new_breaker(), results.append)


async def test_the_callback_of_a_call_runs_once_and_a_later_reply_is_ignored() -> None:
    results: list[str | None] = []
    late = _call(0.001, results)
    await eventually(lambda: results, "it is given up")
    late.finish("too late")
    early = _call(0.001, results)
    early.finish("in time")
    early.finish("again")
    given_up = _call(0.001, results)
    await eventually(lambda: len(results) == 3, "it is given up")
    given_up.finish("too late")
    assert results == [None, "in time", None]


async def test_the_settlements_of_a_call_are_visible_to_its_claims(client: Redis) -> None:
    dedup = RedisDedup(client, Telemetry(), Clock(), PATIENT)
    committed, released = [await dedup.claim(make_claim(name, token=ONE)) for name in ("Type:a", "Type:b")]
    dedup.commit(committed)
    dedup.release(released)
    pending_claims = [
        dedup.claim(make_claim(name, token=TWO)) for name in ("Type:a", "Type:b", "Type:c", "Type:d")
    ]
    pending_claims.append(dedup.claim(make_claim("Type:c", token=ONE)))
    pending_claims.append(dedup.claim(make_claim("Type:d", token=ONE, digest="e" * 16)))
    statuses = [(await one).status for one in pending_claims]
    assert statuses == [
        ClaimStatus.DUPLICATE,
        ClaimStatus.ACQUIRED,
        ClaimStatus.ACQUIRED,
        ClaimStatus.ACQUIRED,
        ClaimStatus.HELD,
        ClaimStatus.ACQUIRED,
    ]
    assert [(await one).revision for one in pending_claims] == [False] * 5 + [True]


@pytest.mark.parametrize("turns", [1, 2, 3])
async def test_a_reply_within_a_few_turns_of_the_loop_after_the_limit_is_in_time(turns: int) -> None:
    results: list[str | None] = []
    loop = asyncio.get_running_loop()
    call = _call(0.01, results)

    def stand_still() -> None:
        until = loop.time() + 0.1
        while loop.time() < until:
            pass

    stand_still()
    for _ in range(turns):
        await asyncio.sleep(0)
    call.finish("read in the end")
    assert results == ["read in the end"]
