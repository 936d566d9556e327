"""The way back: from the spool to Kafka, in order, key by key, beside the live traffic.

It starts by itself wherever Kafka takes records that wait. A topic or a partition that takes none holds up no
other. Nothing here knows Kafka's client or the disk: what it needs of them stands in `Producer` and `Store`.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from msgspec import Struct

from bridge.core.event import Record
from bridge.core.outcome import Rejected, Unavailable
from bridge.keeping import Bearer, Kept, Sent
from bridge.telemetry import Telemetry
from bridge.tending import tended

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Producer(Protocol):
    """What writes to Kafka. ``era`` grows whenever it takes more than before."""

    @property
    def era(self) -> int:
        """A number that only grows."""

    @property
    def flowing(self) -> bool:
        """Whether records are taken now."""

    def takes(self, topic: str, hashed: int) -> bool:
        """Whether records of that topic and hash of a key leave now."""

    def offer(self, record: Record, owner: Bearer) -> Sent | None:
        """Send ``record`` if it leaves now."""


class Taken(Kept, Protocol):
    """A record in the spool that may be drained."""

    def set_aside(self, why: str) -> None:
        """Let it go, its bytes kept for a person: no topic takes it."""


class Store(Protocol):
    """What keeps records on disk, oldest first. ``wake`` is set whenever more may be read."""

    wake: asyncio.Event

    @property
    def records(self) -> int:
        """How many there are."""

    def rewind(self) -> None:
        """Begin to read at the oldest again."""

    async def read(self, most_bytes: int, skip: Callable[[str, int], bool]) -> Sequence[tuple[Taken, Record]]:
        """Take the next ones that may be drained, in order, but those that ``skip`` says are not wanted."""


class Pace(Struct, frozen=True, kw_only=True):
    """How much is read and on its way at once (bytes, records), and the pauses between passes, in seconds.

    Passes that send nothing (what waits is not wanted yet) come ever more rarely.
    """

    read_bytes: int = 512 * 1024
    most_bytes: int = 4 * 1024 * 1024
    most_records: int = 2_000
    rest_s: float = 0.1
    rest_max_s: float = 2.0


class Draining:
    """One record on its way back. Only Kafka's word lets it leave the spool."""

    __slots__ = ("_drain", "_entry", "_record", "_sent", "size")

    def __init__(self, drain: "Drain", entry: Taken, record: Record) -> None:
        self._drain = drain
        self._entry = entry
        self._record = record
        self._sent: Sent | None = None
        self.size = len(record.value) + len(record.key)

    def begin(self) -> bool:
        """Set out; False where Kafka does not take it now."""
        self._sent = self._drain.producer.offer(self._record, self)
        return self._sent is not None

    def written(self) -> None:
        """Kafka has it."""
        # A death before the disk knows it repeats the record, under the same id; it is never lost.
        self._entry.remove()
        self._drain.count()
        self._over()

    def refused(self, error: Unavailable | Rejected) -> None:
        """Kafka does not have it: another time, or never where the topic refuses its size."""
        try:
            if isinstance(error, Rejected):
                self._drain.bury(self._entry, self._record, error)
            else:
                self._entry.free()
                self._drain.returned += 1
        finally:
            self._over()

    def lost(self) -> bool:
        """Nobody will ever know: it is sent once more, under the same id."""
        self._go_back()
        return True

    def stuck(self) -> bool:
        """Go back where it came from, unless the producer has it; there it is kept in any case."""
        if self._sent is not None and self._sent.withdraw():
            self._go_back()
        return True

    def _go_back(self) -> None:
        self._entry.free()
        self._drain.returned += 1
        self._over()

    def _over(self) -> None:
        self._sent = None
        self._drain.ended(self)


