"""The memory where Redis is several: behind a sentinel, and a cluster. The contract, and what moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.crc import key_slot

from bridge.core.claim import Answer, Claim, question
from bridge.core.event import Identity
from bridge.io.dedup import Limits, Memory
from bridge.links import redis_client
from bridge.settings.sections import RedisSettings
from bridge.telemetry import Telemetry
from tests.contracts import NOW_MS, ONE, TWO, Clock, MemoryContract, asked
from tests.rig.redis import RealRedis
from tests.rig.redis_sets import SERVICE, RealCluster, RealSentinel
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def _memory(settings: RedisSettings) -> AsyncIterator[Memory]:
    memory = Memory(redis_client(settings, 8), Telemetry(), Clock(), Limits(probe_s=0.1))
    memory.start()

    async def met() -> bool:
        # Finding out who is who takes longer than one call may, on a busy machine.
        return (await memory.claim(asked("Warm:up"))).answer is not Answer.AWAY

    try:
        await eventually(met, "it has met Redis")
        yield memory
    finally:
        await memory.stop()


@pytest.fixture
async def led(redis_sentinel: RealSentinel) -> AsyncIterator[Memory]:
    """Give a memory that asks the sentinel, and one host that is none."""
    url = redis_sentinel.url.replace("//", "//127.0.0.1:1,")
    async with _memory(RedisSettings(url=url, sentinel_service=SERVICE)) as memory:
        redis_sentinel.master.flush()
        yield memory


@pytest.fixture
async def spread(redis_cluster: RealCluster) -> AsyncIterator[Memory]:
    """Give a memory in the cluster, of which it is told one node, and one host that is none."""
    url = redis_cluster.url.replace("//", "//127.0.0.1:1,")
    async with _memory(RedisSettings(url=url, cluster=True)) as memory:
        redis_cluster.flush()
        yield memory


class TestContractInCluster(MemoryContract):
    """The suite, in a cluster."""

    @pytest.fixture(autouse=True)
    def _given(self, spread: Memory) -> None:
        self.memory = spread


class TestContractBehindSentinel(MemoryContract):
    """The suite, on the master that a sentinel names."""

    @pytest.fixture(autouse=True)
    def _given(self, led: Memory) -> None:
        self.memory = led


@pytest.mark.parametrize("how", ["killed", "frozen", "demoted"])
async def test_the_memory_finds_the_new_master_by_itself(how: str, redis: RealRedis) -> None:
    assert redis.pid
    servers = RealSentinel()
    try:
        servers.start()
        async with _memory(RedisSettings(url=servers.url, sentinel_service=SERVICE)) as memory:
            before = await memory.claim(asked("before", token=ONE))
            await memory.commit(before)
            await eventually(
                lambda: servers.replica.ask("GETRANGE", before.key, "0", "1") == "1d", "it is copied"
            )
            if how == "killed":
                servers.master.kill()
            elif how == "frozen":
                servers.master.pause()
            else:
                await eventually(servers.change_over, "the sentinel takes the order")
            await eventually(servers.promoted, "the replica is the master")
            await _answers(memory)
            assert (await memory.claim(asked("before", token=TWO))).answer is Answer.SEEN
    finally:
        servers.remove()


async def _answers(memory: Memory, app: str = "shop") -> None:
    tries = iter(range(1_000_000))

    async def taken() -> bool:
        identity = Identity(key=f"Again:{next(tries)}", digest="0" * 16)
        return (await memory.claim(question(app, identity, "v3", NOW_MS, ONE))).answer is Answer.FRESH

    await eventually(taken, "claims are answered")


def _claims(app: str, count: int) -> list[Claim]:
    return [question(app, Identity(key=f"T:{n}", digest="0" * 16), "v3", NOW_MS, ONE) for n in range(count)]


async def test_all_of_an_application_lies_on_the_node_of_its_slot(
    redis_cluster: RealCluster, spread: Memory
) -> None:
    for app, count in (
        ("shop", 20),
        ("other", 30),
    ):  # slots 3,808 and 11,361: the first node's and the third's
        answers = await asyncio.gather(*map(spread.claim, _claims(app, count)))
        assert {answer.answer for answer in answers} == {Answer.FRESH}
        await asyncio.gather(*map(spread.commit, answers))
    assert [node.command("DBSIZE") for node in redis_cluster.nodes] == [b":20", b":0", b":30"]


async def test_a_slot_that_moves_is_followed(redis_cluster: RealCluster, spread: Memory) -> None:
    slot, (first, second, third) = str(key_slot(b"shop")), redis_cluster.nodes
    ids = [node.ask("CLUSTER", "MYID") for node in redis_cluster.nodes]
    (claim,) = _claims("shop", 1)
    await spread.commit(await spread.claim(claim))
    second.command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
    first.command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
    assert (await spread.claim(claim)).answer is Answer.SEEN  # still where it was
    assert first.command("MIGRATE", "127.0.0.1", str(second.port), claim.key, "0", "1000") == b"+OK"
    await spread.claim(claim)  # sent on by ASK
    for node in (second, first, third):
        assert node.command("CLUSTER", "SETSLOT", slot, "NODE", ids[1]) == b"+OK"
    await _answers(spread)
    assert (await spread.claim(claim)).answer is Answer.SEEN
    assert int(second.command("DBSIZE")[1:]) >= 1
