"""Reads topics from a time on, up to another time or to their current end.

Reads without a group; nothing is committed, and no topic is created by asking for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from msgspec import Struct

from bridge.aiokafka_internals import filter_fetched, install_read_ahead
from bridge.operations.kafka_admin import describe_cluster
from bridge.operations.record_batches import batches_with
from bridge.operations.start_offsets import Offsets, find_start_offsets, offsets_for_time

_POLL_MS = 1000
_FILTERED_POLL_MS = 5  # where most is left out, a fetch without records is progress, too
_BATCH_MAX_RECORDS = 500  # bounds what is fetched ahead into memory
_FETCH_MAX_BYTES = 8_388_608  # of one broker at once; Kafka's 50 MB of each would be the process's memory
_FETCH_WAIT_MS = 5  # the end is known: what is not there yet is not waited for, and holds up what is
_STALL_TIMEOUT_S = 30.0
_CLOCK_SKEW_MS = 600_000  # the clocks of several bridges differ


class TimeRange(Struct, frozen=True):
    """Records written from ``since_ms`` on and before ``until_ms``: unix milliseconds, None for no limit."""

    since_ms: int | None = None
    until_ms: int | None = None

    def contains(self, record: ConsumerRecord) -> bool:
        """Whether ``record`` was written in it."""
        return (self.since_ms or 0) <= record.timestamp and (
            self.until_ms is None or record.timestamp < self.until_ms
        )


class FetchedBatch(Struct, frozen=True):
    """Records of one fetch, in order within a partition, and the position of each partition after it."""

    records: Sequence[ConsumerRecord]
    positions: Offsets


class TopicRangeReader:
    """The offsets of a range; created by `open_range`. ``start_offsets`` may be changed before `batches`.

    ``end_offsets`` are those of the topics themselves. So are ``first_offsets`` where the range has no first
    time; else they are 0. Where the broker has no lookup by time (``is_by_time`` is False), the range begins
    with the topics.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer, offsets: "_RangeOffsets", *, poll_ms: int = _POLL_MS
    ) -> None:
        self._consumer = consumer
        self._poll_ms = poll_ms
        self.start_offsets = offsets.start_offsets
        self.stop_offsets = offsets.stop_offsets
        self.end_offsets = offsets.end_offsets
        self.is_by_time = offsets.is_by_time
        begin = offsets.start_offsets
        self.first_offsets: Offsets = dict(begin) if offsets.is_whole else dict.fromkeys(begin, 0)

    @property
    def total(self) -> int:
        """The number of records at most."""
        return sum(
            max(0, self.stop_offsets[topic_partition] - at)
            for topic_partition, at in self.start_offsets.items()
        )

    async def offsets_at(self, at_ms: int) -> Offsets:
        """Return where records of ``at_ms`` (unix ms) or later begin, in every partition of the range."""
        found = await offsets_for_time(self._consumer, list(self.end_offsets), at_ms)
        return {one: found.get(one, end) for one, end in self.end_offsets.items()}

    async def batches(self) -> AsyncIterator[FetchedBatch]:
        """Read to the end. Raises TimeoutError where records stop coming before it."""
        clock = asyncio.get_running_loop().time
        at, progress_at = dict(self.start_offsets), clock()
        for topic_partition, offset in at.items():
            self._consumer.seek(topic_partition, offset)
        self._consumer.resume(*at)
        while unfinished := [
            topic_partition
            for topic_partition in at
            if at[topic_partition] < self.stop_offsets[topic_partition]
        ]:
            # What lies behind the end must not be fetched: it would be in the way of what is still wanted.
            self._consumer.pause(*(at.keys() - unfinished))
            if clock() - progress_at > _STALL_TIMEOUT_S:
                raise TimeoutError(f"no record within {_STALL_TIMEOUT_S:.0f} s")
            # Of all: what was fetched of those that are paused is dropped, else it holds up further fetches.
            found = await self._consumer.getmany(
                *at, timeout_ms=self._poll_ms, max_records=_BATCH_MAX_RECORDS
            )
            records = [
                record
                for topic_partition, some in found.items()
                for record in some
                if record.offset < self.stop_offsets[topic_partition]
            ]
            positions = {
                topic_partition: min(
                    await self._consumer.position(topic_partition), self.stop_offsets[topic_partition]
                )
                for topic_partition in unfinished
            }
            if positions != {topic_partition: at[topic_partition] for topic_partition in unfinished}:
                at |= positions
                progress_at = clock()
                yield FetchedBatch(records, positions)
                progress_at = clock()  # the caller's time does not count
        self._consumer.pause(*at)


SelectPartitions = Callable[[str, int], Collection[int]]
"""Gives the partitions of a topic that are read, from its name and how many it has."""


@asynccontextmanager
async def open_range(
    options: Mapping[str, Any],
    topics: Sequence[str],
    time_range: TimeRange,
    select_partitions: SelectPartitions = lambda _, number: range(number),
    *,
    needles: Sequence[bytes] = (),
) -> AsyncIterator[TopicRangeReader]:
    """Find the offsets of ``time_range`` on ``topics``; missing topics count as empty.

    The range may hold later records at its end: record times are not strictly ordered. Records without one of
    ``needles`` in their bytes may be left out, by the batch; with none, all are read.
    """
    cluster = await describe_cluster(options)
    topic_partitions = [
        TopicPartition(name, number)
        for name in topics
        if (topic := cluster.topics.get(name))
        for number in select_partitions(name, topic.partitions)
    ]
    install_read_ahead(_FETCH_MAX_BYTES)
    consumer = AIOKafkaConsumer(
        **options,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=_FETCH_MAX_BYTES,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
    )
    try:
        await consumer.start()
        if needles:
            filter_fetched(consumer, lambda fetched: batches_with(fetched, needles))
        offsets = _RangeOffsets()
        if topic_partitions:
            offsets = await _find_range(consumer, topic_partitions, time_range)
        yield TopicRangeReader(consumer, offsets, poll_ms=_FILTERED_POLL_MS if needles else _POLL_MS)
    finally:
        await consumer.stop()


class _RangeOffsets(Struct, frozen=True):
    start_offsets: Offsets = {}
    stop_offsets: Offsets = {}
    end_offsets: Offsets = {}
    is_by_time: bool = True
    is_whole: bool = True  # from the topics' beginning on


async def _find_range(
    consumer: AIOKafkaConsumer, topic_partitions: Sequence[TopicPartition], time_range: TimeRange
) -> _RangeOffsets:
    consumer.assign(topic_partitions)
    consumer.pause(*topic_partitions)  # nothing is fetched before it is known from where on
    # End offsets first: records written meanwhile lie behind them, whatever the start offsets are.
    end_offsets: Offsets = await consumer.end_offsets(topic_partitions)
    stop_offsets = end_offsets
    if time_range.until_ms is not None:
        stop_offsets = end_offsets | await offsets_for_time(
            consumer, topic_partitions, time_range.until_ms + _CLOCK_SKEW_MS
        )
    found = await find_start_offsets(consumer, topic_partitions, stop_offsets, time_range.since_ms or 0)
    is_whole = time_range.since_ms is None
    return _RangeOffsets(found.start_offsets, stop_offsets, end_offsets, found.is_by_time, is_whole)
