"""Gives a consumer group's dead letters back to that group alone, by its retry topic.

The other groups of the topic do not see them. Kafka keeps which are done, as for the bridge's own dead
letters. A record's headers count how often it was redriven, and an `AttemptCounter` how often its retry topic
refused it: from a limit on it is set aside, so that none loops.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct

from bridge.core.event import Record
from bridge.core.group_dead_letter import (
    RETRY_SUFFIX,
    redrives_of,
    retry_headers,
    retry_topic_of,
)
from bridge.core.outcome import DeliveryOutcome, RejectedError, UnavailableError
from bridge.core.plural import counted
from bridge.core.progress import Progress
from bridge.core.record import TYPE_PREFIX
from bridge.io.kafka.client import kafka_options
from bridge.operations.found_record import headers_of
from bridge.operations.kafka_admin import NewTopic, create_topics, describe_cluster, topic_settings
from bridge.operations.pipeline_session import DELIVERY_TIMEOUT_S, PipelineSession, open_session
from bridge.operations.replay.attempt_counter import MAX_ATTEMPTS, AttemptCounter, set_aside_reason
from bridge.operations.replay.common import ReplayStoppedError, chunks
from bridge.operations.replay.report import ItemResult, ReplaySummary, Reporter
from bridge.operations.replay.topic_progress import TopicProgress
from bridge.operations.topic_range import FetchedBatch, TimeRange, TopicRangeReader, open_range
from bridge.settings.settings import Settings

_CREATED_WITHIN_S = 10.0
_LISTED_POLL_S = 0.1
_TOPIC_SETTINGS = ("max.message.bytes", "retention.ms", "min.insync.replicas")


class RedriveSelection(Struct, frozen=True, kw_only=True):
    """Dead letters of the consumer group ``group``, as `DeadLetterSelection` selects those of the bridge.

    ``progress_group`` begins the name of the group that stores what is done.
    """

    group: str
    reasons: Sequence[str] = ()
    time_range: TimeRange = TimeRange()
    positions: frozenset[tuple[int, int]] = frozenset()
    progress_group: str
    restart: bool = False
    max_attempts: int = MAX_ATTEMPTS


def dead_letter_topic_of(settings: Settings, group: str) -> str:
    """Return the topic of a consumer group's dead letters."""
    return f"{settings.kafka.topic_dead_letter}.{group}"


def redrive_progress_group(progress_group: str, group: str) -> str:
    """Return the group in which Kafka keeps which dead letters of ``group`` are redriven."""
    return f"{progress_group}.{group}"


