"""The environment of a test whose Kafka is in memory: what `ConsumerEnvironment` gives, without a broker."""

import uuid
from collections.abc import Iterable
from typing import Any

import pytest

from bridge.consumer.testing import FakeKafka
from bridge.core.event import Record
from tests.consumer.records import ConsumerEnvironment, new_consumer_env
from tests.rig.consume import Consumed

EVERY_KAFKA = [
    pytest.param("kafka", marks=pytest.mark.services),
    pytest.param("fake", marks=pytest.mark.unit),
]
"""The parameters of a fixture for tests that hold for both."""


class FakeEnvironment(ConsumerEnvironment, frozen=True, kw_only=True):
    """Topics in memory; ``kafka`` is none."""

    fake: FakeKafka

    @property
    def options(self) -> dict[str, Any]:
        """The options of a consumer here."""
        return {**super().options, "clients": self.fake}

    async def create(self, *types: str, partitions: int = 4) -> None:
        """Create the topics of these types (``other`` is one)."""
        for name in types:
            self.fake.create_topic(f"{self.name}.{name}", partitions)

    async def delete(self, topic: str) -> None:
        """Delete a topic."""
        self.fake.delete_topic(topic)

    async def publish(self, records: Iterable[Record]) -> None:
        """Write records in their order."""
        for one in records:
            self.fake.append(one.topic, one.value, key=one.key, headers=one.headers)

    async def committed(self) -> int:
        """Add up the positions that the group has committed."""
        return sum(self.fake.committed(self.group).values())

    async def group_state(self) -> tuple[str, int]:
        """Give the group's state, as Kafka calls it, and the number of its members."""
        members = self.fake.members(self.group)
        return ("Stable" if members else "Empty"), members

    async def dead_letter_records(self) -> list[Consumed]:
        """Read the group's dead letters."""
        return [
            Consumed(
                topic=one.topic,
                partition=one.partition,
                offset=one.offset,
                key=one.key,
                value=one.value,
                headers=one.headers,
            )
            for one in self.fake.records(self.dead_letter_topic)
        ]


def environment_of(request: pytest.FixtureRequest) -> ConsumerEnvironment:
    """Give the environment that the fixture's parameter names."""
    if request.param == "fake":
        return FakeEnvironment(name=f"c{uuid.uuid4().hex[:10]}", fake=FakeKafka())
    return new_consumer_env(request.getfixturevalue("kafka"))
