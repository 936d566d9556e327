"""Stand-ins for Kafka's producer and for the spool, in this process, with switches for faults.

They pass the same suites as the real ones (`tests.keeping_contracts`).
"""

import asyncio
from collections.abc import Callable

from bridge.core.event import Record
from bridge.core.outcome import Rejected, Unavailable
from bridge.keeping import Bearer


class FakeSent:
    """A record in a fake producer: ``entered`` once it cannot be withdrawn."""

    def __init__(self, producer: "FakeProducer", record: Record, owner: Bearer) -> None:
        self.producer = producer
        self.record = record
        self.owner = owner
        self.entered = False

    def withdraw(self) -> bool:
        """Take it back, unless it has entered or ended."""
        if self.entered or self not in self.producer.sent:
            return False
        self.producer.sent.remove(self)
        return True


class FakeProducer:
    """A producer that keeps what is sent until the test ends it: `write`, `refuse`, `lose`, `stick`.

    ``closed`` names topics that take nothing; ``at_once`` writes what is offered in the next turn of the
    loop; ``room`` is how many records may be on their way.
    """

    def __init__(self) -> None:
        self.sent: list[FakeSent] = []
        self.written: list[Record] = []
        self.flowing = True
        self.closed = {"waiting"}
        self.at_once = False
        self.room = 1_000_000
        self.era = 0

    def takes(self, topic: str, _hashed: int) -> bool:
        """Whether it takes that topic's records."""
        return self.flowing and topic not in self.closed

    def offer(self, record: Record, owner: Bearer) -> FakeSent | None:
        """Take it, if that topic is open and there is room."""
        if not self.takes(record.topic, 0) or len(self.sent) >= self.room:
            return None
        return self.send(record, owner)

    def give_way(self, record: Record) -> None:
        """Tell those of the same topic and key that they are stuck."""
        for sent in tuple(self.sent):
            if (sent.record.topic, sent.record.key) == (record.topic, record.key):
                sent.owner.stuck()

    def send(self, record: Record, owner: Bearer) -> FakeSent:
        """Take it, however long it has to wait."""
        if len(self.sent) >= self.room:
            raise Unavailable("no room")
        sent = FakeSent(self, record, owner)
        self.sent.append(sent)
        if self.at_once and self.takes(record.topic, 0):
            sent.entered = True
            asyncio.get_running_loop().call_soon(self.write, sent)
        return sent

    def open(self, *topics: str) -> None:
        """Take records again."""
        self.flowing = True
        self.closed -= set(topics)
        self.era += 1

    def write(self, sent: FakeSent) -> None:
        """Acknowledge it."""
        if sent in self.sent:
            self.sent.remove(sent)
            self.written.append(sent.record)
            sent.owner.written()

    def refuse(self, sent: FakeSent, error: Unavailable | Rejected) -> None:
        """End it without having written it."""
        self.sent.remove(sent)
        sent.owner.refused(error)

    def lose(self, sent: FakeSent) -> bool:
        """End its producer; False where it stays, to be sent again."""
        kept = sent.owner.lost()
        if kept:
            self.sent.remove(sent)
        return kept

    def stick(self) -> None:
        """Say of all that nothing is heard of it."""
        for sent in tuple(self.sent):
            sent.owner.stuck()


class FakeEntry:
    """A record in a fake store."""

    def __init__(self, store: "FakeStore", record: Record, state: str) -> None:
        self._store = store
        self.record = record
        self.state = state
        self.kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._then: Callable[[Unavailable | None], None] | None = None

    def when_kept(self, then: Callable[[Unavailable | None], None]) -> None:
        """Call ``then`` in the moment in which it is decided."""
        if self.kept.done():
            error = self.kept.exception()
            then(error if isinstance(error, Unavailable) else None)
        else:
            self._then = then

    def settle(self, error: Unavailable | None = None) -> None:
        """Decide it."""
        if error is None:
            self.kept.set_result(None)
        else:
            self.kept.set_exception(error)
            self.kept.exception()
        if self._then is not None:
            self._then(error)

    def free(self) -> None:
        """Let it be read again."""
        self.state = "ready"
        self._store.wake.set()

    def remove(self) -> None:
        """Let it go."""
        self._store.leave(self)

    def set_aside(self, why: str) -> None:
        """Keep it for a person."""
        self._store.aside.append((self.record, why))
        self.remove()


class FakeStore:
    """A store in a list. ``slow`` leaves what is put open until `commit` or `fail`; ``full`` takes none."""

    def __init__(self, *, full: bool = False) -> None:
        self.entries: list[FakeEntry] = []
        self.aside: list[tuple[Record, str]] = []
        self.wake = asyncio.Event()
        self.full = full
        self.slow = False
        self._cursor = 0

    @property
    def records(self) -> int:
        """How many are there."""
        return len(self.entries)

    @property
    def values(self) -> list[bytes]:
        """The values of those that are there."""
        return [entry.record.value for entry in self.entries]

    def takes(self, _size: int) -> bool:
        """Whether it takes any."""
        return not self.full

    def accepts(self, _record: Record) -> bool:
        """Whether it takes any."""
        return not self.full

    def holds(self, record: Record) -> bool:
        """Whether anything of that key is there."""
        return any((e.record.topic, e.record.key) == (record.topic, record.key) for e in self.entries)

    def put(self, record: Record, *, pending: bool = False) -> FakeEntry:
        """Keep it, at once unless ``slow``."""
        entry = FakeEntry(self, record, "pending" if pending else "ready")
        self.entries.append(entry)
        if self.full:
            self.fail(entry)
        elif not self.slow:
            self.commit(entry)
        return entry

    def commit(self, entry: FakeEntry) -> None:
        """Make it durable."""
        self.wake.set()
        entry.settle()

    def fail(self, entry: FakeEntry) -> None:
        """Say that it is not kept."""
        self.leave(entry)
        entry.settle(Unavailable("full"))

    def leave(self, entry: FakeEntry) -> None:
        """Let it go."""
        if entry in self.entries:
            at = self.entries.index(entry)
            self._cursor -= at < self._cursor
            del self.entries[at]

    def rewind(self) -> None:
        """Begin anew."""
        self._cursor = 0

    async def read(self, most_bytes: int, skip: Callable[[str, int], bool]) -> list[tuple[FakeEntry, Record]]:
        """Take the next ones."""
        await asyncio.sleep(0)
        found: list[tuple[FakeEntry, Record]] = []
        size = 0
        while self._cursor < len(self.entries) and size < most_bytes:
            entry = self.entries[self._cursor]
            self._cursor += 1
            if entry.state == "ready" and entry.kept.done() and not skip(entry.record.topic, 0):
                entry.state = "taken"
                size += len(entry.record.value)
                found.append((entry, entry.record))
        return found