class GroupRedrive:
    """The redrive of one consumer group's dead letters."""

    unit = "dead letters"
    resume_hint = "the same command goes on from there"

    def __init__(self, settings: Settings, selection: RedriveSelection) -> None:
        self._settings = settings
        self._selection = selection
        self._options = kafka_options(settings.kafka)
        self._topic = dead_letter_topic_of(settings, selection.group)
        self._retry_topic = retry_topic_of(self._topic)
        progress_group = redrive_progress_group(selection.progress_group, selection.group)
        self._progress = TopicProgress(self._options, progress_group, restart=selection.restart)
        self._attempts = AttemptCounter(self._options, progress_group)

    async def plan(self, reporter: Reporter) -> None:
        """Report what would be done; write nothing."""
        await self._require_dead_letter_topic()
        async with open_range(self._options, [self._topic], self._selection.time_range) as reader:
            await self._load(reader, reporter)
            async for batch in reader.batches():
                for record in self._select(batch, reporter):
                    reporter.add_result(_item_result(record, DeliveryOutcome.PUBLISHED))
                self._progress.report(batch, reporter)

    async def run(self, reporter: Reporter, stop_event: asyncio.Event) -> None:
        """Write them to the group's retry topic, which is created where it is missing."""
        await self._require_dead_letter_topic()
        await self._create_retry_topic()
        async with (
            open_range(self._options, [self._topic], self._selection.time_range) as reader,
            open_session(self._settings, fail_open=True) as session,
        ):
            await self._load(reader, reporter)
            async with self._progress.stored():
                try:
                    await self._process(reader, session, reporter, stop_event)
                finally:
                    await self._attempts.save()
        reporter.summary.note = "; ".join(filter(None, (reporter.summary.note, self._note(reporter.summary))))

    def _note(self, summary: ReplaySummary) -> str:
        """Return in words where they are, and what can be done about those that were refused."""
        if summary.outcomes[DeliveryOutcome.REJECTED]:
            limit = self._selection.max_attempts
            set_aside = f"; after {counted(limit, 'refusal')} one is set aside" if limit else ""
            return (
                f"{self._retry_topic} refused what was rejected: where it was too_large, raise the topic's"
                f" max.message.bytes{set_aside}"
            )
        if not summary.processed:
            return ""
        return (
            f"they are on {self._retry_topic}: the group reads it within a minute, where its program is a"
            " Consumer of bridge.consumer"
        )

    async def _load(self, reader: TopicRangeReader, reporter: Reporter) -> None:
        await self._attempts.load(reader.first_offsets, reader.end_offsets)
        reporter.summary.note = self._attempts.problem
        await self._progress.load(reader, reporter, self._resume)

    async def _require_dead_letter_topic(self) -> None:
        if self._selection.group.endswith(RETRY_SUFFIX):
            raise ReplayStoppedError(
                f"{self._topic} is a retry topic, not the dead letters of a group: name the group without"
                f" {RETRY_SUFFIX}"
            )
        if self._topic not in (await describe_cluster(self._options)).topics:
            raise ReplayStoppedError(
                f"the group {self._selection.group} has no dead letters: there is no topic {self._topic}"
            )

    async def _create_retry_topic(self) -> None:
        """Create the retry topic as the dead-letter topic is, and wait until it is listed."""
        cluster = await describe_cluster(self._options)
        if self._retry_topic in cluster.topics:
            return
        pattern, controller = cluster.topics[self._topic], cluster.controller_address
        found = (await topic_settings(controller, self._options, [self._topic])).get(self._topic, {})
        topic = NewTopic(
            name=self._retry_topic,
            partitions=pattern.partitions,
            replication=pattern.replication,
            settings={name: found[name] for name in _TOPIC_SETTINGS if name in found},
        )
        failure = (await create_topics(controller, self._options, [topic]))[self._retry_topic]
        if failure is not None:
            raise ReplayStoppedError(
                f"the topic {self._retry_topic} is missing and cannot be created ({failure}): create it, with"
                f" the settings of {self._topic}"
            )
        with suppress(TimeoutError):  # then the write says what is missing
            async with asyncio.timeout(_CREATED_WITHIN_S):
                while True:
                    if self._retry_topic in (await describe_cluster(self._options)).topics:
                        return
                    await asyncio.sleep(_LISTED_POLL_S)

    def _resume(self, stored: Progress | None, begin: int, end: int) -> Progress:
        if stored is None or stored.high_watermark > end:
            stored = Progress()  # none, or of an earlier topic of this name
        return stored.trim_before(begin) if self._selection.time_range.since_ms is None else stored

    def _select(self, batch: FetchedBatch, reporter: Reporter) -> list[ConsumerRecord]:
        found = []
        for record in batch.records:
            if not self._progress[_topic_partition(record)].is_pending(record.offset):
                continue
            if skip_reason := self._skip_reason(record):
                reporter.summary.skipped[skip_reason] += 1
            else:
                found.append(record)
        return found

    def _skip_reason(self, record: ConsumerRecord) -> str:
        selection = self._selection
        if selection.positions and (record.partition, record.offset) not in selection.positions:
            return "not selected"
        reason = headers_of(record).get("reason", "")
        if selection.reasons and reason not in selection.reasons:
            return f"of reason {reason or 'none'}"
        if not selection.time_range.contains(record):
            return "outside of the time"
        refusals = self._attempts.count_of(_topic_partition(record), record.offset)
        is_set_aside = 0 < selection.max_attempts <= max(refusals, redrives_of(record.headers))
        return set_aside_reason(selection.max_attempts) if is_set_aside else ""

    async def _process(
        self,
        reader: TopicRangeReader,
        session: PipelineSession,
        reporter: Reporter,
        stop_event: asyncio.Event,
    ) -> None:
        async for batch in reader.batches():
            done: dict[TopicPartition, set[int]] = {one: set() for one in batch.positions}
            try:
                for chunk in chunks(self._select(batch, reporter), _size_bytes):
                    if stop_event.is_set():
                        raise ReplayStoppedError("interrupted")
                    await self._write_chunk(chunk, session, reporter, done)
            finally:
                for partition, position in batch.positions.items():  # what was not reached stays open
                    self._progress[partition] = self._progress[partition].advance(position, done[partition])
            await self._progress.batch_done(batch, reporter)

    async def _write_chunk(
        self,
        chunk: Sequence[ConsumerRecord],
        session: PipelineSession,
        reporter: Reporter,
        done: Mapping[TopicPartition, set[int]],
    ) -> None:
        """Write them concurrently, in their order. Raises `ReplayStoppedError` where one is not durable."""
        until = asyncio.get_running_loop().time() + DELIVERY_TIMEOUT_S
        writes = [session.writer.send(self._retry_record(record)) for record in chunk]
        stop_error: ReplayStoppedError | None = None
        for record, write in zip(chunk, writes, strict=True):
            try:
                async with asyncio.timeout_at(until):
                    await write.durable
            except RejectedError as rejected:
                self._attempts.add_failure(_topic_partition(record), record.offset)
                reporter.add_result(_item_result(record, DeliveryOutcome.REJECTED, str(rejected.reason)))
            except (TimeoutError, UnavailableError, KafkaError) as error:
                write.withdraw()
                reason = session.missing_topics_hint or str(error) or "Kafka does not take records"
                stop_error = stop_error or ReplayStoppedError(reason)
            else:
                done[_topic_partition(record)].add(record.offset)
                self._attempts.remove(_topic_partition(record), record.offset)
                reporter.add_result(_item_result(record, DeliveryOutcome.PUBLISHED))
        if stop_error is not None:
            raise stop_error

    def _retry_record(self, record: ConsumerRecord) -> Record:
        return Record(
            topic=self._retry_topic,
            key=record.key or b"",
            value=record.value or b"",
            headers=retry_headers(record.headers),
        )


def _item_result(record: ConsumerRecord, outcome: DeliveryOutcome, reason: str = "") -> ItemResult:
    headers = headers_of(record)
    return ItemResult(
        f"{record.topic}[{record.partition}]@{record.offset}",
        str(outcome),
        type=headers.get("ce_type", "").removeprefix(TYPE_PREFIX),
        reason=reason,
        name=headers.get("ce_id", "") or headers.get("detail", ""),
    )


def _topic_partition(record: ConsumerRecord) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _size_bytes(record: ConsumerRecord) -> int:
    return len(record.value or b"")
