"""Delivers dead letters again: those that no earlier replay has completed.

Kafka keeps the progress of each partition as a group's committed offset, and in its metadata the dead letters
before it that are still open: those rejected again, and those that a filter excluded. So each is tried until
it is published or known to be a duplicate, and never again from then on, also where Redis has forgotten it.
What is rejected again is not written again: it stays where it is. After some such replays it is set aside.
"""

import asyncio
from collections.abc import Mapping, Sequence

from aiokafka import ConsumerRecord, TopicPartition
from msgspec import Struct
from msgspec.structs import replace

from bridge.core.event import Notification, Record
from bridge.core.inflate import CODINGS, Inflated, inflate
from bridge.core.outcome import DeliveryOutcome, Reason, RejectedError, UnavailableError
from bridge.core.progress import Progress
from bridge.core.record import TYPE_PREFIX
from bridge.core.record_from_value import record_from_value
from bridge.io.kafka.client import kafka_options
from bridge.operations.pipeline_session import DELIVERY_TIMEOUT_S, PipelineSession, open_session
from bridge.operations.replay.attempt_counter import MAX_ATTEMPTS, AttemptCounter, set_aside_reason
from bridge.operations.replay.common import (
    ReplayStoppedError,
    chunks,
    deliver_all,
    deliver_one,
    predict,
)
from bridge.operations.replay.dead_letter import DeadLetter, parse_dead_letter, size_bytes
from bridge.operations.replay.report import ItemResult, Reporter
from bridge.operations.replay.topic_progress import TopicProgress
from bridge.operations.topic_range import FetchedBatch, TimeRange, TopicRangeReader, open_range
from bridge.settings.settings import Settings
from bridge.wiring import build_routing

_COMPLETED = (DeliveryOutcome.PUBLISHED, DeliveryOutcome.DUPLICATE)


class DeadLetterSelection(Struct, frozen=True, kw_only=True):
    """Dead letters of these reasons and applications (empty: all), written in ``time_range``.

    ``positions`` are partitions and offsets; empty for all.

    ``restart`` discards the stored progress. ``fail_open`` publishes while Redis is unavailable. What was
    replayed in vain ``max_attempts`` times is left; 0 for no limit.
    """

    reasons: Sequence[str] = ()
    apps: Sequence[str] = ()
    time_range: TimeRange = TimeRange()
    positions: frozenset[tuple[int, int]] = frozenset()
    group: str
    restart: bool = False
    fail_open: bool = False
    max_attempts: int = MAX_ATTEMPTS


