"""A stretch of topics, read to its end: from a time on, up to another or to where the topics end now.

Read without a group; nothing is committed, and no topic is made by asking for it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from msgspec import Struct

from bridge.cli.kafka import read_cluster
from bridge.cli.offsets import Offsets, first_at, first_since

_POLL_MS = 1000
_RECORDS = 500  # at once: what was read ahead is held in memory
_SILENCE_S = 30.0
_APART_MS = 600_000  # several bridges write, and their clocks differ


class Span(Struct, frozen=True):
    """Records written from ``since_ms`` on and before ``until_ms``: unix milliseconds, None for no limit."""

    since_ms: int | None = None
    until_ms: int | None = None

    def holds(self, record: ConsumerRecord) -> bool:
        """Tell whether ``record`` was written in it."""
        return (self.since_ms or 0) <= record.timestamp and (
            self.until_ms is None or record.timestamp < self.until_ms
        )


class Batch(Struct, frozen=True):
    """What was read at once, each partition's records in order, and up to where each was read thereby."""

    records: Sequence[ConsumerRecord]
    reached: Offsets


class Stretch:
    """Where a reading begins and ends; made by `reading`. ``begins`` may be moved before `batches`.

    ``lasts`` is where the topics themselves end. Where the broker could not find the span's begin by time
    (``by_time`` is False), the stretch begins with the topics.
    """

    def __init__(self, consumer: AIOKafkaConsumer, limits: "_Limits") -> None:
        self._consumer = consumer
        self.begins = limits.begins
        self.ends = limits.ends
        self.lasts = limits.lasts
        self.by_time = limits.by_time

    @property
    def total(self) -> int:
        """How many records it holds at most."""
        return sum(max(0, self.ends[place] - at) for place, at in self.begins.items())

    async def batches(self) -> AsyncIterator[Batch]:
        """Read to the end. Raises TimeoutError where nothing comes any more before it."""
        clock = asyncio.get_running_loop().time
        at, moved_at = dict(self.begins), clock()
        for place, offset in at.items():
            self._consumer.seek(place, offset)
        while left := [place for place in at if at[place] < self.ends[place]]:
            if clock() - moved_at > _SILENCE_S:
                raise TimeoutError(f"no record within {_SILENCE_S:.0f} s")
            found = await self._consumer.getmany(*left, timeout_ms=_POLL_MS, max_records=_RECORDS)
            records = [
                record for place, some in found.items() for record in some if record.offset < self.ends[place]
            ]
            reached = {place: min(await self._consumer.position(place), self.ends[place]) for place in left}
            if reached != {place: at[place] for place in left}:
                at |= reached
                moved_at = clock()
                yield Batch(records, reached)
                moved_at = clock()  # whatever was done with it took its own time


@asynccontextmanager
async def reading(options: Mapping[str, Any], topics: Sequence[str], span: Span) -> AsyncIterator[Stretch]:
    """Find where ``span`` begins and ends on ``topics``; those that do not exist hold nothing.

    The stretch may hold records beyond the span at its end: their times are in no strict order.
    """
    cluster = await read_cluster(options)
    places = [
        TopicPartition(name, number)
        for name in topics
        if (topic := cluster.topics.get(name))
        for number in range(topic.partitions)
    ]
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        yield Stretch(consumer, await _limits(consumer, places, span) if places else _Limits())
    finally:
        await consumer.stop()


class _Limits(Struct, frozen=True):
    begins: Offsets = {}
    ends: Offsets = {}
    lasts: Offsets = {}
    by_time: bool = True


async def _limits(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition], span: Span) -> _Limits:
    consumer.assign(places)
    # Ends first: what is written meanwhile lies behind them, wherever the beginning is found.
    lasts: Offsets = await consumer.end_offsets(places)
    ends = lasts
    if span.until_ms is not None:
        ends = lasts | await first_at(consumer, places, span.until_ms + _APART_MS)
    found = await first_since(consumer, places, ends, span.since_ms or 0)
    return _Limits(found.begins, ends, lasts, found.by_time)
