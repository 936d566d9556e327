"""A Redis that answers and refuses: it is full, read-only, without replicas, or forbids some keys."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
import structlog
from redis import exceptions

from bridge.core.claim import Answer
from bridge.io.dedup import Limits, Memory
from bridge.io.dedup.refusals import REFUSALS, code_in, code_of
from bridge.links import redis_client
from bridge.settings.sections import RedisSettings
from bridge.telemetry import Telemetry
from tests.contracts import ONE, TWO, Clock, asked
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services

_REPLICAS = ("CONFIG", "SET", "min-replicas-to-write")
REFUSING: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "OOM": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "READONLY": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "NOREPLICAS": ((*_REPLICAS, "1"), (*_REPLICAS, "0")),
}


@pytest.fixture
def own_redis() -> Iterator[RealRedis]:
    """Start a Redis whose settings a test may change."""
    server = RealRedis()
    server.start()
    yield server
    server.remove()


@pytest.fixture
def telemetry() -> Telemetry:
    """Give one whose gauges can be read."""
    return Telemetry()


@pytest.fixture
async def memory(own_redis: RealRedis, telemetry: Telemetry) -> AsyncIterator[Memory]:
    """Give a memory of two applications that asks often."""
    memory = memory_of(own_redis.url, telemetry)
    yield memory
    await memory.stop()


def memory_of(url: str, telemetry: Telemetry, apps: Sequence[str] = ("shop", "film")) -> Memory:
    memory = Memory(
        redis_client(RedisSettings(url=url), 8), telemetry, Clock(), Limits(call_s=2.0, probe_s=0.02), apps
    )
    memory.start()
    return memory


def degraded(telemetry: Telemetry) -> float:
    return next(
        float(line.split()[1])
        for line in telemetry.exposition().decode().splitlines()
        if line.startswith("bridge_dedup_degraded ")
    )


def changes(logs: Sequence[object]) -> list[tuple[str, str]]:
    """List the changes that were logged: event and application."""
    return [
        (one["event"], one["app"])
        for one in logs
        if isinstance(one, dict) and one["event"] in ("dedup_unavailable", "dedup_recovered")
    ]


@pytest.mark.parametrize("code", REFUSING)
async def test_a_redis_that_refuses_writes_is_unavailable_until_it_takes_them_again_and_said_so_once(
    code: str, own_redis: RealRedis, memory: Memory, telemetry: Telemetry
) -> None:
    refuse, accept = REFUSING[code]
    claim = await memory.claim(asked("before", token=ONE))
    assert claim.answer is Answer.FRESH
    with structlog.testing.capture_logs() as logs:
        own_redis.command(*refuse)
        for n in range(3):
            assert (await memory.claim(asked(f"missed:{n}", token=ONE))).answer is Answer.AWAY
        assert memory.unavailable == {"shop": code}
        probes = calls(own_redis)
        await eventually(lambda: calls(own_redis) > probes + 20, "it was asked again and again")
        assert memory.unavailable == {"shop": code}
        assert degraded(telemetry) == 1
        own_redis.command(*accept)
        await eventually(lambda: not memory.unavailable, "it is used again")
        assert degraded(telemetry) == 0
    assert changes(logs) == [("dedup_unavailable", "shop"), ("dedup_recovered", "shop")]
    meanings = [one["meaning"] for one in logs if one["event"] == "dedup_unavailable"]
    assert meanings == [REFUSALS[code].what]
    assert (await memory.claim(asked("after", token=TWO))).answer is Answer.FRESH


def calls(redis: RealRedis) -> int:
    """Count the scripts that were asked for, whatever became of them."""
    return int(redis.ask("INFO", "stats").split("total_commands_processed:")[1].split()[0])


async def test_a_redis_that_refuses_writes_at_the_start_is_known_before_the_first_delivery(
    own_redis: RealRedis, telemetry: Telemetry
) -> None:
    own_redis.command("CONFIG", "SET", "maxmemory", "1")
    memory = memory_of(own_redis.url, telemetry)
    await eventually(lambda: len(memory.unavailable) == 2, "both applications are known to be refused")
    assert degraded(telemetry) == 1
    await memory.stop()


async def test_a_redis_that_is_not_there_is_known_before_the_first_delivery(
    own_redis: RealRedis, telemetry: Telemetry
) -> None:
    own_redis.stop()
    memory = memory_of(own_redis.url, telemetry)
    await eventually(lambda: set(memory.unavailable) == {"shop", "film"}, "it is known to be away")
    assert degraded(telemetry) == 1
    own_redis.start()
    await eventually(lambda: not memory.unavailable, "it is used")
    assert degraded(telemetry) == 0
    await memory.stop()


async def test_one_applications_refused_keys_leave_another_ones_deduplication_untouched(
    telemetry: Telemetry,
) -> None:
    user = "bridge on >secret ~vod:{film}:* +@all"
    server = RealRedis(users=["default on nopass ~* +@all", user])
    server.start()
    memory = memory_of(f"redis://bridge:secret@127.0.0.1:{server.port}/0", telemetry)
    await eventually(lambda: memory.unavailable == {"shop": "NOPERM"}, "one is refused")
    for n in range(50):
        refused, served = await asyncio.gather(
            memory.claim(asked(f"t{n}", token=ONE)), memory.claim(asked(f"t{n}", token=ONE, app="film"))
        )
        assert (refused.answer, served.answer) == (Answer.AWAY, Answer.FRESH)
        await memory.commit(refused)
        await memory.commit(served)
    again = await memory.claim(asked("t7", token=TWO, app="film"))
    assert again.answer is Answer.SEEN
    assert memory.unavailable == {"shop": "NOPERM"}
    # What the refused one finished is remembered here, and does not keep the other's from Redis.
    assert (await memory.claim(asked("t7", token=TWO))).answer is Answer.SEEN
    await memory.stop()
    server.remove()


async def test_behind_one_address_the_demoted_master_is_left_for_the_new_one(
    own_redis: RealRedis, telemetry: Telemetry
) -> None:
    successor = RealRedis()
    successor.start()
    with own_redis.open_proxy() as proxy:  # the address; whoever connects anew is led to its target
        memory = memory_of(f"redis://127.0.0.1:{proxy.port}/0", telemetry, ["shop"])
        assert (await memory.claim(asked("before", token=ONE))).answer is Answer.FRESH
        proxy.target = successor.port
        own_redis.command("REPLICAOF", "127.0.0.1", str(successor.port))
        await eventually(
            lambda: _is_fresh_at(memory, successor), "claims reach the new master without the old one's end"
        )
        await memory.stop()
    successor.remove()


async def _is_fresh_at(memory: Memory, server: RealRedis) -> bool:
    await memory.claim(asked("after", token=ONE))
    return server.command("EXISTS", asked("after", token=ONE).key) == b":1"


async def test_a_server_without_hello_is_spoken_to(telemetry: Telemetry) -> None:
    server = RealRedis({"rename-command HELLO": '""', "requirepass": "a-password#@:"})
    server.start()
    memory = memory_of(f"redis://:a-password%23%40%3A@127.0.0.1:{server.port}/0", telemetry)
    claim = await memory.claim(asked("t", token=ONE))
    assert claim.answer is Answer.FRESH
    assert await memory.commit(claim)
    await memory.stop()
    server.remove()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (exceptions.ReadOnlyError("You can't write against a read only replica."), "READONLY"),
        (exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), "OOM"),
        (exceptions.ResponseError("NOREPLICAS Not enough good replicas to write."), "NOREPLICAS"),
        (exceptions.ResponseError("MISCONF Redis is configured to save RDB snapshots"), "MISCONF"),
        (
            exceptions.ResponseError(
                "Error running script (call to f_1): @user_script:42: @user_script: 42: -OOM command not"
            ),
            "OOM",
        ),
        (exceptions.ResponseError("unknown command `HELLO`, with args beginning with: `READONLY`"), ""),
        (exceptions.ConnectionError("READONLY, said nobody"), ""),
        (ValueError("OOM"), ""),
    ],
)
def test_an_error_is_told_by_its_type_and_code(error: Exception, code: str) -> None:
    assert code_of(error) == code


def test_a_code_is_the_first_word_of_what_a_script_met() -> None:
    assert code_in("READONLY You can't write") == "READONLY"
    assert code_in("ERR value is not an integer") == ""
    assert code_in("ERR Error running script: @user_script:1: -MISCONF Redis is configured") == "MISCONF"
