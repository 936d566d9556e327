"""A Kafka in memory: topics of partitions, groups of members that share them, committed offsets."""

from collections.abc import Iterable
from typing import Any

from aiokafka import ConsumerRecord

from bridge.consumer.event import Event, Headers
from bridge.consumer.testing.fake_group import FakeConsumer, FakeGroup
from bridge.consumer.testing.fake_topics import FakeTopics
from bridge.core.record import Routing


class FakeKafka:
    """Pass it as the option ``clients`` of `subscribe` or `Consumer`, one for all that shall share it.

    `publish` makes the topics that it writes to, with ``partitions``. Nothing is ever deleted by itself.
    """

    def __init__(self, *, partitions: int = 1) -> None:
        self._partitions = partitions
        self._topics = FakeTopics()
        self._groups: dict[str, FakeGroup] = {}

    # For a test

    def create_topic(self, topic: str, partitions: int | None = None) -> None:
        """Make a topic, if it does not exist."""
        self._topics.create(topic, partitions or self._partitions)
        self._on_topics_changed()

    def delete_topic(self, topic: str) -> None:
        """Delete a topic with its records. KeyError where there is none."""
        self._topics.delete(topic)
        self._on_topics_changed()

    def publish(self, event: Event[Any], topic: str = "") -> None:
        """Write an event as the bridge does, by default to the topic of its type. Makes the topic."""
        name = topic or Routing().topic_of_type(event.type, event.app)
        if name not in self._topics.names():
            self.create_topic(name)
        self.append(name, event.record.value, key=event.key.encode(), headers=event.record.headers)

    def append(
        self, topic: str, value: bytes | None, *, key: bytes | None = None, headers: Headers = ()
    ) -> ConsumerRecord:
        """Write a record of any bytes. Raises aiokafka's `UnknownTopicOrPartitionError`."""
        record = self._topics.append(topic, value, key, headers)
        for group in self._groups.values():
            group.wake()
        return record

    def records(self, topic: str) -> list[ConsumerRecord]:
        """Return the records of a topic, partition by partition; none where there is no such topic."""
        return self._topics.records(topic)

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        """Return the committed offsets of a group, by topic and partition."""
        return {(one.topic, one.partition): offset for one, offset in self._group(group).committed.items()}

    def members(self, group: str) -> int:
        """Return how many members a group has now."""
        return len(self._group(group).members)

    # What a consumer asks for

    def new_consumer(self, **options: Any) -> FakeConsumer:  # noqa: ANN401 - aiokafka's options
        """Make a member of a group."""
        return FakeConsumer(self._topics, self._group(options["group_id"]))

    def new_producer(self, **_options: Any) -> "FakeProducer":  # noqa: ANN401 - the same
        """Make a producer."""
        return FakeProducer(self)

    def _group(self, name: str) -> FakeGroup:
        return self._groups.setdefault(name, FakeGroup(self._topics))

    def _on_topics_changed(self) -> None:
        for group in self._groups.values():
            group.rebalance()


class FakeProducer:
    """A producer."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    async def start(self) -> None:
        """Do nothing: there is no connection."""

    async def stop(self) -> None:
        """Do nothing."""

    async def send_and_wait(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes | str | None]] = (),
    ) -> ConsumerRecord:
        """Write a record. Raises aiokafka's `UnknownTopicOrPartitionError`."""
        return self._kafka.append(topic, value, key=key, headers=headers)
