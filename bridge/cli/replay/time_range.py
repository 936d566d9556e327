"""Copies a time range of a topic to another topic, or publishes it again: without deduplication, on purpose.

Keys, ids, headers and values stay as they are, also the delivery's mode in a value: a copy is no other
delivery. The order of one key is kept. Kafka keeps the progress of a range under a group of its own.
"""

import asyncio
import shlex
from collections.abc import Sequence
from hashlib import blake2b

from aiokafka import ConsumerRecord, TopicPartition
from msgspec import Struct

from bridge.core.event import Record
from bridge.core.outcome import DeliveryOutcome, RejectedError, UnavailableError
from bridge.core.progress import Progress
from bridge.core.record import SOURCE_PREFIX, TYPE_PREFIX, timestamp
from bridge.io.kafka.client import kafka_options
from bridge.operations.pipeline_session import DELIVERY_TIMEOUT_S, PipelineSession, open_session
from bridge.operations.replay.common import ReplayStoppedError, chunks
from bridge.operations.replay.report import ItemResult, Reporter
from bridge.operations.replay.topic_progress import TopicProgress
from bridge.operations.start_offsets import Offsets
from bridge.operations.topic_range import FetchedBatch, TimeRange, TopicRangeReader, open_range
from bridge.settings.settings import Settings

_SOURCE_PREFIX = SOURCE_PREFIX.encode()

PendingOffsets = dict[TopicPartition, set[int]]  # offsets still to be copied


class RangeSelection(Struct, frozen=True, kw_only=True):
    """Records written to ``topic`` in ``time_range``, of these applications (empty: all).

    They are copied ``to`` a topic. ``restart`` begins anew although the range was completed.
    """

    topic: str
    to: str
    time_range: TimeRange
    apps: Sequence[str] = ()
    group: str
    restart: bool = False

    @property
    def range_group(self) -> str:
        """The consumer group that stores the progress of this range."""
        between = self.time_range
        fields = f"{self.topic}\n{self.to}\n{between.since_ms}\n{between.until_ms}\n{sorted(self.apps)}"
        return f"{self.group}.{blake2b(fields.encode(), digest_size=6).hexdigest()}"

    @property
    def command_options(self) -> str:
        """The options that select this very range at any later time."""
        since, until = self.time_range.since_ms or 0, self.time_range.until_ms or 0
        words = ["--topic", self.topic, "--since", timestamp(since), "--until", timestamp(until)]
        words += ["--republish"] if self.to == self.topic else ["--to", self.to]
        words += [word for app in self.apps for word in ("--app", app)]
        return shlex.join(words)


