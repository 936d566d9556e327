"""From the spool to Kafka: all of it, in order, key by key, whatever Kafka does meanwhile."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bridge.core.event import Record
from bridge.core.outcome import Reason, Rejected, Unavailable
from bridge.drain import Drain, Pace
from bridge.telemetry import Telemetry
from tests.keeping_contracts import written_to
from tests.keeping_fakes import FakeProducer, FakeStore
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

PACE = Pace(read_bytes=10, most_bytes=1000, most_records=8, rest_s=0.001, rest_max_s=0.002)


class Parts:
    """A drain between its fakes; the letters it writes are marked."""

    def __init__(self, pace: Pace = PACE) -> None:
        self.producer = FakeProducer()
        self.store = FakeStore()
        self.telemetry = Telemetry()
        self.drain = Drain(self.producer, self.store, self._buried, self.telemetry, pace)

    @staticmethod
    def _buried(record: Record, rejected: Rejected) -> Record | None:
        if record.topic == "dead":
            return None
        return written_to("dead", value=rejected.reason.encode() + b" " + record.value)

    def put(self, *values: str, key: str = "k", topic: str = "t") -> None:
        """Put records into the spool."""
        for value in values:
            self.store.put(written_to(topic, key, value.encode()))

    def written(self) -> list[bytes]:
        """Give the values of what stands in Kafka."""
        return [record.value for record in self.producer.written]


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    """Give the parts, the drain at work."""
    given = Parts()
    given.drain.start()
    yield given
    await given.drain.stop()


async def empty(parts: Parts) -> None:
    await eventually(lambda: not parts.store.records, "the spool is empty")


async def test_all_that_waits_is_written_in_order_and_leaves(parts: Parts) -> None:
    parts.producer.at_once = True
    values = [f"{n:04d}" for n in range(200)]
    parts.put(*values)
    await empty(parts)
    assert parts.written() == [value.encode() for value in values]
    assert b"bridge_spool_drained_total 200.0" in parts.telemetry.exposition()


async def test_nothing_leaves_the_spool_before_kafka_has_it(parts: Parts) -> None:
    parts.put("1", "2")
    await eventually(lambda: len(parts.producer.sent) == 2, "both are on their way")
    assert parts.store.values == [b"1", b"2"]
    parts.producer.write(parts.producer.sent[0])
    assert parts.store.values == [b"2"]


async def test_while_kafka_takes_nothing_nothing_is_read(parts: Parts) -> None:
    parts.producer.flowing = False
    parts.put("1")
    await eventually(lambda: True, "a while passes", every_s=0)
    assert parts.producer.sent == []
    parts.producer.at_once = True
    parts.producer.open()
    await empty(parts)


async def test_a_topic_that_takes_nothing_holds_up_no_other(parts: Parts) -> None:
    parts.producer.at_once = True
    parts.put("1", topic="waiting")
    parts.put("2", "3")
    await eventually(lambda: parts.written() == [b"2", b"3"], "the others are written")
    assert parts.store.values == [b"1"]
    parts.producer.open("waiting")
    await empty(parts)


async def test_only_so_much_is_on_its_way_at_once(parts: Parts) -> None:
    parts.put(*(str(n) for n in range(40)))
    await eventually(lambda: len(parts.producer.sent) >= 8, "as many as may are on their way")
    assert len(parts.producer.sent) < 40
    parts.producer.at_once = True
    for sent in tuple(parts.producer.sent):
        parts.producer.write(sent)
    await empty(parts)
    assert parts.written() == [str(n).encode() for n in range(40)]


async def test_a_breaker_that_opens_amid_the_way_back_stops_it(parts: Parts) -> None:
    parts.put(*(str(n) for n in range(40)))
    await eventually(lambda: len(parts.producer.sent) >= 8, "as many as may are on their way")
    parts.producer.flowing = False
    parts.producer.stick()
    for _ in range(10):
        await asyncio.sleep(0)
    assert parts.producer.sent == []
    parts.producer.at_once = True
    parts.producer.open()
    await empty(parts)
    assert parts.written() == [str(n).encode() for n in range(40)]


async def test_where_kafka_has_no_more_room_the_rest_goes_back_in_order(parts: Parts) -> None:
    parts.producer.room = 3
    parts.put(*(str(n) for n in range(10)))
    for n in range(10):
        await eventually(lambda: parts.producer.sent, "one is on its way")
        assert parts.producer.sent[0].record.value == str(n).encode()
        parts.producer.write(parts.producer.sent[0])
    await empty(parts)


@pytest.mark.parametrize("end", ["refused", "lost", "stuck"])
async def test_what_was_not_written_is_drained_again_in_its_place(parts: Parts, end: str) -> None:
    parts.put("1", "2")
    await eventually(lambda: len(parts.producer.sent) == 2, "both are on their way")
    parts.producer.flowing = False
    for sent in tuple(parts.producer.sent):
        if end == "refused":
            parts.producer.refuse(sent, Unavailable("no permission"))
        elif end == "lost":
            assert parts.producer.lose(sent)
        else:
            sent.owner.stuck()
    assert parts.producer.sent == []
    parts.producer.at_once = True
    parts.producer.open()
    await empty(parts)
    assert parts.written() == [b"1", b"2"]


async def test_what_the_producer_may_have_written_is_left_to_it(parts: Parts) -> None:
    parts.put("1")
    await eventually(lambda: parts.producer.sent, "it is on its way")
    (sent,) = parts.producer.sent
    sent.entered = True
    parts.producer.stick()
    assert parts.producer.sent == [sent]
    parts.producer.write(sent)
    await empty(parts)
    sent.owner.stuck()  # told too late
    assert parts.written() == [b"1"]


async def test_what_its_topic_refuses_for_its_size_becomes_a_dead_letter(parts: Parts) -> None:
    parts.put("huge", "next")
    await eventually(lambda: len(parts.producer.sent) == 2, "both are on their way")
    huge, following = parts.producer.sent
    parts.producer.at_once = True
    parts.producer.refuse(huge, Rejected(Reason.TOO_LARGE, "no"))
    parts.producer.write(following)
    await empty(parts)
    assert parts.written() == [b"next", b"too_large huge"]


async def test_a_letter_that_kafka_does_not_take_now_waits_its_turn(parts: Parts) -> None:
    parts.put("huge")
    await eventually(lambda: parts.producer.sent, "it is on its way")
    parts.producer.closed.add("dead")
    parts.producer.refuse(parts.producer.sent[0], Rejected(Reason.TOO_LARGE, "no"))
    parts.put("next")
    await eventually(lambda: parts.producer.sent, "the next one is on its way")
    parts.producer.write(parts.producer.sent[0])
    assert parts.producer.sent == []  # what was refused is not sent again as it was
    assert parts.store.values == [b"huge"]
    parts.producer.at_once = True
    parts.producer.open("dead")
    await empty(parts)
    assert parts.written() == [b"next", b"too_large huge"]


async def test_a_dead_letter_that_no_topic_takes_is_kept_for_a_person(parts: Parts) -> None:
    parts.put("huge", topic="dead")
    await eventually(lambda: parts.producer.sent, "it is on its way")
    parts.producer.refuse(parts.producer.sent[0], Rejected(Reason.TOO_LARGE, "no topic"))
    assert [(record.value, why) for record, why in parts.store.aside] == [(b"huge", "no topic")]
    await empty(parts)


async def test_a_lane_that_opens_while_is_read_does_not_let_the_later_pass_the_earlier(parts: Parts) -> None:
    parts.put("1", topic="waiting")
    parts.put("2")
    read = parts.store.read

    async def opening(most_bytes: int, skip: object) -> object:
        found = await read(most_bytes, skip)  # type: ignore[arg-type] # handed on as it came
        if "waiting" in parts.producer.closed:
            parts.producer.at_once = True
            parts.producer.open("waiting")
        return found

    parts.store.read = opening  # type: ignore[method-assign, assignment] # Kafka changes amid the read
    await empty(parts)
    assert parts.written() == [b"1", b"2"]


async def test_a_stop_leaves_the_spool_whole_unless_it_is_told_to_empty_it() -> None:
    parts = Parts()
    parts.producer.flowing = False
    parts.put("1", "2")
    parts.drain.start()
    await parts.drain.stop(5)
    assert parts.store.values == [b"1", b"2"]

    parts = Parts()
    parts.producer.at_once = True
    parts.put("1", "2")
    parts.drain.start()
    await parts.drain.stop(5)
    assert parts.written() == [b"1", b"2"]


async def test_a_drain_that_never_began_stops() -> None:
    await Parts().drain.stop()
