"""A batch on its way into a producer by the library's public way, and what every such way must give.

The short way, past what the public one costs each batch, is `shortcut`; the lanes know neither.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bridge.io.publisher.tickets import Batch, Heard, Lane


class Way(Protocol):
    """A way into ``producer``."""

    producer: AIOKafkaProducer

    def open(self, lane: Lane, heard: Heard) -> Batch:
        """Begin a batch of ``lane``, which fills it."""

    async def enter(self) -> None:
        """Let in what was opened and filled, in order; what is not let in ends with the reason."""


class PublicBatch(Batch):
    """A batch of the library's own, and the future that it gives for it."""

    __slots__ = ("builder",)

    def __init__(self, producer: AIOKafkaProducer, lane: Lane, heard: Heard) -> None:
        super().__init__(lane, heard)
        self.builder = producer.create_batch()
        self.append = self._append

    def _append(
        self, _place: int, timestamp: int, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> object:
        return self.builder.append(timestamp=timestamp, key=key, value=value, headers=headers)

    def answered(self, answer: asyncio.Future[object]) -> None:
        """Hear what became of it."""
        self.end(KafkaError("the producer was closed") if answer.cancelled() else answer.exception())


class PublicWay:
    """By `create_batch` and `send_batch`."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self._opened: list[PublicBatch] = []

    def open(self, lane: Lane, heard: Heard) -> PublicBatch:
        """Begin a batch of ``lane``."""
        batch = PublicBatch(self.producer, lane, heard)
        self._opened.append(batch)
        return batch

    async def enter(self) -> None:
        """Let filled batches in, in order."""
        opened, self._opened = self._opened, []
        for batch in opened:
            lane = batch.lane
            if lane.batch is not batch:
                continue  # taken back meanwhile, to be sent by another producer
            batch.builder.close()
            try:
                answer = await self.producer.send_batch(batch.builder, lane.topic, partition=lane.partition)
            except (KafkaError, AssertionError) as error:
                batch.end(error)
            else:
                answer.add_done_callback(batch.answered)
