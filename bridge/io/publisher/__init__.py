"""Writes where consumers read: records in, acknowledgements out, by a producer that is replaced when it dies.

`lanes` keeps what is on its way; here lives the producer: how it starts, when it is fed, when it must go.
Nothing here knows what an event is, or what becomes of one that is not taken.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from bridge.core.event import Record
from bridge.io.publisher.lanes import Lanes, Ticket
from bridge.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Limits(Struct, frozen=True, kw_only=True):
    """``in_flight_bytes`` of records at most; all else in seconds.

    ``slow_after`` is how long the broker may be silent with work in hand before nothing more enters the
    producer. ``settle`` is how long a dying producer's healthy batches are waited for.
    """

    in_flight_bytes: int = 64 * 1024 * 1024
    slow_after: float = 2.0
    settle: float = 1.0
    start: float = 10.0
    tick: float = 0.1
    retry: float = 0.5
    ask_again: float = 1.0
    listing: float = 60.0


class Publisher:
    """Kafka's writer: acks=all, idempotent. ``options`` are the producer's (addresses, security, batches)."""

    def __init__(self, options: Mapping[str, Any], telemetry: Telemetry, limits: Limits) -> None:
        self._options = options
        self._telemetry = telemetry
        self._limits = limits
        self._lanes = Lanes(limits.in_flight_bytes, self._answered, self._poison)
        self._producer: AIOKafkaProducer | None = None
        self._slow = False
        self._poisoned = False
        self._away = False
        self._answered_at = 0.0
        self._asked_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._loop = asyncio.get_running_loop()

    @property
    def flowing(self) -> bool:
        """Whether Kafka takes records now: a producer lives, and the broker answers it."""
        return self._producer is not None and not self._slow

    @property
    def listed(self) -> bool:
        """Whether Kafka's topics were ever listed."""
        return bool(self._lanes.partitions) or self._producer is not None

    def missing(self, topics: Iterable[str]) -> list[str]:
        """Those of ``topics`` that the last full listing does not hold."""
        return [topic for topic in topics if topic not in self._lanes.partitions]

    def start(self) -> None:
        """Begin to connect. Returns at once: Kafka may be away."""
        self._tasks = [asyncio.create_task(self._supervise()), asyncio.create_task(self._feed())]

    async def stop(self, seconds: float) -> None:
        """Wait for what is under way, for at most ``seconds``; then let go of the producer."""
        await self._settle(seconds if self.flowing else 0)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * self._limits.settle)
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._let_go(producer)

    def send(self, record: Record) -> Ticket:
        """Send ``record`` on its way; raises `Unavailable` where there is no room for it."""
        return self._lanes.send(record)

    async def _feed(self) -> None:
        hungry = self._lanes.hungry
        while True:
            await hungry.wait()
            hungry.clear()
            producer = self._producer
            # None enters while the broker is silent: what waits can still be withdrawn, or kept elsewhere.
            if producer is not None and not self._slow and not self._poisoned:
                await self._lanes.feed(producer)

    async def _supervise(self) -> None:
        while True:
            if self._poisoned:
                await self._retire()
            if self._producer is None:
                await self._begin()
            self._judge()
            self._look_around()
            await asyncio.sleep(self._limits.tick)

    async def _begin(self) -> None:
        """Start a producer, and learn the topics by one full listing (naming one might create it)."""
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            metadata_max_age_ms=int(self._limits.listing * 1000),
            **self._options,
        )
        try:
            async with asyncio.timeout(self._limits.start):
                await producer.start()
                await producer.client.force_metadata_update()
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            if not self._away:
                self._away = True
                self._telemetry.breaker_open.set(1)
                log.warning("kafka_away", error=str(error) or type(error).__name__)
            await self._let_go(producer)
            await asyncio.sleep(self._limits.retry)
            return
        except asyncio.CancelledError:  # stopped meanwhile
            await self._let_go(producer)
            raise
        self._producer, self._away = producer, False
        self._learn()
        self._slow = False
        self._answered_at = self._loop.time()
        self._telemetry.breaker_open.set(0)
        self._lanes.wake()
        log.info("kafka_ready", topics=len(self._lanes.partitions))

    async def _retire(self) -> None:
        """Replace a producer whose numbers are spent: after one refusal it fails for ever after."""
        producer, self._producer = self._producer, None
        self._telemetry.producer_replaced.inc()
        await self._settle(self._limits.settle)
        if producer is not None:
            await self._let_go(producer)
        # What it held without an answer may stand in Kafka twice: under the same ids.
        self._lanes.reclaim()
        self._poisoned = False

    async def _settle(self, seconds: float) -> None:
        answers = [lane.answer for lane in self._lanes.under_way if lane.answer is not None]
        if answers:
            await asyncio.wait(answers, timeout=seconds)

    async def _let_go(self, producer: AIOKafkaProducer) -> None:
        # stop() waits for every send of an idempotent producer, for ever where Kafka is away; left alone its
        # sender would go on, and write what a new producer has sent again.
        stopping = asyncio.create_task(producer.stop())
        await asyncio.wait((stopping,), timeout=self._limits.settle)
        if stopping.done():
            stopping.cancelled() or stopping.exception()
            return
        stopping.cancel()
        sender = producer._sender.sender_task  # noqa: SLF001 - nothing public ends it
        if sender is not None:
            sender.cancel()
        closing = asyncio.create_task(producer.client.close())
        await asyncio.wait((closing,), timeout=self._limits.settle)

    def _judge(self) -> None:
        """Let nothing more in where the broker is silent with work in hand."""
        now = self._loop.time()
        oldest = min((lane.sent_at for lane in self._lanes.under_way), default=now)
        if not self._slow and now - max(oldest, self._answered_at) > self._limits.slow_after:
            self._slow = True
            self._telemetry.breaker_open.set(1)
            pending = sum(len(lane.under_way) for lane in self._lanes.under_way)
            log.warning("kafka_silent", pending=pending)

    def _answered(self) -> None:
        self._answered_at = self._loop.time()
        if self._slow:
            self._slow = False
            self._telemetry.breaker_open.set(0)
            self._lanes.wake()
            log.warning("kafka_answers")

    def _poison(self) -> None:
        self._poisoned = True

    def _look_around(self) -> None:
        """Ask for a new listing where a topic is wanted that no listing held, or the broker is silent."""
        producer = self._producer
        if producer is None:
            return
        self._learn()
        wanted = any(self._lanes.homeless.values()) or self._slow
        if wanted and self._loop.time() - self._asked_at > self._limits.ask_again:
            self._asked_at = self._loop.time()
            producer.client.force_metadata_update().add_done_callback(self._listed)

    def _listed(self, update: asyncio.Future[bool]) -> None:
        if not update.cancelled() and update.exception() is None and update.result() and self._slow:
            # A partition that cannot be written, for as long as that lasts, does not hold up the others.
            self._lanes.expect_nothing()
            self._answered()

    def _learn(self) -> None:
        if self._producer is not None:
            cluster = self._producer.client.cluster
            partitions = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in cluster.topics()}
            self._lanes.learn({topic: count for topic, count in partitions.items() if count})
