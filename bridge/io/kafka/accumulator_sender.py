"""Puts batches straight into aiokafka's accumulator: past what its public way costs each batch.

Where events are spread over many partitions nearly each is a batch of its own, and the public way costs such
a batch two futures, a shield, four coroutines, three turns of the loop and a walk through the protocol's
schemas: 16 us of CPU where this costs 5. Here a batch is put where the library's sender looks for it, in the
shape that it takes; the sender still decides when it is sent, tries it again and judges its answer.

That stands on parts of the library which are private: this file knows them, as they are in the versions that
`bridge.aiokafka_internals` names. Any other version goes the public way (`batch_sender`).
"""
# ruff: noqa: SLF001 - see above

import asyncio
import time
from collections import deque

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed
from aiokafka.producer.sender import SendProduceReqHandler
from aiokafka.protocol.produce import ProduceResponse_v7
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from bridge.aiokafka_internals import is_known
from bridge.io.kafka.batch_sender import AiokafkaBatchSender, BatchSender, OnBatchesDone
from bridge.io.kafka.pending import BatchResults, PartitionQueue, RecordBatch
from bridge.io.kafka.produce_v7 import FastProduceRequest

_MAGIC_V2 = 2  # of the only format that knows headers


def choose_sender(producer: AIOKafkaProducer, on_batches_done: OnBatchesDone) -> BatchSender:
    """Return the sender for a producer that is not started yet."""
    return (
        AccumulatorBatchSender(producer, on_batches_done)
        if is_known()
        else AiokafkaBatchSender(producer, on_batches_done)
    )


class AccumulatorBatch(RecordBatch, eq=False, kw_only=True):
    """A batch as the accumulator and the sender take it (the library's `MessageBatch`)."""

    sender: "AccumulatorBatchSender"
    builder: DefaultRecordBatchBuilder
    tp: TopicPartition
    expires_at: float
    record_count: int = 0
    retry_count: int = 0
    buffer: bytearray | None = None

    # What the library calls of a batch

    @property
    def future(self) -> asyncio.Future[None]:
        """What whoever stops the producer waits for."""
        return self.as_future()

    def get_data_buffer(self) -> bytearray:
        """Return the bytes: the same ones at each try."""
        if self.buffer is None:
            self.buffer = self.builder.build()
        return self.buffer

    def reset_drain(self) -> None:
        """Wait for another try; nobody waits for this one to be drained."""

    def remaining_linger(self) -> None:
        """Be sent at once: whoever filled it has gathered."""

    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self.record_count

    def expired(self) -> bool:
        """Whether its partition was without a leader for too long."""
        return time.monotonic() > self.expires_at

    def done(self, *_args: object) -> None:
        """Be written."""
        self.sender.finish(self, None)

    def done_noack(self) -> None:
        """Be over without an answer: nobody asks for that, but of an empty batch."""
        self.sender.finish(self, None)

    def failure(self, exception: BaseException) -> None:
        """Be refused, or lost with the sender."""
        self.sender.finish(self, exception)


