"""What waits for Kafka and what is under way there: a lane for each partition, one batch of it at a time.

A record that waits can be withdrawn; one that has entered the producer cannot: the broker may have it. Which
producer lives, and when it is fed, is told in the package's own file.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import inf

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

from bridge.core.event import Record
from bridge.core.outcome import Reason, Rejected, Unavailable
from bridge.core.partition import partition_of

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_REFUSED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, InvalidTopicError)
_ATTEMPTS = 5
_RECORD_OVERHEAD = 256  # bytes: what a waiting record costs beside its value and key

# What waits, in order; a dictionary, because whoever gives up leaves from the middle.
Queue = dict["Ticket", None]


class Ticket:
    """A record on its way. ``acknowledged`` ends with None, `Unavailable` (not written) or `Rejected`."""

    __slots__ = ("_lanes", "acknowledged", "alone", "attempts", "entered", "queue", "record", "size")

    def __init__(self, lanes: "Lanes", record: Record) -> None:
        self._lanes = lanes
        self.record = record
        self.size = len(record.value) + 2 * len(record.key) + _RECORD_OVERHEAD
        self.acknowledged: asyncio.Future[None] = lanes.loop.create_future()
        self.queue: Queue = {}
        self.entered = False
        self.alone = False
        self.attempts = 0

    def wait_in(self, queue: Queue) -> None:
        """Stand at the end of ``queue``."""
        queue[self] = None
        self.queue = queue

    def withdraw(self) -> bool:
        """Take the record back. False where it has entered the producer: Kafka may have it or get it yet."""
        if self.entered or self.acknowledged.done():
            return False
        del self.queue[self]
        self._lanes.end(self, Unavailable("withdrawn"))
        return True


class Lane:
    """One partition: what waits for it in order, and the batch under way."""

    __slots__ = ("answer", "partition", "sent_at", "topic", "under_way", "waiting")

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.waiting: Queue = {}
        self.under_way: list[Ticket] = []
        self.answer: asyncio.Future[object] | None = None
        self.sent_at = 0.0


class Lanes:
    """All lanes. ``on_answer`` is told of each good answer, ``on_failure`` of each batch not written."""

    def __init__(
        self, most_bytes: int, on_answer: Callable[[], None], on_failure: Callable[[], None]
    ) -> None:
        self.loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._most_bytes = most_bytes
        self._on_answer = on_answer
        self._on_failure = on_failure
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._hungry: dict[Lane, None] = {}
        self._bytes = 0
        self.partitions: dict[str, int] = {}
        self.homeless: dict[str, Queue] = {}
        self.hungry = asyncio.Event()

    @property
    def under_way(self) -> list[Lane]:
        """The lanes with a batch in the producer."""
        return [lane for lane in self._lanes.values() if lane.answer is not None]

    def send(self, record: Record) -> Ticket:
        """Put ``record`` in its lane. Raises `Unavailable` where the bytes in flight are used up."""
        ticket = Ticket(self, record)
        if self._bytes + ticket.size > self._most_bytes:
            raise Unavailable("too many bytes are on their way to Kafka")
        self._bytes += ticket.size
        if record.topic in self.partitions:
            self._line_up(ticket)
        else:
            ticket.wait_in(self.homeless.setdefault(record.topic, {}))
        return ticket

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

    def learn(self, partitions: Mapping[str, int]) -> None:
        """Take note of a full listing; what waited for a topic that has appeared gets its lane.

        What waits in the lanes of a topic that is gone waits for its return, before what came since.
        """
        self.partitions = dict(partitions)
        for lane in [lane for lane in self._lanes.values() if lane.topic not in partitions]:
            homeless: Queue = {}
            for ticket in (*lane.waiting, *self.homeless.get(lane.topic, ())):
                ticket.wait_in(homeless)
            self.homeless[lane.topic] = homeless
            lane.waiting = {}
            if not lane.under_way:
                del self._lanes[lane.topic, lane.partition]
        for topic in [topic for topic in self.homeless if topic in partitions]:
            for ticket in self.homeless.pop(topic):
                self._line_up(ticket)

    def wake(self) -> None:
        """Feed every lane in which something waits."""
        for lane in self._lanes.values():
            if lane.waiting:
                self._feed_soon(lane)

    async def feed(self, producer: AIOKafkaProducer) -> None:
        """Send a batch of each lane that asked for it and has none under way."""
        hungry, self._hungry = self._hungry, {}
        for lane in hungry:
            if not lane.under_way and lane.waiting:
                await self._send_batch(producer, lane)

    def expect_nothing(self) -> None:
        """Let what is under way no longer count as a broker's silence: it answers, but not these."""
        for lane in self.under_way:
            lane.sent_at = inf

    def reclaim(self) -> None:
        """Take back what a producer holds that will not answer: it is sent again, under the same ids."""
        for lane in self.under_way:
            lane.answer = None
            tickets, lane.under_way = lane.under_way, []
            # Their outcome is unknown, so they stay as they are: entered, not to be withdrawn.
            self._return(lane, tickets)

    def _line_up(self, ticket: Ticket) -> None:
        topic = ticket.record.topic
        where = (topic, partition_of(ticket.record.key, self.partitions[topic]))
        lane = self._lanes.get(where)
        if lane is None:
            lane = self._lanes[where] = Lane(*where)
        ticket.wait_in(lane.waiting)
        self._feed_soon(lane)

    def _feed_soon(self, lane: Lane) -> None:
        self._hungry[lane] = None
        self.hungry.set()

    async def _send_batch(self, producer: AIOKafkaProducer, lane: Lane) -> None:
        if producer.client.cluster.partitions_for_topic(lane.topic) is None:
            return  # a send would ask for the topic by name, which may create it
        builder = producer.create_batch()
        for ticket in lane.waiting:
            record = ticket.record
            if (ticket.alone and lane.under_way) or builder.append(
                timestamp=None, key=record.key, value=record.value, headers=record.headers
            ) is None:
                break
            lane.under_way.append(ticket)
            if ticket.alone:
                break
        builder.close()
        # From here on a record may reach Kafka whatever happens: it can no longer be withdrawn.
        for ticket in lane.under_way:
            ticket.entered = True
            del lane.waiting[ticket]
        try:
            answer = await producer.send_batch(builder, lane.topic, partition=lane.partition)
        except (KafkaError, AssertionError) as error:
            self._failed(lane, error)
            return
        lane.answer, lane.sent_at = answer, self.loop.time()
        answer.add_done_callback(partial(self._answered, lane))

    def _answered(self, lane: Lane, answer: asyncio.Future[object]) -> None:
        error = KafkaError("the producer was closed") if answer.cancelled() else answer.exception()
        if lane.answer is not answer:
            return  # a replaced producer's late answer: its records have been sent again
        lane.answer = None
        if error is not None:
            self._failed(lane, error)
            return
        tickets, lane.under_way = lane.under_way, []
        for ticket in tickets:
            self.end(ticket, None)
        if lane.waiting:
            self._feed_soon(lane)
        self._on_answer()

    def _failed(self, lane: Lane, error: BaseException) -> None:
        """Judge a batch that was not written."""
        tickets, lane.under_way = lane.under_way, []
        log.warning("kafka_refused", topic=lane.topic, error=type(error).__name__, records=len(tickets))
        too_large = isinstance(error, _TOO_LARGE)
        again = []
        for ticket in tickets:
            ticket.attempts += 1
            if too_large and len(tickets) == 1:
                self.end(ticket, Rejected(Reason.TOO_LARGE, f"the topic {lane.topic} refuses its size"))
            elif isinstance(error, _REFUSED) or ticket.attempts >= _ATTEMPTS:
                self.end(ticket, Unavailable(f"{lane.topic}: {type(error).__name__}"))
            else:
                # The broker limits the batch, not the record: whoever is too large shows when sent alone.
                ticket.alone = ticket.alone or too_large
                again.append(ticket)
        self._return(lane, again)
        self._on_failure()

    def _return(self, lane: Lane, tickets: Iterable[Ticket]) -> None:
        behind, lane.waiting = lane.waiting, {}
        for ticket in (*tickets, *behind):
            ticket.wait_in(lane.waiting)
        self._feed_soon(lane)
