"""A record on its way to Kafka, the budget it takes, its callbacks, and the queue of its partition.

A waiting record can be withdrawn; one that has entered the producer cannot: the broker may have it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from aiokafka.structs import TopicPartition
from msgspec import Struct

from bridge.core.event import Record
from bridge.delivery.ports import DeliveryCallbacks

_RECORD_OVERHEAD_BYTES = 256  # what a waiting record costs beside its value and key

# Waiting records in order; a dictionary, because withdrawn ones leave from the middle.
RecordQueue = dict["PendingRecord", None]


class BufferBudget(Struct):
    """The bytes and records that are still free. A record gives its share back (`PendingRecord.release`)."""

    free_bytes: int
    free_records: int

    def try_acquire(self, record: Record) -> int:
        """Reserve what ``record`` takes. Returns its bytes; 0 if the budget is used up."""
        size = len(record.value) + 2 * len(record.key) + _RECORD_OVERHEAD_BYTES
        if size > self.free_bytes or not self.free_records:
            return 0
        self.free_bytes -= size
        self.free_records -= 1
        return size


class PendingRecord(Struct, eq=False):
    """A record on its way to Kafka.

    ``enqueued_at`` is monotonic seconds; ``size`` the bytes it takes of ``budget``; ``queue`` where it waits,
    None once it is released. ``in_producer`` stays True when it is requeued after its producer was discarded.
    """

    record: Record
    callbacks: DeliveryCallbacks
    enqueued_at: float
    size: int
    budget: BufferBudget
    queue: RecordQueue | None = None
    in_producer: bool = False
    send_alone: bool = False
    attempts: int = 0

    def enqueue_in(self, records: RecordQueue) -> None:
        """Append it to ``records``."""
        records[self] = None
        self.queue = records

    def withdraw(self) -> bool:
        """Take the record back. False if it has entered the producer: Kafka may have it or get it yet."""
        if self.in_producer or self.queue is None:
            return False
        del self.queue[self]
        self.release()
        return True

    def release(self) -> None:
        """Give its budget back: it is no longer ours."""
        self.queue = None
        budget = self.budget
        budget.free_bytes += self.size
        budget.free_records += 1


def divert(pending_records: Iterable[PendingRecord]) -> bool:
    """Call `on_stalled` of the records, in order. Returns whether all are kept elsewhere now."""
    all_diverted = True
    for pending_record in tuple(pending_records):  # a copy: a record that is kept elsewhere leaves the queue
        all_diverted = pending_record.callbacks.on_stalled() and all_diverted
    return all_diverted


def report_bug(bug: Exception, loop: asyncio.AbstractEventLoop) -> None:
    """Report a bug in a callback: it is logged and counted, and must not stop others."""
    loop.call_exception_handler({"message": "a delivery callback failed", "exception": bug})


def notify_delivered(pending_records: Iterable[PendingRecord], loop: asyncio.AbstractEventLoop) -> None:
    """Call `on_delivered` of the records, in order. A bug in one callback does not stop the others."""
    for pending_record in pending_records:
        pending_record.release()
        try:
            pending_record.callbacks.on_delivered()
        except Exception as bug:  # noqa: BLE001 - see above
            report_bug(bug, loop)


def drop_indeterminate(records: RecordQueue) -> None:
    """Remove the records of a discarded producer that are safe elsewhere, and divert what came after them."""
    dropped = False
    for pending_record in tuple(records):
        if pending_record.in_producer and pending_record.callbacks.on_indeterminate():
            del records[pending_record]
            pending_record.release()
            dropped = True
    if dropped:
        divert(records)  # what is left must not overtake them


class PartitionQueue:
    """One partition: its waiting records in order, and the batch in flight.

    ``sent_at``: monotonic seconds. ``stalled``: the batch in flight is overdue. ``broker_alive_at``:
    monotonic time at which the broker answered another request while this partition's batch was overdue; 0
    if it did not. ``stall_count``: producers replaced in a row because of this partition (doubles the next
    time-out). ``diverted``: all records of the batch in flight are safe elsewhere too, as far as is known.
    """

    __slots__ = (
        "batch",
        "broker_alive_at",
        "diverted",
        "in_flight",
        "partition",
        "pending",
        "sent_at",
        "stall_count",
        "stalled",
        "topic",
        "topic_partition",
    )

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.topic_partition = TopicPartition(topic, partition)
        self.pending: RecordQueue = {}
        self.in_flight: list[PendingRecord] = []
        self.batch: RecordBatch | None = None
        self.sent_at = 0.0
        self.stalled = False
        self.diverted = False
        self.broker_alive_at = 0.0
        self.stall_count = 0

    def drain_into(self, append: "AppendRecord", now_ms: int) -> None:
        """Fill a batch with waiting records, in order, by its ``append``: from here on they are in flight."""
        pending = self.pending
        in_flight: list[PendingRecord] = []
        for index, pending_record in enumerate(pending):
            record = pending_record.record
            if (pending_record.send_alone and in_flight) or append(
                index, now_ms, record.key, record.value, record.headers
            ) is None:
                break
            # From here on a record may reach Kafka whatever happens: it can no longer be withdrawn.
            pending_record.in_producer = True
            in_flight.append(pending_record)
            if pending_record.send_alone:
                break
        if len(in_flight) == len(pending):
            pending.clear()
        else:
            for pending_record in in_flight:
                del pending[pending_record]
        self.in_flight = in_flight

    def divert(self) -> None:
        """Call `on_stalled` of all records here, in order: they do not leave."""
        self.diverted = divert(self.in_flight)
        divert(self.pending)

    def divert_pending(self) -> None:
        """Divert the waiting records: a newer record of this partition is about to be spooled.

        They are spooled first, so that the order per key holds. Those in flight are asked only if one of them
        is not safe elsewhere yet.
        """
        if self.diverted:
            divert(self.pending)
        else:
            self.divert()


AppendRecord = Callable[[int, int, bytes, bytes, Sequence[tuple[str, bytes]]], object]
"""Adds a record to a batch: index, unix milliseconds, key, value, headers. Returns None if it is full."""


class RecordBatch(Struct, eq=False):
    """The records of one partition that are sent at once; ``append`` fills it."""

    partition_queue: PartitionQueue
    append: AppendRecord
    done_future: asyncio.Future[None] | None = None

    def as_future(self) -> asyncio.Future[None]:
        """Return a future that ends with the batch; made only if somebody waits for it."""
        if self.done_future is None:
            self.done_future = asyncio.get_running_loop().create_future()
        return self.done_future

    def set_done(self) -> None:
        """End the future, if there is one."""
        if self.done_future is not None and not self.done_future.done():
            self.done_future.set_result(None)


BatchResults = Sequence[tuple[RecordBatch, BaseException | None]]
"""Batches that have ended in one turn of the loop, each with None (written) or its error."""
