"""What waits for Kafka and what is under way there: a lane for each partition, one batch of it at a time.

Which producer lives, and when it is fed, is told in the package's own file.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from bridge.core.event import Record
from bridge.core.outcome import Reason, RejectedError, UnavailableError
from bridge.core.partition import hash_key
from bridge.delivery.ports import DeliveryCallbacks
from bridge.io.kafka.batch_sender import BatchSender
from bridge.io.kafka.buffer_budget import BufferBudget, BufferLimits
from bridge.io.kafka.metadata import TopicMetadata, TopicPartition
from bridge.io.kafka.pending import (
    BatchResults,
    PartitionQueue,
    PendingRecord,
    RecordQueue,
    buffered_size,
    divert,
    drop_indeterminate,
)
from bridge.io.kafka.topic_backoff import describe_batch_error, is_too_large, is_topic_error

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_MAX_ATTEMPTS = 5
_MAX_STALL_COUNT = 5


class RecordAccumulator:
    """All lanes. ``on_answer`` is told of each good answer, ``on_failure`` of each batch not written.

    ``era`` grows whenever a lane takes records again that did not: who passed over some looks again.
    """

    def __init__(
        self, limits: BufferLimits, on_ack: Callable[[], None], on_error: Callable[[], None]
    ) -> None:
        self.loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._budget = BufferBudget(limits.max_bytes, limits.max_records)
        # Who waits for a topic takes no room from the others.
        self._unassigned_budget = BufferBudget(limits.max_bytes, limits.max_records)
        self._on_ack = on_ack
        self._on_error = on_error
        self._queues: dict[tuple[str, int], PartitionQueue] = {}
        self._ready: dict[PartitionQueue, None] = {}
        self.metadata = TopicMetadata()
        self.unassigned: dict[str, RecordQueue] = {}
        self.ready_event = asyncio.Event()
        self.availability_epoch = 0

    @property
    def in_flight(self) -> list[PartitionQueue]:
        """The lanes with a batch in the producer."""
        return [queue for queue in self._queues.values() if queue.batch is not None]

    @property
    def needs_metadata(self) -> bool:
        """Whether a new listing may let more records leave."""
        return self.metadata.needs_refresh or any(queue.stalled for queue in self._queues.values())

    def accepts(self, topic: str, key_hash: int) -> bool:
        """Whether records of that topic and hash of a key leave now, as far as is known."""
        topic_partition = self.metadata.sendable_partition_for(topic, key_hash)
        return topic_partition is not None and not self._queue_for(topic_partition).stalled

    def try_send(self, record: Record, key_hash: int, callbacks: DeliveryCallbacks) -> PendingRecord | None:
        """Put ``record`` in its lane if it leaves now; None where it does not, or there is no room."""
        topic_partition = self.metadata.sendable_partition_for(record.topic, key_hash)
        queue = None if topic_partition is None else self._queue_for(topic_partition)
        if queue is None or queue.stalled or not self._budget.try_acquire(size := buffered_size(record)):
            return None
        return self._enqueue(PendingRecord(record, callbacks, self.loop.time(), size, self._budget), queue)

    def send(self, record: Record, key_hash: int, callbacks: DeliveryCallbacks) -> PendingRecord:
        """Put ``record`` in its lane. Raises `Unavailable` where the room is used up."""
        topic_partition = self.metadata.partition_for(record.topic, key_hash)
        budget = self._unassigned_budget if topic_partition is None else self._budget
        size = buffered_size(record)
        if not budget.try_acquire(size):
            raise UnavailableError("too much is on its way to Kafka")
        pending_record = PendingRecord(record, callbacks, self.loop.time(), size, budget)
        if topic_partition is not None:
            return self._enqueue(pending_record, self._queue_for(topic_partition))
        pending_record.enqueue_in(self.unassigned.setdefault(record.topic, {}))
        return pending_record

    def update_metadata(
        self, partitions: Mapping[str, int], leaderless: Iterable[tuple[str, int]] = ()
    ) -> None:
        """Take note of a full listing; what waited for a topic that has appeared gets its lane.

        What waits in the lanes of a topic that is gone waits for its return, before what came since; where it
        has come back with fewer partitions, what waited in those that it lacks goes to the others.
        """
        allows_more = self.metadata.update(partitions, leaderless)
        for queue in tuple(self._queues.values()):
            if not self.metadata.has_partition(queue.topic_partition):
                self._unassign(queue)
        for topic in [topic for topic in self.unassigned if topic in partitions]:
            for pending_record in self.unassigned.pop(topic):
                topic_partition = self.metadata.partition_for(topic, hash_key(pending_record.record.key))
                if topic_partition is not None:
                    self._enqueue(pending_record, self._queue_for(topic_partition))
        if allows_more:
            self.mark_all_ready()

    def retry_backed_off(self, now: float) -> None:
        """Let topics be tried again that refused a while ago."""
        if self.metadata.backoff.expire(now):
            self.mark_all_ready()

    def mark_all_ready(self) -> None:
        """Feed every lane in which something waits: more may leave than before."""
        self.availability_epoch += 1
        for queue in self._queues.values():
            if queue.pending:
                self._mark_ready(queue)

    async def send_ready(self, sender: BatchSender) -> int:
        """Send a batch of each lane that asked for it and has none under way; tells how many records."""
        ready, self._ready = self._ready, {}
        cluster, is_blocked = sender.producer.client.cluster, self.metadata.is_blocked
        now, now_ms = self.loop.time(), int(time.time() * 1000)
        sent = 0
        for queue in ready:
            if not queue.pending or queue.in_flight or is_blocked(queue.topic_partition):
                continue
            if cluster.leader_for_partition(queue.topic_partition) is None:
                # Gone since the last listing. A send would ask for the topic by name, which may create it.
                self._ready[queue] = None
                continue
            batch = queue.batch = sender.new_batch(queue)
            queue.drain_into(batch.append, now_ms)
            queue.sent_at, queue.diverted = now, False
            sent += len(queue.in_flight)
        await sender.submit()
        return sent

    def on_batches_done(self, results: BatchResults) -> None:
        """Hear how batches have ended."""
        any_acked = False
        for batch, error in results:
            queue = batch.partition_queue
            if queue.batch is not batch:
                continue  # a replaced producer's late answer: its records have been sent again
            queue.batch = None
            any_acked = any_acked or error is None
            try:
                self._on_batch_ok(queue) if error is None else self._on_batch_error(queue, error)
            except Exception as bug:  # noqa: BLE001 - one owner's bug must not keep the word from the others
                self.loop.call_exception_handler({"message": "an owner failed", "exception": bug})
        if any_acked:
            self._on_ack()

    def overdue(self, now: float, after_s: float) -> list[PartitionQueue]:
        """List the lanes whose batch, or whose longest waiting record, is older than ``after_s``."""
        return [
            queue
            for queue in self._queues.values()
            if (queue.in_flight and now - queue.sent_at > after_s)
            or (queue.pending and now - next(iter(queue.pending)).enqueued_at > after_s)
        ]

    def mark_stalled(self, queues: Iterable[PartitionQueue]) -> None:
        """Let nothing more into these lanes until they answer, and tell the owners of what is in them."""
        for queue in tuple(queues):  # whoever is told may send something else, to a lane that is new
            queue.stalled = queue.stalled or bool(queue.in_flight)
            queue.divert()

    def notify_unassigned(self) -> None:
        """Tell the owners of what waits for a topic that is missing."""
        for topic in tuple(self.unassigned):
            self._divert_missing(topic)

    def divert_earlier(self, topic: str, key_hash: int) -> None:
        """Tell the owners of what is in a key's lane: what comes now goes elsewhere, and not before it."""
        topic_partition = self.metadata.partition_for(topic, key_hash)
        if topic_partition is None:
            self._divert_missing(topic)
        elif queue := self._queues.get(topic_partition):
            queue.divert_pending()

    def _divert_missing(self, topic: str) -> None:
        """Ask the owners of all records of a missing topic, the oldest first, to keep them elsewhere."""
        for queue in tuple(self._queues.values()):
            if queue.topic == topic:  # a batch that was under way when the topic went
                queue.divert_pending()
        divert(self.unassigned.get(topic, ()))

    def mark_all_stalled(self) -> None:
        """Do so with all that is on its way."""
        self.mark_stalled(self._queues.values())

    def note_broker_alive(self, now: float) -> None:
        """Note that Kafka answered something, though not what is stuck."""
        for queue in self._queues.values():
            if queue.stalled and not queue.broker_alive_at:
                queue.broker_alive_at = now

    def is_producer_stalled(self, now: float, after_s: float) -> bool:
        """Whether a lane stayed silent for ``after_s`` and longer each time, with Kafka answering."""
        queues = self._queues.values()
        silent = [
            queue
            for queue in queues
            if queue.broker_alive_at and now - queue.broker_alive_at > after_s * 2**queue.stall_count
        ]
        for queue in silent:
            queue.stall_count = min(queue.stall_count + 1, _MAX_STALL_COUNT)
        return bool(silent)

    def requeue_in_flight(self) -> None:
        """Take back what a producer holds that will not answer: it is sent again, under the same ids.

        Unless its owner keeps it elsewhere. All that ever entered a producer is asked for: what waits may
        have come back from an earlier one.
        """
        for queue in tuple(self._queues.values()):
            queue.batch, queue.stalled, queue.broker_alive_at = None, False, 0.0
            # Their outcome is unknown, so they stay as they are: entered, not to be withdrawn.
            pending_records, queue.in_flight = queue.in_flight, []
            self._requeue(queue, pending_records)
        pending = [queue.pending for queue in self._queues.values()]
        for records in (*pending, *self.unassigned.values()):
            drop_indeterminate(records)
        # What was handed back stands behind whoever is reading on: he begins anew.
        self.availability_epoch += 1

    def _queue_for(self, topic_partition: TopicPartition) -> PartitionQueue:
        queue = self._queues.get(topic_partition)
        if queue is None:
            queue = self._queues[topic_partition] = PartitionQueue(*topic_partition)
        return queue

    def _enqueue(self, pending_record: PendingRecord, records: PartitionQueue) -> PendingRecord:
        pending_record.enqueue_in(records.pending)
        if not records.in_flight:  # else it is fed once that has ended
            self._mark_ready(records)
        return pending_record

    def _unassign(self, records: PartitionQueue) -> None:
        unassigned: RecordQueue = {}
        for pending_record in (*records.pending, *self.unassigned.pop(records.topic, ())):
            pending_record.enqueue_in(unassigned)
        if unassigned:
            self.unassigned[records.topic] = unassigned
        records.pending = {}
        if not records.in_flight:
            del self._queues[records.topic_partition]
        self._divert_missing(records.topic)

    def _mark_ready(self, records: PartitionQueue) -> None:
        self._ready[records] = None
        self.ready_event.set()

    def _on_batch_ok(self, records: PartitionQueue) -> None:
        pending_records, records.in_flight = records.in_flight, []
        for pending_record in pending_records:
            pending_record.release()
            pending_record.callbacks.on_delivered()
        if self.metadata.backoff.succeeded(records.topic):
            self.availability_epoch += 1
        if records.stalled:
            records.stalled, records.broker_alive_at, records.stall_count = False, 0.0, 0
            self.availability_epoch += 1
        if records.pending:
            self._mark_ready(records)

    def _on_batch_error(self, records: PartitionQueue, error: BaseException) -> None:
        """Judge a batch that was not written."""
        pending_records, records.in_flight = records.in_flight, []
        log.warning(
            "kafka_batch_failed",
            topic=records.topic,
            error=describe_batch_error(error),
            records=len(pending_records),
        )
        if is_too_large(error):
            self._on_batch_too_large(records, pending_records)
        else:
            for pending_record in pending_records:
                pending_record.attempts += 1
            should_back_off = is_topic_error(error) or any(
                pending_record.attempts >= _MAX_ATTEMPTS for pending_record in pending_records
            )
            self._requeue(records, pending_records)
            if should_back_off:
                self._back_off_topic(
                    records, UnavailableError(f"{records.topic}: {describe_batch_error(error)}")
                )
        self._on_error()

    def _on_batch_too_large(self, records: PartitionQueue, pending_records: list[PendingRecord]) -> None:
        if len(pending_records) == 1:
            pending_records[0].release()
            detail = f"the topic {records.topic} refuses its size"
            pending_records[0].callbacks.on_failed(RejectedError(Reason.TOO_LARGE, detail))
            return
        for pending_record in pending_records:
            # The broker limits the batch, not the record: whoever is too large shows when sent alone.
            pending_record.send_alone = True
        self._requeue(records, pending_records)

    def _back_off_topic(self, records: PartitionQueue, error: UnavailableError) -> None:
        """Send nothing to a topic that refuses for a while. All that waits there is told, in order."""
        self.metadata.backoff.failed(records.topic, self.loop.time())
        pending_records, records.pending = records.pending, {}
        for pending_record in pending_records:
            pending_record.release()
            pending_record.callbacks.on_failed(error)

    def _requeue(self, records: PartitionQueue, pending_records: Iterable[PendingRecord]) -> None:
        later, records.pending = records.pending, {}
        for pending_record in (*pending_records, *later):
            pending_record.enqueue_in(records.pending)
        if records.pending:
            self._mark_ready(records)
        if records.pending and not self.metadata.has_partition(records.topic_partition):
            self._unassign(records)  # else what came since would be asked first
