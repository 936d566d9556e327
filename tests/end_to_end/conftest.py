"""Environments that several files share: one on a secured Kafka, one whose records have the broker's time."""

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.end_to_end.chaos.records import TOPIC_SETTINGS
from tests.end_to_end.environment import Environment
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis
from tests.rig.secured import SecuredKafka


@pytest.fixture
async def over_secured(secured: SecuredKafka, environment: Environment) -> AsyncIterator[Environment]:
    """Give an environment on the secured Kafka."""
    assert environment.redis.pid
    await secured.kafka.create_topics(environment.topics)
    yield Environment(kafka=secured.kafka, redis=environment.redis, name=environment.name)
    secured.kafka.heal()


@pytest.fixture
async def timed_environment(kafka: RealKafka, redis: RealRedis) -> Environment:
    """Give an environment whose records hold the time at which the broker appended them."""
    environment = Environment(kafka=kafka, redis=redis, name=f"chaos-{uuid.uuid4().hex[:8]}")
    redis.flush()
    await kafka.create_topics(environment.topics, configs=TOPIC_SETTINGS)
    return environment
