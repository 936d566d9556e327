"""One run: deliveries of a few files under random faults, then calm, then the account.

``make order ARGS="[SEEDS] [--first SEED]"`` plays many.
"""

import asyncio
import errno
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest
import structlog

from bridge.core.event import Notification, Record
from bridge.core.outcome import RejectedError
from bridge.core.record import Routing, dead_letter_for_record
from bridge.delivery.drain import Drain, DrainLimits
from bridge.delivery.durable_writer import DurableWriter
from bridge.delivery.hold import HoldPolicy
from bridge.delivery.pipeline import Pipeline
from bridge.io.kafka import broker_probe
from bridge.io.kafka import publisher as publisher_package
from bridge.io.kafka.limits import PublisherLimits
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.io.spool import Spool, SpoolLimits, directory, writer
from bridge.observability.telemetry import Telemetry
from tests.deliveries import APP
from tests.order.checker import DEAD_LETTERS, Delivery, violations_in
from tests.order.simulated_dedup import SimulatedDedupStore
from tests.order.simulated_kafka import (
    SimulatedBatchSender,
    SimulatedBroker,
    SimulatedClient,
    SimulatedProducer,
    new_log,
)
from tests.order.virtual_loop import VirtualLoop

TOPICS = ("vod.EditMediaComplete", "vod.ComposeMediaComplete")
FILES = 3
NOW_MS = 1_764_806_400_000
_FAULTS = ("again", "broker", "broker", "disk", "store", "topic", "leader", "producer", "producer")
_HEAL_WITHIN_S = 900.0


class Disk:
    """Stands where the spool writes: while it ``fails``, some writes do not."""

    def __init__(self, random: Random) -> None:
        self.fails = False
        self._random = random
        self._write = directory.write

    def write(self, file: int, data: bytes, at: int) -> None:
        """Write, or not."""
        if self.fails and self._random.random() < 0.8:
            raise OSError(self._random.choice((errno.EIO, errno.ENOSPC)), "injected")
        self._write(file, data, at)


