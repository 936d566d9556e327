"""The progress of a replay that reads a topic: read at the start, saved while it goes on and at its end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import TopicPartition

from bridge.core.progress import Progress
from bridge.operations.offset_store import GroupOffsetStore
from bridge.operations.replay.report import Reporter
from bridge.operations.topic_range import FetchedBatch, TopicRangeReader

_SAVE_INTERVAL_S = 1.0

Resume = Callable[[Progress | None, int, int], Progress]
"""Gives where a partition goes on, from its stored progress, its first offset and its end offset."""


class TopicProgress:
    """The progress of each partition, stored by Kafka as the offsets of ``group``.

    ``restart`` ignores what is stored. All methods but `__getitem__` raise KafkaError or OSError.
    """

    def __init__(self, options: Mapping[str, Any], group: str, *, restart: bool) -> None:
        self._store = GroupOffsetStore(options, group)
        self._restart = restart
        self._partitions: dict[TopicPartition, Progress] = {}
        self._records_read = 0
        self._saved_at = 0.0

    def __getitem__(self, topic_partition: TopicPartition) -> Progress:
        return self._partitions[topic_partition]

    def __setitem__(self, topic_partition: TopicPartition, progress: Progress) -> None:
        self._partitions[topic_partition] = progress

    async def load(self, reader: TopicRangeReader, reporter: Reporter, resume: Resume) -> None:
        """Read what is stored, and move the reader's start offsets there."""
        stored = {} if self._restart else await self._store.read(reader.start_offsets)
        for topic_partition, begin in reader.start_offsets.items():
            progress = resume(stored.get(topic_partition), begin, reader.end_offsets[topic_partition])
            self._partitions[topic_partition] = progress
            reader.start_offsets[topic_partition] = max(begin, progress.first_pending)
        reporter.set_total(reader.total)

    @asynccontextmanager
    async def stored(self) -> AsyncIterator[None]:
        """Store it at once, so that a missing permission shows before any work, and at the end."""
        await self._store.write(self._partitions)
        self._saved_at = asyncio.get_running_loop().time()
        try:
            yield
        finally:
            await self._store.write(self._partitions)

    async def batch_done(self, batch: FetchedBatch, reporter: Reporter) -> None:
        """Report a batch, and store the progress where that was last done a while ago."""
        self.report(batch, reporter)
        now = asyncio.get_running_loop().time()
        if now - self._saved_at > _SAVE_INTERVAL_S:
            await self._store.write(self._partitions)
            self._saved_at = asyncio.get_running_loop().time()

    def report(self, batch: FetchedBatch, reporter: Reporter) -> None:
        """Report how many records are read."""
        self._records_read += len(batch.records)
        reporter.set_done(self._records_read)
