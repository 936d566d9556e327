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

from bridge.io.publisher.tickets import Batch, Ended, Lane

Hear = Callable[[Ended], None]
"""What a way calls with the batches that have ended."""


class Way(Protocol):
    """A way into ``producer``, with a ``name`` for the log."""

    name: str
    producer: AIOKafkaProducer

    def open(self, lane: Lane) -> Batch:
        """Begin a batch of ``lane``, which fills it."""

    async def enter(self) -> None:
        """Let in what was opened and filled, in order; what is not let in ends with the reason."""


class PublicWay:
    """By `create_batch` and `send_batch`."""

    name = "public"

    def __init__(self, producer: AIOKafkaProducer, hear: Hear) -> None:
        self.producer = producer
        self._hear = hear
        self._opened: list[tuple[Batch, BatchBuilder]] = []

    def open(self, lane: Lane) -> Batch:
        """Begin a batch of ``lane``."""
        builder = self.producer.create_batch()

        def append(
            _place: int, timestamp: int, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
        ) -> object:
            return builder.append(timestamp=timestamp, key=key, value=value, headers=headers)

        batch = Batch(lane, append)
        self._opened.append((batch, builder))
        return batch

    async def enter(self) -> None:
        """Let filled batches in, in order."""
        opened, self._opened = self._opened, []
        for batch, builder in opened:
            lane = batch.lane
            if lane.batch is not batch:
                continue  # taken back meanwhile, to be sent by another producer
            builder.close()
            try:
                answer = await self.producer.send_batch(builder, lane.topic, partition=lane.partition)
            except (KafkaError, AssertionError) as error:
                self._end(batch, error)
            else:
                answer.add_done_callback(partial(self._answered, batch))

    def _answered(self, batch: Batch, answer: asyncio.Future[object]) -> None:
        self._end(batch, KafkaError("the producer was closed") if answer.cancelled() else answer.exception())

    def _end(self, batch: Batch, error: BaseException | None) -> None:
        batch.end()
        self._hear([(batch, error)])
