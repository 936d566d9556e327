"""All brokers at new addresses, or another cluster, behind the bootstrap address: both are found again."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

import pytest
from msgspec import Struct
from msgspec.structs import replace

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited_id
from tests.end_to_end.senders import SendResult, run_load, send, tasks_until
from tests.rig.kafka import RealKafka
from tests.rig.program import Program
from tests.rig.proxy import Proxy
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

PUBLISHING_WITHIN_S = 60.0
AT_ONCE = 4
SPOOLED = 50


class Played(Struct, frozen=True, kw_only=True):
    """What was sent, and how long after the address led to a Kafka again events were published."""

    sends: list[SendResult]
    published_after_s: float


async def to_new_addresses(environment: Environment) -> RealKafka:
    """Start the same cluster again, at addresses that nobody knows."""
    await asyncio.to_thread(environment.kafka.move)
    return environment.kafka


async def to_another_cluster(environment: Environment) -> RealKafka:
    """Start a cluster that has nothing of the first."""
    other = RealKafka()
    await asyncio.to_thread(other.start)
    await other.create_topics(environment.topics)
    return other


def _port(kafka: RealKafka) -> int:
    return int(kafka.bootstrap.rpartition(":")[2])


async def _is_drained(program: Program) -> bool:
    return await program.metric("vod_bridge_spool_records") == 0


async def play(program: Program, kafka: RealKafka, move: Callable[[], Awaitable[None]]) -> Played:
    """Let events pass while Kafka goes away and comes back elsewhere, until nothing waits."""
    stop, sends = asyncio.Event(), list[SendResult]()
    loading = asyncio.create_task(
        run_load(tasks_until(stop), lambda task: send(program, task), at_once=AT_ONCE, results=sends)
    )
    try:
        await eventually(lambda: len(sends) > SPOOLED, "events are published")
        await asyncio.to_thread(kafka.stop)
        await eventually(
            lambda: sum(one.outcome == "spooled" for one in sends) > SPOOLED, "events are spooled"
        )
        await move()
        moved_at = time.monotonic()
        await eventually(
            lambda: any(one.outcome == "published" and one.started_at > moved_at for one in sends),
            "events are published again",
        )
        published_after_s = time.monotonic() - moved_at
    finally:
        stop.set()
        await loading
    await eventually(lambda: _is_drained(program), "the spool is drained")
    return Played(sends=sends, published_after_s=published_after_s)


@pytest.mark.long
@pytest.mark.parametrize("move", [to_new_addresses, to_another_cluster])
async def test_kafka_behind_the_old_bootstrap_address_is_found_within_60_s_and_the_spool_drained(
    own_kafka: RealKafka, redis: RealRedis, move: Callable[[Environment], Awaitable[RealKafka]]
) -> None:
    assert own_kafka.ours
    kafka, moved = RealKafka(), RealKafka()
    await asyncio.to_thread(kafka.start)
    environment = Environment(kafka=kafka, redis=redis, name=f"moved-{uuid.uuid4().hex[:8]}")
    try:
        await kafka.create_topics(environment.topics)
        with Proxy(_port(kafka)) as address:

            async def move_and_switch() -> None:
                nonlocal moved
                moved = await move(environment)
                address.retarget(_port(moved))

            settings = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": address.address}
            async with running(environment, settings) as program:
                played = await play(program, kafka, move_and_switch)
                replaced = await program.metric("vod_bridge_kafka_producer_replacements_total")
        await asyncio.to_thread(kafka.heal)  # where events went to another cluster, the first ones are in it
        published = {*await environment.ids(), *await replace(environment, kafka=moved).ids()}
    finally:
        kafka.remove()
        moved.remove()

    assert played.published_after_s <= PUBLISHING_WITHIN_S
    assert {one.status for one in played.sends} <= {200, 202}
    assert {edited_id(one.task) for one in played.sends} == published
    assert replaced == 1
