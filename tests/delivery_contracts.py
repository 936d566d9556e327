"""What every writer, producer and store must do, fake or real. A suite is a class; each makes one of it."""

import asyncio
from typing import Protocol

import pytest

from bridge.core.event import Record
from bridge.core.outcome import DeliveryOutcome, RejectedError, UnavailableError
from bridge.delivery.ports import Publisher, RecordWriter, SpoolHandle, SpoolStore
from tests.rig.waiting import WITHIN_S, eventually


class AwaitableHandle(SpoolHandle, Protocol):
    """A handle as both spools make it: tests can await it."""

    @property
    def durable(self) -> "asyncio.Future[None]":
        """Ends once it is decided."""


class AwaitableSpool(SpoolStore, Protocol):
    """A spool whose handles can be awaited."""

    def append(self, record: Record, *, pending: bool = False) -> AwaitableHandle:
        """Keep ``record``."""


def make_record(topic: str, key: str = "k", value: bytes = b"{}") -> Record:
    """Make a record."""
    return Record(topic=topic, key=key.encode(), value=value, headers=[("ce_id", key.encode())])


class WriterContract:
    """What every writer must do. ``taking`` names a topic that it takes, ``waiting`` one that it does not."""

    writer: RecordWriter
    taking: str = "taking"
    waiting: str = "waiting"

    async def test_what_is_taken_becomes_durable_and_cannot_be_withdrawn(self) -> None:
        write = self.writer.send(make_record(self.taking))
        assert await asyncio.wait_for(write.durable, WITHIN_S) is DeliveryOutcome.PUBLISHED
        assert not write.withdraw()

    async def test_what_only_waits_can_be_withdrawn_once(self) -> None:
        write = self.writer.send(make_record(self.waiting))
        assert write.withdraw()
        with pytest.raises(UnavailableError):
            await write.durable
        assert not write.withdraw()

    async def test_it_is_accepting(self) -> None:
        assert self.writer.accepting


class RecordingCallbacks:
    """Callbacks that record their calls; ``elsewhere``: the record is safe when a send is indeterminate."""

    def __init__(self, *, elsewhere: bool = False) -> None:
        self.calls: list[str] = []
        self.error: UnavailableError | RejectedError | None = None
        self.finished = asyncio.Event()
        self._is_elsewhere = elsewhere

    def on_delivered(self) -> None:
        """Kafka has it."""
        self._record_end("delivered")

    def on_failed(self, error: UnavailableError | RejectedError) -> None:
        """Kafka does not have it."""
        self.error = error
        self._record_end("failed")

    def on_indeterminate(self) -> bool:
        """Nobody will ever know."""
        if self._is_elsewhere:
            self._record_end("indeterminate")
        return self._is_elsewhere

    def on_stalled(self) -> bool:
        """Nothing is heard."""
        self.calls.append("stalled")
        return False

    def _record_end(self, call: str) -> None:
        self.calls.append(call)
        self.finished.set()


class PublisherContract:
    """What every producer must do. Topics as for a writer."""

    publisher: Publisher
    taking: str = "taking"
    waiting: str = "waiting"

    async def test_what_it_accepts_is_written_and_the_callbacks_are_called_once(self) -> None:
        callbacks = RecordingCallbacks()
        sent = await eventually(
            lambda: self.publisher.try_send(make_record(self.taking), callbacks), "it is taken"
        )
        assert sent is not None
        await asyncio.wait_for(callbacks.finished.wait(), WITHIN_S)
        # Where the machine is busy nothing may have been heard for a while before.
        assert [call for call in callbacks.calls if call != "stalled"] == ["delivered"]
        assert not sent.withdraw()

    async def test_what_would_have_to_wait_is_not_taken_by_try_send(self) -> None:
        assert self.publisher.try_send(make_record(self.waiting), RecordingCallbacks()) is None
        assert not self.publisher.accepts(self.waiting, 0)

    async def test_records_before_one_that_is_diverted_are_notified_that_they_are_stalled(self) -> None:
        first = RecordingCallbacks()
        sent = self.publisher.send(make_record(self.waiting), first)
        self.publisher.divert_earlier(make_record(self.waiting))
        assert first.calls == ["stalled"]
        assert sent.withdraw()

    async def test_what_is_sent_all_the_same_waits_and_can_be_withdrawn_once(self) -> None:
        callbacks = RecordingCallbacks()
        sent = self.publisher.send(make_record(self.waiting), callbacks)
        assert sent.withdraw()
        assert not sent.withdraw()
        assert callbacks.calls == []


class SpoolContract:
    """What every store must do; ``store`` is empty at the start of each test and takes records."""

    spool: AwaitableSpool

    async def _read(self) -> list[bytes]:
        self.spool.rewind()
        return [record.value for _, record in await self.spool.read(10_000, lambda _topic, _hash: False)]

    async def test_what_is_durable_is_read_in_order_once_until_it_is_made_available_again(self) -> None:
        entries = [self.spool.append(make_record("t", f"k{n}", b"%d" % n)) for n in range(3)]
        for entry in entries:
            await asyncio.wait_for(entry.durable, WITHIN_S)
        assert await self._read() == [b"0", b"1", b"2"]
        assert await self._read() == []
        entries[1].make_available()
        assert await self._read() == [b"1"]

    async def test_the_callback_runs_in_the_moment_in_which_the_record_is_durable(self) -> None:
        calls: list[UnavailableError | None] = []
        entry = self.spool.append(make_record("t"))
        entry.on_durable(calls.append)
        await asyncio.wait_for(entry.durable, WITHIN_S)
        assert calls == [None]
        entry.on_durable(calls.append)
        assert calls == [None, None]

    async def test_what_is_pending_is_not_read_before_it_is_made_available(self) -> None:
        entry = self.spool.append(make_record("t"), pending=True)
        await asyncio.wait_for(entry.durable, WITHIN_S)
        assert await self._read() == []
        self.spool.wake.clear()
        entry.make_available()
        assert self.spool.wake.is_set()
        assert await self._read() == [b"{}"]

    async def test_a_key_has_pending_records_from_its_append_until_its_last_record_is_removed(self) -> None:
        one, other = make_record("t", "k"), make_record("t", "other")
        assert not self.spool.has_pending(one)
        entries = [self.spool.append(one) for _ in range(2)]
        assert self.spool.has_pending(one)
        assert not self.spool.has_pending(other)
        assert self.spool.records == 2
        for entry in entries:
            await asyncio.wait_for(entry.durable, WITHIN_S)
            assert self.spool.has_pending(one)
            entry.remove()
            entry.remove()
        assert not self.spool.has_pending(one)
        assert self.spool.records == 0

    async def test_what_is_not_wanted_is_passed_over_and_read_another_time(self) -> None:
        for topic in ("a", "b"):
            await asyncio.wait_for(
                self.spool.append(make_record(topic, value=topic.encode())).durable, WITHIN_S
            )
        found = await self.spool.read(10_000, lambda topic, _hash: topic == "a")
        assert [record.value for _, record in found] == [b"b"]
        assert await self._read() == [b"a"]

    async def test_so_much_is_read_at_a_time_and_at_least_one(self) -> None:
        for n in range(3):
            await asyncio.wait_for(
                self.spool.append(make_record("t", value=b"%d" % n * 100)).durable, WITHIN_S
            )
        found = [await self.spool.read(1, lambda _topic, _hash: False) for _ in range(4)]
        assert [len(batch) for batch in found] == [1, 1, 1, 0]
