"""The short form of the proof: faults in turn under a vendor's load, and every record explained."""

import uuid

import pytest

from tests.end_to_end.chaos.records import TOPIC_SETTINGS
from tests.end_to_end.chaos.report import as_text
from tests.end_to_end.chaos.run import Plan
from tests.end_to_end.chaos.scenarios import run_scenario
from tests.end_to_end.environment import Environment
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis

EVENTS = 3_000


@pytest.mark.long
async def test_whatever_happens_each_record_is_explained_and_nothing_answered_well_is_lost(
    own_kafka: RealKafka, redis: RealRedis
) -> None:
    environment = Environment(kafka=own_kafka, redis=redis, name=f"chaos-{uuid.uuid4().hex[:8]}")
    redis.flush()
    await own_kafka.create_topics(environment.topics, configs=TOPIC_SETTINGS)

    found = await run_scenario("faults", environment, Plan(events=EVENTS, short=True, quiet=True))

    assert found.good, as_text("short", found)
    assert len(found.ledger.notifications) >= EVENTS
