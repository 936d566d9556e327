"""A Kafka whose partitions are lists, and producers for it that fail as real ones do.

Only what the publisher uses of aiokafka is here, under its names.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from random import Random

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError, MessageSizeTooLargeError
from aiokafka.errors import TopicAuthorizationFailedError as Refused
from msgspec import Struct

from bridge.core.event import Record
from bridge.io.kafka.batch_sender import OnBatchesDone
from bridge.io.kafka.pending import PartitionQueue, RecordBatch
from tests.order.checker import LogEntry, content_of

_REQUEST_TIMEOUT_S = 10.0
_ACK_DELAYS_S = (3.0, 14.0, 30.0)
_SMALL_MESSAGE_BYTES = 8_000


class SimulatedBroker(Struct):
    """The cluster as it is. ``state``: well, silent (nothing is answered) or down (nothing is reached)."""

    random: Random
    topics: dict[str, int]
    small_message_topics: frozenset[str] = frozenset()
    state: str = "well"
    is_healed: bool = False
    leaderless: set[tuple[str, int]] = set()
    log: dict[tuple[str, int], list[LogEntry]] = {}

    def has_content(self, topic: str, content: int) -> bool:
        """Whether a content stands in a topic."""
        partitions = [entries for (name, _), entries in self.log.items() if name == topic]
        return any(entry.content == content for entries in partitions for entry in entries)

    async def request_delay(self) -> None:
        """Wait for an answer; raises where there is none."""
        await asyncio.sleep(self.random.choice((0.001, 0.005, 0.02)))
        if self.state == "down":
            raise KafkaConnectionError
        over = asyncio.get_running_loop().time() + _REQUEST_TIMEOUT_S
        while self.state == "silent":
            await asyncio.sleep(0.05)
            if asyncio.get_running_loop().time() > over:
                raise KafkaConnectionError

    def has_leader(self, topic_partition: tuple[str, int]) -> bool:
        """Whether the partition is there and led."""
        return (
            topic_partition[1] < self.topics.get(topic_partition[0], 0)
            and topic_partition not in self.leaderless
        )


class SimulatedMetadata:
    """What a client knows of the cluster."""

    def __init__(self) -> None:
        self._topics: dict[str, int] = {}
        self._leaderless: set[tuple[str, int]] = set()
        self._listeners: list[Callable[[SimulatedMetadata], None]] = []

    def update(self, broker: SimulatedBroker) -> None:
        """Take over what the broker lists."""
        self._topics, self._leaderless = dict(broker.topics), set(broker.leaderless)
        for listener in self._listeners:
            listener(self)

    def add_listener(self, listener: "Callable[[SimulatedMetadata], None]") -> None:
        """Call ``listener`` after each update."""
        self._listeners.append(listener)

    def topics(self) -> list[str]:
        """List the topics."""
        return list(self._topics)

    def partitions_for_topic(self, topic: str) -> set[int]:
        """List a topic's partitions."""
        return set(range(self._topics[topic]))

    def available_partitions_for_topic(self, topic: str) -> set[int]:
        """List those that have a leader."""
        return {at for at in range(self._topics[topic]) if (topic, at) not in self._leaderless}

    def leader_for_partition(self, where: TopicPartition) -> int | None:
        """Return a leader, None where the partition is not known."""
        return 1 if where.partition < self._topics.get(where.topic, 0) else None

    def brokers(self) -> list[TopicPartition]:
        """List one broker."""
        return [_NODE]


class _Node(Struct):
    nodeId: int = 1  # noqa: N815 - the library's name


_NODE: TopicPartition = _Node()


