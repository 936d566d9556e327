"""The memory where Redis is several: behind a sentinel, and a cluster. The contract, and what moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.crc import key_slot

from bridge.core.claim import Claim, ClaimStatus, new_claim
from bridge.core.event import Identity
from bridge.io.dedup.redis_client import redis_client
from bridge.io.dedup.store import DedupLimits, RedisDedup
from bridge.observability.telemetry import Telemetry
from bridge.settings.sections import RedisSettings
from tests.contracts import NOW_MS, ONE, TWO, Clock, DedupStoreContract, make_claim
from tests.io.patient_dedup import PATIENT
from tests.rig.redis import RealRedis
from tests.rig.redis_topologies import SERVICE, RealCluster, RealSentinel
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def _running_dedup(
    settings: RedisSettings, limits: DedupLimits = PATIENT, timeout_s: float = WITHIN_S
) -> AsyncIterator[RedisDedup]:
    dedup = RedisDedup(redis_client(settings, 8, timeout_s), Telemetry(), Clock(), limits)
    dedup.start()

    async def is_connected() -> bool:
        # Finding out who is who takes longer than one call may, on a busy machine.
        return (await dedup.claim(make_claim("Warm:up"))).status is not ClaimStatus.UNAVAILABLE

    try:
        await eventually(is_connected, "it has met Redis")
        yield dedup
    finally:
        await dedup.stop()


@pytest.fixture
async def behind_sentinel(redis_sentinel: RealSentinel) -> AsyncIterator[RedisDedup]:
    """Give a memory that asks the sentinel, and one host that is none."""
    url = redis_sentinel.url.replace("//", "//127.0.0.1:1,")
    async with _running_dedup(RedisSettings(url=url, sentinel_service=SERVICE)) as dedup:
        redis_sentinel.master.flush()
        yield dedup


@pytest.fixture
async def in_cluster(redis_cluster: RealCluster) -> AsyncIterator[RedisDedup]:
    """Give a memory in the cluster, of which it is told one node, and one host that is none."""
    url = redis_cluster.url.replace("//", "//127.0.0.1:1,")
    async with _running_dedup(RedisSettings(url=url, cluster=True)) as dedup:
        redis_cluster.flush()
        yield dedup


class TestContractInCluster(DedupStoreContract):
    """The suite, in a cluster."""

    @pytest.fixture(autouse=True)
    def _given(self, in_cluster: RedisDedup) -> None:
        self.dedup = in_cluster


class TestContractBehindSentinel(DedupStoreContract):
    """The suite, on the master that a sentinel names."""

    @pytest.fixture(autouse=True)
    def _given(self, behind_sentinel: RedisDedup) -> None:
        self.dedup = behind_sentinel


@pytest.mark.parametrize("how", ["killed", "frozen", "demoted"])
async def test_the_store_finds_the_new_master_by_itself(how: str, redis: RealRedis) -> None:
    assert redis.pid
    servers = RealSentinel()
    try:
        servers.start()
        settings = RedisSettings(url=servers.url, sentinel_service=SERVICE)
        limits = DedupLimits(call_timeout_s=1.0, probe_interval_s=0.1)
        async with _running_dedup(settings, limits, timeout_s=1.0) as dedup:

            async def claimed(token: str, status: ClaimStatus) -> Claim | None:
                claim = await dedup.claim(make_claim("before", token=token))
                return claim if claim.status is status else None

            before = await eventually(lambda: claimed(ONE, ClaimStatus.ACQUIRED), "it is claimed")
            assert before is not None
            await dedup.commit(before)
            await eventually(
                lambda: servers.replica.ask("GETRANGE", before.key, "0", "1") == "1d", "it is copied"
            )
            if how != "demoted":
                servers.watch_closely()
            if how == "killed":
                servers.master.kill()
            elif how == "frozen":
                servers.master.pause()
            else:
                await eventually(servers.change_over, "the sentinel takes the order")
            await eventually(servers.promoted, "the replica is the master")
            await _wait_for_claims(dedup)
            await eventually(lambda: claimed(TWO, ClaimStatus.DUPLICATE), "it is remembered")
    finally:
        servers.remove()


async def _wait_for_claims(dedup: RedisDedup, app: str = "shop") -> None:
    tries = iter(range(1_000_000))

    async def is_acquired() -> bool:
        identity = Identity(key=f"Again:{next(tries)}", digest="0" * 16)
        return (await dedup.claim(new_claim(app, identity, "v3", NOW_MS, ONE))).status is ClaimStatus.ACQUIRED

    await eventually(is_acquired, "claims are answered")


def _new_claims(app: str, count: int) -> list[Claim]:
    return [new_claim(app, Identity(key=f"T:{n}", digest="0" * 16), "v3", NOW_MS, ONE) for n in range(count)]


async def test_all_of_an_application_lies_on_the_node_of_its_slot(
    redis_cluster: RealCluster, in_cluster: RedisDedup
) -> None:
    for app, count in (
        ("shop", 20),
        ("other", 30),
    ):  # slots 3,808 and 11,361: the first node's and the third's
        results = await asyncio.gather(*map(in_cluster.claim, _new_claims(app, count)))
        assert {result.status for result in results} == {ClaimStatus.ACQUIRED}
        await asyncio.gather(*map(in_cluster.commit, results))
    assert [node.command("DBSIZE") for node in redis_cluster.nodes] == [b":20", b":0", b":30"]


async def test_a_slot_that_moves_is_followed(redis_cluster: RealCluster, in_cluster: RedisDedup) -> None:
    slot, (first, second, third) = str(key_slot(b"shop")), redis_cluster.nodes
    ids = [node.ask("CLUSTER", "MYID") for node in redis_cluster.nodes]
    (claim,) = _new_claims("shop", 1)
    await in_cluster.commit(await in_cluster.claim(claim))
    second.command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
    first.command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
    assert (await in_cluster.claim(claim)).status is ClaimStatus.DUPLICATE  # still where it was
    assert first.command("MIGRATE", "127.0.0.1", str(second.port), claim.key, "0", "60000") == b"+OK"
    await in_cluster.claim(claim)  # sent on by ASK
    for node in (second, first, third):
        assert node.command("CLUSTER", "SETSLOT", slot, "NODE", ids[1]) == b"+OK"
    await _wait_for_claims(in_cluster)
    assert (await in_cluster.claim(claim)).status is ClaimStatus.DUPLICATE
    assert int(second.command("DBSIZE")[1:]) >= 1
