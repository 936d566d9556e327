"""A way into a producer, and the library's public one.

The short one, past what the public one costs each batch, is `shortcut`; the lanes know neither.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from bridge.io.kafka.pending import BatchResults, PartitionQueue, RecordBatch

OnBatchesDone = Callable[[BatchResults], None]
"""What a way calls with the batches that have ended."""


class BatchSender(Protocol):
    """A way into ``producer``, with a ``name`` for the log."""

    name: str
    producer: AIOKafkaProducer

    def new_batch(self, queue: PartitionQueue) -> RecordBatch:
        """Begin a batch of ``lane``, which fills it."""

    async def submit(self) -> None:
        """Let in what was opened and filled, in order; what is not let in ends with the reason."""


class AiokafkaBatchSender:
    """By `create_batch` and `send_batch`."""

    name = "batch_api"

    def __init__(self, producer: AIOKafkaProducer, on_batches_done: OnBatchesDone) -> None:
        self.producer = producer
        self._on_batches_done = on_batches_done
        self._unsubmitted: list[tuple[RecordBatch, BatchBuilder]] = []

    def new_batch(self, queue: PartitionQueue) -> RecordBatch:
        """Begin a batch of ``lane``."""
        builder = self.producer.create_batch()

        def append(
            _index: int, timestamp: int, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
        ) -> object:
            return builder.append(timestamp=timestamp, key=key, value=value, headers=headers)

        batch = RecordBatch(queue, append)
        self._unsubmitted.append((batch, builder))
        return batch

    async def submit(self) -> None:
        """Let filled batches in, in order."""
        unsubmitted, self._unsubmitted = self._unsubmitted, []
        for batch, builder in unsubmitted:
            queue = batch.partition_queue
            if queue.batch is not batch:
                continue  # taken back meanwhile, to be sent by another producer
            builder.close()
            try:
                response = await self.producer.send_batch(builder, queue.topic, partition=queue.partition)
            except (KafkaError, AssertionError) as error:
                self._finish(batch, error)
            else:
                response.add_done_callback(partial(self._on_response, batch))

    def _on_response(self, batch: RecordBatch, response: asyncio.Future[object]) -> None:
        self._finish(
            batch, KafkaError("the producer was closed") if response.cancelled() else response.exception()
        )

    def _finish(self, batch: RecordBatch, error: BaseException | None) -> None:
        batch.set_done()
        self._on_batches_done([(batch, error)])
