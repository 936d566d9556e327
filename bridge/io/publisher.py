"""Writes where consumers read: records in, acknowledgements out, by a producer that is replaced when it dies.

Each partition has a lane: what waits for it, and the one batch of it that is under way. A record that waits
can be withdrawn; one that has entered the producer cannot: the broker may have it. Nothing here knows what
an event is, or what becomes of one that is not taken.
"""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
)
from msgspec import Struct

from bridge.core.event import Record
from bridge.core.outcome import Reason, Rejected, Unavailable
from bridge.core.partition import partition_of
from bridge.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_REFUSED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, InvalidTopicError)
_RECORD_OVERHEAD = 256  # bytes: what a waiting record costs beside its value


class Limits(Struct, frozen=True, kw_only=True):
    """``in_flight_bytes`` of records at most; all else in seconds.

    ``slow_after`` is how long the broker may be silent with work in hand before nothing more enters the
    producer. ``settle`` is how long a dying producer's healthy batches are waited for.
    """

    in_flight_bytes: int = 64 * 1024 * 1024
    slow_after: float = 2.0
    settle: float = 1.0
    start: float = 10.0
    stop: float = 5.0
    tick: float = 0.1
    listing: float = 60.0
    attempts: int = 5


# What waits, in order; a dictionary, because whoever gives up leaves from the middle.
Queue = dict["Ticket", None]


class Ticket:
    """A record on its way. ``acknowledged`` ends with None, `Unavailable` (not written) or `Rejected`."""

    __slots__ = ("_publisher", "acknowledged", "alone", "attempts", "entered", "queue", "record", "size")

    def __init__(self, publisher: "Publisher", record: Record) -> None:
        self._publisher = publisher
        self.record = record
        self.size = len(record.value) + 2 * len(record.key) + _RECORD_OVERHEAD
        self.acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.queue: Queue | None = None
        self.entered = False
        self.alone = False
        self.attempts = 0

    def withdraw(self) -> bool:
        """Take the record back. False where it has entered the producer: Kafka may have it or get it yet."""
        if self.entered or self.acknowledged.done():
            return False
        if self.queue is not None:
            del self.queue[self]
        self._publisher.end(self, Unavailable("withdrawn"))
        return True


class Lane:
    """One partition: what waits for it in order, and what is under way."""

    __slots__ = ("partition", "topic", "under_way", "waiting")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.waiting: Queue = {}
        self.under_way: list[Ticket] = []