class DeadLetterReplay:
    """The replay of dead letters."""

    unit = "dead letters"
    resume_hint = "the same command goes on from there"

    def __init__(self, settings: Settings, selection: DeadLetterSelection) -> None:
        self._settings = settings
        self._selection = selection
        self._options = kafka_options(settings.kafka)
        self._topic = settings.kafka.topic_dead_letter
        self._routing = build_routing(settings)
        self._body_max = settings.http.body_max_bytes
        # They were authorised when they came; their signatures have expired since.
        self._applications = {
            name: replace(app, sign_keys=()) for name, app in settings.applications().items()
        }
        self._progress = TopicProgress(self._options, selection.group, restart=selection.restart)
        self._attempts = AttemptCounter(self._options, selection.group)

    async def plan(self, reporter: Reporter) -> None:
        """Report what would be done; write nothing."""
        async with open_range(self._options, [self._topic], self._selection.time_range) as reader:
            await self._load(reader, reporter)
            async for batch in reader.batches():
                for dead_letter in self._select(batch, reporter):
                    inflated = self._inflate(dead_letter)
                    event_record = self._event_from_value(dead_letter, inflated)
                    if inflated.decode_error:
                        reporter.add_result(
                            ItemResult(
                                dead_letter.origin,
                                str(DeliveryOutcome.REJECTED),
                                reason=str(Reason.MALFORMED),
                                name=inflated.decode_error,
                            )
                        )
                    elif event_record is None:
                        reporter.add_result(predict(dead_letter.origin, inflated.body))
                    else:
                        reporter.add_result(
                            _item_result(dead_letter, event_record, DeliveryOutcome.PUBLISHED)
                        )
                self._progress.report(batch, reporter)

    async def run(self, reporter: Reporter, stop_event: asyncio.Event) -> None:
        """Deliver them; after a stop, those completed are stored."""
        async with (
            open_range(self._options, [self._topic], self._selection.time_range) as reader,
            open_session(self._settings, fail_open=self._selection.fail_open) as session,
        ):
            await self._load(reader, reporter)
            async with self._progress.stored():
                try:
                    await self._process(reader, session, reporter, stop_event)
                finally:
                    await self._attempts.save()

    async def _load(self, reader: TopicRangeReader, reporter: Reporter) -> None:
        await self._attempts.load(reader.first_offsets, reader.end_offsets)
        reporter.summary.note = self._attempts.problem
        await self._progress.load(reader, reporter, self._resume)

    def _resume(self, stored: Progress | None, begin: int, end: int) -> Progress:
        if stored is None or stored.high_watermark > end:
            stored = Progress()  # none, or of an earlier topic of this name
        return stored.trim_before(begin) if self._selection.time_range.since_ms is None else stored

    def _select(self, batch: FetchedBatch, reporter: Reporter) -> list[DeadLetter]:
        """Select the dead letters that match; count those that the filter excludes."""
        found: list[DeadLetter] = []
        for record in batch.records:
            dead_letter = parse_dead_letter(record)
            if not self._progress[dead_letter.topic_partition].is_pending(dead_letter.offset):
                continue
            if skip_reason := self._skip_reason(dead_letter, record):
                reporter.summary.skipped[skip_reason] += 1
            else:
                found.append(dead_letter)
        return found

    def _skip_reason(self, dead_letter: DeadLetter, record: ConsumerRecord) -> str:
        selection = self._selection
        position = (dead_letter.topic_partition.partition, dead_letter.offset)
        if selection.positions and position not in selection.positions:
            return "not selected"
        if selection.reasons and dead_letter.reason not in selection.reasons:
            return f"of reason {dead_letter.reason or 'none'}"
        if selection.apps and dead_letter.app not in selection.apps:
            return f"of application {dead_letter.app or 'none'}"
        if not selection.time_range.contains(record):
            return "outside of the time"
        if dead_letter.app not in self._applications:
            return f"of application {dead_letter.app or 'none'}, not configured"
        attempts = self._attempts.count_of(dead_letter.topic_partition, dead_letter.offset)
        is_set_aside = 0 < selection.max_attempts <= attempts
        return set_aside_reason(selection.max_attempts) if is_set_aside else ""

    async def _process(
        self,
        reader: TopicRangeReader,
        session: PipelineSession,
        reporter: Reporter,
        stop_event: asyncio.Event,
    ) -> None:
        async for batch in reader.batches():
            done: dict[TopicPartition, set[int]] = {
                topic_partition: set() for topic_partition in batch.positions
            }
            try:
                for chunk in chunks(self._select(batch, reporter), size_bytes):
                    if stop_event.is_set():
                        raise ReplayStoppedError("interrupted")
                    await self._deliver_chunk(chunk, session, reporter, done)
            finally:
                for partition, position in batch.positions.items():  # what was not reached stays open
                    self._progress[partition] = self._progress[partition].advance(position, done[partition])
            await self._progress.batch_done(batch, reporter)
            if stop_event.is_set():
                raise ReplayStoppedError("interrupted")

    async def _deliver_chunk(
        self,
        chunk: Sequence[DeadLetter],
        session: PipelineSession,
        reporter: Reporter,
        done: Mapping[TopicPartition, set[int]],
    ) -> None:
        """Deliver them concurrently, in their order. Raises `ReplayStoppedError` if one is deferred."""
        results = await deliver_all([self._deliver(dead_letter, session) for dead_letter in chunk], reporter)
        for dead_letter, result in zip(chunk, results, strict=True):
            position = dead_letter.topic_partition, dead_letter.offset
            if isinstance(result, ItemResult) and result.outcome in _COMPLETED:
                done[dead_letter.topic_partition].add(dead_letter.offset)
                self._attempts.remove(*position)
            elif isinstance(result, ItemResult) and result.outcome == DeliveryOutcome.REJECTED:
                self._attempts.add_failure(*position)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _deliver(self, dead_letter: DeadLetter, session: PipelineSession) -> ItemResult:
        inflated = self._inflate(dead_letter)
        event_record = self._event_from_value(dead_letter, inflated)
        if event_record is not None:
            return await _write_record(dead_letter, event_record, session)
        notification = Notification(
            application=self._applications[dead_letter.app],
            body=dead_letter.value if inflated.decode_error else inflated.body,
            decode_error=inflated.decode_error,
            received_ms=dead_letter.received_ms,
            mode="replay",
            content_type=dead_letter.content_type,
        )
        return await deliver_one(session, notification, dead_letter.origin)

    def _event_from_value(self, dead_letter: DeadLetter, inflated: Inflated) -> Record | None:
        """Rebuild an event's record that Kafka refused when it left the spool: its claim is committed."""
        return (
            record_from_value(inflated.body, self._routing)
            if dead_letter.reason == Reason.TOO_LARGE
            else None
        )

    def _inflate(self, dead_letter: DeadLetter) -> Inflated:
        """Decompress a body that was kept compressed."""
        encoding = CODINGS.get(dead_letter.content_encoding)
        if encoding is None:
            return Inflated(dead_letter.value)
        inflated = inflate(dead_letter.value, encoding, self._body_max)
        if inflated.too_large:
            return Inflated(
                decode_error=f"{encoding}: more than BRIDGE_HTTP__BODY_MAX_BYTES ({self._body_max}) bytes"
            )
        return inflated


async def _write_record(dead_letter: DeadLetter, record: Record, session: PipelineSession) -> ItemResult:
    """Write a record as the drain would have."""
    write = session.writer.send(record)
    try:
        async with asyncio.timeout(DELIVERY_TIMEOUT_S):
            await write.durable
    except TimeoutError:
        raise ReplayStoppedError(session.missing_topics_hint or "Kafka does not take records") from None
    except UnavailableError as error:
        raise ReplayStoppedError(session.missing_topics_hint or str(error)) from None
    except RejectedError as rejected:
        return ItemResult(
            dead_letter.origin,
            str(DeliveryOutcome.REJECTED),
            reason=str(rejected.reason),
            name=rejected.detail,
        )
    return _item_result(dead_letter, record, DeliveryOutcome.PUBLISHED)


def _item_result(dead_letter: DeadLetter, record: Record, delivery_outcome: DeliveryOutcome) -> ItemResult:
    headers = dict(record.headers)
    event_type = headers["ce_type"].decode().removeprefix(TYPE_PREFIX)
    return ItemResult(
        dead_letter.origin, str(delivery_outcome), type=event_type, name=headers["ce_id"].decode()
    )
