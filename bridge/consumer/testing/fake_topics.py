"""The topics of a `FakeKafka`: partitions of records in memory."""

import re
from collections.abc import Iterable, Mapping
from time import time
from zlib import crc32

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from bridge.consumer.event import Headers

Partition = list[ConsumerRecord]


class FakeTopics:
    """Topics by name."""

    def __init__(self) -> None:
        self._topics: dict[str, list[Partition]] = {}

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic, if it does not exist."""
        self._topics.setdefault(topic, [[] for _ in range(partitions)])

    def delete(self, topic: str) -> None:
        """Delete a topic with its records. KeyError where there is none."""
        del self._topics[topic]

    def names(self) -> set[str]:
        """Return the names of the topics."""
        return set(self._topics)

    def append(self, topic: str, value: bytes | None, key: bytes | None, headers: Headers) -> ConsumerRecord:
        """Write a record. Raises aiokafka's `UnknownTopicOrPartitionError`."""
        if topic not in self._topics:
            raise UnknownTopicOrPartitionError(topic)
        partitions = self._topics[topic]
        number = crc32(key or b"") % len(partitions)
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        record = ConsumerRecord(
            topic,
            number,
            len(partitions[number]),
            int(time() * 1_000),
            0,
            key,
            value,
            None,
            len(key or b""),
            len(value or b""),
            tuple((name, text.encode() if isinstance(text, str) else text) for name, text in pairs),
        )
        partitions[number].append(record)
        return record

    def partitions(self, pattern: str) -> list[TopicPartition]:
        """Return the partitions of the topics that match."""
        return [
            TopicPartition(topic, number)
            for topic, partitions in sorted(self._topics.items())
            if re.match(pattern, topic)
            for number in range(len(partitions))
        ]

    def records(self, topic: str) -> Partition:
        """Return the records of a topic, partition by partition; none where there is no such topic."""
        return [record for partition in self._topics.get(topic, []) for record in partition]

    def records_from(self, topic_partition: TopicPartition, offset: int) -> Partition:
        """Return the records of a partition from an offset on; none of a partition that does not exist."""
        partitions = self._topics.get(topic_partition.topic, [])
        if topic_partition.partition >= len(partitions):
            return []
        return partitions[topic_partition.partition][offset:]

    def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset behind the last record of each."""
        return {one: len(self.records_from(one, 0)) for one in partitions}