class Scenario:
    """The real parts around a list, a store in memory and a disk that may fail, all decided by ``seed``."""

    def __init__(self, seed: int, loop: VirtualLoop, path: Path) -> None:
        self.random = random = Random(seed)  # noqa: S311 - a run must be repeatable
        self.loop = loop
        topics = dict.fromkeys(TOPICS, random.choice((1, 1, 2))) | {DEAD_LETTERS: 1, "vod.other": 1}
        narrow = frozenset(TOPICS) if random.random() < 0.2 else frozenset()
        self.broker = SimulatedBroker(random, topics, narrow, log=new_log())
        self.disk = Disk(random)
        self.telemetry = Telemetry()
        self.dedup = SimulatedDedupStore(random, self._now_ms)
        self.producers: list[SimulatedProducer] = []
        self.deliveries: list[Delivery] = []
        self.violations: list[str] = []
        self._fault_rate = random.choice((0.1, 0.25, 0.5))
        # Some runs know few kinds: what needs the same fault twice is found there.
        self._fault_kinds = random.choice((_FAULTS, random.choices(_FAULTS, k=3)))
        self._deliver_tasks: list[asyncio.Task[None]] = []
        self._path = path
        self._build()

    def _now_ms(self) -> int:
        return NOW_MS + int(self.loop.time() * 1000)

    def _build(self) -> None:
        random, telemetry = self.random, self.telemetry
        limits = PublisherLimits(
            max_in_flight_records=random.choice((4, 12, 50_000)),
            max_in_flight_bytes=random.choice((150_000, 64 << 20)),
        )
        self.publisher = KafkaPublisher({"bootstrap_servers": "a list"}, telemetry, limits)
        cap = random.choice((180_000, 400_000, 64 << 20))
        spool = SpoolLimits(max_bytes=cap, free_min_bytes=0, segment_bytes=random.choice((4_096, 1 << 20)))
        self.spool = Spool(self._path, spool, telemetry, self._now_ms)
        drain_limits = DrainLimits(
            max_read_bytes=random.choice((300, 5_000, 512 * 1024)),
            max_in_flight_records=random.choice((3, 2_000)),
        )
        self.drain = Drain(self.publisher, self.spool, self._to_dead_letter, telemetry, drain_limits)
        self.writer = DurableWriter(self.publisher, self.spool)
        policy = HoldPolicy(fail_open=random.random() < 0.4)
        self.pipeline = Pipeline(self.dedup, self.writer, Routing(), telemetry, policy)
        self.limits = limits

    @staticmethod
    def _to_dead_letter(record: Record, rejected: RejectedError) -> Record | None:
        return dead_letter_for_record(record, rejected.reason, rejected.detail, Routing())

    def producer(self, *_: object) -> SimulatedProducer:
        """Make a producer, in the place of aiokafka's."""
        self.producers.append(SimulatedProducer(self.broker))
        return self.producers[-1]

    def client(self, **_: object) -> SimulatedClient:
        """Make a fresh client, in the place of aiokafka's."""
        return SimulatedClient(self.broker)

    async def play(self) -> None:
        """Play it, and write what is wrong into ``violations``."""
        self.spool.start()
        self.publisher.start()
        self.pipeline.start()
        self.drain.start()
        for _ in range(self.random.choice((40, 80))):
            if self.random.random() < self._fault_rate:
                self._inject_fault()
            else:
                for _ in range(self.random.choice((1, 1, 2, 4, 12))):
                    self._deliver(self._new())
            await asyncio.sleep(self.random.choice((0.0, 0.0, 0.0, 0.002, 0.02, 0.1, 0.6, 2.5)))
        await self._heal_and_wait()
        self.violations += violations_in(self.deliveries, self.broker.log)
        if self.loop.bugs:
            self.violations.append(f"bugs: {self.loop.bugs}")
        if b"vod_bridge_internal_errors_total 0.0" not in self.telemetry.render():
            self.violations.append("internal errors")
        await self.pipeline.stop(0)
        await self.drain.stop()
        await self.publisher.stop(1)
        await self.spool.stop()

    def _inject_fault(self) -> None:
        random, broker = self.random, self.broker
        match random.choice(self._fault_kinds):
            case "again":
                self._deliver_again()
            case "broker":
                broker.state = random.choice(("well", "well", "silent", "down"))
            case "disk":
                self.disk.fails = not self.disk.fails
            case "store":
                self.dedup.unavailable = not self.dedup.unavailable
            case "topic":
                self._switch(random.choice(TOPICS))
            case "leader":
                broker.leaderless = set() if broker.leaderless else {(random.choice(TOPICS), 0)}
            case _:
                broker.state = random.choice((broker.state, "silent"))
                for producer in self.producers[-1:]:
                    producer.lose_sender()

    def _switch(self, topic: str) -> None:
        if topic in self.broker.topics:
            del self.broker.topics[topic]
        else:
            self._restore(topic)

    def _restore(self, topic: str) -> None:
        self.broker.topics[topic] = 1 + max((at for name, at in self.broker.log if name == topic), default=0)

    def _new(self) -> Delivery:
        number, random = len(self.deliveries), self.random
        size = random.choice((10, 10, 10, 10, 300, 300, 12_000, 60_000, 90_000))
        key = b"file%d" % random.randrange(FILES)
        return Delivery(number, random.choice(TOPICS), key, f"task{number}", size)

    def _deliver_again(self) -> None:
        if not self.deliveries:
            return
        earlier = self.random.choice(self.deliveries[-6:])
        if self.random.random() < 0.6:
            number = len(self.deliveries)
            self._deliver(Delivery(number, earlier.topic, earlier.key, earlier.task, 10))
        else:
            self._deliver(msgspec.structs.replace(earlier, repeats=True, outcome=None))

    def _deliver(self, delivery: Delivery) -> None:
        self.deliveries.append(delivery)
        notification = Notification(application=APP, body=delivery.body(), received_ms=self._now_ms())
        promise = self.pipeline.deliver(notification)

        async def end() -> None:
            delivery.outcome = await promise
            published = delivery.outcome.outcome == "published"
            if published and not self.broker.has_content(delivery.topic, delivery.content):
                self.violations.append(f"{delivery.content} was called published before it was written")

        self._deliver_tasks.append(self.loop.create_task(end()))

    async def _heal_and_wait(self) -> None:
        """Heal everything, and wait until all has ended and the spool is empty."""
        self.broker.is_healed, self.broker.state, self.disk.fails, self.dedup.unavailable = (
            True,
            "well",
            False,
            False,
        )
        self.broker.leaderless = set()
        for topic in TOPICS:
            if topic not in self.broker.topics:
                self._restore(topic)
        until = self.loop.time() + _HEAL_WITHIN_S
        while self.spool.records or not all(end.done() for end in self._deliver_tasks) or self._is_busy():
            await asyncio.sleep(0.5)
            if self.loop.time() > until:
                self.violations.append(f"not calm: {self.spool.records} records in the spool")
                return

    def _is_busy(self) -> bool:
        """Whether anything is pending in the publisher."""
        accumulator = self.publisher._accumulator  # noqa: SLF001 - nobody else needs to know
        free_records = accumulator._budget.free_records  # noqa: SLF001
        return free_records < self.limits.max_in_flight_records or bool(accumulator.unassigned)


@contextmanager
def _silence() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def violations_of(seed: int) -> list[str]:
    """Play the run of ``seed``, and return what is lost, invented, out of order, or never ended."""
    loop = VirtualLoop(Random(seed))  # noqa: S311
    ram = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    with (
        _silence(),
        tempfile.TemporaryDirectory(prefix="order-", dir=ram if ram.is_dir() else None) as path,
        pytest.MonkeyPatch.context() as patch,
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):

        async def run() -> list[str]:
            scenario = Scenario(seed, loop, Path(path))
            patch.setattr(publisher_package, "create_producer", scenario.producer)
            patch.setattr(publisher_package, "close_producer", lambda producer, _seconds: producer.close())
            patch.setattr(
                publisher_package,
                "choose_sender",
                lambda producer, hear: SimulatedBatchSender(producer, scenario.broker, hear),
            )
            patch.setattr(broker_probe, "AIOKafkaClient", scenario.client)
            patch.setattr(writer, "write", scenario.disk.write)
            patch.setattr(directory, "write", scenario.disk.write)
            await scenario.play()
            return scenario.violations

        return runner.run(run())
