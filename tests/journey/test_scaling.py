"""1 -> 3 -> 1 processes behind a balancer, the short form: redeliveries to all of them repeat nothing."""

import uuid

import pytest

from tests.journey.chaos.cases import play
from tests.journey.chaos.records import TOPIC_SETTINGS
from tests.journey.chaos.report import as_text
from tests.journey.chaos.run import Plan
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


async def test_one_and_three_and_one_again_with_redeliveries_to_all_repeat_nothing(stamped: Place) -> None:
    found = await play("scaling", stamped, PLAN)

    assert found.good, as_text("scaling", found)
    assert found.numbers["told to all at once"]