class SimulatedClient:
    """A client of the cluster."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self._broker = broker
        self._update: asyncio.Task[bool] | None = None
        self._sync_task: DoneTask | None = None
        self.cluster = SimulatedMetadata()

    async def bootstrap(self) -> None:
        """Find the cluster."""
        await self._broker.request_delay()

    async def send(self, _node: int, _request: object) -> None:
        """Send any request."""
        await self._broker.request_delay()

    def force_metadata_update(self) -> "asyncio.Task[bool]":
        """List all topics."""
        if self._update is None or self._update.done():
            self._update = asyncio.get_running_loop().create_task(self._list())
        return self._update

    async def _list(self) -> bool:
        try:
            await self._broker.request_delay()
        except KafkaError:
            return False
        self.cluster.update(self._broker)
        return True

    async def close(self) -> None:
        """End what is under way."""
        if self._update is not None:
            self._update.cancel()


class DoneTask:
    """A background task that has ended."""

    def done(self) -> bool:
        """Whether it has."""
        return True


class _Sender(Struct):
    sender_task: DoneTask | None = None


class SimulatedProducer:
    """A producer of the cluster: its pending batches are tried again for as long as it lives."""

    def __init__(self, broker: SimulatedBroker) -> None:
        self.client = SimulatedClient(broker)
        self._broker = broker
        self._sender = _Sender()
        self.tasks: dict[asyncio.Task[None], tuple[PartitionQueue, list[Record]]] = {}

    async def start(self) -> None:
        """Connect."""
        await self._broker.request_delay()

    def lose_sender(self) -> None:
        """Lose a background task."""
        self._sender.sender_task = DoneTask()

    async def close(self) -> None:
        """End it: what was under way may have been written, and nobody will say so."""
        await asyncio.sleep(self._broker.random.choice((0.0, 0.01, 0.5)))
        for task, (queue, records) in tuple(self.tasks.items()):
            if not task.done() and task.cancel() and self._broker.random.random() < 0.4:
                self.write(queue, records)
        await self.client.close()

    def write(self, queue: PartitionQueue, records: list[Record]) -> None:
        """Let them stand in the partition's list."""
        if self._broker.has_leader(queue.topic_partition):
            entries = [LogEntry(record.key, content_of(record)) for record in records]
            self._broker.log.setdefault(queue.topic_partition, []).extend(entries)


class SimulatedBatchSender:
    """The way into a producer: chance has a batch written, refused, or left without an answer."""

    name = "list"

    def __init__(
        self, producer: SimulatedProducer, broker: SimulatedBroker, on_batches_done: OnBatchesDone
    ) -> None:
        self.producer = producer
        self._broker = broker
        self._random = broker.random
        self._on_batches_done = on_batches_done
        self._unsubmitted: list[tuple[RecordBatch, list[Record]]] = []
        self._max_records = self._random.choice((1, 2, 5, 50))

    def new_batch(self, queue: PartitionQueue) -> RecordBatch:
        """Begin a batch."""
        records: list[Record] = []

        def append(
            _at: int, _ms: int, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
        ) -> object:
            if len(records) >= self._max_records:
                return None
            records.append(Record(queue.topic, key, value, headers))
            return True

        batch = RecordBatch(queue, append)
        self._unsubmitted.append((batch, records))
        return batch

    async def submit(self) -> None:
        """Let in what was opened."""
        opened, self._unsubmitted = self._unsubmitted, []
        for batch, records in opened:
            if batch.partition_queue.batch is batch:
                task = asyncio.get_running_loop().create_task(self._send(batch, records))
                self.producer.tasks[task] = batch.partition_queue, records
                task.add_done_callback(lambda done: self.producer.tasks.pop(done, None))

    async def _send(self, batch: RecordBatch, records: list[Record]) -> None:
        queue, random, calm = batch.partition_queue, self._random, self._broker.is_healed
        while True:
            try:
                await self._broker.request_delay()
            except KafkaError:
                await asyncio.sleep(0.2)
                continue
            if self._broker.has_leader(queue.topic_partition):
                break
            self.producer.client.force_metadata_update()
            if random.random() < 0.1:
                self._finish(batch, KafkaError())
                return
            await asyncio.sleep(0.2)
        if queue.topic in self._broker.small_message_topics and any(
            len(one.value) > _SMALL_MESSAGE_BYTES for one in records
        ):
            self._finish(batch, MessageSizeTooLargeError())
            return
        chance = 0.0 if calm else random.random()
        if chance > 0.97:
            await asyncio.sleep(1_000)
        if chance > 0.94:
            self._finish(batch, random.choice((KafkaError(), Refused())))
            return
        self.producer.write(queue, records)
        await asyncio.sleep(
            random.choice(_ACK_DELAYS_S) if chance > 0.9 else random.choice((0.0, 0.003, 0.05))
        )
        self._finish(batch, None)

    def _finish(self, batch: RecordBatch, error: KafkaError | None) -> None:
        batch.set_done()
        self._on_batches_done([(batch, error)])


def new_log() -> dict[tuple[str, int], list[LogEntry]]:
    """Return empty partitions."""
    return defaultdict(list)
