"""A record on its way to Kafka, whom it belongs to, and the lane it stands in.

A record that waits can be withdrawn; one that has entered the producer cannot: the broker may have it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from aiokafka.structs import TopicPartition
from msgspec import Struct

from bridge.core.event import Record
from bridge.core.outcome import Rejected, Unavailable

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

    def stuck(self) -> None:
        """Nothing is heard of it, or it does not leave: who can keeps it elsewhere. May be told again."""


# What waits, in order; a dictionary, because whoever gives up leaves from the middle.
Queue = dict["Ticket", None]


class Ticket(Struct, eq=False):
    """A record on its way since ``since`` (monotonic): ``size`` bytes of ``room``. It waits in ``queue``."""

    record: Record
    owner: Owner
    since: float
    size: int
    room: "Room"
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


class Lane:
    """One partition: what waits for it in order, and the batch under way.

    It is ``stuck`` while the batch under way is not answered in time; ``met_at`` is when, meanwhile, Kafka
    answered something else (0: it did not), ``silences`` how many producers that has cost in a row.
    ``told`` says that the owners of the batch under way know that nothing is heard of it.
    """

    __slots__ = (
        "batch",
        "met_at",
        "partition",
        "sent_at",
        "silences",
        "stuck",
        "told",
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
        self.told = False
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

    def tell_stuck(self) -> None:
        """Tell the owners of what is here, in order, that it does not leave."""
        self.told = True
        for ticket in (*self.under_way, *self.waiting):
            ticket.owner.stuck()

    def make_way(self) -> None:
        """Tell them so because something goes past them; those under way are looked at again soon anyhow."""
        if self.told:
            for ticket in tuple(self.waiting):
                ticket.owner.stuck()
        else:
            self.tell_stuck()


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


class Limits(Struct, frozen=True, kw_only=True):
    """How much may be on its way at once."""

    most_bytes: int
    most_records: int


class Room(Struct):
    """The ``bytes`` and ``records`` for which there is room yet."""

    bytes: int
    records: int

    def take(self, size: int) -> bool:
        """Take room for a record of ``size`` bytes; False where there is none."""
        if size > self.bytes or not self.records:
            return False
        self.bytes -= size
        self.records -= 1
        return True

    def give_back(self, size: int) -> None:
        """Give it back."""
        self.bytes += size
        self.records += 1
