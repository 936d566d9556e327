"""Where the records from a time on begin, also on brokers that cannot find records by their time."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct

Offsets = dict[TopicPartition, int]

NO_TIME_LOOKUP_NOTE = (
    "this broker cannot find records by time: topics are read from their beginning, which takes longer"
)


class StartOffsets(Struct, frozen=True):
    """Where to begin, for each partition; ``by_time`` is False where the broker could not find it.

    It is the beginning of the topics then: what was written before must be left out by whoever reads.
    """

    start_offsets: Offsets
    is_by_time: bool = True


async def find_start_offsets(
    consumer: AIOKafkaConsumer,
    topic_partitions: Sequence[TopicPartition],
    stop_offsets: Offsets,
    since_ms: int,
) -> StartOffsets:
    """Find the first record of each place that was written at ``since_ms`` (unix ms) or later.

    Where there is none it is the place's end, as in ``ends``. For 0 or less it is the beginning, which every
    broker knows.
    """
    if since_ms <= 0:
        return StartOffsets(await consumer.beginning_offsets(topic_partitions))
    later = await offsets_for_time(consumer, topic_partitions, since_ms)
    if not later:
        start_offsets: Offsets = await consumer.beginning_offsets(topic_partitions)
        # Each record was written after 1970: a broker that finds none of that time finds none by time.
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
    """Ask for the first offset of ``at_ms`` (unix ms) or later; places without one are left out."""
    found = await consumer.offsets_for_times(dict.fromkeys(topic_partitions, at_ms))
    return {topic_partition: first.offset for topic_partition, first in found.items() if first}
