"""Where a record becomes durable: Kafka, the spool, both or neither."""

import asyncio

import pytest

from bridge.core.event import Record
from bridge.core.outcome import DeliveryOutcome, Reason, RejectedError, UnavailableError
from bridge.delivery.durable_writer import DurableWriter, PendingWrite
from tests.delivery_contracts import make_record
from tests.delivery_fakes import FakePublisher, FakeSendHandle, FakeSpool
from tests.rig.waiting import WITHIN_S

pytestmark = pytest.mark.asyncio


class Parts:
    """A keeper and the fakes on both of its sides."""

    def __init__(self) -> None:
        self.publisher = FakePublisher()
        self.spool = FakeSpool()
        self.writer = DurableWriter(self.publisher, self.spool)

    def send(self, value: str = "v", key: str = "k", topic: str = "t") -> PendingWrite:
        """Send a record."""
        return self.writer.send(make_record(topic, key, value.encode()))

    def unanswered(self) -> FakeSendHandle:
        """Let the one record on its way be in the producer, and nothing be heard of it."""
        (sent,) = self.publisher.sent
        sent.in_producer = True
        self.publisher.stall()
        return sent

    def sent(self) -> list[bytes]:
        """Give the values of what is in the producer."""
        return [sent.record.value for sent in self.publisher.sent]


@pytest.fixture
async def parts() -> Parts:
    """Give the parts."""
    return Parts()


async def outcome_of(write: PendingWrite) -> DeliveryOutcome:
    return await asyncio.wait_for(write.durable, WITHIN_S)


async def test_what_kafka_takes_is_published_and_never_touches_the_disk(parts: Parts) -> None:
    write = parts.send()
    parts.publisher.ack(parts.publisher.sent[0])
    assert await outcome_of(write) is DeliveryOutcome.PUBLISHED
    assert parts.spool.records == 0
    assert not write.withdraw()


async def test_what_kafka_does_not_take_is_spooled_once_it_is_on_the_disk(parts: Parts) -> None:
    parts.publisher.accepting, parts.spool.slow = False, True
    write = parts.send()
    await asyncio.sleep(0)
    assert not write.durable.done()
    assert not write.withdraw()
    parts.spool.commit(parts.spool.entries[0])
    assert await outcome_of(write) is DeliveryOutcome.SPOOLED
    assert parts.sent() == []


async def test_a_missing_topic_spools_its_own_records_only(parts: Parts) -> None:
    waiting, other = parts.send(topic="waiting"), parts.send()
    assert await outcome_of(waiting) is DeliveryOutcome.SPOOLED
    parts.publisher.ack(parts.publisher.sent[0])
    assert await outcome_of(other) is DeliveryOutcome.PUBLISHED


async def test_what_comes_behind_others_of_its_key_in_the_spool_queues_there(parts: Parts) -> None:
    parts.publisher.accepting = False
    first = parts.send("1")
    parts.publisher.accepting = True
    assert await outcome_of(first) is DeliveryOutcome.SPOOLED
    assert await outcome_of(parts.send("2")) is DeliveryOutcome.SPOOLED
    other = parts.send("3", key="other")
    assert parts.sent() == [b"3"]
    assert not other.durable.done()
    assert parts.spool.values == [b"1", b"2"]


async def test_what_waits_for_a_stalled_publisher_moves_to_the_spool(parts: Parts) -> None:
    writes = [parts.send(str(n)) for n in range(3)]
    parts.publisher.stall()
    assert [await outcome_of(write) for write in writes] == [DeliveryOutcome.SPOOLED] * 3
    assert parts.sent() == []
    assert [entry.state for entry in parts.spool.entries] == ["ready"] * 3


async def test_what_the_producer_may_have_written_is_in_both_until_it_is_acknowledged(
    parts: Parts,
) -> None:
    write = parts.send()
    sent = parts.unanswered()
    parts.publisher.stall()  # told again, it is kept once all the same
    assert [entry.state for entry in parts.spool.entries] == ["pending"]
    assert await outcome_of(write) is DeliveryOutcome.SPOOLED
    parts.publisher.ack(sent)
    assert parts.spool.records == 0


