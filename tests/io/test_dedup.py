"""The memory against a real Redis: its contract, and Redis away, silent, flushed, forbidding."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import Connection, ConnectionPool, Redis

from bridge.core.claim import Claim, ClaimStatus
from bridge.io.dedup.store import DedupLimits, RedisDedup
from bridge.observability.telemetry import Telemetry
from tests.contracts import NOW_MS, ONE, OTHER, TWO, Clock, DedupStoreContract, make_claim
from tests.io.patient_dedup import PATIENT, patient_client
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


@pytest.fixture
async def client(redis: RealRedis) -> AsyncIterator[Redis]:
    """Give an empty Redis."""
    client = patient_client(redis.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def dedup(client: Redis) -> AsyncIterator[RedisDedup]:
    """Give a memory that was started; its clock stands still."""
    dedup = RedisDedup(client, Telemetry(), Clock(), PATIENT)
    dedup.start()
    yield dedup
    await dedup.stop()


def client_with(client: Redis, connection: type[Connection]) -> Redis:
    """Give a client of the same Redis whose connections are made by ``connection``."""
    options = client.connection_pool.connection_kwargs
    chosen = {name: options[name] for name in ("host", "port", "socket_timeout", "retry")}
    return Redis.from_pool(ConnectionPool(connection_class=connection, **chosen))


class TestContract(DedupStoreContract):
    """The suite, on a real Redis."""

    @pytest.fixture(autouse=True)
    def _given(self, dedup: RedisDedup) -> None:
        self.dedup = dedup


async def test_claims_of_one_turn_are_sent_in_one_call(dedup: RedisDedup, client: Redis) -> None:
    await dedup.claim(make_claim("warm", token=ONE))
    before = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    claims = [make_claim(f"Type:t{n}", token=f"{n:016d}") for n in range(200)]
    results = await asyncio.gather(*(dedup.claim(claim) for claim in claims))
    after = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert {answer.status for answer in results} == {ClaimStatus.ACQUIRED}
    assert after - before == 1


async def test_a_claim_whose_owner_died_is_taken_over_with_its_first_time(client: Redis) -> None:
    short = replace(PATIENT, lease_ms=50, probe_interval_s=9)
    dead, alive = (RedisDedup(client, Telemetry(), Clock(), short) for _ in range(2))
    await dead.claim(make_claim("FileDeleted#1", token=ONE, recurring=True))

    async def acquired() -> Claim | None:
        claim = await alive.claim(make_claim("FileDeleted#1", token=TWO, recurring=True, at_ms=NOW_MS + 77))
        return claim if claim.status is ClaimStatus.ACQUIRED else None

    taken_over = await eventually(acquired, "the lease runs out")
    assert taken_over is not None
    assert taken_over.first_ms == NOW_MS


async def test_an_audit_takes_over_what_an_owner_that_died_left_undone_whatever_its_content(
    client: Redis,
) -> None:
    short = replace(PATIENT, lease_ms=50, probe_interval_s=9)
    dead, alive = (RedisDedup(client, Telemetry(), Clock(), short) for _ in range(2))
    await dead.claim(make_claim(token=ONE))
    audit = make_claim(token=TWO, digest=OTHER, audit=True)

    async def acquired() -> Claim | None:
        claim = await alive.claim(audit)
        return claim if claim.status is ClaimStatus.ACQUIRED else None

    taken_over = await eventually(acquired, "the lease runs out")
    assert taken_over is not None
    await alive.commit(taken_over)
    assert (await alive.claim(make_claim(token="3" * 16, digest=OTHER))).status is ClaimStatus.DUPLICATE


async def test_a_renewed_claim_stays(client: Redis) -> None:
    dedup = RedisDedup(client, Telemetry(), Clock(), PATIENT)
    held = await dedup.claim(make_claim(token=ONE))
    await client.setrange(held.key, 15, f"{1:013d}")
    await dedup.renew([held])
    await dedup.commit(make_claim("another", token=TWO))  # travels behind the renewal
    assert (await dedup.claim(make_claim(token=TWO))).status is ClaimStatus.HELD


async def test_what_is_remembered_is_small_and_lasts_four_days(dedup: RedisDedup, client: Redis) -> None:
    longest = (
        "ProcedureStateChanged:1256768367-Procedure-475b7237438a39560b9879a4556cb177t1:FINISH#" + "a" * 16
    )
    held = await dedup.claim(make_claim(longest, token=ONE))
    await dedup.commit(held)
    assert (await client.memory_usage(held.key) or 999) <= 240
    assert 4 * 86_400_000 - 60_000 < await client.pttl(held.key) <= 4 * 86_400_000
    rare = await dedup.claim(make_claim("FileDeleted#2", token=ONE, recurring=True))
    await dedup.commit(rare)
    assert 0 < await client.pttl(rare.key) <= 60_000


async def test_a_script_that_redis_forgot_is_loaded_again(dedup: RedisDedup, client: Redis) -> None:
    await dedup.claim(make_claim("a", token=ONE))
    await client.script_flush()
    assert (await dedup.claim(make_claim("b", token=ONE))).status is ClaimStatus.ACQUIRED


async def test_a_stopped_redis_makes_claims_unavailable_and_gets_unsynced_commits_later(
    redis: RealRedis, dedup: RedisDedup, client: Redis
) -> None:
    redis.stop()
    claim = await dedup.claim(make_claim(token=ONE))
    assert claim.status is ClaimStatus.UNAVAILABLE
    await dedup.commit(claim)
    assert (await dedup.claim(make_claim(token=TWO))).status is ClaimStatus.DUPLICATE
    redis.start()

    async def is_synced() -> bool:
        return str(await client.get(claim.key)).startswith("b'1d")

    await eventually(is_synced, "Redis is told what was finished meanwhile")


async def test_what_recurs_after_an_outage_of_redis_is_no_duplicate_of_what_was_committed_long_before(
    redis: RealRedis, client: Redis
) -> None:
    clock = Clock()
    dedup = RedisDedup(client, Telemetry(), clock, PATIENT)
    redis.stop()
    await dedup.commit(make_claim("FileDeleted#0", token=ONE, recurring=True))
    await dedup.commit(make_claim("EditMediaComplete:t1:FINISH", token=ONE))
    clock.now_ms += 60_001
    redis.start()
    dedup.start()  # not before: no try of the time before may be on its way to Redis
    await eventually(lambda: client.exists(make_claim().key), "Redis is told what was finished meanwhile")
    again = await dedup.claim(make_claim("FileDeleted#0", token=TWO, recurring=True, at_ms=clock.now_ms))
    assert (again.status, again.first_ms) == (ClaimStatus.ACQUIRED, clock.now_ms)
    await dedup.stop()


async def test_a_silent_redis_costs_little_after_three_calls_and_is_used_again_when_it_answers(
    redis: RealRedis, client: Redis
) -> None:
    dedup = RedisDedup(client, Telemetry(), Clock(), DedupLimits(probe_interval_s=0.05))
    dedup.start()
    redis.pause()
    for n in range(3):
        assert (await dedup.claim(make_claim(f"t{n}", token=ONE))).status is ClaimStatus.UNAVAILABLE
    assert dedup.unavailable
    fourth = asyncio.ensure_future(dedup.claim(make_claim("t4", token=ONE)))
    for _ in range(5):  # turns of the loop: nothing is waited for
        await asyncio.sleep(0)
    assert fourth.done()
    assert fourth.result().status is ClaimStatus.UNAVAILABLE
    redis.resume()

    async def acquired() -> bool:
        return (await dedup.claim(make_claim("t5", token=ONE))).status is ClaimStatus.ACQUIRED

    await eventually(acquired, "Redis is used again")
    await dedup.stop()


async def test_a_stall_of_our_own_loop_is_no_timeout(client: Redis) -> None:
    limited = RedisDedup(client, Telemetry(), Clock(), replace(PATIENT, call_timeout_s=1.5))

    async def connected() -> bool:
        return (await limited.claim(make_claim("warm", token=ONE))).status is not ClaimStatus.UNAVAILABLE

    await eventually(connected, "it is connected")
    loop = asyncio.get_running_loop()
    for n in range(3):
        pending_claim = asyncio.ensure_future(limited.claim(make_claim(f"s{n}", token=ONE)))
        loop.call_later(0.0005, time.sleep, 2.0)  # meanwhile Redis has the machine
        assert (await pending_claim).status is ClaimStatus.ACQUIRED


async def test_whatever_goes_wrong_with_a_call_claims_are_unavailable_and_nobody_is_left_waiting(
    client: Redis,
) -> None:
    class Broken(Connection):
        async def read_response(self, **options: Any) -> Any:  # type: ignore[override] # noqa: ANN401 - a test's
            answer = await super().read_response(**options)
            return results.pop() if "timeout" in options else answer  # not while it connects

    results = [b"fmore", b"t12345", b"nonsense", b""]  # and then an IndexError
    dedup = RedisDedup(client_with(client, Broken), Telemetry(), Clock(), PATIENT)
    for _ in range(5):
        assert (await dedup.claim(make_claim(token=ONE))).status is ClaimStatus.UNAVAILABLE
    await dedup.commit(make_claim(token=ONE))


async def test_a_call_has_at_most_256_keys_whatever_waits(client: Redis) -> None:
    sizes: list[int] = []

    class Counting(Connection):
        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002 - as the library's
            if b"EVALSHA" in command:
                sizes.append(int(command.split(b"\r\n")[6]))
            await super().send_packed_command(command, check_health)

    dedup = RedisDedup(client_with(client, Counting), Telemetry(), Clock(), PATIENT)
    held = await asyncio.gather(*(dedup.claim(make_claim(f"Type:t{n}", token=ONE)) for n in range(300)))
    settled = [dedup.commit(claim) for claim in held]
    results = [dedup.claim(make_claim(f"Type:u{n}", token=ONE)) for n in range(100)]
    assert {await one for one in settled} == {True}
    assert {(await one).status for one in results} == {ClaimStatus.ACQUIRED}
    assert max(sizes) <= 256
    assert sum(sizes) == 700


async def test_a_claim_does_not_wait_behind_all_renewals(dedup: RedisDedup) -> None:
    claims = [make_claim(f"Type:t{n}", token=ONE) for n in range(3_000)]
    held = await asyncio.gather(*(dedup.claim(claim) for claim in claims))
    renewing = asyncio.ensure_future(dedup.renew(held))
    await asyncio.sleep(0)
    assert (await dedup.claim(make_claim("Type:later", token=ONE))).status is ClaimStatus.ACQUIRED
    assert not renewing.done()
    await renewing


async def test_no_claim_overtakes_those_in_the_batcher_when_the_breaker_opens(client: Redis) -> None:
    class Refusing(Connection):
        async def connect(self) -> None:
            raise ConnectionError

    dedup = RedisDedup(client_with(client, Refusing), Telemetry(), Clock(), PATIENT)
    claims = [dedup.claim(make_claim(f"Type:t{n}", token=ONE)) for n in range(4 * 256)]
    await claims[3 * 256 - 1]
    assert dedup.unavailable
    await dedup.claim(make_claim("Type:later", token=ONE))
    assert all(claim.done() for claim in claims)


async def test_a_value_that_nothing_of_ours_wrote_is_as_good_as_none(
    dedup: RedisDedup, client: Redis
) -> None:
    for value in (b"", b"1", b"1c", b"1d123", b"1cxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", b"xd" + b"1" * 40):
        claim = make_claim(f"Odd:{value[:3]!r}{len(value)}", token=ONE)
        new = replace(claim, key=f"{claim.key}New")
        await client.set(claim.key, value)
        for pending_claim in (claim, new):
            assert (await dedup.claim(pending_claim)).status is ClaimStatus.ACQUIRED
        over_it, alone = [str(found) for found in await client.mget(claim.key, new.key)]
        assert over_it[:17] + over_it[30:] == alone[:17] + alone[30:]  # all but when the lease ends
