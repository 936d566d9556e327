"""The same over secured connections: every login and every kind of TLS, on real servers set up that way."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited_id, expected, new_task, published_payloads
from tests.end_to_end.secured import SecuredRedis, remembers, secured_redis
from tests.end_to_end.senders import run_load, send, tasks_until
from tests.rig.kafka import RealKafka
from tests.rig.program import Program
from tests.rig.redis_topologies import RealSentinel
from tests.rig.secured import SecuredKafka
from tests.rig.waiting import eventually

_TYPES = 6


@pytest.fixture
def its_redis(request: pytest.FixtureRequest, secured: SecuredKafka) -> Iterator[SecuredRedis]:
    """Start the secured Redis that the test names."""
    made = secured_redis(request.param, secured.authority)
    try:
        made.whole.start()
        yield made
    finally:
        made.whole.remove()


async def publishes(program: Program) -> list[str]:
    """Post one of some types each, a duplicate and what can never be an event; give the ids."""
    ids = []
    for case in published_payloads()[:: len(published_payloads()) // _TYPES]:
        example = expected(case)
        answer = (await program.post(case.read_bytes())).json
        if "id" in example:
            assert answer["outcome"] == "published", case
            assert (await program.post(case.read_bytes())).json["outcome"] == "duplicate"
            ids.append(example["id"])
    assert ids
    rejected = await program.post(b"no event")
    assert (rejected.status, rejected.json["outcome"]) == (422, "rejected")
    return ids


async def outlives_redis(program: Program, redis: SecuredRedis) -> str:
    """Stop Redis and start it again; the event of the meantime is published unchecked. Give its id."""
    redis.pause()
    task = new_task()
    assert (await send(program, task)).outcome == "published"
    redis.resume()
    await eventually(lambda: remembers(program), "redeliveries are known")
    return edited_id(task)


async def outlives_kafka(program: Program, kafka: RealKafka) -> str:
    """Freeze Kafka and thaw it; the event of the meantime waits in the spool. Give its id."""
    kafka.pause()
    task = new_task()
    assert (await send(program, task)).outcome == "spooled"
    kafka.resume()

    async def drained() -> bool:
        return await program.metric("vod_bridge_spool_records") == 0

    await eventually(drained, "the spool is empty")
    return edited_id(task)


@pytest.mark.parametrize(
    ("listener", "mechanism", "its_redis"),
    [
        ("TLS", "", "tls"),
        ("MUTUAL", "", "mutual"),
        ("CLEAR", "PLAIN", "acl"),
        ("LOGIN", "SCRAM-SHA-256", "sentinel"),
        ("LOGIN", "SCRAM-SHA-512", "cluster"),
        ("TOKEN", "OAUTHBEARER", "sentinel-tls"),
        ("LOGIN", "PLAIN", "cluster-tls"),
    ],
    indirect=["its_redis"],
)
async def test_published_payloads_are_the_same_over_secured_links(
    secured: SecuredKafka,
    over_secured: Environment,
    its_redis: SecuredRedis,
    listener: str,
    mechanism: str,
) -> None:
    async with running(over_secured, secured.settings(listener, mechanism) | its_redis.settings) as program:
        ids = await publishes(program)
        ids.append(await outlives_redis(program, its_redis))
        ids.append(await outlives_kafka(program, secured.kafka))
        await eventually(program.is_well, "nothing is degraded")

    found = [event for event in await over_secured.published() if "-probe" not in event["id"]]
    assert sorted(event["id"] for event in found if event["id"] in ids) == sorted(ids)
    assert [event["id"] for event in found if not event["delivery"]["deduplicated"]] == [ids[-2]]
    assert len(await over_secured.rejected()) >= 1


@pytest.mark.parametrize("its_redis", ["sentinel-tls"], indirect=True)
async def test_a_sentinels_failover_under_traffic_loses_nothing_and_redeliveries_are_known_after_it(
    secured: SecuredKafka, over_secured: Environment, its_redis: SecuredRedis
) -> None:
    sentinel = its_redis.whole
    assert isinstance(sentinel, RealSentinel)
    async with running(
        over_secured, secured.settings("LOGIN", "SCRAM-SHA-512") | its_redis.settings
    ) as program:
        enough, sent = asyncio.Event(), list[str]()

        async def one(task: str) -> str:
            assert (await send(program, task)).outcome == "published"
            return task

        passing = asyncio.create_task(run_load(tasks_until(enough), one, at_once=16, results=sent))
        await eventually(lambda: len(sent) > 100, "events pass")
        sentinel.watch_closely()
        sentinel.master.kill()
        await eventually(sentinel.promoted, "the replica is the master")
        await eventually(lambda: remembers(program), "redeliveries are known")
        later = len(sent)
        await eventually(lambda: len(sent) > later + 100, "events pass at the new master")
        enough.set()
        await passing
        again = await asyncio.gather(*(send(program, task) for task in sent[-50:]))

    assert {one.outcome for one in again} == {"duplicate"}
    ids = [one for one in await over_secured.ids() if "-probe" not in one]
    assert ids == sorted(edited_id(task) for task in sent)
