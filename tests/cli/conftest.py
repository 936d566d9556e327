"""What the tests of the commands share."""

import pytest

from tests.cli.replay_harness import ReplayHarness
from tests.end_to_end.environment import Environment
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis


@pytest.fixture
async def harness(request: pytest.FixtureRequest, kafka: RealKafka, redis: RealRedis) -> ReplayHarness:
    """Give the topics of one test, on a Redis that remembers no other test's events."""
    environment = Environment(kafka=kafka, redis=redis, name=request.node.name.removeprefix("test_")[:60])
    redis.flush()
    await kafka.create_topics(environment.topics)
    return ReplayHarness(environment)
