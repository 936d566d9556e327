"""Follows topics without a consumer group: from now, from a time, or from the beginning.

Topics created later are discovered and read from their beginning. Nothing is committed, and no topic is
created by asking for it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from bridge.cli.support.render import ShownRecord
from bridge.operations.found_record import headers_of
from bridge.operations.kafka_admin import describe_cluster
from bridge.operations.start_offsets import Offsets, find_start_offsets

_DISCOVER_INTERVAL_S = 5.0
_POLL_MS = 500
_FETCH_WAIT_MS = 100  # how long a broker may delay its response; short, for a terminal


class TopicFollower:
    """The existing topics among ``topic_names``, and their new records. Created by `following`."""

    def __init__(
        self, consumer: AIOKafkaConsumer, options: Mapping[str, Any], topic_names: Sequence[str]
    ) -> None:
        self._consumer = consumer
        self._options = options
        self._topic_names = topic_names
        self._next: Offsets = {}
        self._history_end_offsets: Offsets = {}
        self._since_ms = 0
        self._discovered_at = 0.0

    @property
    def topics(self) -> set[str]:
        """The topics that are read."""
        return {topic_partition.topic for topic_partition in self._next}

    @property
    def is_by_time(self) -> bool:
        """Whether the broker found offsets by time; else older records are read and discarded."""
        return not self._history_end_offsets

    async def discover(self, since_ms: int | None) -> None:
        """Add new partitions: from a time on (unix ms), or with None from their end."""
        self._discovered_at = asyncio.get_running_loop().time()
        cluster = await describe_cluster(self._options)
        new_partitions = [
            topic_partition
            for name in self._topic_names
            if (topic := cluster.topics.get(name))
            for topic_partition in (TopicPartition(name, number) for number in range(topic.partitions))
            if topic_partition not in self._next
        ]
        if not new_partitions:
            return
        # Assigned first: aiokafka then fetches the metadata of all topics at once, else of one every 100 ms.
        self._consumer.assign([*self._next, *new_partitions])
        # End offsets first: records written meanwhile lie behind them, whatever the start offsets are.
        end_offsets: Offsets = await self._consumer.end_offsets(new_partitions)
        self._next |= end_offsets
        if since_ms is not None:
            found = await find_start_offsets(self._consumer, new_partitions, end_offsets, since_ms)
            self._next |= found.start_offsets
            if not found.is_by_time:
                self._history_end_offsets |= end_offsets
                self._since_ms = since_ms
        for topic_partition, offset in self._next.items():
            self._consumer.seek(topic_partition, offset)

    async def records(self) -> AsyncIterator[ShownRecord]:
        """Yield records as they arrive."""
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() - self._discovered_at > _DISCOVER_INTERVAL_S:
                await self.discover(0)
            if not self._next:
                await asyncio.sleep(_POLL_MS / 1000)
                continue
            found = await self._consumer.getmany(timeout_ms=_POLL_MS)
            # Partitions come in no order; sort by the time of writing.
            arrived_records = sorted(
                (record for records in found.values() for record in records), key=written_at
            )
            for record in arrived_records:
                self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1
            for record in arrived_records:
                if not self._is_before_start(record):
                    yield shown_record(record)

    def _is_before_start(self, record: ConsumerRecord) -> bool:
        history_end = self._history_end_offsets.get(TopicPartition(record.topic, record.partition), 0)
        return bool(record.offset < history_end and record.timestamp < self._since_ms)


@asynccontextmanager
async def following(
    options: Mapping[str, Any], topic_names: Sequence[str], since_ms: int | None = None
) -> AsyncIterator[TopicFollower]:
    """Follow ``topic_names`` from now, or from a time on (unix ms); the consumer is stopped at the end."""
    consumer = AIOKafkaConsumer(
        **options, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=_FETCH_WAIT_MS
    )
    try:
        await consumer.start()
        follower = TopicFollower(consumer, options, topic_names)
        await follower.discover(since_ms)
        yield follower
    finally:
        await consumer.stop()


def written_at(record: ConsumerRecord) -> tuple[int, int]:
    """Return the time of writing, as a sort key."""
    return record.timestamp, record.offset


def shown_record(record: ConsumerRecord) -> ShownRecord:
    """Convert a record for rendering."""
    return ShownRecord(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key or b"",
        headers=headers_of(record),
        value=record.value or b"",
    )
