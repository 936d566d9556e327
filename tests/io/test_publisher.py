"""The writer against a real Kafka: acknowledged, refused, paused, restarted, missing topics."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bridge.core.event import Record
from bridge.core.outcome import Reason, Rejected, Unavailable
from bridge.core.partition import partition_of
from bridge.io.publisher import Limits, Publisher
from bridge.io.publisher.lanes import Lanes
from bridge.telemetry import Telemetry
from tests.contracts import WriterContract
from tests.rig.consume import Consumed, read_all
from tests.rig.kafka import RealKafka
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


@pytest.fixture
async def topic(kafka: RealKafka) -> str:
    """Give a new topic of four partitions."""
    name = f"t-{uuid4().hex[:12]}"
    await kafka.create_topics([name])
    return name


@pytest.fixture
def telemetry() -> Telemetry:
    """Give what the publisher counts with."""
    return Telemetry()


@pytest.fixture
async def publisher(kafka: RealKafka, topic: str, telemetry: Telemetry) -> AsyncIterator[Publisher]:
    """Give a started publisher that has seen ``topic``."""
    publisher = Publisher(
        {"bootstrap_servers": kafka.bootstrap, "max_batch_size": 512 * 1024, "request_timeout_ms": 10_000},
        telemetry,
        Limits(slow_after=0.5),
    )
    publisher.start()
    await eventually(lambda: not publisher.missing([topic]), "the topic is listed")
    yield publisher
    await publisher.stop(5)


class TestContract(WriterContract):
    """The suite, on a real Kafka."""

    @pytest.fixture(autouse=True)
    async def _given(self, publisher: Publisher, topic: str) -> None:
        self.writer = publisher
        self.taking, self.waiting = topic, f"{topic}-missing"


def record(topic: str, key: str, value: bytes = b"{}") -> Record:
    return Record(topic=topic, key=key.encode(), value=value, headers=[("ce_id", key.encode())])


async def consumed(kafka: RealKafka, topic: str) -> list[Consumed]:
    return await read_all(kafka.bootstrap, [topic])


async def test_acknowledged_records_stand_on_their_keys_partition_in_order(
    kafka: RealKafka, topic: str, publisher: Publisher
) -> None:
    sent = [record(topic, f"k{n % 7}", b"%d" % n) for n in range(2_000)]
    tickets = [publisher.send(one) for one in sent]
    await asyncio.gather(*(ticket.acknowledged for ticket in tickets))
    found = await consumed(kafka, topic)
    assert len(found) == len(sent)
    for key in {one.key for one in sent}:
        assert [f.value for f in found if f.key == key] == [s.value for s in sent if s.key == key]
    assert all(f.partition == partition_of(f.key or b"", 4) for f in found)
    assert found[0].header("ce_id").startswith("k")


async def test_a_record_larger_than_a_batch_is_taken(
    kafka: RealKafka, topic: str, publisher: Publisher
) -> None:
    await kafka.create_topics([f"{topic}-wide"], configs={"max.message.bytes": str(16 * 1024 * 1024)})
    big = record(f"{topic}-wide", "k", b"x" * 6_000_000)
    await publisher.send(big).acknowledged
    assert [len(f.value or b"") for f in await consumed(kafka, f"{topic}-wide")] == [6_000_000]


async def test_one_record_too_large_among_good_ones_is_rejected_alone(
    kafka: RealKafka, publisher: Publisher
) -> None:
    narrow = f"narrow-{uuid4().hex[:12]}"
    await kafka.create_topics([narrow], partitions=1, configs={"max.message.bytes": "100000"})
    sizes = [1_000] * 150 + [200_000] + [1_000] * 150
    tickets = [publisher.send(record(narrow, f"k{n}", b"x" * size)) for n, size in enumerate(sizes)]
    endings = await asyncio.gather(*(t.acknowledged for t in tickets), return_exceptions=True)
    assert [n for n, ending in enumerate(endings) if ending is not None] == [150]
    assert isinstance(endings[150], Rejected)
    assert endings[150].reason is Reason.TOO_LARGE
    await publisher.send(record(narrow, "after")).acknowledged
    found = await consumed(kafka, narrow)
    assert [f.key for f in found] == [f"k{n}".encode() for n in range(301) if n != 150] + [b"after"]


async def test_what_waits_for_a_missing_topic_can_be_withdrawn_and_goes_out_when_it_appears(
    kafka: RealKafka, publisher: Publisher
) -> None:
    late = f"late-{uuid4().hex[:12]}"
    given_up, kept = publisher.send(record(late, "a")), publisher.send(record(late, "b"))
    assert publisher.missing([late]) == [late]
    assert given_up.withdraw()
    assert not given_up.withdraw()
    with pytest.raises(Unavailable):
        given_up.acknowledged.result()
    await kafka.create_topics([late])
    await kept.acknowledged
    assert [f.key for f in await consumed(kafka, late)] == [b"b"]


async def test_a_paused_kafka_is_waited_for_and_nothing_stands_twice(
    own_kafka: RealKafka, topic: str, publisher: Publisher
) -> None:
    await publisher.send(record(topic, "before")).acknowledged
    own_kafka.pause()
    inside = [publisher.send(record(topic, f"in{n}")) for n in range(50)]
    await eventually(lambda: not publisher.flowing, "the broker's silence is noticed")
    outside = [publisher.send(record(topic, f"out{n}")) for n in range(50)]
    assert not inside[0].withdraw()
    assert outside[0].withdraw()
    own_kafka.resume()
    await asyncio.gather(*(t.acknowledged for t in inside + outside[1:]))
    assert publisher.flowing
    keys = [f.key or b"" for f in await consumed(own_kafka, topic)]
    expected = ["before", *(f"in{n}" for n in range(50)), *(f"out{n}" for n in range(1, 50))]
    assert sorted(keys) == sorted(key.encode() for key in expected)


async def test_a_restarted_kafka_is_used_again(
    own_kafka: RealKafka, topic: str, publisher: Publisher
) -> None:
    own_kafka.stop()
    ticket = publisher.send(record(topic, "k"))
    await eventually(lambda: not publisher.flowing, "Kafka is noticed to be gone")
    own_kafka.start()
    await asyncio.wait_for(ticket.acknowledged, 30)
    assert publisher.flowing
    assert [f.key for f in await consumed(own_kafka, topic)] == [b"k"]


async def test_a_topic_that_never_answers_does_not_hold_up_the_others(
    kafka: RealKafka, topic: str, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, send_batch = f"{topic}-stuck", AIOKafkaProducer.send_batch
    await kafka.create_topics([stuck], partitions=1)
    loop = asyncio.get_running_loop()
    entered: list[float] = []

    async def sent(producer: AIOKafkaProducer, batch: object, name: str, *, partition: int) -> object:
        if name == stuck:  # as where replicas are lacking: tried again for as long as that lasts
            entered.append(loop.time())
            return loop.create_future()
        return await send_batch(producer, batch, name, partition=partition)

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", sent)
    never = publisher.send(record(stuck, "k"))
    await eventually(lambda: entered and loop.time() > entered[0] + 1, "nothing is answered for a while")
    for n in range(3):
        await asyncio.wait_for(publisher.send(record(topic, f"k{n}")).acknowledged, 3)
    assert publisher.flowing
    assert not never.acknowledged.done()
    assert not never.withdraw()


async def test_a_refusal_while_a_producer_is_let_go_of_costs_no_second_one(
    kafka: RealKafka, topic: str, telemetry: Telemetry, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, send_batch = AIOKafkaProducer.stop, AIOKafkaProducer.send_batch
    answers: dict[str, asyncio.Future[None]] = {}

    async def sent(producer: AIOKafkaProducer, batch: object, name: str, *, partition: int) -> object:
        if name in answers:
            return await send_batch(producer, batch, name, partition=partition)
        answers[name] = asyncio.get_running_loop().create_future()
        return answers[name]

    async def stopped(producer: AIOKafkaProducer) -> None:
        if not (late := answers[f"{topic}-late"]).done():
            late.set_exception(KafkaError())
        await stop(producer)

    await kafka.create_topics([f"{topic}-late"], partitions=1)
    monkeypatch.setattr(AIOKafkaProducer, "send_batch", sent)
    monkeypatch.setattr(AIOKafkaProducer, "stop", stopped)
    tickets = [publisher.send(record(name, "k")) for name in (topic, f"{topic}-late")]
    await eventually(lambda: len(answers) == len(tickets), "both are under way")
    answers[topic].set_exception(KafkaError())
    await asyncio.gather(*(ticket.acknowledged for ticket in tickets))
    assert b"bridge_kafka_producer_replaced_total 1.0" in telemetry.exposition()


async def test_bytes_in_flight_are_bounded_and_given_back(kafka: RealKafka) -> None:
    publisher = Publisher({"bootstrap_servers": kafka.bootstrap}, Telemetry(), Limits(in_flight_bytes=10_000))
    ticket = publisher.send(record("nowhere", "k", b"x" * 8_000))
    with pytest.raises(Unavailable):
        publisher.send(record("nowhere", "k", b"x" * 8_000))
    assert ticket.withdraw()
    assert publisher.send(record("nowhere", "k", b"x" * 8_000))


async def test_what_waits_for_a_topic_that_is_gone_waits_for_its_return() -> None:
    lanes = Lanes(10_000, on_answer=lambda: None, on_failure=lambda: None)
    lanes.learn({"t": 4})
    first = lanes.send(record("t", "a"))
    lanes.learn({})
    second = lanes.send(record("t", "a"))
    assert list(lanes.homeless["t"]) == [first, second]
    lanes.hungry.clear()
    lanes.learn({"t": 1})
    assert lanes.hungry.is_set()
    assert not lanes.homeless
    assert first.withdraw()
    assert second.withdraw()


async def test_a_kafka_that_is_away_does_not_hold_up_the_start_or_the_stop() -> None:
    publisher = Publisher({"bootstrap_servers": "127.0.0.1:1"}, Telemetry(), Limits())
    publisher.start()
    ticket = publisher.send(record("t", "k"))
    assert not publisher.flowing
    assert not publisher.listed
    await publisher.stop(1)
    assert ticket.withdraw()
