"""Fakes of the publisher and of the spool, in this process, with switches for faults.

They pass the same suites as the real ones (`tests.delivery_contracts`).
"""

import asyncio
from collections.abc import Callable

from bridge.core.event import Record
from bridge.core.outcome import RejectedError, UnavailableError
from bridge.delivery.ports import DeliveryCallbacks


class FakeSendHandle:
    """A record in a fake producer: ``in_producer`` once it cannot be withdrawn."""

    def __init__(self, publisher: "FakePublisher", record: Record, callbacks: DeliveryCallbacks) -> None:
        self.publisher = publisher
        self.record = record
        self.callbacks = callbacks
        self.in_producer = False

    def withdraw(self) -> bool:
        """Take it back, unless it has entered or ended."""
        if self.in_producer or self not in self.publisher.sent:
            return False
        self.publisher.sent.remove(self)
        return True


class FakePublisher:
    """Keeps what is sent until the test ends it: `ack`, `fail`, `make_indeterminate`, `stall`.

    ``blocked_topics`` accept nothing; ``acks_at_once`` acknowledges in the next turn of the
    loop; ``capacity`` is how many records may be in flight.
    """

    def __init__(self) -> None:
        self.sent: list[FakeSendHandle] = []
        self.written: list[Record] = []
        self.accepting = True
        self.blocked_topics = {"waiting"}
        self.acks_at_once = False
        self.capacity = 1_000_000
        self.availability_epoch = 0

    def accepts(self, topic: str, _key_hash: int) -> bool:
        """Whether it takes that topic's records."""
        return self.accepting and topic not in self.blocked_topics

    def try_send(self, record: Record, callbacks: DeliveryCallbacks) -> FakeSendHandle | None:
        """Send it, if that topic is not blocked and the capacity is not used up."""
        if not self.accepts(record.topic, 0) or len(self.sent) >= self.capacity:
            return None
        return self.send(record, callbacks)

    def divert_earlier(self, record: Record) -> None:
        """Call `on_stalled` of those of the same topic and key."""
        for sent in tuple(self.sent):
            if (sent.record.topic, sent.record.key) == (record.topic, record.key):
                sent.callbacks.on_stalled()

    def send(self, record: Record, callbacks: DeliveryCallbacks) -> FakeSendHandle:
        """Take it, however long it has to wait."""
        if len(self.sent) >= self.capacity:
            raise UnavailableError("the buffer is full")
        sent = FakeSendHandle(self, record, callbacks)
        self.sent.append(sent)
        if self.acks_at_once and self.accepts(record.topic, 0):
            sent.in_producer = True
            asyncio.get_running_loop().call_soon(self.ack, sent)
        return sent

    def unblock(self, *topics: str) -> None:
        """Take records again."""
        self.accepting = True
        self.blocked_topics -= set(topics)
        self.availability_epoch += 1

    def ack(self, sent: FakeSendHandle) -> None:
        """Acknowledge it."""
        if sent in self.sent:
            self.sent.remove(sent)
            self.written.append(sent.record)
            sent.callbacks.on_delivered()

    def fail(self, sent: FakeSendHandle, error: UnavailableError | RejectedError) -> None:
        """End it without having written it."""
        self.sent.remove(sent)
        sent.callbacks.on_failed(error)

    def make_indeterminate(self, sent: FakeSendHandle) -> bool:
        """End its producer; False where it stays, to be sent again."""
        kept = sent.callbacks.on_indeterminate()
        if kept:
            self.sent.remove(sent)
        return kept

    def stall(self) -> None:
        """Say of all that nothing is heard of it."""
        for sent in tuple(self.sent):
            sent.callbacks.on_stalled()


class FakeSpoolHandle:
    """A record in a fake store."""

    def __init__(self, spool: "FakeSpool", record: Record, state: str) -> None:
        self._spool = spool
        self.record = record
        self.state = state
        self.durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._callback: Callable[[UnavailableError | None], None] | None = None

    def on_durable(self, callback: Callable[[UnavailableError | None], None]) -> None:
        """Call ``callback`` inline once it is decided."""
        if self.durable.done():
            error = self.durable.exception()
            callback(error if isinstance(error, UnavailableError) else None)
        else:
            self._callback = callback

    def resolve(self, error: UnavailableError | None = None) -> None:
        """Decide it."""
        if error is None:
            self.durable.set_result(None)
        else:
            self.durable.set_exception(error)
            self.durable.exception()
        if self._callback is not None:
            self._callback(error)

    def make_available(self) -> None:
        """Let it be read again."""
        self.state = "ready"
        self._spool.wake.set()

    def remove(self) -> None:
        """Let it go."""
        self._spool.discard(self)

    def quarantine(self, reason: str) -> None:
        """Keep it for a person."""
        self._spool.quarantined.append((self.record, reason))
        self.remove()


class FakeSpool:
    """A spool in a list. ``slow`` leaves records open until `commit` or `fail`; ``full`` accepts none."""

    def __init__(self, *, full: bool = False) -> None:
        self.entries: list[FakeSpoolHandle] = []
        self.quarantined: list[tuple[Record, str]] = []
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

    def accepts_size(self, _size: int) -> bool:
        """Whether it takes any."""
        return not self.full

    def accepts(self, _record: Record) -> bool:
        """Whether it takes any."""
        return not self.full

    def has_pending(self, record: Record) -> bool:
        """Whether anything of that key is there."""
        return any((e.record.topic, e.record.key) == (record.topic, record.key) for e in self.entries)

    def append(self, record: Record, *, pending: bool = False) -> FakeSpoolHandle:
        """Keep it, at once unless ``slow``."""
        entry = FakeSpoolHandle(self, record, "pending" if pending else "ready")
        self.entries.append(entry)
        if self.full:
            self.fail(entry)
        elif not self.slow:
            self.commit(entry)
        return entry

    def commit(self, entry: FakeSpoolHandle) -> None:
        """Make it durable."""
        self.wake.set()
        entry.resolve()

    def fail(self, entry: FakeSpoolHandle) -> None:
        """Say that it is not kept."""
        self.discard(entry)
        entry.resolve(UnavailableError("full"))

    def discard(self, entry: FakeSpoolHandle) -> None:
        """Let it go."""
        if entry in self.entries:
            at = self.entries.index(entry)
            self._cursor -= at < self._cursor
            del self.entries[at]

    def rewind(self) -> None:
        """Begin anew."""
        self._cursor = 0

    async def read(
        self, max_bytes: int, skip: Callable[[str, int], bool]
    ) -> list[tuple[FakeSpoolHandle, Record]]:
        """Take the next ones."""
        await asyncio.sleep(0)
        found: list[tuple[FakeSpoolHandle, Record]] = []
        size = 0
        while self._cursor < len(self.entries) and size < max_bytes:
            entry = self.entries[self._cursor]
            self._cursor += 1
            if entry.state == "ready" and entry.durable.done() and not skip(entry.record.topic, 0):
                entry.state = "leased"
                size += len(entry.record.value)
                found.append((entry, entry.record))
        return found
