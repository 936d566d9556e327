"""What several journeys need beside a place: one at a secured Kafka, one whose records are stamped."""

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.journey.chaos.records import TOPIC_SETTINGS
from tests.journey.places import Place
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis
from tests.rig.secured import SecuredKafka


@pytest.fixture
async def there(secured: SecuredKafka, place: Place) -> AsyncIterator[Place]:
    """Give a place at the secured Kafka."""
    assert place.redis.pid
    await secured.kafka.create_topics(place.topics)
    yield Place(kafka=secured.kafka, redis=place.redis, name=place.name)
    secured.kafka.heal()


@pytest.fixture
async def stamped(kafka: RealKafka, redis: RealRedis) -> Place:
    """Give a place whose records tell when they came to stand there."""
    place = Place(kafka=kafka, redis=redis, name=f"chaos-{uuid.uuid4().hex[:8]}")
    redis.flush()
    await kafka.create_topics(place.topics, configs=TOPIC_SETTINGS)
    return place
