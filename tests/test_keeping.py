"""Where a record becomes durable: Kafka, the spool, both or neither."""

import asyncio

import pytest

from bridge.core.event import Record
from bridge.core.outcome import Ending, Reason, Rejected, Unavailable
from bridge.keeping import Keeper, Passage
from tests.keeping_contracts import written_to
from tests.keeping_fakes import FakeProducer, FakeSent, FakeStore
from tests.rig.waiting import WITHIN_S

pytestmark = pytest.mark.asyncio


class Parts:
    """A keeper and the fakes on both of its sides."""

    def __init__(self) -> None:
        self.producer = FakeProducer()
        self.store = FakeStore()
        self.keeper = Keeper(self.producer, self.store)

    def send(self, value: str = "v", key: str = "k", topic: str = "t") -> Passage:
        """Send a record."""
        return self.keeper.send(written_to(topic, key, value.encode()))

    def unanswered(self) -> FakeSent:
        """Let the one record on its way be in the producer, and nothing be heard of it."""
        (sent,) = self.producer.sent
        sent.entered = True
        self.producer.stick()
        return sent

    def sent(self) -> list[bytes]:
        """Give the values of what is in the producer."""
        return [sent.record.value for sent in self.producer.sent]


@pytest.fixture
async def parts() -> Parts:
    """Give the parts."""
    return Parts()


async def ending(passage: Passage) -> Ending:
    return await asyncio.wait_for(passage.durable, WITHIN_S)


async def test_what_kafka_takes_is_published_and_never_touches_the_disk(parts: Parts) -> None:
    passage = parts.send()
    parts.producer.write(parts.producer.sent[0])
    assert await ending(passage) is Ending.PUBLISHED
    assert parts.store.records == 0
    assert not passage.withdraw()


async def test_what_kafka_does_not_take_is_spooled_once_it_is_on_the_disk(parts: Parts) -> None:
    parts.producer.flowing, parts.store.slow = False, True
    passage = parts.send()
    await asyncio.sleep(0)
    assert not passage.durable.done()
    assert not passage.withdraw()
    parts.store.commit(parts.store.entries[0])
    assert await ending(passage) is Ending.SPOOLED
    assert parts.sent() == []


async def test_a_missing_topic_spools_its_own_records_only(parts: Parts) -> None:
    waiting, other = parts.send(topic="waiting"), parts.send()
    assert await ending(waiting) is Ending.SPOOLED
    parts.producer.write(parts.producer.sent[0])
    assert await ending(other) is Ending.PUBLISHED


async def test_what_comes_behind_others_of_its_key_in_the_spool_queues_there(parts: Parts) -> None:
    parts.producer.flowing = False
    first = parts.send("1")
    parts.producer.flowing = True
    assert await ending(first) is Ending.SPOOLED
    assert await ending(parts.send("2")) is Ending.SPOOLED
    other = parts.send("3", key="other")
    assert parts.sent() == [b"3"]
    assert not other.durable.done()
    assert parts.store.values == [b"1", b"2"]


async def test_what_waits_for_a_producer_that_is_stuck_moves_to_the_spool(parts: Parts) -> None:
    passages = [parts.send(str(n)) for n in range(3)]
    parts.producer.stick()
    assert [await ending(passage) for passage in passages] == [Ending.SPOOLED] * 3
    assert parts.sent() == []
    assert [entry.state for entry in parts.store.entries] == ["ready"] * 3


async def test_what_the_producer_may_have_written_is_kept_in_both_places_until_it_answers(
    parts: Parts,
) -> None:
    passage = parts.send()
    sent = parts.unanswered()
    parts.producer.stick()  # told again, it is kept once all the same
    assert [entry.state for entry in parts.store.entries] == ["pending"]
    assert await ending(passage) is Ending.SPOOLED
    parts.producer.write(sent)
    assert parts.store.records == 0


async def test_an_answer_that_comes_before_the_disks_is_the_ending(parts: Parts) -> None:
    parts.store.slow = True
    passage = parts.send()
    sent = parts.unanswered()
    (entry,) = parts.store.entries
    parts.producer.write(sent)
    parts.store.commit(entry)
    assert await ending(passage) is Ending.PUBLISHED
    assert parts.store.records == 0


@pytest.mark.parametrize("error", [Unavailable("no"), Rejected(Reason.TOO_LARGE, "no")])
async def test_what_is_refused_and_spooled_is_drained_another_time(
    parts: Parts, error: Unavailable | Rejected
) -> None:
    passage = parts.send()
    sent = parts.unanswered()
    parts.producer.refuse(sent, error)
    assert await ending(passage) is Ending.SPOOLED
    assert [entry.state for entry in parts.store.entries] == ["ready"]


async def test_what_is_refused_for_now_is_spooled_and_for_ever_is_rejected(parts: Parts) -> None:
    later, never = parts.send(key="1"), parts.send(key="2")
    for_now, for_ever = parts.producer.sent
    parts.producer.refuse(for_now, Unavailable("no permission"))
    parts.producer.refuse(for_ever, Rejected(Reason.TOO_LARGE, "no"))
    assert await ending(later) is Ending.SPOOLED
    with pytest.raises(Rejected):
        await ending(never)


async def test_what_a_lost_producer_held_is_drained_where_it_is_spooled_and_sent_again_where_not(
    parts: Parts,
) -> None:
    spooled = parts.send("1", key="1")
    parts.unanswered()
    parts.send("2", key="2")
    assert [parts.producer.lose(one) for one in tuple(parts.producer.sent)] == [True, False]
    assert await ending(spooled) is Ending.SPOOLED
    assert [entry.state for entry in parts.store.entries] == ["ready"]
    assert parts.sent() == [b"2"]


