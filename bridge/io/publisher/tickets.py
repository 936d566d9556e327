"""A record on its way to Kafka, whom it belongs to, and the lane it stands in.

A record that waits can be withdrawn; one that has entered the producer cannot: the broker may have it.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from aiokafka.structs import TopicPartition
from msgspec import Struct

from bridge.core.event import Record
from bridge.core.outcome import Rejected, Unavailable
from bridge.io.publisher.buffer_budget import Room

_RECORD_OVERHEAD = 256  # bytes: what a waiting record costs beside its value and key


def size_of(record: Record) -> int:
    """Tell the bytes that a record on its way takes of its room."""
    return len(record.value) + 2 * len(record.key) + _RECORD_OVERHEAD


class Owner(Protocol):
    """Who sent a record. It is told of its record's end once, by one of the first three."""

    def written(self) -> None:
        """Kafka has it."""

    def refused(self, error: Unavailable | Rejected) -> None:
        """Kafka does not have it, and we do not try again."""

    def lost(self) -> bool:
        """Its producer is gone without an answer. True: it is kept elsewhere; else it is sent again."""

    def stuck(self) -> bool:
        """Nothing is heard of it, or it does not leave: who can keeps it elsewhere. May be called again.

        Returns False where the record is kept nowhere else.
        """


# What waits, in order; a dictionary, because whoever gives up leaves from the middle.
Queue = dict["Ticket", None]


class Ticket(Struct, eq=False):
    """A record on its way since ``since`` (monotonic): ``size`` bytes of ``room``. It waits in ``queue``."""

    record: Record
    owner: Owner
    since: float
    size: int
    room: Room
    queue: Queue | None = None
    entered: bool = False
    alone: bool = False
    attempts: int = 0

    def wait_in(self, queue: Queue) -> None:
        """Stand at the end of ``queue``."""
        queue[self] = None
        self.queue = queue

    def withdraw(self) -> bool:
        """Take the record back. False where it has entered the producer: Kafka may have it or get it yet."""
        if self.entered or self.queue is None:
            return False
        del self.queue[self]
        self.end()
        return True

    def end(self) -> None:
        """Make room: it is no longer ours."""
        self.queue = None
        self.room.give_back(self.size)


def divert(tickets: Iterable[Ticket]) -> bool:
    """Ask the owners, in order, to keep their records elsewhere. Returns whether all are kept there."""
    kept = True
    for ticket in tuple(tickets):  # a copy: who is kept elsewhere leaves the queue
        kept = ticket.owner.stuck() and kept
    return kept


def drop_lost(queue: Queue) -> None:
    """Remove the records of a lost producer that their owners keep elsewhere, and what came after them."""
    dropped = False
    for ticket in tuple(queue):
        if ticket.entered and ticket.owner.lost():
            del queue[ticket]
            ticket.end()
            dropped = True
    if dropped:
        divert(queue)  # what is left must not overtake them


class Lane:
    """One partition: what waits for it in order, and the batch under way.

    It is ``stuck`` while the batch under way is not answered in time; ``met_at`` is when, meanwhile, Kafka
    answered something else (0: it did not), ``silences`` how many producers that has cost in a row.
    ``diverted`` says that all records of the batch under way are kept elsewhere as well, as far as is known.
    """

    __slots__ = (
        "batch",
        "diverted",
        "met_at",
        "partition",
        "sent_at",
        "silences",
        "stuck",
        "topic",
        "under_way",
        "waiting",
        "where",
    )

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.where = TopicPartition(topic, partition)
        self.waiting: Queue = {}
        self.under_way: list[Ticket] = []
        self.batch: Batch | None = None
        self.sent_at = 0.0
        self.stuck = False
        self.diverted = False
        self.met_at = 0.0
        self.silences = 0

    def fill(self, append: "Append", now_ms: int) -> None:
        """Fill a batch, by its ``append``, with what waits, in order: from here on it is under way."""
        waiting = self.waiting
        under_way: list[Ticket] = []
        for place, ticket in enumerate(waiting):
            record = ticket.record
            if (ticket.alone and under_way) or append(
                place, now_ms, record.key, record.value, record.headers
            ) is None:
                break
            # From here on a record may reach Kafka whatever happens: it can no longer be withdrawn.
            ticket.entered = True
            under_way.append(ticket)
            if ticket.alone:
                break
        if len(under_way) == len(waiting):
            waiting.clear()
        else:
            for ticket in under_way:
                del waiting[ticket]
        self.under_way = under_way

    def divert(self) -> None:
        """Ask the owners of all that is here, in order, to keep it elsewhere: it does not leave."""
        self.diverted = divert(self.under_way)
        divert(self.waiting)

    def make_way(self) -> None:
        """Ask them because something goes elsewhere that came later; those under way only if need be."""
        if self.diverted:
            divert(self.waiting)
        else:
            self.divert()


Append = Callable[[int, int, bytes, bytes, Sequence[tuple[str, bytes]]], object]
"""Takes in a record: its place in the batch, unix milliseconds, key, value, headers. None if it is full."""


class Batch(Struct, eq=False):
    """What ``lane`` sends at once, which ``append`` fills."""

    lane: Lane
    append: Append
    over: asyncio.Future[None] | None = None

    def waiter(self) -> asyncio.Future[None]:
        """Give a future that ends with the batch; made only where somebody waits."""
        if self.over is None:
            self.over = asyncio.get_running_loop().create_future()
        return self.over

    def end(self) -> None:
        """Let go whoever waits for it."""
        if self.over is not None and not self.over.done():
            self.over.set_result(None)


Ended = list[tuple[Batch, BaseException | None]]
"""Batches that have ended at once: written, or with the error for which they were not."""
