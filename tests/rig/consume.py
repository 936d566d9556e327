"""Reads topics from their beginning to their end, as a consumer that trusts nothing but Kafka would."""

import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from tests.rig.waiting import ConditionTimeoutError, eventually


class Consumed(Struct, frozen=True, kw_only=True):
    """One record as it stands in Kafka; ``headers`` in their order, ``timestamp_ms`` the topic's."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int = 0

    def header(self, name: str) -> str:
        """Give the header's text; KeyError where there is none."""
        return dict(self.headers)[name].decode()


async def read_all(bootstrap: str, topics: Iterable[str], within_s: float = 120.0) -> list[Consumed]:
    """Read everything that stands in these topics now, ordered by topic, partition and offset.

    A topic that does not exist holds nothing.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        return await _read(consumer, sorted(set(topics)), time.monotonic() + within_s)
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, topics: list[str], deadline: float) -> list[Consumed]:
    async def listed() -> Any:  # noqa: ANN401 - the library is untyped
        with suppress(KafkaError):  # a broker that was frozen for long is none for a moment
            # Not by name: that could make a topic.
            return await consumer._client.fetch_all_metadata()  # noqa: SLF001
        return None

    cluster = await eventually(listed, "the cluster lists its topics")
    topic_partitions = [
        TopicPartition(topic, number)
        for topic in topics
        for number in sorted(cluster.partitions_for_topic(topic) or ())
    ]
    if not topic_partitions:
        return []
    consumer.assign(topic_partitions)
    await consumer.seek_to_beginning(*topic_partitions)
    ends = await consumer.end_offsets(topic_partitions)
    found: list[Consumed] = []
    while open_partitions := [
        topic_partition
        for topic_partition in topic_partitions
        if await consumer.position(topic_partition) < ends[topic_partition]
    ]:
        if time.monotonic() > deadline:
            raise ConditionTimeoutError(f"not read to the end in time: {open_partitions}")
        for batch in (await consumer.getmany(*open_partitions, timeout_ms=500)).values():
            found += [
                Consumed(
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    key=record.key,
                    value=record.value or b"",
                    headers=tuple(record.headers),
                    timestamp_ms=record.timestamp,
                )
                for record in batch
                if record.offset < ends[TopicPartition(record.topic, record.partition)]
            ]
    return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))
