"""Writes where consumers read: records in, acknowledgements out, by a producer that is replaced when it dies.

`lanes` keeps what is on its way; here lives the producer: how it starts, when it is fed, when it must go.
Nothing here knows what an event is, or what becomes of one that is not taken.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaConnectionError, KafkaError

from bridge.aiokafka_internals import ended_producer_task
from bridge.core.event import Record
from bridge.core.partition import hash_of
from bridge.io.publisher.batches import Way
from bridge.io.publisher.broker_health import BrokerHealth, Finding
from bridge.io.publisher.buffer_budget import Limits as InFlight
from bridge.io.publisher.lanes import Lanes
from bridge.io.publisher.limits import Limits
from bridge.io.publisher.producers import let_go, make
from bridge.io.publisher.shortcut import way_into
from bridge.io.publisher.tickets import Lane, Owner, Ticket
from bridge.telemetry import Telemetry
from bridge.tending import tended

log: structlog.stdlib.BoundLogger = structlog.get_logger()

__all__ = ["Limits", "Publisher"]

_LOADED = 8


class Publisher:
    """Kafka's writer: acks=all, idempotent. ``options`` are the producer's (addresses, security, batches)."""

    def __init__(self, options: Mapping[str, Any], telemetry: Telemetry, limits: Limits) -> None:
        self._options = options
        self._telemetry = telemetry
        self._limits = limits
        in_flight = InFlight(most_bytes=limits.in_flight_bytes, most_records=limits.in_flight_records)
        self._lanes = Lanes(in_flight, self._answered, self._poison)
        self._way: Way | None = None
        self._breaker_open = True  # until a first producer lives
        self._poisoned = False
        self._away = False
        self._gone_at = 0.0
        self._answered_at = 0.0
        self._asked_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._loop = asyncio.get_running_loop()
        self._health = BrokerHealth(options, limits, self._loop.time)

    @property
    def flowing(self) -> bool:
        """Whether Kafka takes records now: it answers, or its producer is replaced and not missed yet."""
        return not self._breaker_open

    @property
    def listed(self) -> bool:
        """Whether Kafka's topics were ever listed."""
        return bool(self._lanes.topics.partitions) or self._way is not None

    @property
    def judged(self) -> bool:
        """Whether it is known how Kafka is: it answered, it refused, or it had its time to answer."""
        late = self._loop.time() - self._gone_at > self._limits.slow_after
        return self._way is not None or self._away or late

    @property
    def era(self) -> int:
        """A number that grows whenever more is taken than before."""
        return self._lanes.era

    @property
    def wanted(self) -> frozenset[str]:
        """The topics that records are for and no listing held."""
        return frozenset(self._lanes.topics.wanted)

    def missing(self, topics: Iterable[str]) -> list[str]:
        """Those of ``topics`` that the last full listing does not hold."""
        return [topic for topic in topics if topic not in self._lanes.topics.partitions]

    def start(self) -> None:
        """Begin to connect. Returns at once: Kafka may be away."""
        self._gone_at = self._loop.time()
        work = (self._supervise, self._feed, self._watch, self._check_health)
        self._tasks = [asyncio.create_task(tended(one, self._telemetry)) for one in work]

    async def stop(self, seconds: float) -> None:
        """Wait for what is under way, for at most ``seconds``; then let go of the producer."""
        await self._settle(seconds if self.flowing else 0)
        self._lanes.stick_all()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * self._limits.settle)
        way, self._way = self._way, None
        if way is not None:
            await let_go(way.producer, self._limits.settle)

    def takes(self, topic: str, hashed: int) -> bool:
        """Whether records of that topic and hash of a key leave now, as far as is known."""
        return not self._breaker_open and self._lanes.takes(topic, hashed)

    def offer(self, record: Record, owner: Owner) -> Ticket | None:
        """Send ``record`` on its way if it leaves now; None where it would have to wait for better times."""
        return None if self._breaker_open else self._lanes.offer(record, hash_of(record.key), owner)

    def give_way(self, record: Record) -> None:
        """Tell the owners of what is in the lane of ``record``, which goes elsewhere and not before it."""
        self._lanes.give_way(record.topic, hash_of(record.key))

    def send(self, record: Record, owner: Owner) -> Ticket:
        """Send ``record`` on its way, however long that is; raises `Unavailable` where there is no room."""
        return self._lanes.send(record, hash_of(record.key), owner)

    async def _feed(self) -> None:
        hungry = self._lanes.hungry
        while True:
            await hungry.wait()
            hungry.clear()
            way = self._way
            # None enters while the broker is silent: what waits can still be withdrawn, or kept elsewhere.
            if way is None or self._breaker_open or self._poisoned:
                continue
            if await self._lanes.feed(way) >= _LOADED:
                # Under load requests are gathered: one costs as much as thirty of the records in it.
                await asyncio.sleep(self._limits.gather)

    async def _supervise(self) -> None:
        while True:
            if self._poisoned:
                await self._retire()
            if self._way is None:
                await self._begin()
            await asyncio.sleep(self._limits.tick)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._limits.tick)
            await asyncio.sleep(0)  # answers that came while our own loop stood still are heard first
            self._judge()
            self._look_around()

    async def _begin(self) -> None:
        """Start a producer, and learn the topics by one full listing (naming one might create it)."""
        producer = make(self._options, self._limits.listing)
        way = way_into(producer, self._lanes.hear)
        try:
            async with asyncio.timeout(self._limits.start):
                await producer.start()
                if not await producer.client.force_metadata_update():
                    raise KafkaConnectionError("no broker lists its topics")
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            if not self._away:
                self._away = True
                # A replacement that does not succeed at once is not missed yet.
                self._telemetry.breaker_open.set(self._breaker_open)
                log.warning("kafka_away", error=str(error) or type(error).__name__)
            await let_go(producer, self._limits.settle)
            await asyncio.sleep(self._limits.retry)
            return
        except asyncio.CancelledError:  # stopped meanwhile
            await let_go(producer, self._limits.settle)
            raise
        self._way, self._away = way, False
        self._answered_at = self._loop.time()
        self._health.heard()
        # Not before: the first answer of a client's bootstrap lists no topic.
        producer.client.cluster.add_listener(self._metadata_changed)
        self._learn(producer.client.cluster)
        if not self._close_breaker():
            self._lanes.wake()  # for what a replaced producer left
        log.info("kafka_ready", topics=len(self._lanes.topics.partitions), way=way.name)

    async def _retire(self) -> None:
        """Replace a producer whose numbers are spent: after one refusal it fails for ever after."""
        way, self._way = self._way, None
        self._gone_at = self._loop.time()
        self._telemetry.producer_replaced.inc()
        await self._settle(self._limits.settle)
        if way is not None:
            await let_go(way.producer, self._limits.settle)
        # What it held without an answer may stand in Kafka twice: under the same ids.
        self._lanes.reclaim()
        self._poisoned = False

    async def _settle(self, seconds: float) -> None:
        answers = [lane.batch.waiter() for lane in self._lanes.under_way if lane.batch is not None]
        if answers:
            await asyncio.wait(answers, timeout=seconds)

    def _judge(self) -> None:
        """Let nothing more in where the broker is silent with work in hand, nor where one partition is."""
        now, after = self._loop.time(), self._limits.slow_after
        late = self._lanes.late(now, after)
        if now - self._well_at(late, now) > after:
            self._open_breaker("kafka_silent", pending=sum(len(lane.under_way) for lane in late))
        # Told again and again: the spool may take now what it did not take before.
        self._lanes.stick(late)
        self._lanes.stick_homeless()
        if not self._poisoned and self._lanes.silent(now, self._limits.silent):
            self._replace("kafka_producer_silent", meaning="Kafka answers, but not this producer's sends")
        if self._way and not self._poisoned and (task := ended_producer_task(self._way.producer)):
            self._replace(
                "kafka_producer_task_ended", task=task, meaning="the library does not start it again"
            )

    def _well_at(self, late: Iterable[Lane], now: float) -> float:
        """Return when Kafka was last known to be well."""
        if self._way is None:
            return max(self._gone_at, self._answered_at)
        waited = [lane.sent_at for lane in late if lane.under_way and not lane.stuck]
        return max(min(waited), self._answered_at) if waited else now

    def _open_breaker(self, what: str, **facts: object) -> None:
        """Open the breaker: nothing enters the producer, and who can keeps elsewhere what is on its way."""
        if self._breaker_open:
            return
        self._breaker_open = True
        self._telemetry.breaker_open.set(1)
        log.warning(what, **facts)
        self._lanes.stick_all()

    def _close_breaker(self) -> bool:
        """Shut the breaker: Kafka answers. Tells whether it was open."""
        was_open, self._breaker_open = self._breaker_open, False
        if was_open:
            self._telemetry.breaker_open.set(0)
            self._lanes.wake()
        return was_open

    def _heard(self) -> None:
        """Take note of a word of Kafka's; a producer that is gone has no say."""
        if self._way is not None and self._close_breaker():
            log.warning("kafka_answers")

    def _answered(self) -> None:
        self._answered_at = self._loop.time()
        self._health.heard()
        self._heard()

    def _poison(self) -> None:
        self._poisoned = True

    def _replace(self, why: str, **facts: object) -> None:
        log.warning(why, **facts)
        self._poison()

    async def _check_health(self) -> None:
        while True:
            await asyncio.sleep(self._limits.ask_again)
            way = self._way
            if way is None or self._poisoned:
                continue
            found = await self._health.check(
                way.producer.client, breaker_open=self._breaker_open, busy=bool(self._lanes.under_way)
            )
            if self._way is not way:
                continue
            if found is Finding.CUT_OFF:
                self._replace("kafka_producer_cut_off", meaning="a fresh client reaches Kafka, it does not")
            elif found is Finding.SILENT and not self._lanes.under_way:
                self._open_breaker("kafka_silent", pending=0)

    def _look_around(self) -> None:
        """Ask for a new listing where that may tell news: a topic or leader is missing, some are silent."""
        self._lanes.look(self._loop.time())
        wanted = self._breaker_open or self._lanes.wants_news
        if self._way and wanted and self._loop.time() - self._asked_at > self._limits.ask_again:
            self._asked_at = self._loop.time()
            self._way.producer.client.force_metadata_update().add_done_callback(self._listed)

    def _listed(self, update: asyncio.Future[bool]) -> None:
        if not update.cancelled() and update.exception() is None and update.result():
            self._health.heard()
            self._lanes.met(self._loop.time())
            # A partition that is silent, for as long as that lasts, does not hold up the others.
            self._heard()

    def _metadata_changed(self, cluster: ClusterMetadata) -> None:
        # In the next turn: a bug of ours must not end the library's metadata task, which calls this.
        self._loop.call_soon(self._learn, cluster)

    def _learn(self, cluster: ClusterMetadata) -> None:
        if self._way is None or self._way.producer.client.cluster is not cluster:
            return
        found = {topic: cluster.partitions_for_topic(topic) or set() for topic in cluster.topics()}
        headless = [
            (topic, partition)
            for topic, partitions in found.items()
            for partition in partitions - (cluster.available_partitions_for_topic(topic) or set())
        ]
        self._lanes.learn({topic: len(parts) for topic, parts in found.items() if parts}, headless)
