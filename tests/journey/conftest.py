"""What several journeys need beside a place: one at a secured Kafka, one whose records are stamped."""

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.journey.chaos.records import TOPIC_SETTINGS
from tests.journey.environment import Environment
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis
from tests.rig.secured import SecuredKafka


@pytest.fixture
async def there(secured: SecuredKafka, environment: Environment) -> AsyncIterator[Environment]:
    """Give a place at the secured Kafka."""
    assert environment.redis.pid
    await secured.kafka.create_topics(environment.topics)
    yield Environment(kafka=secured.kafka, redis=environment.redis, name=environment.name)
    secured.kafka.heal()


@pytest.fixture
async def stamped(kafka: RealKafka, redis: RealRedis) -> Environment:
    """Give a place whose records tell when they came to stand there."""
    environment = Environment(kafka=kafka, redis=redis, name=f"chaos-{uuid.uuid4().hex[:8]}")
    redis.flush()
    await kafka.create_topics(environment.topics, configs=TOPIC_SETTINGS)
    return environment