async def test_an_acknowledgement_before_the_disks_is_the_outcome(parts: Parts) -> None:
    parts.spool.slow = True
    write = parts.send()
    sent = parts.unanswered()
    (entry,) = parts.spool.entries
    parts.publisher.ack(sent)
    parts.spool.commit(entry)
    assert await outcome_of(write) is DeliveryOutcome.PUBLISHED
    assert parts.spool.records == 0


@pytest.mark.parametrize("error", [UnavailableError("no"), RejectedError(Reason.TOO_LARGE, "no")])
async def test_what_failed_and_is_spooled_is_drained_another_time(
    parts: Parts, error: UnavailableError | RejectedError
) -> None:
    write = parts.send()
    sent = parts.unanswered()
    parts.publisher.fail(sent, error)
    assert await outcome_of(write) is DeliveryOutcome.SPOOLED
    assert [entry.state for entry in parts.spool.entries] == ["ready"]


async def test_what_failed_for_now_is_spooled_and_for_ever_is_rejected(parts: Parts) -> None:
    later, never = parts.send(key="1"), parts.send(key="2")
    for_now, for_ever = parts.publisher.sent
    parts.publisher.fail(for_now, UnavailableError("no permission"))
    parts.publisher.fail(for_ever, RejectedError(Reason.TOO_LARGE, "no"))
    assert await outcome_of(later) is DeliveryOutcome.SPOOLED
    with pytest.raises(RejectedError):
        await outcome_of(never)


async def test_what_a_lost_producer_held_is_drained_where_it_is_spooled_and_sent_again_where_not(
    parts: Parts,
) -> None:
    spooled = parts.send("1", key="1")
    parts.unanswered()
    parts.send("2", key="2")
    assert [parts.publisher.make_indeterminate(one) for one in tuple(parts.publisher.sent)] == [True, False]
    assert await outcome_of(spooled) is DeliveryOutcome.SPOOLED
    assert [entry.state for entry in parts.spool.entries] == ["ready"]
    assert parts.sent() == [b"2"]


async def test_what_waits_for_kafka_is_spooled_before_what_comes_later_of_its_key(parts: Parts) -> None:
    first, other = parts.send("1"), parts.send("2", key="other")
    parts.publisher.accepting = False
    second = parts.send("3")
    assert parts.spool.values == [b"1", b"3"]
    assert [await outcome_of(write) for write in (first, second)] == [DeliveryOutcome.SPOOLED] * 2
    assert parts.sent() == [b"2"]
    assert not other.durable.done()


async def test_what_the_spool_refused_for_a_moment_is_there_before_what_comes_later(parts: Parts) -> None:
    parts.publisher.accepting, parts.spool.full = False, True
    first = parts.send("1")
    parts.spool.full = False
    second = parts.send("2")
    assert parts.spool.values == [b"1", b"2"]
    assert [await outcome_of(write) for write in (first, second)] == [DeliveryOutcome.SPOOLED] * 2


async def test_what_a_lost_producer_held_does_not_overtake_others_of_its_key_in_the_spool(
    parts: Parts,
) -> None:
    parts.send("1")
    parts.spool.full = True
    waits = parts.send("2")
    for sent in parts.publisher.sent:
        sent.in_producer = True
    parts.spool.full = False
    parts.publisher.sent[0].callbacks.on_stalled()
    first, second = tuple(parts.publisher.sent)
    assert parts.spool.values == [b"1"]
    assert parts.publisher.make_indeterminate(first)
    assert parts.publisher.make_indeterminate(second)
    assert parts.spool.values == [b"1", b"2"]
    assert await outcome_of(waits) is DeliveryOutcome.SPOOLED

    third = parts.send("3", key="3")
    parts.publisher.sent[0].in_producer = True
    parts.publisher.accepting = False
    parts.spool.append(make_record("t", "3"))
    parts.spool.full = True
    assert parts.publisher.make_indeterminate(parts.publisher.sent[0])
    with pytest.raises(UnavailableError):
        await outcome_of(third)


