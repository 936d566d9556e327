"""A rolling restart behind a balancer, the short form: no post fails, nothing is lost, nothing repeats."""

import uuid
from pathlib import Path

import pytest

from tests.journey.chaos.audit import Kinds
from tests.journey.chaos.cases import play
from tests.journey.chaos.records import TOPIC_SETTINGS
from tests.journey.chaos.report import as_text
from tests.journey.chaos.rolling import KILLED, renew
from tests.journey.chaos.run import Plan, Run
from tests.journey.chaos.vendor import Load
from tests.journey.places import Place
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis

# On a crowded machine a Redis that is well may need longer than the 250 ms after which it counts as away.
PATIENT = {"BRIDGE_DEDUP__TIMEOUT_MS": "2000"}
PLAN = Plan(short=True, quiet=True, load=Load(per_s=200, keys=2000), settings=PATIENT)


@pytest.fixture
async def stamped(kafka: RealKafka, redis: RealRedis) -> Place:
    """Give a place whose records tell when they came to stand there."""
    place = Place(kafka=kafka, redis=redis, name=f"chaos-{uuid.uuid4().hex[:8]}")
    redis.flush()
    await kafka.create_topics(place.topics, configs=TOPIC_SETTINGS)
    return place


async def test_two_that_are_restarted_in_turn_fail_no_post_and_repeat_nothing(stamped: Place) -> None:
    found = await play("rolling", stamped, PLAN)

    assert found.good, as_text("rolling", found)
    assert found.numbers["posts"] > PLAN.load.per_s


async def test_posts_that_fail_are_seen_to_where_a_pod_is_killed_instead(
    stamped: Place, tmp_path: Path
) -> None:
    run = Run(stamped, PLAN, tmp_path)
    async with run.act("two balanced"):
        await renew(run.stage, 0, KILLED)
    run.expect_all_posts()
    found = await run.conclude()

    assert found.numbers["posts failed"]
    assert "no post failed" in found.missed
    assert found.verdict.count(Kinds.WRONG) == found.numbers["posts failed"]
    assert not found.verdict.count(Kinds.LOST)
