"""What every journey needs: topics of its own on the real Kafka, and a Redis that remembers nothing yet."""

import uuid

import pytest

from tests.journey.places import Place
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis


@pytest.fixture
async def place(kafka: RealKafka, redis: RealRedis) -> Place:
    """Give a place whose topics are there."""
    somewhere = Place(kafka=kafka, redis=redis, name=f"journey-{uuid.uuid4().hex[:8]}")
    redis.flush()
    await kafka.create_topics(somewhere.topics)
    return somewhere


@pytest.fixture
async def own_place(own_kafka: RealKafka, place: Place) -> Place:
    """Give the same for tests that freeze Kafka or cut it off."""
    assert own_kafka is place.kafka
    return place