class AccumulatorBatchSender:
    """Hands batches to the producer's accumulator itself."""

    name = "accumulator"

    def __init__(self, producer: AIOKafkaProducer, on_batches_done: OnBatchesDone) -> None:
        self.producer = producer
        self._on_batches_done = on_batches_done
        self._accumulator = accumulator = producer._message_accumulator
        self._sender = producer._sender
        self._txn_manager = producer._txn_manager
        self._compression: int = accumulator._compression_type
        self._max_batch_bytes: int = accumulator._batch_size
        self._batch_ttl_s: float = accumulator._batch_ttl
        self._batches: dict[TopicPartition, deque[AccumulatorBatch]] = accumulator._batches
        self._pending_batches: set[RecordBatch] = accumulator._pending_batches
        self._loop = asyncio.get_running_loop()
        self._unsubmitted: list[AccumulatorBatch] = []
        self._results: list[tuple[RecordBatch, BaseException | None]] = []
        accumulator._pop_batch = self._pop_batch
        self._sender._send_produce_req = self._send_produce_request

    def new_batch(self, queue: PartitionQueue) -> AccumulatorBatch:
        """Begin a batch of ``queue``."""
        builder = DefaultRecordBatchBuilder(_MAGIC_V2, self._compression, 0, -1, -1, 0, self._max_batch_bytes)
        batch = AccumulatorBatch(
            queue,
            builder.append,
            sender=self,
            builder=builder,
            tp=queue.topic_partition,
            expires_at=time.monotonic() + self._batch_ttl_s,
        )
        self._unsubmitted.append(batch)
        return batch

    async def submit(self) -> None:
        """Hand over the new batches, in order."""
        unsubmitted, self._unsubmitted = self._unsubmitted, []
        accumulator = self._accumulator
        closed_error = ProducerClosed() if accumulator._closed else accumulator._exception
        for batch in unsubmitted:
            batch.record_count = len(batch.partition_queue.in_flight)
            if closed_error is None:
                self._batches[batch.tp].append(batch)
            else:
                self.finish(batch, closed_error)
        if not accumulator._waiter_future.done():
            accumulator._waiter_future.set_result(None)

    def finish(self, batch: AccumulatorBatch, error: BaseException | None) -> None:
        """Report a result in the next turn of the loop: the library is in the middle of its own lists."""
        if not self._results:
            self._loop.call_soon(self._notify)
        self._results.append((batch, error))

    def _notify(self) -> None:
        results, self._results = self._results, []
        self._report(results)

    def _report(self, results: BatchResults) -> None:
        for batch, _ in results:
            self._pending_batches.discard(batch)
            if batch.done_future is not None:
                batch.set_done()
        self._on_batches_done(results)

    def _pop_batch(self, tp: TopicPartition) -> AccumulatorBatch:
        """Take the next batch of a partition, as the accumulator does."""
        queue = self._batches[tp]
        batch = queue.popleft()
        if not queue:
            del self._batches[tp]
        if not batch.retry_count:
            txn_manager = self._txn_manager
            producer_id, epoch = txn_manager._pid_and_epoch
            batch.builder.set_producer_state(producer_id, epoch, txn_manager.sequence_number(tp))
            txn_manager.increment_sequence_number(tp, batch.record_count)
        batch.retry_count += 1
        self._pending_batches.add(batch)
        return batch

    async def _send_produce_request(self, node: int, batches: dict[TopicPartition, AccumulatorBatch]) -> None:
        """Send one request, as the sender does; then, its lists being in order, report what was written."""
        handler = _FastProduceHandler(self._sender, batches)
        await handler.do(node)
        self._sender._in_flight.remove(node)
        self._sender._muted_partitions.difference_update(batches)
        try:
            self._report(handler.written)
        except Exception as bug:  # noqa: BLE001 - it must not end the library's sender, which waits for this
            self._loop.call_exception_handler({"message": "a result was not handled", "exception": bug})


class _FastProduceHandler(SendProduceReqHandler):  # type: ignore[misc]  # the library is not typed
    """The library's request with its retries, packed and handled in fewer steps where all goes well.

    ``written``: the batches, where the broker has acknowledged all of them.
    """

    written: BatchResults = ()

    def create_request(self) -> FastProduceRequest:
        topics: dict[str, list[tuple[int, bytearray]]] = {}
        for tp, batch in self._batches.items():
            topics.setdefault(tp.topic, []).append((tp.partition, batch.get_data_buffer()))
        sender = self._sender
        return FastProduceRequest(None, sender._acks, sender._request_timeout_ms, list(topics.items()))

    def handle_response(self, response: ProduceResponse_v7) -> None:
        written: list[tuple[AccumulatorBatch, None]] = []
        failed = []
        for topic, partition_results in response.topics:
            for partition_result in partition_results:
                if partition_result[1]:
                    failed.append((topic, [partition_result]))
                elif batch := self._batches.get((topic, partition_result[0])):
                    written.append((batch, None))
        if not failed:
            self.written = written
            return
        # A batch that is tried again keeps the request for a while: report the others now.
        for batch, _ in written:
            batch.done()
        response.topics = failed
        super().handle_response(response)
