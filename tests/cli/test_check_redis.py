"""``check`` with several Redis: its findings about sentinels and clusters."""

import time
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from bridge.operations.check import redis as checked
from bridge.operations.check.redis import check_redis
from bridge.settings.sections import RedisSettings
from tests.rig.parts import free_port
from tests.rig.redis import RealRedis
from tests.rig.redis_topologies import SERVICE, RealCluster, RealSentinel


async def _findings(settings: RedisSettings) -> dict[str, tuple[str, str]]:
    found = await check_redis(settings)
    return {finding.check: (finding.state, finding.message + finding.remedy) for finding in found}


async def test_all_is_ok_in_a_cluster_and_behind_a_sentinel(
    redis_cluster: RealCluster, redis_sentinel: RealSentinel
) -> None:
    for settings in (
        RedisSettings(url=redis_cluster.url, cluster=True),
        RedisSettings(url=redis_sentinel.url, sentinel_service=SERVICE),
    ):
        found = await _findings(settings)
        assert len(found) == 5
        assert {state for state, _ in found.values()} == {"ok"}, found


async def test_a_cluster_that_is_not_configured_as_one_is_reported(redis_cluster: RealCluster) -> None:
    state, words = (await _findings(RedisSettings(url=redis_cluster.url)))["redis server"]
    assert (state, "set BRIDGE_REDIS__CLUSTER=true" in words) == ("failed", True)


async def test_a_sentinel_that_is_not_configured_as_one_is_reported(redis_sentinel: RealSentinel) -> None:
    state, words = (await _findings(RedisSettings(url=redis_sentinel.url)))["redis server"]
    assert (state, "BRIDGE_REDIS__SENTINEL_SERVICE" in words) == ("failed", True)


async def test_a_redis_that_is_no_cluster_is_reported(redis: RealRedis) -> None:
    state, words = (await _findings(RedisSettings(url=redis.url, cluster=True)))["redis cluster"]
    assert (state, "unset BRIDGE_REDIS__CLUSTER" in words) == ("failed", True)


async def test_a_cluster_of_which_no_node_answers_is_reported() -> None:
    state, words = (await _findings(RedisSettings(url=f"redis://127.0.0.1:{free_port()}", cluster=True)))[
        "redis address"
    ]
    assert (state, "refused" in words) == ("failed", True)


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("{0}", "the sentinels know no working master 'other'"),
        ("127.0.0.1:1,{0}", "not every sentinel answers"),
    ],
)
async def test_a_master_that_no_sentinel_knows_is_reported(
    redis_sentinel: RealSentinel, hosts: str, expected: str
) -> None:
    url = f"redis://{hosts.format(f'127.0.0.1:{redis_sentinel.sentinel.port}')}"
    state, words = (await _findings(RedisSettings(url=url, sentinel_service="other")))["redis sentinel"]
    assert (state, expected in words) == ("failed", True)


@pytest.mark.services
async def test_a_sentinel_that_refuses_the_login_is_reported_and_one_that_asks_for_it_gets_it() -> None:
    servers = RealSentinel()
    try:
        servers.start()
        assert servers.sentinel.command("ACL", "SETUSER", "default", "resetpass", ">pw") == b"+OK"
        settings = RedisSettings(url=servers.url, sentinel_service=SERVICE)
        state, words = (await _findings(settings))["redis login"]
        assert (state, "BRIDGE_REDIS__SENTINEL_PASSWORD" in words) == ("failed", True)
        with_password = RedisSettings(
            url=servers.url, sentinel_service=SERVICE, sentinel_password=SecretStr("pw")
        )
        assert (await _findings(with_password))["redis scripts"][0] == "ok"
    finally:
        servers.remove()


@pytest.mark.services
@pytest.mark.parametrize(
    ("refuse", "words"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), "is full"),
        (("REPLICAOF", "127.0.0.1", "1"), "is a replica"),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), "too few replicas"),
    ],
)
async def test_a_redis_that_refuses_writes_is_named_and_its_user_is_not_blamed(
    refuse: tuple[str, ...], words: str
) -> None:
    server = RealRedis()
    try:
        server.start()
        server.command(*refuse)
        state, text = (await _findings(RedisSettings(url=server.url)))["redis scripts"]
    finally:
        server.remove()
    assert (state, words in text, "grant" in text) == ("failed", True, False)


@pytest.mark.services
@pytest.mark.parametrize(
    ("asked_s", "answered_s", "state"),
    [(0, 0, "ok"), (-20, 20, "ok"), (20, 20, "warning"), (-20, -20, "warning")],
    ids=["the same time", "a late answer", "ahead", "behind"],
)
async def test_a_clock_that_differs_is_distinguished_from_an_answer_that_is_late(
    redis: RealRedis, monkeypatch: pytest.MonkeyPatch, asked_s: int, answered_s: int, state: str
) -> None:
    moments = iter((asked_s, answered_s))
    monkeypatch.setattr(checked, "time", SimpleNamespace(time=lambda: time.time() + next(moments)))
    found, words = (await _findings(RedisSettings(url=redis.url)))["clock"]
    assert (found, "differs from Redis" in words) == (state, state == "warning")
