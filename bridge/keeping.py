"""Where a record becomes durable: in Kafka, or in the spool while Kafka does not take it.

Nothing here knows Kafka's client or the disk: what it needs of them stands in `Producer` and `Store`. The way
back, from the spool to Kafka, is told in `drain`.
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct, field

from bridge.core.event import Record
from bridge.core.outcome import Ending, Rejected, Unavailable
from bridge.key_order import KeyOrder
from bridge.telling import Told


class Sent(Protocol):
    """A record on its way to Kafka."""

    def withdraw(self) -> bool:
        """Take the record back; False where it may be written all the same."""


class Bearer(Protocol):
    """Who sent a record, and is told what becomes of it: its end, once, by one of the first three."""

    def written(self) -> None:
        """Kafka has it."""

    def refused(self, error: Unavailable | Rejected) -> None:
        """Kafka does not have it and will not."""

    def lost(self) -> bool:
        """Nobody will ever know. True: it is kept elsewhere; else it is sent again."""

    def stuck(self) -> bool:
        """Nothing is heard of it, or it does not leave; its end may come yet. False: it is kept nowhere."""


class Producer(Protocol):
    """What writes to Kafka, in the order given, key by key."""

    @property
    def flowing(self) -> bool:
        """Whether records are taken now."""

    def offer(self, record: Record, owner: Bearer) -> Sent | None:
        """Send ``record`` if it leaves now."""

    def give_way(self, record: Record) -> None:
        """Tell those that went before ``record``, which now goes elsewhere, that they are stuck."""

    def send(self, record: Record, owner: Bearer) -> Sent:
        """Send ``record``, however long it has to wait; raises `Unavailable` where there is no room."""


class Kept(Protocol):
    """A record in the spool."""

    def when_kept(self, then: Callable[[Unavailable | None], None]) -> None:
        """Call ``then`` in the moment in which it is durable, or known not to become so."""

    def free(self) -> None:
        """Let it be drained: Kafka does not have it, or nobody will ever know."""

    def remove(self) -> None:
        """Let it go: it is in Kafka."""


class Store(Protocol):
    """What keeps records on disk, in the order given."""

    def takes(self, size: int) -> bool:
        """Whether a record of so many bytes would be tried."""

    def accepts(self, record: Record) -> bool:
        """Whether `put` would try ``record`` now."""

    def holds(self, record: Record) -> bool:
        """Whether anything of its key waits there: what comes later must wait behind it."""

    def put(self, record: Record, *, pending: bool = False) -> Kept:
        """Keep ``record``; a pending one is not drained, because Kafka may have it."""


_NO_ROOM = Unavailable("the spool has no room for it behind others of its key")
_BEHIND_OTHERS = Unavailable("the spool does not take what comes behind others of its key")
_EARLIER_FAILED = Unavailable("an earlier record of its key is not durable")


class Passage(Struct, eq=False):
    """One record until it is durable: ``durable`` ends with how, or with `Unavailable` or `Rejected`.

    It may be in Kafka's producer and in the spool at once: whichever ends first decides.
    """

    _keeper: "Keeper"
    _record: Record
    _sent: Sent | None = None
    _entry: Kept | None = None
    _unkept: bool = False
    number: int = 0
    durable: Told[Ending] = field(default_factory=Told)

    def begin(self) -> None:
        """Set out: to Kafka where it takes the record now, else to the spool."""
        keeper, record = self._keeper, self._record
        # What came earlier of this key is in the spool: past it, the order would be lost.
        if not keeper.store.holds(record):
            self._sent = keeper.producer.offer(record, self)
            if self._sent is None and keeper.store.accepts(record):
                # What came earlier of this key waits for Kafka: in the spool it must stand before this one.
                keeper.producer.give_way(record)
        if self._sent is None and not self._spool():
            self._wait()

    def withdraw(self) -> bool:
        """Take the record back; False where it may become durable all the same."""
        if self.durable.done() or self._entry is not None:
            return False
        if self._sent is None or not self._sent.withdraw():
            return False
        self._end(Unavailable("withdrawn"))
        return True

    # What the producer tells

    def written(self) -> None:
        """Kafka has it: the spool need not."""
        self._sent = None
        if self._unkept:
            self._set_unkept(unkept=False)
        if self._entry is not None:
            self._entry.remove()
        if not self.durable.done():
            self.durable.tell(Ending.PUBLISHED)

    def refused(self, error: Unavailable | Rejected) -> None:
        """Kafka does not have it: the spool does, or is asked to, unless it will never be taken."""
        self._sent = None
        if self._entry is not None:
            self._entry.free()
        elif isinstance(error, Rejected):
            self._end(error)
        elif not self._spool():
            self._fail(error)

    def lost(self) -> bool:
        """Nobody will ever know whether Kafka has it: drained from the spool, it may stand there twice."""
        if self._entry is not None:
            self._sent = None
            self._entry.free()
            return True
        if not self._keeper.store.holds(self._record):
            return False
        # Sent again, it would overtake those of its key that are in the spool.
        self._sent = None
        if not self._spool():
            self._fail(_NO_ROOM)
        return True

    def stuck(self) -> bool:
        """Keep it in the spool as well, or instead where it has not reached the producer."""
        if self._entry is not None:
            return True
        keeper = self._keeper
        if keeper.order.has_failed(self._record) and self._sent is not None and self._sent.withdraw():
            self._fail(_EARLIER_FAILED)
            return True
        if keeper.order.is_behind_unkept(self, self._record):
            self._set_unkept(unkept=True)
            return False
        if keeper.store.accepts(self._record):
            withdrawn = self._sent is not None and self._sent.withdraw()
            if withdrawn:
                self._sent = None
            self._set_unkept(unkept=False)
            self._put(pending=not withdrawn)
            return self._entry is not None
        if keeper.store.holds(self._record) and self._sent is not None and self._sent.withdraw():
            # Left where it is, it would overtake those of its key that are in the spool.
            self._fail(_NO_ROOM)
            return True
        self._set_unkept(unkept=True)
        return False

    # What the spool tells

    def _spool(self) -> bool:
        """Ask the spool to keep it; False where it does not take it."""
        keeper, record = self._keeper, self._record
        behind = keeper.order.has_failed(record) or keeper.order.is_behind_unkept(self, record)
        if behind or not keeper.store.accepts(record):
            return False
        self._set_unkept(unkept=False)
        self._put()
        return True

    def _set_unkept(self, *, unkept: bool) -> None:
        """Note whether nothing but the producer has it although the spool was asked."""
        if unkept != self._unkept:
            self._unkept = unkept
            self._keeper.order.note_unkept(self, self._record, unkept=unkept)

    def _put(self, *, pending: bool = False) -> None:
        self._keeper.order.number(self)
        self._entry = self._keeper.store.put(self._record, pending=pending)
        self._entry.when_kept(self._spooled)

    def _spooled(self, error: Unavailable | None) -> None:
        if error is None:
            # From here on it may be told: whatever becomes of this process, it is on the disk.
            self._end(Ending.SPOOLED)
            return
        self._entry = None
        if self._sent is None:
            self._wait()
        else:
            self._set_unkept(unkept=True)

    def _wait(self) -> None:
        """Wait for Kafka: nothing else takes the record. Behind others of its key it must not."""
        if self.durable.done():
            return
        failed = self._keeper.order.has_failed(self._record)
        if failed or self._keeper.store.holds(self._record):
            self._fail(_EARLIER_FAILED if failed else _BEHIND_OTHERS)
            return
        try:
            self._sent = self._keeper.producer.send(self._record, self)
        except Unavailable as error:
            self._fail(error)

    def _fail(self, error: Unavailable) -> None:
        self._keeper.order.note_failure(self._record)
        self._end(error)

    def _end(self, ending: Ending | Unavailable | Rejected) -> None:
        if isinstance(ending, Exception):
            self._sent = None
            self._set_unkept(unkept=False)
        if self.durable.done():
            return
        if isinstance(ending, Exception):
            self.durable.fail(ending)
        else:
            self.durable.tell(ending)


class Keeper:
    """Makes records durable, in the order given, key by key."""

    def __init__(self, producer: Producer, store: Store) -> None:
        self.producer = producer
        self.store = store
        self.order = KeyOrder()

    @property
    def flowing(self) -> bool:
        """Whether records become durable at once."""
        return self.producer.flowing or self.store.takes(0)

    def send(self, record: Record) -> Passage:
        """Set ``record`` on its way to where it is durable."""
        passage = Passage(self, record)
        passage.begin()
        return passage