async def test_without_a_spool_it_waits_for_kafka_and_can_be_withdrawn(parts: Parts) -> None:
    parts.spool.full, parts.publisher.accepting = True, False
    waits, leaves = parts.send("1"), parts.send("2")
    parts.publisher.stall()
    assert parts.sent() == [b"1", b"2"]
    assert leaves.withdraw()
    assert not leaves.withdraw()
    with pytest.raises(UnavailableError):
        await outcome_of(leaves)
    parts.publisher.ack(parts.publisher.sent[0])
    assert await outcome_of(waits) is DeliveryOutcome.PUBLISHED


async def test_what_entered_the_producer_cannot_be_withdrawn(parts: Parts) -> None:
    write = parts.send()
    parts.publisher.sent[0].in_producer = True
    assert not write.withdraw()


async def test_where_nothing_accepts_it_it_fails_at_once(parts: Parts) -> None:
    parts.spool.full, parts.publisher.capacity = True, 0
    with pytest.raises(UnavailableError):
        await outcome_of(parts.send())


async def test_a_disk_that_fails_leaves_it_waiting_for_kafka(parts: Parts) -> None:
    parts.publisher.accepting, parts.spool.slow = False, True
    write = parts.send()
    parts.spool.fail(parts.spool.entries[0])
    await asyncio.sleep(0)
    assert parts.sent() == [b"v"]
    parts.publisher.ack(parts.publisher.sent[0])
    assert await outcome_of(write) is DeliveryOutcome.PUBLISHED


async def test_a_disk_that_fails_for_what_the_producer_has_changes_nothing(parts: Parts) -> None:
    parts.spool.slow = True
    write = parts.send()
    sent = parts.unanswered()
    parts.spool.fail(parts.spool.entries[0])
    await asyncio.sleep(0)
    assert parts.sent() == [b"v"]
    parts.publisher.ack(sent)
    assert await outcome_of(write) is DeliveryOutcome.PUBLISHED


async def test_a_disk_that_fails_after_kafkas_answer_does_not_matter(parts: Parts) -> None:
    parts.spool.slow = True
    write = parts.send()
    sent = parts.unanswered()
    (entry,) = parts.spool.entries
    parts.publisher.ack(sent)
    entry.resolve(UnavailableError("the disk"))
    assert await outcome_of(write) is DeliveryOutcome.PUBLISHED
    assert parts.sent() == []


async def test_behind_others_of_its_key_in_a_full_spool_nothing_overtakes(parts: Parts) -> None:
    parts.publisher.accepting = False
    first = parts.send("1")
    parts.spool.full = True
    with pytest.raises(UnavailableError):
        await outcome_of(parts.send("2"))
    assert await outcome_of(first) is DeliveryOutcome.SPOOLED
    assert parts.sent() == []


async def test_what_waits_for_kafka_fails_where_others_of_its_key_are_in_the_spool(parts: Parts) -> None:
    first, second = parts.send("1"), parts.send("2")
    (sent, _) = parts.publisher.sent
    sent.in_producer = True
    parts.spool.slow = True

    def one_only(record: Record, *, pending: bool = False) -> object:
        entry = append(record, pending=pending)
        parts.spool.full = True
        return entry

    append = parts.spool.append
    parts.spool.append = one_only  # type: ignore[method-assign, assignment] # there is room for one
    parts.publisher.stall()
    with pytest.raises(UnavailableError):
        await outcome_of(second)
    assert parts.sent() == [b"1"]
    parts.publisher.ack(sent)
    assert await outcome_of(first) is DeliveryOutcome.PUBLISHED


async def test_it_is_accepting_while_records_become_durable_at_once(parts: Parts) -> None:
    parts.publisher.accepting = False
    assert parts.writer.accepting
    parts.spool.full = True
    assert not parts.writer.accepting