class RangeReplay:
    """The replay of a time range."""

    unit = "records"

    def __init__(self, settings: Settings, selection: RangeSelection) -> None:
        self.resume_hint = f"to go on: vod-bridge replay {selection.command_options} --execute"
        self._settings = settings
        self._selection = selection
        self._options = kafka_options(settings.kafka)
        self._progress = TopicProgress(self._options, selection.range_group, restart=selection.restart)

    async def plan(self, reporter: Reporter) -> None:
        """Report what would be done; write nothing."""
        async with open_range(self._options, [self._selection.topic], self._selection.time_range) as reader:
            await self._progress.load(reader, reporter, _resume)
            async for batch in reader.batches():
                for record in self._select(batch, reporter):
                    reporter.add_result(_item_result(record, DeliveryOutcome.PUBLISHED))
                self._progress.report(batch, reporter)

    async def run(self, reporter: Reporter, stop_event: asyncio.Event) -> None:
        """Copy them; after a stop, the progress is stored."""
        async with (
            open_range(self._options, [self._selection.topic], self._selection.time_range) as reader,
            open_session(self._settings, fail_open=True) as session,
        ):
            await self._progress.load(reader, reporter, _resume)
            async with self._progress.stored():
                await self._process(reader, session, reporter, stop_event)

    def _select(self, batch: FetchedBatch, reporter: Reporter) -> list[ConsumerRecord]:
        found = []
        for record in batch.records:
            if not self._progress[_topic_partition(record)].is_pending(
                record.offset
            ) or not self._selection.time_range.contains(record):
                continue
            source = dict(record.headers).get("ce_source") or b""
            if record.value is None or not source.startswith(SOURCE_PREFIX.encode()):
                reporter.summary.skipped["no event of this bridge"] += 1
            elif (
                self._selection.apps
                and source.decode().removeprefix(SOURCE_PREFIX) not in self._selection.apps
            ):
                reporter.summary.skipped["of other applications"] += 1
            else:
                found.append(record)
        return found

    async def _process(
        self,
        reader: TopicRangeReader,
        session: PipelineSession,
        reporter: Reporter,
        stop_event: asyncio.Event,
    ) -> None:
        async for batch in reader.batches():
            stop_error: ReplayStoppedError | None = None
            wanted = self._select(batch, reporter)
            pending: PendingOffsets = {topic_partition: set() for topic_partition in batch.positions}
            for record in wanted:
                pending[_topic_partition(record)].add(record.offset)
            # Each partition is copied up to its first failure: what follows is retried, to keep the order.
            copied = {
                topic_partition: self._progress[topic_partition].high_watermark
                for topic_partition in batch.positions
            }
            for chunk in chunks(wanted, _size_bytes):
                stop_error = ReplayStoppedError("interrupted") if stop_event.is_set() else None
                stop_error = stop_error or await self._copy(chunk, session, reporter, (copied, pending))
                if stop_error:
                    break
            for topic_partition, reached in batch.positions.items():
                done_up_to = copied[topic_partition] if stop_error else reached
                done = {
                    r.offset
                    for r in batch.records
                    if _topic_partition(r) == topic_partition and r.offset < done_up_to
                }
                self._progress[topic_partition] = self._progress[topic_partition].advance(
                    done_up_to, done - pending[topic_partition]
                )
            if stop_error:
                raise stop_error
            await self._progress.batch_done(batch, reporter)

    async def _copy(
        self,
        chunk: Sequence[ConsumerRecord],
        session: PipelineSession,
        reporter: Reporter,
        state: tuple[Offsets, PendingOffsets],
    ) -> ReplayStoppedError | None:
        """Write them concurrently, in their order; return why the range cannot continue, or None."""
        copied, pending = state
        until = asyncio.get_running_loop().time() + DELIVERY_TIMEOUT_S
        writes = [session.writer.send(_copy_of(record, self._selection.to)) for record in chunk]
        failed: set[TopicPartition] = set()
        stop_error: ReplayStoppedError | None = None
        for record, write in zip(chunk, writes, strict=True):
            topic_partition, delivery_outcome = _topic_partition(record), DeliveryOutcome.PUBLISHED
            try:
                async with asyncio.timeout_at(until):
                    await write.durable
            except RejectedError:
                delivery_outcome = DeliveryOutcome.REJECTED
            except (TimeoutError, UnavailableError) as error:
                write.withdraw()
                failed.add(topic_partition)
                stop_error = stop_error or ReplayStoppedError(
                    session.missing_topics_hint or str(error) or "Kafka does not take records"
                )
                continue
            reporter.add_result(_item_result(record, delivery_outcome))
            if topic_partition not in failed:
                copied[topic_partition] = max(copied[topic_partition], record.offset + 1)
                if delivery_outcome is DeliveryOutcome.PUBLISHED:
                    pending[topic_partition].discard(record.offset)
        return stop_error


def _resume(stored: Progress | None, begin: int, _end: int) -> Progress:
    return (stored or Progress(begin)).trim_before(begin)


def _copy_of(record: ConsumerRecord, topic: str) -> Record:
    return Record(topic=topic, key=record.key or b"", value=record.value, headers=list(record.headers))


def _item_result(record: ConsumerRecord, delivery_outcome: DeliveryOutcome) -> ItemResult:
    fields = dict(record.headers)
    event_type = (fields.get("ce_type") or b"").decode("utf-8", "replace").removeprefix(TYPE_PREFIX)
    name = (fields.get("ce_id") or b"").decode("utf-8", "replace")
    reason = "too_large" if delivery_outcome is DeliveryOutcome.REJECTED else ""
    origin = f"{record.topic}[{record.partition}]@{record.offset}"
    return ItemResult(origin, str(delivery_outcome), type=event_type, reason=reason, name=name)


def _topic_partition(record: ConsumerRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _size_bytes(record: ConsumerRecord) -> int:
    return len(record.value or b"")
