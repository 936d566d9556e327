"""A record on its way to Kafka, whom it belongs to, and the lane it stands in.

A record that waits can be withdrawn; one that has entered the producer cannot: the broker may have it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence

from aiokafka.structs import TopicPartition
from msgspec import Struct

from bridge.core.event import Record
from bridge.delivery.ports import DeliveryCallbacks
from bridge.io.kafka.buffer_budget import BufferBudget

_RECORD_OVERHEAD_BYTES = 256  # bytes: what a waiting record costs beside its value and key


def buffered_size(record: Record) -> int:
    """Tell the bytes that a record on its way takes of its room."""
    return len(record.value) + 2 * len(record.key) + _RECORD_OVERHEAD_BYTES


# What waits, in order; a dictionary, because whoever gives up leaves from the middle.
RecordQueue = dict["PendingRecord", None]


class PendingRecord(Struct, eq=False):
    """A record on its way since ``since`` (monotonic): ``size`` bytes of ``room``. It waits in ``queue``."""

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
        """Stand at the end of ``queue``."""
        records[self] = None
        self.queue = records

    def withdraw(self) -> bool:
        """Take the record back. False where it has entered the producer: Kafka may have it or get it yet."""
        if self.in_producer or self.queue is None:
            return False
        del self.queue[self]
        self.release()
        return True

    def release(self) -> None:
        """Make room: it is no longer ours."""
        self.queue = None
        self.budget.release(self.size)


def divert(pending_records: Iterable[PendingRecord]) -> bool:
    """Ask the owners, in order, to keep their records elsewhere. Returns whether all are kept there."""
    all_diverted = True
    for pending_record in tuple(pending_records):  # a copy: who is kept elsewhere leaves the queue
        all_diverted = pending_record.callbacks.on_stalled() and all_diverted
    return all_diverted


def drop_indeterminate(records: RecordQueue) -> None:
    """Remove the records of a lost producer that their owners keep elsewhere, and what came after them."""
    dropped = False
    for pending_record in tuple(records):
        if pending_record.in_producer and pending_record.callbacks.on_indeterminate():
            del records[pending_record]
            pending_record.release()
            dropped = True
    if dropped:
        divert(records)  # what is left must not overtake them


class PartitionQueue:
    """One partition: what waits for it in order, and the batch under way.

    It is ``stuck`` while the batch under way is not answered in time; ``met_at`` is when, meanwhile, Kafka
    answered something else (0: it did not), ``silences`` how many producers that has cost in a row.
    ``diverted`` says that all records of the batch under way are kept elsewhere as well, as far as is known.
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
        """Fill a batch, by its ``append``, with what waits, in order: from here on it is under way."""
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
        """Ask the owners of all that is here, in order, to keep it elsewhere: it does not leave."""
        self.diverted = divert(self.in_flight)
        divert(self.pending)

    def divert_pending(self) -> None:
        """Ask them because something goes elsewhere that came later; those under way only if need be."""
        if self.diverted:
            divert(self.pending)
        else:
            self.divert()


AppendRecord = Callable[[int, int, bytes, bytes, Sequence[tuple[str, bytes]]], object]
"""Takes in a record: its place in the batch, unix milliseconds, key, value, headers. None if it is full."""


class RecordBatch(Struct, eq=False):
    """What ``lane`` sends at once, which ``append`` fills."""

    partition_queue: PartitionQueue
    append: AppendRecord
    done_future: asyncio.Future[None] | None = None

    def as_future(self) -> asyncio.Future[None]:
        """Give a future that ends with the batch; made only where somebody waits."""
        if self.done_future is None:
            self.done_future = asyncio.get_running_loop().create_future()
        return self.done_future

    def set_done(self) -> None:
        """Let go whoever waits for it."""
        if self.done_future is not None and not self.done_future.done():
            self.done_future.set_result(None)


BatchResults = list[tuple[RecordBatch, BaseException | None]]
"""Batches that have ended at once: written, or with the error for which they were not."""
