"""Records waiting for Kafka and in flight: a queue per partition, with one batch of it at a time in flight.

The producer, and when it is fed, is in `publisher`; how timeouts are found is in `stalls`.
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
from bridge.io.kafka.limits import BufferLimits
from bridge.io.kafka.metadata import TopicMetadata, TopicPartition
from bridge.io.kafka.pending import (
    BatchResults,
    BufferBudget,
    PartitionQueue,
    PendingRecord,
    RecordQueue,
    divert,
    drop_indeterminate,
    notify_delivered,
    report_bug,
)
from bridge.io.kafka.topic_backoff import describe_batch_error, is_too_large, is_topic_error

log: structlog.stdlib.BoundLogger = structlog.get_logger()
_MAX_ATTEMPTS = 5
_Notify = Callable[[], None]


class RecordAccumulator:
    """All partition queues. ``on_ack`` is called after acknowledgements, ``on_error`` for each failed batch.

    ``availability_epoch`` grows whenever more may be sent: what was skipped is worth another look.
    """

    def __init__(
        self, limits: BufferLimits, metadata: TopicMetadata, on_ack: _Notify, on_error: _Notify
    ) -> None:
        self.loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._budget = BufferBudget(limits.max_bytes, limits.max_records)
        # Records that wait for a missing topic take no budget from the others.
        self._unassigned_budget = BufferBudget(limits.max_bytes, limits.max_records)
        self._metadata = metadata
        self._on_ack = on_ack
        self._on_error = on_error
        self._queues: dict[tuple[str, int], PartitionQueue] = {}
        self._ready: dict[PartitionQueue, None] = {}
        self.unassigned: dict[str, RecordQueue] = {}
        self.ready_event = asyncio.Event()
        self.availability_epoch = 0

    @property
    def queues(self) -> Iterable[PartitionQueue]:
        """All queues; those of deleted topics are gone once their last batch has ended."""
        return self._queues.values()

    @property
    def in_flight(self) -> list[PartitionQueue]:
        """The queues with a batch in the producer."""
        return [queue for queue in self.queues if queue.batch is not None]

    @property
    def needs_metadata(self) -> bool:
        """Whether new metadata may let more records be sent."""
        return self._metadata.needs_refresh or any(queue.stalled for queue in self._queues.values())

    def accepts(self, topic: str, key_hash: int) -> bool:
        """Whether a record of that topic and key hash would be sent now, as far as is known."""
        topic_partition = self._metadata.sendable_partition_for(topic, key_hash)
        return topic_partition is not None and not self._queue_for(topic_partition).stalled

    def try_send(self, record: Record, key_hash: int, callbacks: DeliveryCallbacks) -> PendingRecord | None:
        """Queue ``record`` if it can leave now; None if it cannot, or the buffer is full."""
        topic_partition = self._metadata.sendable_partition_for(record.topic, key_hash)
        if topic_partition is None:
            return None
        queue = self._queues.get(topic_partition) or self._queue_for(topic_partition)
        if queue.stalled or not (size := self._budget.try_acquire(record)):
            return None
        return self._enqueue(PendingRecord(record, callbacks, self.loop.time(), size, self._budget), queue)

    def send(self, record: Record, key_hash: int, callbacks: DeliveryCallbacks) -> PendingRecord:
        """Queue ``record``, however long it waits. Raises `UnavailableError` if the buffer is full."""
        topic_partition = self._metadata.partition_for(record.topic, key_hash)
        budget = self._unassigned_budget if topic_partition is None else self._budget
        size = budget.try_acquire(record)
        if not size:
            raise UnavailableError("too much is on its way to Kafka")
        pending_record = PendingRecord(record, callbacks, self.loop.time(), size, budget)
        if topic_partition is not None:
            return self._enqueue(pending_record, self._queue_for(topic_partition))
        pending_record.enqueue_in(self.unassigned.setdefault(record.topic, {}))
        return pending_record

    def update_metadata(
        self, partitions: Mapping[str, int], leaderless: Iterable[TopicPartition] = ()
    ) -> None:
        """Apply a full listing of topics. Records that waited for a new topic move to its queues.

        Records queued for a deleted topic wait for its return, ahead of those that came since. If it returns
        with fewer partitions, records of the missing ones move to the others.
        """
        allows_more = self._metadata.update(partitions, leaderless)
        for queue in tuple(self._queues.values()):
            if not self._metadata.has_partition(queue.topic_partition):
                self._unassign(queue)
        for topic in [topic for topic in self.unassigned if topic in partitions]:
            for pending_record in self.unassigned.pop(topic):
                topic_partition = self._metadata.partition_for(topic, hash_key(pending_record.record.key))
                if topic_partition is not None:
                    self._enqueue(pending_record, self._queue_for(topic_partition))
        if allows_more:
            self.mark_all_ready()

    def retry_backed_off(self, now: float) -> None:
        """Unblock the topics whose backoff is over."""
        if self._metadata.backoff.expire(now):
            self.mark_all_ready()

    def mark_all_ready(self) -> None:
        """Mark every queue with waiting records for sending: more may leave than before."""
        self.availability_epoch += 1
        for queue in self._queues.values():
            if queue.pending:
                self._mark_ready(queue)

    async def send_ready(self, sender: BatchSender) -> int:
        """Send one batch of each ready queue that has none in flight. Returns the number of records sent."""
        ready, self._ready = self._ready, {}
        cluster, is_blocked = sender.producer.client.cluster, self._metadata.is_blocked
        now, now_ms, sent = self.loop.time(), int(time.time() * 1000), 0
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
        """Handle the results of batches; those of a batch that was requeued meanwhile are ignored."""
        any_acked = False
        for batch, error in results:
            queue = batch.partition_queue
            if queue.batch is not batch:
                continue  # a replaced producer's late answer: its records have been sent again
            queue.batch = None
            any_acked = any_acked or error is None
            try:
                self._on_batch_ok(queue) if error is None else self._on_batch_error(queue, error)
            except Exception as bug:  # noqa: BLE001 - a bug in one callback must not stop the others
                report_bug(bug, self.loop)
        if any_acked:
            self._on_ack()

    def mark_stalled(self, queues: Iterable[PartitionQueue]) -> None:
        """Send nothing more of these queues until their batch is answered; divert their records."""
        for queue in tuple(queues):  # a copy: a callback may send another record, to a new queue
            queue.stalled = queue.stalled or bool(queue.in_flight)
            queue.divert()

    def notify_unassigned(self) -> None:
        """Call `on_stalled` of all records that wait for a missing topic."""
        for topic in tuple(self.unassigned):
            self._divert_missing(topic)

    def divert_earlier(self, topic: str, key_hash: int) -> None:
        """Call `on_stalled` of what is in a key's queue: a later record is about to be spooled behind it."""
        topic_partition = self._metadata.partition_for(topic, key_hash)
        if topic_partition is None:
            self._divert_missing(topic)
        elif queue := self._queues.get(topic_partition):
            queue.divert_pending()

    def _divert_missing(self, topic: str) -> None:
        """Call `on_stalled` of all records of a missing topic, the oldest first."""
        for queue in tuple(self._queues.values()):
            if queue.topic == topic:  # a batch that was in flight when the topic was deleted
                queue.divert_pending()
        divert(self.unassigned.get(topic, ()))

    def mark_all_stalled(self) -> None:
        """Mark every queue stalled, as `mark_stalled` does."""
        self.mark_stalled(self._queues.values())

    def requeue_in_flight(self) -> None:
        """Take back the batches of a discarded producer: they are sent again, under the same event ids.

        Records whose `on_indeterminate` says that they are safe elsewhere are dropped. It is called for all
        that ever entered a producer: waiting records may have come back from an earlier one.
        """
        for queue in tuple(self._queues.values()):
            queue.batch, queue.stalled, queue.broker_alive_at = None, False, 0.0
            # Their result is unknown, so they stay as they are: in a producer, not to be withdrawn.
            records, queue.in_flight = queue.in_flight, []
            self._requeue(queue, records)
        pending = [queue.pending for queue in self._queues.values()]
        for waiting in (*pending, *self.unassigned.values()):
            drop_indeterminate(waiting)
        # What was made available again lies behind the drain's position: it must start anew.
        self.availability_epoch += 1

    def _queue_for(self, topic_partition: TopicPartition) -> PartitionQueue:
        queue = self._queues.get(topic_partition)
        if queue is None:
            queue = self._queues[topic_partition] = PartitionQueue(*topic_partition)
        return queue

    def _enqueue(self, pending_record: PendingRecord, queue: PartitionQueue) -> PendingRecord:
        queue.pending[pending_record] = None
        pending_record.queue = queue.pending
        if not queue.in_flight:  # else it is marked once that batch has ended
            self._mark_ready(queue)
        return pending_record

    def _unassign(self, queue: PartitionQueue) -> None:
        unassigned: RecordQueue = {}
        for pending_record in (*queue.pending, *self.unassigned.pop(queue.topic, ())):
            pending_record.enqueue_in(unassigned)
        if unassigned:
            self.unassigned[queue.topic] = unassigned
            self._metadata.unknown_topics.add(queue.topic)  # its return is looked for
        queue.pending = {}
        if not queue.in_flight:
            del self._queues[queue.topic_partition]
        self._divert_missing(queue.topic)

    def _mark_ready(self, queue: PartitionQueue) -> None:
        self._ready[queue] = None
        self.ready_event.set()

    def _on_batch_ok(self, queue: PartitionQueue) -> None:
        records, queue.in_flight = queue.in_flight, []
        notify_delivered(records, self.loop)
        backoff = self._metadata.backoff
        if backoff.backoffs_s and backoff.succeeded(queue.topic):
            self.availability_epoch += 1
        if queue.stalled:
            queue.stalled, queue.broker_alive_at, queue.stall_count = False, 0.0, 0
            self.availability_epoch += 1
        if queue.pending:
            self._mark_ready(queue)

    def _on_batch_error(self, queue: PartitionQueue, error: BaseException) -> None:
        """Requeue, fail or back off the records of a batch that was not written."""
        records, queue.in_flight = queue.in_flight, []
        reason = describe_batch_error(error)
        log.warning("kafka_batch_failed", topic=queue.topic, error=reason, records=len(records))
        if is_too_large(error):
            self._on_batch_too_large(queue, records)
        else:
            for pending_record in records:
                pending_record.attempts += 1
            should_back_off = is_topic_error(error) or any(one.attempts >= _MAX_ATTEMPTS for one in records)
            self._requeue(queue, records)
            if should_back_off:
                self._back_off_topic(queue, UnavailableError(f"{queue.topic}: {reason}"))
        self._on_error()

    def _on_batch_too_large(self, queue: PartitionQueue, records: list[PendingRecord]) -> None:
        if len(records) == 1:
            records[0].release()
            detail = f"the topic {queue.topic} refuses its size"
            records[0].callbacks.on_failed(RejectedError(Reason.TOO_LARGE, detail))
            return
        for pending_record in records:
            # The broker limits the batch, not the record: sent alone, each shows whether it is too large.
            pending_record.send_alone = True
        self._requeue(queue, records)

    def _back_off_topic(self, queue: PartitionQueue, error: UnavailableError) -> None:
        """Send nothing to a topic that refuses for a while. All its waiting records fail, in order."""
        self._metadata.backoff.failed(queue.topic, self.loop.time())
        records, queue.pending = queue.pending, {}
        for pending_record in records:
            pending_record.release()
            pending_record.callbacks.on_failed(error)

    def _requeue(self, queue: PartitionQueue, records: Iterable[PendingRecord]) -> None:
        later, queue.pending = queue.pending, {}
        for pending_record in (*records, *later):
            pending_record.enqueue_in(queue.pending)
        if queue.pending:
            self._mark_ready(queue)
        if queue.pending and not self._metadata.has_partition(queue.topic_partition):
            self._unassign(queue)  # else later records would be diverted first
