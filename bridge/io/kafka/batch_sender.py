"""How batches enter a producer: the Protocol, and the sender that uses the library's public API.

The cheaper one, which puts batches into the library's accumulator, is `accumulator_sender`.
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
"""Called by a sender with the batches that have ended."""


class BatchSender(Protocol):
    """Hands batches to ``producer``; ``name`` is for the log."""

    name: str
    producer: AIOKafkaProducer

    def new_batch(self, queue: PartitionQueue) -> RecordBatch:
        """Begin a batch of ``queue``, to be filled by the caller before `submit`."""

    async def submit(self) -> None:
        """Hand over the new batches, in order. A batch that the producer refuses ends with its error."""


class AiokafkaBatchSender:
    """Sends with the library's `create_batch` and `send_batch`."""

    name = "batch_api"

    def __init__(self, producer: AIOKafkaProducer, on_batches_done: OnBatchesDone) -> None:
        self.producer = producer
        self._on_batches_done = on_batches_done
        self._unsubmitted: list[tuple[RecordBatch, BatchBuilder]] = []

    def new_batch(self, queue: PartitionQueue) -> RecordBatch:
        """Begin a batch of ``queue``."""
        builder = self.producer.create_batch()

        def append(
            _index: int, timestamp: int, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
        ) -> object:
            return builder.append(timestamp=timestamp, key=key, value=value, headers=headers)

        batch = RecordBatch(queue, append)
        self._unsubmitted.append((batch, builder))
        return batch

    async def submit(self) -> None:
        """Hand over the new batches, in order."""
        unsubmitted, self._unsubmitted = self._unsubmitted, []
        for batch, builder in unsubmitted:
            queue = batch.partition_queue
            if queue.batch is not batch:
                continue  # requeued meanwhile, to be sent by another producer
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
