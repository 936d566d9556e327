"""From the spool to Kafka: all of it, in order, key by key, whatever Kafka does meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bridge.core.event import Record
from bridge.core.outcome import Reason, RejectedError, UnavailableError
from bridge.delivery.drain import Drain, DrainLimits
from bridge.observability.telemetry import Telemetry
from tests.delivery_contracts import make_record
from tests.delivery_fakes import FakePublisher, FakeSpool
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

LIMITS = DrainLimits(
    max_read_bytes=10, max_in_flight_bytes=1000, max_in_flight_records=8, pause_s=0.001, max_pause_s=0.002
)


class Parts:
    """A drain between its fakes; the letters it writes are marked."""

    def __init__(self, limits: DrainLimits = LIMITS) -> None:
        self.publisher = FakePublisher()
        self.spool = FakeSpool()
        self.telemetry = Telemetry()
        self.drain = Drain(self.publisher, self.spool, self._to_dead_letter, self.telemetry, limits)

    @staticmethod
    def _to_dead_letter(record: Record, rejected: RejectedError) -> Record | None:
        if record.topic == "dead":
            return None
        return make_record("dead", value=rejected.reason.encode() + b" " + record.value)

    def append(self, *values: str, key: str = "k", topic: str = "t") -> None:
        """Put records into the spool."""
        for value in values:
            self.spool.append(make_record(topic, key, value.encode()))

    def written(self) -> list[bytes]:
        """Give the values of what stands in Kafka."""
        return [record.value for record in self.publisher.written]


@pytest.fixture
async def parts() -> AsyncIterator[Parts]:
    """Give the parts, the drain at work."""
    given = Parts()
    given.drain.start()
    yield given
    await given.drain.stop()


async def wait_until_empty(parts: Parts) -> None:
    await eventually(lambda: not parts.spool.records, "the spool is empty")


async def test_all_that_waits_is_written_in_order_and_leaves(parts: Parts) -> None:
    parts.publisher.acks_at_once = True
    values = [f"{n:04d}" for n in range(200)]
    parts.append(*values)
    await wait_until_empty(parts)
    assert parts.written() == [value.encode() for value in values]
    assert b"vod_bridge_spool_drained_total 200.0" in parts.telemetry.render()


async def test_nothing_leaves_the_spool_before_kafka_has_it(parts: Parts) -> None:
    parts.append("1", "2")
    await eventually(lambda: len(parts.publisher.sent) == 2, "both are on their way")
    assert parts.spool.values == [b"1", b"2"]
    parts.publisher.ack(parts.publisher.sent[0])
    assert parts.spool.values == [b"2"]


async def test_while_kafka_takes_nothing_nothing_is_read(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = parts.spool.read

    async def counted(max_bytes: int, is_blocked: Callable[[str, int], bool]) -> Any:  # noqa: ANN401 - as the spool's
        reads.append(max_bytes)
        return await read(max_bytes, is_blocked)

    monkeypatch.setattr(parts.spool, "read", counted)
    parts.publisher.accepting = False
    parts.append("1")
    loop = asyncio.get_running_loop()
    until = loop.time() + 10
    await eventually(lambda: loop.time() > until, "a while passes")
    assert reads == []
    parts.publisher.acks_at_once = True
    parts.publisher.unblock()
    await wait_until_empty(parts)
    assert reads


async def test_a_topic_that_takes_nothing_holds_up_no_other(parts: Parts) -> None:
    parts.publisher.acks_at_once = True
    parts.append("1", topic="waiting")
    parts.append("2", "3")
    await eventually(lambda: parts.written() == [b"2", b"3"], "the others are written")
    assert parts.spool.values == [b"1"]
    parts.publisher.unblock("waiting")
    await wait_until_empty(parts)


async def test_only_so_much_is_in_flight_at_once(parts: Parts) -> None:
    parts.append(*(str(n) for n in range(40)))
    await eventually(lambda: len(parts.publisher.sent) >= 8, "as many as may are on their way")
    assert len(parts.publisher.sent) < 40
    parts.publisher.acks_at_once = True
    for sent in tuple(parts.publisher.sent):
        parts.publisher.ack(sent)
    await wait_until_empty(parts)
    assert parts.written() == [str(n).encode() for n in range(40)]


async def test_a_breaker_that_opens_while_it_drains_stops_it(parts: Parts) -> None:
    parts.append(*(str(n) for n in range(40)))
    await eventually(lambda: len(parts.publisher.sent) >= 8, "as many as may are on their way")
    parts.publisher.accepting = False
    parts.publisher.stall()
    for _ in range(10):
        await asyncio.sleep(0)
    assert parts.publisher.sent == []
    parts.publisher.acks_at_once = True
    parts.publisher.unblock()
    await wait_until_empty(parts)
    assert parts.written() == [str(n).encode() for n in range(40)]


async def test_where_the_send_buffer_is_full_the_rest_is_returned_in_order(parts: Parts) -> None:
    parts.publisher.capacity = 3
    parts.append(*(str(n) for n in range(10)))
    for n in range(10):
        await eventually(lambda: parts.publisher.sent, "one is on its way")
        assert parts.publisher.sent[0].record.value == str(n).encode()
        parts.publisher.ack(parts.publisher.sent[0])
    await wait_until_empty(parts)


@pytest.mark.parametrize("end", ["failed", "indeterminate", "stalled"])
async def test_what_was_not_written_is_drained_again_in_order(parts: Parts, end: str) -> None:
    parts.append("1", "2")
    await eventually(lambda: len(parts.publisher.sent) == 2, "both are on their way")
    parts.publisher.accepting = False
    for sent in tuple(parts.publisher.sent):
        if end == "failed":
            parts.publisher.fail(sent, UnavailableError("no permission"))
        elif end == "indeterminate":
            assert parts.publisher.make_indeterminate(sent)
        else:
            sent.callbacks.on_stalled()
    assert parts.publisher.sent == []
    parts.publisher.acks_at_once = True
    parts.publisher.unblock()
    await wait_until_empty(parts)
    assert parts.written() == [b"1", b"2"]


async def test_what_the_producer_may_have_written_is_left_to_it(parts: Parts) -> None:
    parts.append("1")
    await eventually(lambda: parts.publisher.sent, "it is on its way")
    (sent,) = parts.publisher.sent
    sent.in_producer = True
    parts.publisher.stall()
    assert parts.publisher.sent == [sent]
    parts.publisher.ack(sent)
    await wait_until_empty(parts)
    sent.callbacks.on_stalled()  # told too late
    assert parts.written() == [b"1"]


async def test_what_its_topic_refuses_for_its_size_becomes_a_dead_letter(parts: Parts) -> None:
    parts.append("huge", "next")
    await eventually(lambda: len(parts.publisher.sent) == 2, "both are on their way")
    huge, following = parts.publisher.sent
    parts.publisher.acks_at_once = True
    parts.publisher.fail(huge, RejectedError(Reason.TOO_LARGE, "no"))
    parts.publisher.ack(following)
    await wait_until_empty(parts)
    assert parts.written() == [b"next", b"too_large huge"]


async def test_a_dead_letter_that_kafka_does_not_accept_now_waits(parts: Parts) -> None:
    parts.append("huge")
    await eventually(lambda: parts.publisher.sent, "it is on its way")
    parts.publisher.blocked_topics.add("dead")
    parts.publisher.fail(parts.publisher.sent[0], RejectedError(Reason.TOO_LARGE, "no"))
    parts.append("next")
    await eventually(lambda: parts.publisher.sent, "the next one is on its way")
    parts.publisher.ack(parts.publisher.sent[0])
    assert parts.publisher.sent == []  # what was refused is not sent again as it was
    assert parts.spool.values == [b"huge"]
    parts.publisher.acks_at_once = True
    parts.publisher.unblock("dead")
    await wait_until_empty(parts)
    assert parts.written() == [b"next", b"too_large huge"]


async def test_a_dead_letter_that_no_topic_accepts_is_quarantined(parts: Parts) -> None:
    parts.append("huge", topic="dead")
    await eventually(lambda: parts.publisher.sent, "it is on its way")
    parts.publisher.fail(parts.publisher.sent[0], RejectedError(Reason.TOO_LARGE, "no topic"))
    assert [(record.value, why) for record, why in parts.spool.quarantined] == [(b"huge", "no topic")]
    await wait_until_empty(parts)


async def test_a_partition_that_recovers_during_a_read_does_not_let_the_later_pass_the_earlier(
    parts: Parts,
) -> None:
    parts.append("1", topic="waiting")
    parts.append("2")
    read = parts.spool.read

    async def opening(most_bytes: int, skip: object) -> object:
        found = await read(most_bytes, skip)  # type: ignore[arg-type] # handed on as it came
        if "waiting" in parts.publisher.blocked_topics:
            parts.publisher.acks_at_once = True
            parts.publisher.unblock("waiting")
        return found

    parts.spool.read = opening  # type: ignore[method-assign, assignment] # Kafka changes amid the read
    await wait_until_empty(parts)
    assert parts.written() == [b"1", b"2"]


async def test_a_stop_leaves_the_spool_whole_unless_it_is_to_empty_it() -> None:
    parts = Parts()
    parts.publisher.accepting = False
    parts.append("1", "2")
    parts.drain.start()
    await parts.drain.stop(5)
    assert parts.spool.values == [b"1", b"2"]

    parts = Parts()
    parts.publisher.acks_at_once = True
    parts.append("1", "2")
    parts.drain.start()
    await parts.drain.stop(5)
    assert parts.written() == [b"1", b"2"]


async def test_a_drain_that_never_began_stops() -> None:
    await Parts().drain.stop()
