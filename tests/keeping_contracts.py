"""What every writer, producer and store must do, fake or real. A suite is a class; each makes one of it."""

import asyncio
from typing import Protocol

import pytest

from bridge import drain, keeping
from bridge.core.event import Record
from bridge.core.outcome import Ending, Rejected, Unavailable
from bridge.pipeline import Writer
from tests.rig.waiting import WITHIN_S


class Producer(keeping.Producer, drain.Producer, Protocol):
    """A producer as all who use it need it."""


class Entry(drain.Taken, Protocol):
    """A record in a store."""

    @property
    def kept(self) -> "asyncio.Future[None]":
        """Ends once it is decided."""


class Store(keeping.Store, drain.Store, Protocol):
    """A store as all who use it need it."""

    def put(self, record: Record, *, pending: bool = False) -> Entry:
        """Keep ``record``."""


def written_to(topic: str, key: str = "k", value: bytes = b"{}") -> Record:
    """Make a record."""
    return Record(topic=topic, key=key.encode(), value=value, headers=[("ce_id", key.encode())])


class WriterContract:
    """What every writer must do. ``taking`` names a topic that it takes, ``waiting`` one that it does not."""

    writer: Writer
    taking: str = "taking"
    waiting: str = "waiting"

    async def test_what_is_taken_becomes_durable_and_cannot_be_withdrawn(self) -> None:
        ticket = self.writer.send(written_to(self.taking))
        assert await asyncio.wait_for(ticket.durable, WITHIN_S) is Ending.PUBLISHED
        assert not ticket.withdraw()

    async def test_what_only_waits_can_be_withdrawn_once(self) -> None:
        ticket = self.writer.send(written_to(self.waiting))
        assert ticket.withdraw()
        with pytest.raises(Unavailable):
            await ticket.durable
        assert not ticket.withdraw()

    async def test_it_says_that_records_are_taken(self) -> None:
        assert self.writer.flowing


class Heard:
    """An owner that remembers what it was told; ``elsewhere`` says that it keeps what is lost."""

    def __init__(self, *, elsewhere: bool = False) -> None:
        self.words: list[str] = []
        self.error: Unavailable | Rejected | None = None
        self.ended = asyncio.Event()
        self._elsewhere = elsewhere

    def written(self) -> None:
        """Kafka has it."""
        self._end("written")

    def refused(self, error: Unavailable | Rejected) -> None:
        """Kafka does not have it."""
        self.error = error
        self._end("refused")

    def lost(self) -> bool:
        """Nobody will ever know."""
        if self._elsewhere:
            self._end("lost")
        return self._elsewhere

    def stuck(self) -> bool:
        """Nothing is heard."""
        self.words.append("stuck")
        return False

    def _end(self, word: str) -> None:
        self.words.append(word)
        self.ended.set()


class ProducerContract:
    """What every producer must do. Topics as for a writer."""

    producer: Producer
    taking: str = "taking"
    waiting: str = "waiting"

    async def test_what_it_takes_is_written_and_its_owner_told_once(self) -> None:
        owner = Heard()
        sent = self.producer.offer(written_to(self.taking), owner)
        assert sent is not None
        await asyncio.wait_for(owner.ended.wait(), WITHIN_S)
        assert owner.words == ["written"]
        assert not sent.withdraw()

    async def test_what_would_have_to_wait_is_not_taken_on_offer(self) -> None:
        assert self.producer.offer(written_to(self.waiting), Heard()) is None
        assert not self.producer.takes(self.waiting, 0)

    async def test_who_is_in_the_way_of_what_goes_elsewhere_is_told_that_it_is_stuck(self) -> None:
        first = Heard()
        sent = self.producer.send(written_to(self.waiting), first)
        self.producer.give_way(written_to(self.waiting))
        assert first.words == ["stuck"]
        assert sent.withdraw()

    async def test_what_is_sent_all_the_same_waits_and_can_be_withdrawn_once(self) -> None:
        owner = Heard()
        sent = self.producer.send(written_to(self.waiting), owner)
        assert sent.withdraw()
        assert not sent.withdraw()
        assert owner.words == []


class StoreContract:
    """What every store must do; ``store`` is empty at the start of each test and takes records."""

    store: Store

    async def _read(self) -> list[bytes]:
        self.store.rewind()
        return [record.value for _, record in await self.store.read(10_000, lambda _topic, _hash: False)]

    async def test_what_is_kept_is_read_in_order_once_until_it_is_free_again(self) -> None:
        entries = [self.store.put(written_to("t", f"k{n}", b"%d" % n)) for n in range(3)]
        for entry in entries:
            await asyncio.wait_for(entry.kept, WITHIN_S)
        assert await self._read() == [b"0", b"1", b"2"]
        assert await self._read() == []
        entries[1].free()
        assert await self._read() == [b"1"]

    async def test_whoever_put_it_is_called_in_the_moment_in_which_it_is_kept(self) -> None:
        heard: list[Unavailable | None] = []
        entry = self.store.put(written_to("t"))
        entry.when_kept(heard.append)
        await asyncio.wait_for(entry.kept, WITHIN_S)
        assert heard == [None]
        entry.when_kept(heard.append)
        assert heard == [None, None]

    async def test_what_is_pending_is_not_read_before_it_is_free(self) -> None:
        entry = self.store.put(written_to("t"), pending=True)
        await asyncio.wait_for(entry.kept, WITHIN_S)
        assert await self._read() == []
        self.store.wake.clear()
        entry.free()
        assert self.store.wake.is_set()
        assert await self._read() == [b"{}"]

    async def test_a_key_is_held_from_its_put_until_its_last_record_is_gone(self) -> None:
        one, other = written_to("t", "k"), written_to("t", "other")
        assert not self.store.holds(one)
        entries = [self.store.put(one) for _ in range(2)]
        assert self.store.holds(one)
        assert not self.store.holds(other)
        assert self.store.records == 2
        for entry in entries:
            await asyncio.wait_for(entry.kept, WITHIN_S)
            assert self.store.holds(one)
            entry.remove()
            entry.remove()
        assert not self.store.holds(one)
        assert self.store.records == 0

    async def test_what_is_not_wanted_is_passed_over_and_read_another_time(self) -> None:
        for topic in ("a", "b"):
            await asyncio.wait_for(self.store.put(written_to(topic, value=topic.encode())).kept, WITHIN_S)
        found = await self.store.read(10_000, lambda topic, _hash: topic == "a")
        assert [record.value for _, record in found] == [b"b"]
        assert await self._read() == [b"a"]

    async def test_so_much_is_read_at_a_time_and_at_least_one(self) -> None:
        for n in range(3):
            await asyncio.wait_for(self.store.put(written_to("t", value=b"%d" % n * 100)).kept, WITHIN_S)
        found = [await self.store.read(1, lambda _topic, _hash: False) for _ in range(4)]
        assert [len(batch) for batch in found] == [1, 1, 1, 0]
