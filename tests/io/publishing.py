"""Records as the publisher's tests like them, and a way into the producer that has holes."""

from aiokafka import AIOKafkaProducer

from bridge.core.event import Record
from bridge.io.publisher import shortcut
from bridge.io.publisher.batches import Hear, Way
from bridge.io.publisher.tickets import Batch, Lane
from tests.rig.consume import Consumed, read_all
from tests.rig.kafka import RealKafka


def record(topic: str, key: str, value: bytes = b"{}") -> Record:
    """Make a record."""
    return Record(topic=topic, key=key.encode(), value=value, headers=[("ce_id", key.encode())])


class Holes:
    """What swallows the batches of ``topics``; each, by its topic, is ``held`` until the test ends it.

    ``ways`` are those behind.
    """

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.held: dict[str, tuple[Batch, Hear]] = {}
        self.ways: list[Way] = []

    def way_into(self, producer: AIOKafkaProducer, hear: Hear) -> Way:
        """Give a way with holes."""
        way = shortcut.way_into(producer, hear)
        self.ways.append(way)
        return _WayWithHoles(self, way, hear)

    def end(self, topic: str, error: BaseException) -> None:
        """End what is held of a topic."""
        batch, hear = self.held.pop(topic)
        hear([(batch, error)])


class _WayWithHoles:
    def __init__(self, holes: Holes, way: Way, hear: Hear) -> None:
        self._holes, self._way, self._hear = holes, way, hear
        self.name, self.producer = way.name, way.producer
        self.enter = way.enter

    def open(self, lane: Lane) -> Batch:
        if lane.topic not in self._holes.topics:
            return self._way.open(lane)
        batch = Batch(lane, lambda *_: True)
        self._holes.held[lane.topic] = batch, self._hear
        return batch


async def consumed(kafka: RealKafka, topic: str) -> list[Consumed]:
    """Read all of a topic."""
    return await read_all(kafka.bootstrap, [topic])
