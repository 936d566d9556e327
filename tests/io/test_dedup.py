"""The memory against a real Redis: its contract, and Redis away, silent, flushed, forbidding."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace
from redis.asyncio import Connection, ConnectionPool, Redis

from bridge.core.claim import Answer, Claim
from bridge.io.dedup import Limits, Memory
from bridge.links import redis_client
from bridge.settings.sections import RedisSettings
from bridge.telemetry import Telemetry
from tests.contracts import NOW_MS, ONE, OTHER, TWO, Clock, MemoryContract, asked
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


@pytest.fixture
async def client(redis: RealRedis) -> AsyncIterator[Redis]:
    """Give an empty Redis."""
    client = redis_client(RedisSettings(url=redis.url), 8)
    assert isinstance(client, Redis)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def memory(client: Redis) -> AsyncIterator[Memory]:
    """Give a memory that was started; its clock stands still."""
    memory = Memory(client, Telemetry(), Clock(), Limits(probe_s=0.05))
    memory.start()
    yield memory
    await memory.stop()


def by(client: Redis, connection: type[Connection]) -> Redis:
    """Give a client of the same Redis whose connections are made by ``connection``."""
    options = client.connection_pool.connection_kwargs
    chosen = {name: options[name] for name in ("host", "port", "socket_timeout", "retry")}
    return Redis.from_pool(ConnectionPool(connection_class=connection, **chosen))


class TestContract(MemoryContract):
    """The suite, on a real Redis."""

    @pytest.fixture(autouse=True)
    def _given(self, memory: Memory) -> None:
        self.memory = memory


async def test_claims_of_one_turn_travel_in_one_call(memory: Memory, client: Redis) -> None:
    await memory.claim(asked("warm", token=ONE))
    before = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    claims = [asked(f"Type:t{n}", token=f"{n:016d}") for n in range(200)]
    answers = await asyncio.gather(*(memory.claim(claim) for claim in claims))
    after = (await client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert {answer.answer for answer in answers} == {Answer.FRESH}
    assert after - before == 1


async def test_a_claim_whose_owner_died_is_taken_over_with_its_first_time(client: Redis) -> None:
    short = Limits(lease_ms=50, probe_s=9)
    dead, alive = (Memory(client, Telemetry(), Clock(), short) for _ in range(2))
    await dead.claim(asked("FileDeleted#1", token=ONE, recurring=True))

    async def taken() -> Claim | None:
        claim = await alive.claim(asked("FileDeleted#1", token=TWO, recurring=True, at_ms=NOW_MS + 77))
        return claim if claim.answer is Answer.FRESH else None

    over = await eventually(taken, "the lease runs out")
    assert over is not None
    assert over.first_ms == NOW_MS


async def test_an_audit_takes_over_what_an_owner_that_died_left_undone_whatever_its_content(
    client: Redis,
) -> None:
    short = Limits(lease_ms=50, probe_s=9)
    dead, alive = (Memory(client, Telemetry(), Clock(), short) for _ in range(2))
    await dead.claim(asked(token=ONE))
    audit = asked(token=TWO, digest=OTHER, audit=True)

    async def taken() -> Claim | None:
        claim = await alive.claim(audit)
        return claim if claim.answer is Answer.FRESH else None

    over = await eventually(taken, "the lease runs out")
    assert over is not None
    await alive.commit(over)
    assert (await alive.claim(asked(token="3" * 16, digest=OTHER))).answer is Answer.SEEN


async def test_a_renewed_claim_stays(client: Redis) -> None:
    memory = Memory(client, Telemetry(), Clock(), Limits(lease_ms=300_000))
    held = await memory.claim(asked(token=ONE))
    await client.setrange(held.key, 15, f"{1:013d}")
    await memory.renew([held])
    await memory.commit(asked("another", token=TWO))  # travels behind the renewal
    assert (await memory.claim(asked(token=TWO))).answer is Answer.HELD


async def test_what_is_remembered_is_small_and_lasts_four_days(memory: Memory, client: Redis) -> None:
    longest = (
        "ProcedureStateChanged:1256768367-Procedure-475b7237438a39560b9879a4556cb177t1:FINISH#" + "a" * 16
    )
    held = await memory.claim(asked(longest, token=ONE))
    await memory.commit(held)
    assert (await client.memory_usage(held.key) or 999) <= 240
    assert 4 * 86_400_000 - 60_000 < await client.pttl(held.key) <= 4 * 86_400_000
    rare = await memory.claim(asked("FileDeleted#2", token=ONE, recurring=True))
    await memory.commit(rare)
    assert 0 < await client.pttl(rare.key) <= 60_000


async def test_a_script_that_redis_forgot_is_loaded_again(memory: Memory, client: Redis) -> None:
    await memory.claim(asked("a", token=ONE))
    await client.script_flush()
    assert (await memory.claim(asked("b", token=ONE))).answer is Answer.FRESH


async def test_a_stopped_redis_costs_an_answer_away_and_what_was_finished_is_told_to_it_later(
    redis: RealRedis, memory: Memory, client: Redis
) -> None:
    redis.stop()
    claim = await memory.claim(asked(token=ONE))
    assert claim.answer is Answer.AWAY
    await memory.commit(claim)
    assert (await memory.claim(asked(token=TWO))).answer is Answer.SEEN
    redis.start()

    async def told() -> bool:
        return str(await client.get(claim.key)).startswith("b'1d")

    await eventually(told, "Redis is told what was finished meanwhile")


async def test_what_recurs_after_redis_was_away_is_not_taken_for_what_was_finished_long_before(
    redis: RealRedis, client: Redis
) -> None:
    clock = Clock()
    memory = Memory(client, Telemetry(), clock, Limits(probe_s=0.05))
    memory.start()
    redis.stop()
    await memory.commit(asked("FileDeleted#0", token=ONE, recurring=True))
    await memory.commit(asked("EditMediaComplete:t1:FINISH", token=ONE))
    clock.now_ms += 60_001
    redis.start()
    await eventually(lambda: client.exists(asked().key), "Redis is told what was finished meanwhile")
    again = await memory.claim(asked("FileDeleted#0", token=TWO, recurring=True, at_ms=clock.now_ms))
    assert (again.answer, again.first_ms) == (Answer.FRESH, clock.now_ms)
    await memory.stop()


async def test_a_silent_redis_costs_little_after_three_calls_and_is_used_again_when_it_answers(
    redis: RealRedis, memory: Memory
) -> None:
    await memory.claim(asked("before", token=ONE))
    redis.pause()
    for n in range(3):
        assert (await memory.claim(asked(f"t{n}", token=ONE))).answer is Answer.AWAY
    assert memory.unavailable
    fourth = asyncio.ensure_future(memory.claim(asked("t4", token=ONE)))
    for _ in range(5):  # turns of the loop: nothing is waited for
        await asyncio.sleep(0)
    assert fourth.done()
    assert fourth.result().answer is Answer.AWAY
    redis.resume()
    await eventually(lambda: not memory.unavailable, "Redis is used again")
    assert (await memory.claim(asked("t5", token=ONE))).answer is Answer.FRESH


async def test_a_stall_of_our_own_loop_is_no_miss(memory: Memory) -> None:
    await memory.claim(asked("warm", token=ONE))
    loop = asyncio.get_running_loop()

    def stall() -> None:
        until = loop.time() + 0.3
        while loop.time() < until:
            pass

    for n in range(10):
        asking = asyncio.ensure_future(memory.claim(asked(f"s{n}", token=ONE)))
        loop.call_later(0.0005, stall)
        assert (await asking).answer is Answer.FRESH


async def test_whatever_goes_wrong_with_a_call_is_no_answer_and_leaves_nobody_waiting(client: Redis) -> None:
    class Broken(Connection):
        async def read_response(self, **how: Any) -> Any:  # type: ignore[override] # noqa: ANN401 - a test's
            answer = await super().read_response(**how)
            return answers.pop() if "timeout" in how else answer  # not while it connects

    answers = [b"fmore", b"t12345", b"nonsense", b""]  # and then an IndexError
    memory = Memory(by(client, Broken), Telemetry(), Clock(), Limits())
    for _ in range(5):
        assert (await memory.claim(asked(token=ONE))).answer is Answer.AWAY
    await memory.commit(asked(token=ONE))


async def test_a_call_has_at_most_256_keys_whatever_waits(client: Redis) -> None:
    sizes: list[int] = []

    class Counting(Connection):
        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: ANN401, FBT001, FBT002 - as the library's
            if b"EVALSHA" in command:
                sizes.append(int(command.split(b"\r\n")[6]))
            await super().send_packed_command(command, check_health)

    memory = Memory(by(client, Counting), Telemetry(), Clock(), Limits())
    held = await asyncio.gather(*(memory.claim(asked(f"Type:t{n}", token=ONE)) for n in range(300)))
    heard = [memory.commit(claim) for claim in held]
    answers = [memory.claim(asked(f"Type:u{n}", token=ONE)) for n in range(100)]
    assert {await one for one in heard} == {True}
    assert {(await one).answer for one in answers} == {Answer.FRESH}
    assert max(sizes) <= 256
    assert sum(sizes) == 700


async def test_a_question_does_not_wait_behind_all_renewals(memory: Memory) -> None:
    claims = [asked(f"Type:t{n}", token=ONE) for n in range(3_000)]
    held = await asyncio.gather(*(memory.claim(claim) for claim in claims))
    renewing = asyncio.ensure_future(memory.renew(held))
    await asyncio.sleep(0)
    assert (await memory.claim(asked("Type:later", token=ONE))).answer is Answer.FRESH
    assert not renewing.done()
    await renewing


async def test_nobody_overtakes_those_that_wait_in_line_when_redis_is_given_up(client: Redis) -> None:
    class Refusing(Connection):
        async def connect(self) -> None:
            raise ConnectionError

    memory = Memory(by(client, Refusing), Telemetry(), Clock(), Limits())
    claims = [memory.claim(asked(f"Type:t{n}", token=ONE)) for n in range(4 * 256)]
    await claims[3 * 256 - 1]
    assert memory.unavailable
    await memory.claim(asked("Type:later", token=ONE))
    assert all(claim.done() for claim in claims)


async def test_a_value_that_nothing_of_ours_wrote_is_as_good_as_none(memory: Memory, client: Redis) -> None:
    for value in (b"", b"1", b"1c", b"1d123", b"1cxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", b"xd" + b"1" * 40):
        claim = asked(f"Odd:{value[:3]!r}{len(value)}", token=ONE)
        new = replace(claim, key=f"{claim.key}New")
        await client.set(claim.key, value)
        for asking in (claim, new):
            assert (await memory.claim(asking)).answer is Answer.FRESH
        over_it, alone = [str(found) for found in await client.mget(claim.key, new.key)]
        assert over_it[:17] + over_it[30:] == alone[:17] + alone[30:]  # all but when the lease ends