async def test_what_waits_for_kafka_is_spooled_before_what_comes_later_of_its_key(parts: Parts) -> None:
    first, other = parts.send("1"), parts.send("2", key="other")
    parts.producer.flowing = False
    second = parts.send("3")
    assert parts.store.values == [b"1", b"3"]
    assert [await ending(passage) for passage in (first, second)] == [Ending.SPOOLED] * 2
    assert parts.sent() == [b"2"]
    assert not other.durable.done()


async def test_what_the_spool_refused_for_a_moment_is_there_before_what_comes_later(parts: Parts) -> None:
    parts.producer.flowing, parts.store.full = False, True
    first = parts.send("1")
    parts.store.full = False
    second = parts.send("2")
    assert parts.store.values == [b"1", b"2"]
    assert [await ending(passage) for passage in (first, second)] == [Ending.SPOOLED] * 2


async def test_what_a_lost_producer_held_does_not_overtake_others_of_its_key_in_the_spool(
    parts: Parts,
) -> None:
    parts.send("1")
    parts.store.full = True
    waits = parts.send("2")
    for sent in parts.producer.sent:
        sent.entered = True
    parts.store.full = False
    parts.producer.sent[0].owner.stuck()
    first, second = tuple(parts.producer.sent)
    assert parts.store.values == [b"1"]
    assert parts.producer.lose(first)
    assert parts.producer.lose(second)
    assert parts.store.values == [b"1", b"2"]
    assert await ending(waits) is Ending.SPOOLED

    third = parts.send("3", key="3")
    parts.producer.sent[0].entered = True
    parts.producer.flowing = False
    parts.store.put(written_to("t", "3"))
    parts.store.full = True
    assert parts.producer.lose(parts.producer.sent[0])
    with pytest.raises(Unavailable):
        await ending(third)


async def test_without_a_spool_it_waits_for_kafka_and_can_be_withdrawn(parts: Parts) -> None:
    parts.store.full, parts.producer.flowing = True, False
    waits, leaves = parts.send("1"), parts.send("2")
    parts.producer.stick()
    assert parts.sent() == [b"1", b"2"]
    assert leaves.withdraw()
    assert not leaves.withdraw()
    with pytest.raises(Unavailable):
        await ending(leaves)
    parts.producer.write(parts.producer.sent[0])
    assert await ending(waits) is Ending.PUBLISHED


async def test_what_entered_the_producer_cannot_be_withdrawn(parts: Parts) -> None:
    passage = parts.send()
    parts.producer.sent[0].entered = True
    assert not passage.withdraw()


async def test_where_nothing_takes_it_that_is_said_at_once(parts: Parts) -> None:
    parts.store.full, parts.producer.room = True, 0
    with pytest.raises(Unavailable):
        await ending(parts.send())


async def test_a_disk_that_fails_leaves_it_waiting_for_kafka(parts: Parts) -> None:
    parts.producer.flowing, parts.store.slow = False, True
    passage = parts.send()
    parts.store.fail(parts.store.entries[0])
    await asyncio.sleep(0)
    assert parts.sent() == [b"v"]
    parts.producer.write(parts.producer.sent[0])
    assert await ending(passage) is Ending.PUBLISHED


async def test_a_disk_that_fails_for_what_the_producer_has_changes_nothing(parts: Parts) -> None:
    parts.store.slow = True
    passage = parts.send()
    sent = parts.unanswered()
    parts.store.fail(parts.store.entries[0])
    await asyncio.sleep(0)
    assert parts.sent() == [b"v"]
    parts.producer.write(sent)
    assert await ending(passage) is Ending.PUBLISHED


async def test_a_disk_that_fails_after_kafkas_answer_does_not_matter(parts: Parts) -> None:
    parts.store.slow = True
    passage = parts.send()
    sent = parts.unanswered()
    (entry,) = parts.store.entries
    parts.producer.write(sent)
    entry.settle(Unavailable("the disk"))
    assert await ending(passage) is Ending.PUBLISHED
    assert parts.sent() == []


async def test_behind_others_of_its_key_in_a_full_spool_nothing_overtakes(parts: Parts) -> None:
    parts.producer.flowing = False
    first = parts.send("1")
    parts.store.full = True
    with pytest.raises(Unavailable):
        await ending(parts.send("2"))
    assert await ending(first) is Ending.SPOOLED
    assert parts.sent() == []


async def test_what_waits_in_the_producer_gives_way_to_others_of_its_key_in_the_spool(parts: Parts) -> None:
    first, second = parts.send("1"), parts.send("2")
    (sent, _) = parts.producer.sent
    sent.entered = True
    parts.store.slow = True

    def one_only(record: Record, *, pending: bool = False) -> object:
        entry = put(record, pending=pending)
        parts.store.full = True
        return entry

    put = parts.store.put
    parts.store.put = one_only  # type: ignore[method-assign, assignment] # there is room for one
    parts.producer.stick()
    with pytest.raises(Unavailable):
        await ending(second)
    assert parts.sent() == [b"1"]
    parts.producer.write(sent)
    assert await ending(first) is Ending.PUBLISHED


async def test_it_says_whether_records_become_durable_at_once(parts: Parts) -> None:
    parts.producer.flowing = False
    assert parts.keeper.flowing
    parts.store.full = True
    assert not parts.keeper.flowing
