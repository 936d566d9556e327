"""A Redis that answers and refuses: it is full, read-only, without replicas, or forbids some keys."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import structlog
from msgspec.structs import replace
from redis import exceptions

from bridge.core.claim import ClaimStatus
from bridge.io.dedup.breaker import FAILURES_TO_OPEN
from bridge.io.dedup.redis_errors import ERROR_ADVICE, error_code, parse_error_code
from bridge.io.dedup.store import RedisDedup
from bridge.observability.telemetry import Telemetry
from tests.contracts import ONE, TWO, Clock, make_claim
from tests.io.patient_dedup import PATIENT, patient_client
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

pytestmark = pytest.mark.services

_REPLICAS = ("CONFIG", "SET", "min-replicas-to-write")
COMMANDS_BY_CODE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "OOM": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "READONLY": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    "NOREPLICAS": ((*_REPLICAS, "1"), (*_REPLICAS, "0")),
}


@pytest.fixture
def telemetry() -> Telemetry:
    """Give one whose gauges can be read."""
    return Telemetry()


@pytest.fixture
async def dedup(own_redis: RealRedis, telemetry: Telemetry) -> AsyncIterator[RedisDedup]:
    """Give one of two applications that probes often; its probes of the start are answered."""
    dedup = start_dedup(own_redis.url, telemetry)
    probes = FAILURES_TO_OPEN * 2
    await eventually(lambda: calls(telemetry) >= probes, "the start is over")
    yield dedup
    await dedup.stop()


def start_dedup(url: str, telemetry: Telemetry, apps: Sequence[str] = ("shop", "film")) -> RedisDedup:
    dedup = RedisDedup(
        patient_client(url),
        telemetry,
        Clock(),
        replace(PATIENT, probe_interval_s=0.02),
        apps,
    )
    dedup.start()
    return dedup


def degraded(telemetry: Telemetry) -> float | None:
    return telemetry.registry.get_sample_value("vod_bridge_dedup_degraded")


def calls(telemetry: Telemetry) -> float:
    return telemetry.registry.get_sample_value("vod_bridge_dedup_call_seconds_count") or 0


def changes(logs: Sequence[object]) -> list[tuple[str, str]]:
    """List the changes that were logged: event and application."""
    return [
        (one["event"], one["app"])
        for one in logs
        if isinstance(one, dict) and one["event"] in ("dedup_unavailable", "dedup_recovered")
    ]


@pytest.mark.parametrize("code", COMMANDS_BY_CODE)
async def test_a_redis_that_refuses_writes_is_unavailable_until_it_accepts_them_again_and_logged_once(
    code: str, own_redis: RealRedis, dedup: RedisDedup, telemetry: Telemetry
) -> None:
    refuse, accept = COMMANDS_BY_CODE[code]
    claim = await dedup.claim(make_claim("before", token=ONE))
    assert claim.status is ClaimStatus.ACQUIRED
    with structlog.testing.capture_logs() as logs:
        own_redis.command(*refuse)
        for n in range(3):
            assert (await dedup.claim(make_claim(f"missed:{n}", token=ONE))).status is ClaimStatus.UNAVAILABLE
        assert dedup.unavailable == {"shop": code}
        probes = count_commands(own_redis)
        await eventually(lambda: count_commands(own_redis) > probes + 20, "it was asked again and again")
        assert dedup.unavailable == {"shop": code}
        assert degraded(telemetry) == 1
        own_redis.command(*accept)
        await eventually(lambda: not dedup.unavailable, "it is used again")
        assert degraded(telemetry) == 0
    assert changes(logs) == [("dedup_unavailable", "shop"), ("dedup_recovered", "shop")]
    logged_meanings = [one["note"] for one in logs if one["event"] == "dedup_unavailable"]
    assert logged_meanings == [ERROR_ADVICE[code].message]
    assert (await dedup.claim(make_claim("after", token=TWO))).status is ClaimStatus.ACQUIRED


def count_commands(redis: RealRedis) -> int:
    """Count the scripts that were asked for, whatever became of them."""
    return int(redis.ask("INFO", "stats").split("total_commands_processed:")[1].split()[0])


async def test_a_redis_that_refuses_writes_at_the_start_is_known_before_the_first_delivery(
    own_redis: RealRedis, telemetry: Telemetry
) -> None:
    own_redis.command("CONFIG", "SET", "maxmemory", "1")
    dedup = start_dedup(own_redis.url, telemetry)
    await eventually(lambda: len(dedup.unavailable) == 2, "both applications are known to be refused")
    assert degraded(telemetry) == 1
    await dedup.stop()


async def test_a_redis_that_is_not_there_is_known_before_the_first_delivery(
    own_redis: RealRedis, telemetry: Telemetry
) -> None:
    own_redis.stop()
    dedup = start_dedup(own_redis.url, telemetry)
    await eventually(lambda: set(dedup.unavailable) == {"shop", "film"}, "it is known to be away")
    assert degraded(telemetry) == 1
    own_redis.start()
    await eventually(lambda: not dedup.unavailable, "it is used")
    assert degraded(telemetry) == 0
    await dedup.stop()


async def test_one_applications_refused_keys_leave_another_ones_deduplication_untouched(
    telemetry: Telemetry,
) -> None:
    user = "bridge on >secret ~vod:{film}:* +@all"
    server = RealRedis(users=["default on nopass ~* +@all", user])
    server.start()
    dedup = start_dedup(f"redis://bridge:secret@127.0.0.1:{server.port}/0", telemetry)
    await eventually(lambda: dedup.unavailable == {"shop": "NOPERM"}, "one is refused")
    for n in range(50):
        refused, served = await asyncio.gather(
            dedup.claim(make_claim(f"t{n}", token=ONE)),
            dedup.claim(make_claim(f"t{n}", token=ONE, app="film")),
        )
        assert (refused.status, served.status) == (ClaimStatus.UNAVAILABLE, ClaimStatus.ACQUIRED)
        await dedup.commit(refused)
        await dedup.commit(served)
    again = await dedup.claim(make_claim("t7", token=TWO, app="film"))
    assert again.status is ClaimStatus.DUPLICATE
    assert dedup.unavailable == {"shop": "NOPERM"}
    # What the refused one finished is remembered here, and does not keep the other's from Redis.
    assert (await dedup.claim(make_claim("t7", token=TWO))).status is ClaimStatus.DUPLICATE
    await dedup.stop()
    server.remove()


async def test_behind_one_address_the_demoted_master_is_left_for_the_new_one(
    own_redis: RealRedis, telemetry: Telemetry
) -> None:
    successor = RealRedis()
    successor.start()
    with own_redis.open_proxy() as proxy:  # the address; whoever connects anew is led to its target
        dedup = start_dedup(f"redis://127.0.0.1:{proxy.port}/0", telemetry, ["shop"])
        assert (await dedup.claim(make_claim("before", token=ONE))).status is ClaimStatus.ACQUIRED
        proxy.target = successor.port
        own_redis.command("REPLICAOF", "127.0.0.1", str(successor.port))
        await eventually(
            lambda: _is_claimed_at(dedup, successor), "claims reach the new master without the old one's end"
        )
        await dedup.stop()
    successor.remove()


async def _is_claimed_at(dedup: RedisDedup, server: RealRedis) -> bool:
    await dedup.claim(make_claim("after", token=ONE))
    return server.command("EXISTS", make_claim("after", token=ONE).key) == b":1"


async def test_a_server_without_hello_is_supported(telemetry: Telemetry) -> None:
    server = RealRedis({"rename-command HELLO": '""', "requirepass": "a-password#@:"})
    server.start()
    dedup = start_dedup(f"redis://:a-password%23%40%3A@127.0.0.1:{server.port}/0", telemetry)
    claim = await dedup.claim(make_claim("t", token=ONE))
    assert claim.status is ClaimStatus.ACQUIRED
    assert await dedup.commit(claim)
    await dedup.stop()
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
def test_an_error_is_classified_by_its_type_and_code(error: Exception, code: str) -> None:
    assert error_code(error) == code


def test_the_code_is_the_first_word_of_an_error_in_a_script() -> None:
    assert parse_error_code("READONLY You can't write") == "READONLY"
    assert parse_error_code("ERR value is not an integer") == ""
    assert (
        parse_error_code("ERR Error running script: @user_script:1: -MISCONF Redis is configured")
        == "MISCONF"
    )
