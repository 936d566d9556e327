"""Finds the offsets of a time, also on brokers that cannot look offsets up by time."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

Offsets = dict[TopicPartition, int]

NO_TIME_LOOKUP_NOTE = (
    "this broker cannot find records by time: topics are read from their beginning, which takes longer"
)


class StartOffsets(Struct, frozen=True):
    """The start offset of each partition; ``is_by_time`` is False where the broker has no lookup by time.

    These are the beginning offsets then, and the reader must discard older records.
    """

    start_offsets: Offsets
    is_by_time: bool = True


async def find_start_offsets(
    consumer: AIOKafkaConsumer,
    topic_partitions: Sequence[TopicPartition],
    stop_offsets: Offsets,
    since_ms: int,
) -> StartOffsets:
    """Find the first record of each partition that was written at ``since_ms`` (unix ms) or later.

    Where there is none, it is the partition's entry in ``stop_offsets``. For 0 or less it is the beginning,
    which every broker knows.
    """
    if since_ms <= 0:
        return StartOffsets(await consumer.beginning_offsets(topic_partitions))
    later = await offsets_for_time(consumer, topic_partitions, since_ms)
    if not later:
        start_offsets: Offsets = await consumer.beginning_offsets(topic_partitions)
        # Each record was written after 1970: a broker that finds none then has no lookup by time.
        non_empty = [
            topic_partition
            for topic_partition in topic_partitions
            if start_offsets[topic_partition] < stop_offsets[topic_partition]
        ]
        if non_empty and not await offsets_for_time(consumer, non_empty, 0):
            return StartOffsets(start_offsets, is_by_time=False)
    return StartOffsets(
        {
            topic_partition: later.get(topic_partition, stop_offsets[topic_partition])
            for topic_partition in topic_partitions
        }
    )


async def offsets_for_time(
    consumer: AIOKafkaConsumer, topic_partitions: Sequence[TopicPartition], at_ms: int
) -> Offsets:
    """Look up the first offset of ``at_ms`` (unix ms) or later; partitions without one are left out."""
    found = await consumer.offsets_for_times(dict.fromkeys(topic_partitions, at_ms))
    return {topic_partition: first.offset for topic_partition, first in found.items() if first}