class Publisher:
    """Kafka's writer: acks=all, idempotent. ``options`` are the producer's (addresses, security, batches)."""

    def __init__(self, options: Mapping[str, Any], telemetry: Telemetry, limits: Limits) -> None:
        self._options = options
        self._telemetry = telemetry
        self._limits = limits
        self._producer: AIOKafkaProducer | None = None
        self._partitions: dict[str, int] = {}
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._homeless: dict[str, Queue] = {}
        self._hungry: dict[Lane, None] = {}
        self._sent: dict[Lane, tuple[float, asyncio.Future[object]]] = {}
        self._bytes = 0
        self._slow = False
        self._poisoned = False
        self._answered_at = 0.0
        self._listed_at = 0.0
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def flowing(self) -> bool:
        """Whether Kafka takes records now: a producer lives, and the broker answers it."""
        return self._producer is not None and not self._slow

    @property
    def pending(self) -> int:
        """How many records have entered a producer and have no answer yet."""
        return sum(len(lane.under_way) for lane in self._lanes.values())

    def missing(self, topics: Iterable[str]) -> list[str]:
        """Those of ``topics`` that Kafka's last full listing does not hold."""
        return [topic for topic in topics if topic not in self._partitions]

    def start(self) -> None:
        """Begin to connect. Returns at once: Kafka may be away."""
        self._tasks = [asyncio.create_task(self._supervise()), asyncio.create_task(self._pump())]

    async def stop(self) -> None:
        """Wait for what is under way, within the limit; then let go of the producer."""
        unanswered = [future for _, future in self._sent.values()]
        if unanswered:
            await asyncio.wait(unanswered, timeout=self._limits.stop)
        for task in self._tasks:
            task.cancel()
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._let_go(producer)

    def send(self, record: Record) -> Ticket:
        """Put ``record`` in its lane. Raises Unavailable where the bytes in flight are used up."""
        ticket = Ticket(self, record)
        if self._bytes + ticket.size > self._limits.in_flight_bytes:
            raise Unavailable("too many bytes are on their way to Kafka")
        self._bytes += ticket.size
        count = self._partitions.get(record.topic)
        if count is None:
            self._wait_in(self._homeless.setdefault(record.topic, {}), ticket)
        else:
            self._line_up(ticket, count)
        return ticket

    # ── lanes ────────────────────────────────────────────────────────────────────────────────────────

    def _line_up(self, ticket: Ticket, partitions: int) -> None:
        where = (ticket.record.topic, partition_of(ticket.record.key, partitions))
        lane = self._lanes.get(where)
        if lane is None:
            lane = self._lanes[where] = Lane(*where)
        self._wait_in(lane.waiting, ticket)
        self._feed_soon(lane)

    @staticmethod
    def _wait_in(queue: Queue, ticket: Ticket) -> None:
        queue[ticket] = None
        ticket.queue = queue

    def _feed_soon(self, lane: Lane) -> None:
        self._hungry[lane] = None
        self._wake.set()

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            hungry, self._hungry = self._hungry, {}
            for lane in hungry:
                if not lane.under_way:
                    await self._feed(lane)

    async def _feed(self, lane: Lane) -> None:
        """Send one batch of what waits in ``lane``; what does not enter stays, in its order."""
        producer = self._producer
        if producer is None or self._slow or self._poisoned:
            return
        if producer.client.cluster.partitions_for_topic(lane.topic) is None:
            return  # a send would ask for the topic by name, which may create it
        builder = producer.create_batch()
        for ticket in lane.waiting:
            if ticket.alone and lane.under_way:
                break
            record = ticket.record
            if (
                builder.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
                is None
            ):
                break
            lane.under_way.append(ticket)
            if ticket.alone:
                break
        if not lane.under_way:
            return
        builder.close()
        # From here on the record may reach Kafka whatever happens: it can no longer be withdrawn.
        for ticket in lane.under_way:
            ticket.entered = True
            del lane.waiting[ticket]
        loop = asyncio.get_running_loop()
        try:
            future = await producer.send_batch(builder, lane.topic, partition=lane.partition)
        except (KafkaError, AssertionError) as error:
            self._failed(lane, error)
            return
        self._sent[lane] = (loop.time(), future)
        future.add_done_callback(partial(self._answered, lane))

    def _answered(self, lane: Lane, future: asyncio.Future[object]) -> None:
        if self._sent.get(lane, (0, None))[1] is not future:
            # A replaced producer's late answer: its records have been sent again.
            if not future.cancelled():
                future.exception()
            return
        del self._sent[lane]
        error = None if future.cancelled() else future.exception()
        if future.cancelled() or error is not None:
            self._failed(lane, error or KafkaError("the producer was closed"))
            return
        self._kafka_answered()
        tickets, lane.under_way = lane.under_way, []
        for ticket in tickets:
            self.end(ticket, None)
        if lane.waiting:
            self._feed_soon(lane)

    def _failed(self, lane: Lane, error: BaseException) -> None:
        """Judge a batch that was not written. Its numbers are spent, so the producer must go (libraries)."""
        self._poisoned = True
        self._wake.set()
        tickets, lane.under_way = lane.under_way, []
        log.warning("kafka_refused", topic=lane.topic, error=type(error).__name__, records=len(tickets))
        too_large = isinstance(error, _TOO_LARGE)
        again = []
        for ticket in tickets:
            ticket.attempts += 1
            if too_large and len(tickets) == 1:
                self.end(ticket, Rejected(Reason.TOO_LARGE, f"the topic {lane.topic} refuses its size"))
            elif isinstance(error, _REFUSED) or ticket.attempts >= self._limits.attempts:
                self.end(ticket, Unavailable(f"{lane.topic}: {type(error).__name__}"))
            else:
                # The broker limits the batch, not the record: whoever is too large shows when sent alone.
                ticket.alone = ticket.alone or too_large
                again.append(ticket)
        self._return(lane, again)

    def _return(self, lane: Lane, tickets: Iterable[Ticket]) -> None:
        behind, lane.waiting = lane.waiting, {}
        for ticket in (*tickets, *behind):
            self._wait_in(lane.waiting, ticket)
        self._feed_soon(lane)

    def end(self, ticket: Ticket, error: Exception | None) -> None:
        """Tell whoever waits for ``ticket`` how it ended, once, and make room."""
        if ticket.acknowledged.done():
            return
        self._bytes -= ticket.size
        if error is None:
            ticket.acknowledged.set_result(None)
        else:
            ticket.acknowledged.set_exception(error)
            ticket.acknowledged.exception()  # whoever waits gets it; nobody need

    # ── the producer's life ──────────────────────────────────────────────────────────────────────────

    async def _supervise(self) -> None:
        while True:
            if self._poisoned:
                await self._retire()
            if self._producer is None:
                await self._begin()
            self._judge()
            self._house()
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
            self._telemetry.breaker_open.set(1)
            log.warning("kafka_away", error=str(error) or type(error).__name__)
            await self._let_go(producer)
            await asyncio.sleep(min(1.0, self._limits.tick * 5))
            return
        self._producer, self._poisoned = producer, False
        self._learn()
        self._kafka_answered()
        self._open()
        log.info("kafka_ready", topics=len(self._partitions))

    async def _retire(self) -> None:
        """Replace a producer that cannot go on. What it held without an answer is sent again, same ids."""
        producer, self._producer = self._producer, None
        self._telemetry.producer_replaced.inc()
        unanswered = [future for _, future in self._sent.values()]
        if unanswered:
            await asyncio.wait(unanswered, timeout=self._limits.settle)
        for lane in list(self._sent):
            # Its outcome is unknown: these may stand in Kafka twice, under the same ids.
            del self._sent[lane]
            tickets, lane.under_way = lane.under_way, []
            self._return(lane, tickets)
        self._poisoned = False
        if producer is not None:
            await self._let_go(producer)

    async def _let_go(self, producer: AIOKafkaProducer) -> None:
        # stop() waits for every send of an idempotent producer, for ever where Kafka is away; left alone its
        # sender would go on and write what a new producer has sent again.
        stopping = asyncio.create_task(producer.stop())
        await asyncio.wait((stopping,), timeout=self._limits.settle)
        if not stopping.done():
            stopping.cancel()
            sender = producer._sender.sender_task  # noqa: SLF001 - nothing public ends it
            if sender is not None:
                sender.cancel()
            closing = asyncio.create_task(producer.client.close())
            await asyncio.wait((closing,), timeout=self._limits.settle)
        elif not stopping.cancelled():
            stopping.exception()

    def _judge(self) -> None:
        """Close the door to the producer where the broker is silent with work in hand; open it when not."""
        now = asyncio.get_running_loop().time()
        oldest = min((at for at, _ in self._sent.values()), default=now)
        if not self._slow and now - max(oldest, self._answered_at) > self._limits.slow_after:
            self._slow = True
            self._telemetry.breaker_open.set(1)
            log.warning("kafka_silent", pending=self.pending)

    def _kafka_answered(self) -> None:
        self._answered_at = asyncio.get_running_loop().time()
        if self._slow:
            self._slow = False
            log.warning("kafka_answers")
            self._open()

    def _open(self) -> None:
        self._telemetry.breaker_open.set(0)
        for lane in self._lanes.values():
            if lane.waiting:
                self._feed_soon(lane)

    def _house(self) -> None:
        """Find lanes for records whose topic has appeared, and ask for a new listing where one has not."""
        producer = self._producer
        if producer is None:
            return
        self._learn()
        now = asyncio.get_running_loop().time()
        for topic in [topic for topic in self._homeless if topic in self._partitions]:
            for ticket in self._homeless.pop(topic):
                self._line_up(ticket, self._partitions[topic])
        silent_without_work = self._slow and not self._sent
        if (self._homeless or silent_without_work) and now - self._listed_at > 1:
            self._listed_at = now
            producer.client.force_metadata_update().add_done_callback(self._listed)

    def _listed(self, future: asyncio.Future[bool]) -> None:
        if not future.cancelled() and future.exception() is None and future.result():
            self._kafka_answered()

    def _learn(self) -> None:
        if self._producer is not None:
            cluster = self._producer.client.cluster
            self._partitions = {t: len(cluster.partitions_for_topic(t) or ()) or 1 for t in cluster.topics()}
