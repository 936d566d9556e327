"""The short way into aiokafka's producer: past what its public way costs each batch.

Where events are spread over many partitions nearly each is a batch of its own, and the public way costs such
a batch two futures, a shield, four coroutines, three turns of the loop and a walk through the protocol's
schemas: TODO of CPU. Here a batch is put where the library's sender looks for it, in the shape that it
takes; the sender still decides when it is sent, numbers it, tries again and judges the answers.

That stands on parts of the library which are private: this is the only file that knows them, for the
versions in `_KNOWN`; any other goes the public way (`batches`).
"""

import asyncio
import copy
import time
from collections.abc import Sequence
from typing import Any

import aiokafka
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed, UnknownTopicOrPartitionError
from aiokafka.producer.sender import SendProduceReqHandler
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from bridge.io.publisher.batches import PublicWay, Way
from bridge.io.publisher.tickets import Batch, Heard, Lane
from bridge.io.publisher.wire import Request

_KNOWN = frozenset({"0.14.0"})
_MAGIC = 2  # of the only format that knows headers


def way_into(producer: AIOKafkaProducer) -> Way:
    """Choose the way into a producer that is not started yet."""
    known = aiokafka.__version__ in _KNOWN and producer._txn_manager is not None
    return ShortWay(producer) if known else PublicWay(producer)


class ShortBatch(Batch):
    """A batch as the accumulator and the sender take it (the library's `MessageBatch`)."""

    __slots__ = ("_buffer", "_builder", "_expires_at", "_way", "record_count", "retry_count", "tp")

    def __init__(self, way: "ShortWay", lane: Lane, heard: Heard) -> None:
        super().__init__(lane, heard)
        self._way = way
        self._builder = DefaultRecordBatchBuilder(_MAGIC, way.compression, 0, -1, -1, 0, way.most_bytes)
        self.append = self._builder.append
        self._buffer: bytearray | None = None
        self._expires_at = time.monotonic() + way.expires
        self.tp = lane.where
        self.record_count = 0
        self.retry_count = 0

    # What the library asks of a batch

    @property
    def future(self) -> asyncio.Future[None]:
        """What whoever stops the producer waits for."""
        return self.over

    def set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        """Take the number by which the broker knows a repetition."""
        self._builder.set_producer_state(producer_id, producer_epoch, base_sequence)

    def get_data_buffer(self) -> bytearray:
        """Give the bytes: the same ones at each try."""
        if self._buffer is None:
            self._buffer = self._builder.build()
        return self._buffer

    def drain_ready(self) -> None:
        """Be tried once more."""
        self.retry_count += 1

    def reset_drain(self) -> None:
        """Wait for another try; nobody waits for this one to be drained."""

    def remaining_linger(self) -> None:
        """Be sent at once: whoever filled it has gathered."""

    def is_empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self.record_count

    def expired(self) -> bool:
        """Whether its partition was without a leader for too long."""
        return time.monotonic() > self._expires_at

    def done(self, *_: object) -> None:
        """Be written."""
        self._way.ended(self, None)

    done_noack = done

    def failure(self, exception: BaseException) -> None:
        """Be refused, or lost with the sender."""
        self._way.ended(self, exception)


class ShortWay:
    """Into the accumulator itself."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self._accumulator = producer._message_accumulator
        self._sender = producer._sender
        self._numbers = producer._txn_manager
        self.compression = self._accumulator._compression_type
        self.most_bytes = self._accumulator._batch_size
        self.expires: float = self._accumulator._batch_ttl
        self._loop = asyncio.get_running_loop()
        self._opened: list[ShortBatch] = []
        self._ended: list[tuple[ShortBatch, BaseException | None]] = []
        self._accumulator._pop_batch = self._pop
        self._sender._send_produce_req = self._send

    def open(self, lane: Lane, heard: Heard) -> ShortBatch:
        """Begin a batch of ``lane``."""
        batch = ShortBatch(self, lane, heard)
        self._opened.append(batch)
        return batch

    async def enter(self) -> None:
        """Let filled batches in, in order."""
        accumulator = self._accumulator
        opened, self._opened = self._opened, []
        for batch in opened:
            batch.record_count = len(batch.lane.under_way)
            if accumulator._closed:
                self.ended(batch, ProducerClosed())
            elif accumulator._exception is not None:
                self.ended(batch, copy.copy(accumulator._exception))
            elif accumulator._cluster.leader_for_partition(batch.tp) is None:
                self.ended(batch, UnknownTopicOrPartitionError())
            else:
                accumulator._batches[batch.tp].append(batch)
        if not accumulator._waiter_future.done():
            accumulator._waiter_future.set_result(None)

    def ended(self, batch: ShortBatch, error: BaseException | None) -> None:
        """Tell of an end, in the next turn of the loop: the library is in the middle of its own lists."""
        if not self._ended:
            self._loop.call_soon(self._tell)
        self._ended.append((batch, error))

    def _tell(self) -> None:
        ended, self._ended = self._ended, []
        for batch, error in ended:
            self._accumulator._pending_batches.discard(batch)
            batch.end(error)

    def _pop(self, tp: TopicPartition) -> ShortBatch:
        """Take the next batch of a partition, as the accumulator does."""
        accumulator, numbers = self._accumulator, self._numbers
        queue = accumulator._batches[tp]
        batch: ShortBatch = queue.popleft()
        if not queue:
            del accumulator._batches[tp]
        if not batch.retry_count:
            first = numbers.sequence_number(tp)
            numbers.increment_sequence_number(tp, batch.record_count)
            batch.set_producer_state(numbers.producer_id, numbers.producer_epoch, first)
        batch.drain_ready()
        accumulator._pending_batches.add(batch)
        return batch

    async def _send(self, node: int, batches: dict[TopicPartition, ShortBatch]) -> None:
        """Send one request, as the sender does."""
        await _Send(self._sender, batches).do(node)
        self._sender._in_flight.remove(node)
        self._sender._muted_partitions.difference_update(batches)


class _Send(SendProduceReqHandler):  # type: ignore[misc]  # the library is not typed
    """The library's request with its retries, packed and heard in fewer steps where all goes well."""

    def create_request(self) -> Request:
        topics: dict[str, list[tuple[int, bytearray]]] = {}
        for tp, batch in self._batches.items():
            topics.setdefault(tp.topic, []).append((tp.partition, batch.get_data_buffer()))
        sender = self._sender
        return Request(None, sender._acks, sender._request_timeout_ms, list(topics.items()))

    def handle_response(self, response: Any) -> None:
        refused = []
        for topic, answers in response.topics:
            for answer in answers:
                if answer[1]:
                    refused.append((topic, [answer]))
                elif batch := self._batches.get((topic, answer[0])):
                    batch.done()
        if refused:
            response.topics = refused
            super().handle_response(response)
