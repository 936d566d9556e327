"""Records as the publisher's tests like them, and a way into the producer that has holes."""

from aiokafka import AIOKafkaProducer

from bridge.core.event import Record
from bridge.io.kafka import accumulator_sender
from bridge.io.kafka.batch_sender import BatchSender, OnBatchesDone
from bridge.io.kafka.pending import PartitionQueue, RecordBatch
from tests.rig.consume import Consumed, read_all
from tests.rig.kafka import RealKafka


def record(topic: str, key: str, value: bytes = b"{}") -> Record:
    """Make a record."""
    return Record(topic=topic, key=key.encode(), value=value, headers=[("ce_id", key.encode())])


class StalledTopics:
    """What swallows the batches of ``topics``; each, by its topic, is ``held`` until the test ends it.

    ``ways`` are those behind.
    """

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.stalled: dict[str, tuple[RecordBatch, OnBatchesDone]] = {}
        self.senders: list[BatchSender] = []

    def choose_sender(self, producer: AIOKafkaProducer, on_batches_done: OnBatchesDone) -> BatchSender:
        """Give a way with holes."""
        sender = accumulator_sender.choose_sender(producer, on_batches_done)
        self.senders.append(sender)
        return _StallingSender(self, sender, on_batches_done)

    def finish(self, topic: str, error: BaseException) -> None:
        """End what is held of a topic."""
        batch, on_batches_done = self.stalled.pop(topic)
        on_batches_done([(batch, error)])


class _StallingSender:
    def __init__(
        self, stalled_topics: StalledTopics, sender: BatchSender, on_batches_done: OnBatchesDone
    ) -> None:
        self._stalled_topics, self._sender, self._on_batches_done = stalled_topics, sender, on_batches_done
        self.name, self.producer = sender.name, sender.producer
        self.submit = sender.submit

    def new_batch(self, queue: PartitionQueue) -> RecordBatch:
        if queue.topic not in self._stalled_topics.topics:
            return self._sender.new_batch(queue)
        batch = RecordBatch(queue, lambda *_: True)
        self._stalled_topics.stalled[queue.topic] = batch, self._on_batches_done
        return batch


async def consumed(kafka: RealKafka, topic: str) -> list[Consumed]:
    """Read all of a topic."""
    return await read_all(kafka.bootstrap, [topic])
