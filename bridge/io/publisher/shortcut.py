"""The short way into aiokafka's producer: past what its public way costs each batch.

Where events are spread over many partitions nearly each is a batch of its own, and the public way costs such
a batch two futures, a shield, four coroutines, three turns of the loop and a walk through the protocol's
schemas: 16 us of CPU where this costs 5. Here a batch is put where the library's sender looks for it, in the
shape that it takes; the sender still decides when it is sent, tries it again and judges its answer.

That stands on parts of the library which are private: this file knows them, as they are in the versions that
`bridge.aiokafka_internals` names. Any other version goes the public way (`batches`).
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
from bridge.io.publisher.batches import Hear, PublicWay, Way
from bridge.io.publisher.tickets import Batch, Ended, Lane
from bridge.io.publisher.wire import Request

_MAGIC = 2  # of the only format that knows headers


def way_into(producer: AIOKafkaProducer, hear: Hear) -> Way:
    """Choose the way into a producer that is not started yet."""
    return ShortWay(producer, hear) if is_known() else PublicWay(producer, hear)


class ShortBatch(Batch, eq=False, kw_only=True):
    """A batch as the accumulator and the sender take it (the library's `MessageBatch`)."""

    way: "ShortWay"
    builder: DefaultRecordBatchBuilder
    tp: TopicPartition
    expires_at: float
    record_count: int = 0
    retry_count: int = 0
    buffer: bytearray | None = None

    # What the library asks of a batch

    @property
    def future(self) -> asyncio.Future[None]:
        """What whoever stops the producer waits for."""
        return self.waiter()

    def get_data_buffer(self) -> bytearray:
        """Give the bytes: the same ones at each try."""
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

    def done(self, *_where: object) -> None:
        """Be written."""
        self.way.end(self, None)

    def done_noack(self) -> None:
        """Be over without an answer: nobody asks for that, but of an empty batch."""
        self.way.end(self, None)

    def failure(self, exception: BaseException) -> None:
        """Be refused, or lost with the sender."""
        self.way.end(self, exception)


class ShortWay:
    """Into the accumulator itself."""

    name = "short"

    def __init__(self, producer: AIOKafkaProducer, hear: Hear) -> None:
        self.producer = producer
        self._hear = hear
        self._accumulator = accumulator = producer._message_accumulator
        self._sender = producer._sender
        self._numbers = producer._txn_manager
        self._compression: int = accumulator._compression_type
        self._most_bytes: int = accumulator._batch_size
        self._ttl: float = accumulator._batch_ttl
        self._batches: dict[TopicPartition, deque[ShortBatch]] = accumulator._batches
        self._pending: set[Batch] = accumulator._pending_batches
        self._loop = asyncio.get_running_loop()
        self._opened: list[ShortBatch] = []
        self.ended: Ended = []
        accumulator._pop_batch = self._pop
        self._sender._send_produce_req = self._send

    def open(self, lane: Lane) -> ShortBatch:
        """Begin a batch of ``lane``."""
        builder = DefaultRecordBatchBuilder(_MAGIC, self._compression, 0, -1, -1, 0, self._most_bytes)
        batch = ShortBatch(
            lane,
            builder.append,
            way=self,
            builder=builder,
            tp=lane.where,
            expires_at=time.monotonic() + self._ttl,
        )
        self._opened.append(batch)
        return batch

    async def enter(self) -> None:
        """Let filled batches in, in order."""
        opened, self._opened = self._opened, []
        accumulator = self._accumulator
        refusal = ProducerClosed() if accumulator._closed else accumulator._exception
        for batch in opened:
            batch.record_count = len(batch.lane.under_way)
            if refusal is None:
                self._batches[batch.tp].append(batch)
            else:
                self.end(batch, refusal)
        if not accumulator._waiter_future.done():
            accumulator._waiter_future.set_result(None)

    def end(self, batch: ShortBatch, error: BaseException | None) -> None:
        """Tell of an end, in the next turn of the loop: the library is in the middle of its own lists."""
        if not self.ended:
            self._loop.call_soon(self._tell)
        self.ended.append((batch, error))

    def _tell(self) -> None:
        ended, self.ended = self.ended, []
        for batch, _ in ended:
            self._pending.discard(batch)
            batch.end()
        self._hear(ended)

    def _pop(self, tp: TopicPartition) -> ShortBatch:
        """Take the next batch of a partition, as the accumulator does."""
        queue = self._batches[tp]
        batch = queue.popleft()
        if not queue:
            del self._batches[tp]
        if not batch.retry_count:
            numbers = self._numbers
            producer_id, epoch = numbers._pid_and_epoch
            batch.builder.set_producer_state(producer_id, epoch, numbers.sequence_number(tp))
            numbers.increment_sequence_number(tp, batch.record_count)
        batch.retry_count += 1
        self._pending.add(batch)
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

    def handle_response(self, response: ProduceResponse_v7) -> None:
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