class Drain:
    """Empties ``store`` into ``producer`` for as long as it runs.

    ``buried`` writes the dead letter for a record that its topic refuses for its size; None where the record
    is one itself. ``returned`` counts the records that came back unsent: they stand before whatever is read
    next, so the pass begins anew.
    """

    def __init__(
        self,
        producer: Producer,
        store: Store,
        buried: Callable[[Record, Rejected], Record | None],
        telemetry: Telemetry,
        pace: Pace,
    ) -> None:
        self.producer = producer
        self.store = store
        self._buried = buried
        self._telemetry = telemetry
        self._pace = pace
        self._letters: list[tuple[Taken, Record]] = []
        self._bytes = 0
        self._records = 0
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._drained = 0
        self.returned = 0
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(tended(self._run, self._telemetry))

    async def stop(self, seconds: float = 0) -> None:
        """Read no more; with ``seconds``, go on until the spool is empty, for that long at most."""
        until = self._loop.time() + seconds
        while self.store.records and self.producer.flowing and self._loop.time() < until:
            await self._something_ends(until - self._loop.time())
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def count(self) -> None:
        """Count a record that Kafka has now."""
        self._drained += 1
        self._telemetry.spool_drained.inc()

    def ended(self, one: Draining) -> None:
        """Make room for the next one."""
        self._bytes -= one.size
        self._records -= 1
        self._room.set()

    def bury(self, entry: Taken, record: Record, error: Rejected) -> None:
        """Send a dead letter in the place of what its topic refuses; only its ending lets that leave."""
        letter = self._buried(record, error)
        if letter is None:
            entry.set_aside(error.detail)
            return

        # Sent again as it is, it would be refused again, and each refusal costs a producer.
        self._letters.append((entry, letter))
        self.store.wake.set()

    async def _run(self) -> None:
        seen, idle_s = -1, self._pace.rest_s
        while True:
            news = self.store.wake.is_set() or seen != self.producer.era
            if (news or self._letters) and self.store.records and self.producer.flowing:
                self.store.wake.clear()
                seen = self.producer.era
                sent = await self._pass()
                idle_s = self._pace.rest_s if sent else min(2 * idle_s, self._pace.rest_max_s)
                self._tell()
            await asyncio.sleep(idle_s)

    async def _pass(self) -> bool:
        """Send all that is wanted, from the oldest on, until the end is reached. Tells whether any was.

        Once passed over, a record is not overtaken by a later one of its key: where Kafka takes more than
        before, or where a record came back, the pass begins anew.
        """
        self.store.rewind()
        epoch, sent = self._epoch(), self._send_letters()
        while self.producer.flowing:
            found = await self.store.read(self._pace.read_bytes, self._unwanted)
            if self._epoch() != epoch:
                epoch = self._epoch()
                self._put_back(found)
            elif not found:
                break
            elif self._send(found):
                sent = True
            else:
                await self._something_ends(self._pace.rest_s)
            await self._until_there_is_room()
        return sent

    def _epoch(self) -> tuple[int, int]:
        return self.producer.era, self.returned

    def _send_letters(self) -> bool:
        letters, self._letters = self._letters, []
        for entry, letter in letters:
            if not self._begin(entry, letter):
                self._letters.append((entry, letter))
        return len(self._letters) < len(letters)

    def _put_back(self, found: Sequence[tuple[Taken, Record]]) -> None:
        for entry, _ in found:
            entry.free()
        self.store.rewind()

    def _unwanted(self, topic: str, hashed: int) -> bool:
        return not self.producer.takes(topic, hashed)

    def _send(self, found: Sequence[tuple[Taken, Record]]) -> bool:
        """Send them in order; False where one was not taken: it goes back, and all behind it."""
        for at, (entry, record) in enumerate(found):
            if not self._begin(entry, record):
                self._put_back(found[at:])
                return False
        return True

    def _begin(self, entry: Taken, record: Record) -> bool:
        one = Draining(self, entry, record)
        if not one.begin():
            return False
        self._bytes += one.size
        self._records += 1
        return True

    async def _until_there_is_room(self) -> None:
        pace = self._pace
        while self._bytes >= pace.most_bytes or self._records >= pace.most_records:
            await self._something_ends(pace.rest_s)

    async def _something_ends(self, seconds: float) -> None:
        self._room.clear()
        waits = asyncio.create_task(self._room.wait())
        await asyncio.wait((waits,), timeout=seconds)
        waits.cancel()

    def _tell(self) -> None:
        if not self.store.records and self._drained:
            log.info("spool_empty", drained=self._drained)
            self._drained = 0
