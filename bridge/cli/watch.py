"""Reads topics as a consumer without a group: everything from now on, from a time on, or from the beginning.

Topics that are made later are noticed and read from their beginning. Nothing is committed anywhere, and no
topic is made by asking for it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from bridge.cli.drawing import Seen
from bridge.cli.kafka import read_cluster
from bridge.cli.offsets import Offsets, first_since

_LOOK_AGAIN_S = 5.0
_POLL_MS = 500
_WAIT_MS = 100  # how long a broker may hold its answer back: a person is waiting


class Watch:
    """The topics of ``wanted`` that exist, and what arrives on them. Made by `watching`."""

    def __init__(self, consumer: AIOKafkaConsumer, options: Mapping[str, Any], wanted: Sequence[str]) -> None:
        self._consumer = consumer
        self._options = options
        self._wanted = wanted
        self._next: Offsets = {}
        self._history_ends: Offsets = {}
        self._since_ms = 0
        self._looked_at = 0.0

    @property
    def topics(self) -> set[str]:
        """The topics that are read."""
        return {place.topic for place in self._next}

    @property
    def by_time(self) -> bool:
        """Whether the broker found where to begin by time; else older records are read and left out."""
        return not self._history_ends

    async def look(self, since_ms: int | None) -> None:
        """Take up partitions that are not read yet: from a time on (unix ms), or None: from their end."""
        self._looked_at = asyncio.get_running_loop().time()
        cluster = await read_cluster(self._options)
        fresh = [
            place
            for name in self._wanted
            if (topic := cluster.topics.get(name))
            for place in (TopicPartition(name, number) for number in range(topic.partitions))
            if place not in self._next
        ]
        if not fresh:
            return
        # Assigned first: the library learns about all topics at once then, else about one every 100 ms.
        self._consumer.assign([*self._next, *fresh])
        # Ends first: what is written meanwhile lies behind them, wherever the beginning is found.
        ends: Offsets = await self._consumer.end_offsets(fresh)
        self._next |= ends
        if since_ms is not None:
            found = await first_since(self._consumer, fresh, ends, since_ms)
            self._next |= found.begins
            if not found.by_time:
                self._history_ends |= ends
                self._since_ms = since_ms
        for place, offset in self._next.items():
            self._consumer.seek(place, offset)

    async def records(self) -> AsyncIterator[Seen]:
        """Give what arrives, for as long as it is asked."""
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() - self._looked_at > _LOOK_AGAIN_S:
                await self.look(0)
            if not self._next:
                await asyncio.sleep(_POLL_MS / 1000)
                continue
            found = await self._consumer.getmany(timeout_ms=_POLL_MS)
            # Partitions come in no order; the time of their writing is the one a person expects.
            arrived = sorted((record for records in found.values() for record in records), key=written)
            for record in arrived:
                self._next[TopicPartition(record.topic, record.partition)] = record.offset + 1
            for record in arrived:
                if not self._is_too_old(record):
                    yield seen_of(record)

    def _is_too_old(self, record: ConsumerRecord) -> bool:
        history_end = self._history_ends.get(TopicPartition(record.topic, record.partition), 0)
        return bool(record.offset < history_end and record.timestamp < self._since_ms)


@asynccontextmanager
async def watching(
    options: Mapping[str, Any], wanted: Sequence[str], since_ms: int | None = None
) -> AsyncIterator[Watch]:
    """Read ``wanted`` from here on, or from a time on (unix ms); the consumer is stopped at the end."""
    consumer = AIOKafkaConsumer(
        **options, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=_WAIT_MS
    )
    try:
        await consumer.start()
        watch = Watch(consumer, options, wanted)
        await watch.look(since_ms)
        yield watch
    finally:
        await consumer.stop()


def written(record: ConsumerRecord) -> tuple[int, int]:
    """Give what records are sorted by: when they were written."""
    return record.timestamp, record.offset


def seen_of(record: ConsumerRecord) -> Seen:
    """Give a record as it is drawn."""
    return Seen(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key or b"",
        headers={name: (value or b"").decode("utf-8", "replace") for name, value in record.headers},
        value=record.value or b"",
    )
