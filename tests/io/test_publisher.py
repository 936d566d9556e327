"""The writer against a real Kafka: acknowledged, refused, paused, restarted, missing topics."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bridge.core.outcome import Ending, Reason, Rejected, Unavailable
from bridge.core.partition import murmur2, partition_of
from bridge.io.publisher import Limits, Publisher
from bridge.keeping import Keeper
from bridge.telemetry import Telemetry
from tests.io.publishing import Holes, consumed, record
from tests.keeping_contracts import ProducerContract, WriterContract
from tests.keeping_fakes import FakeStore
from tests.rig.kafka import RealKafka
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio


class TestProducer(ProducerContract):
    """The producer's suite, on a real Kafka."""

    @pytest.fixture(autouse=True)
    async def _given(self, publisher: Publisher, topic: str) -> None:
        self.producer = publisher
        self.taking, self.waiting = topic, f"{topic}-missing"


class TestWriter(WriterContract):
    """The writer's suite, on a real Kafka."""

    @pytest.fixture(autouse=True)
    async def _given(self, writer: Keeper, topic: str) -> None:
        self.writer = writer
        self.taking, self.waiting = topic, f"{topic}-missing"


async def test_acknowledged_records_stand_on_their_keys_partition_in_order(
    kafka: RealKafka, topic: str, writer: Keeper
) -> None:
    sent = [record(topic, f"k{n % 7}", b"%d" % n) for n in range(2_000)]
    tickets = [writer.send(one) for one in sent]
    await asyncio.gather(*(ticket.durable for ticket in tickets))
    found = await consumed(kafka, topic)
    assert len(found) == len(sent)
    for key in {one.key for one in sent}:
        assert [f.value for f in found if f.key == key] == [s.value for s in sent if s.key == key]
    assert all(f.partition == partition_of(murmur2(f.key or b""), 4) for f in found)
    assert found[0].header("ce_id").startswith("k")


async def test_a_record_larger_than_a_batch_is_taken(kafka: RealKafka, topic: str, writer: Keeper) -> None:
    await kafka.create_topics([f"{topic}-wide"], configs={"max.message.bytes": str(16 * 1024 * 1024)})
    big = record(f"{topic}-wide", "k", b"x" * 6_000_000)
    await writer.send(big).durable
    assert [len(f.value or b"") for f in await consumed(kafka, f"{topic}-wide")] == [6_000_000]


async def test_one_record_too_large_among_good_ones_is_rejected_alone(
    kafka: RealKafka, writer: Keeper
) -> None:
    narrow = f"narrow-{uuid4().hex[:12]}"
    await kafka.create_topics([narrow], partitions=1, configs={"max.message.bytes": "100000"})
    sizes = [1_000] * 150 + [200_000] + [1_000] * 150
    tickets = [writer.send(record(narrow, f"k{n}", b"x" * size)) for n, size in enumerate(sizes)]
    endings = await asyncio.gather(*(t.durable for t in tickets), return_exceptions=True)
    assert [n for n, ending in enumerate(endings) if ending is not Ending.PUBLISHED] == [150]
    assert isinstance(endings[150], Rejected)
    assert endings[150].reason is Reason.TOO_LARGE
    await writer.send(record(narrow, "after")).durable
    found = await consumed(kafka, narrow)
    assert [f.key for f in found] == [f"k{n}".encode() for n in range(301) if n != 150] + [b"after"]


async def test_what_waits_for_a_missing_topic_can_be_withdrawn_and_goes_out_when_it_appears(
    kafka: RealKafka, publisher: Publisher, writer: Keeper
) -> None:
    late = f"late-{uuid4().hex[:12]}"
    given_up, kept = writer.send(record(late, "a")), writer.send(record(late, "b"))
    assert publisher.missing([late]) == [late]
    assert given_up.withdraw()
    assert not given_up.withdraw()
    with pytest.raises(Unavailable):
        given_up.durable.result()
    await kafka.create_topics([late])
    await kept.durable
    assert [f.key for f in await consumed(kafka, late)] == [b"b"]


async def test_a_paused_kafka_is_waited_for_and_nothing_stands_twice(
    own_kafka: RealKafka, topic: str, publisher: Publisher, writer: Keeper
) -> None:
    await writer.send(record(topic, "before")).durable
    own_kafka.pause()
    inside = [writer.send(record(topic, f"in{n}")) for n in range(50)]
    await eventually(lambda: not publisher.flowing, "the broker's silence is noticed")
    outside = [writer.send(record(topic, f"out{n}")) for n in range(50)]
    assert not inside[0].withdraw()
    assert outside[0].withdraw()
    own_kafka.resume()
    await asyncio.gather(*(t.durable for t in inside + outside[1:]))
    assert publisher.flowing
    keys = [f.key or b"" for f in await consumed(own_kafka, topic)]
    expected = ["before", *(f"in{n}" for n in range(50)), *(f"out{n}" for n in range(1, 50))]
    assert sorted(keys) == sorted(key.encode() for key in expected)


async def test_a_restarted_kafka_is_used_again(
    own_kafka: RealKafka, topic: str, publisher: Publisher, writer: Keeper
) -> None:
    own_kafka.stop()
    ticket = writer.send(record(topic, "k"))
    await eventually(lambda: not publisher.flowing, "Kafka is noticed to be gone")
    own_kafka.start()
    await asyncio.wait_for(ticket.durable, WITHIN_S)
    assert publisher.flowing
    assert [f.key for f in await consumed(own_kafka, topic)] == [b"k"]


async def test_a_topic_that_never_answers_does_not_hold_up_the_others(
    kafka: RealKafka, topic: str, publisher: Publisher, writer: Keeper, holes: Holes
) -> None:
    stuck = f"{topic}-stuck"  # as where replicas are lacking: tried again for as long as that lasts
    holes.topics.add(stuck)
    await kafka.create_topics([stuck], partitions=1)
    loop = asyncio.get_running_loop()
    never = writer.send(record(stuck, "k"))
    await eventually(lambda: holes.held, "it is under way")
    entered_at = loop.time()
    await eventually(lambda: loop.time() > entered_at + 1, "nothing is answered for a while")
    for n in range(3):
        await asyncio.wait_for(writer.send(record(topic, f"k{n}")).durable, WITHIN_S)
    assert publisher.flowing
    assert not never.durable.done()
    assert not never.withdraw()


async def test_a_refusal_while_a_producer_is_let_go_of_costs_no_second_one(
    kafka: RealKafka, topic: str, telemetry: Telemetry, writer: Keeper, holes: Holes
) -> None:
    stop, late = AIOKafkaProducer.stop, f"{topic}-late"

    async def stopped(producer: AIOKafkaProducer) -> None:
        if late in holes.held:
            holes.end(late, KafkaError())
        await stop(producer)

    await kafka.create_topics([late], partitions=1)
    holes.topics |= {topic, late}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AIOKafkaProducer, "stop", stopped)
        tickets = [writer.send(record(name, "k")) for name in (topic, late)]
        await eventually(lambda: len(holes.held) == len(tickets), "both are under way")
        holes.topics.clear()
        holes.end(topic, KafkaError())
        await asyncio.gather(*(ticket.durable for ticket in tickets))
    assert b"bridge_kafka_producer_replaced_total 1.0" in telemetry.exposition()


async def test_batches_are_compressed_where_that_is_wanted(kafka: RealKafka, topic: str, way: str) -> None:
    options = {"bootstrap_servers": kafka.bootstrap, "compression_type": "gzip"}
    publisher = Publisher(options, Telemetry(), Limits())
    publisher.start()
    await eventually(lambda: not publisher.missing([topic]), "the topic is listed")
    writer = Keeper(publisher, FakeStore(full=True))
    values = [b"%d" % n * 2_000 for n in range(9)]
    await asyncio.gather(*(writer.send(record(topic, "k", value)).durable for value in values))
    await publisher.stop(5)
    assert [found.value for found in await consumed(kafka, topic)] == values, way


async def test_bytes_in_flight_are_bounded_and_given_back(kafka: RealKafka) -> None:
    publisher = Publisher({"bootstrap_servers": kafka.bootstrap}, Telemetry(), Limits(in_flight_bytes=10_000))
    writer = Keeper(publisher, FakeStore(full=True))
    ticket = writer.send(record("nowhere", "k", b"x" * 8_000))
    with pytest.raises(Unavailable):
        await writer.send(record("nowhere", "k", b"x" * 8_000)).durable
    assert ticket.withdraw()
    await asyncio.sleep(0)  # in the turn in which one failed, others of its key fail with it
    assert not writer.send(record("nowhere", "k", b"x" * 8_000)).durable.done()


async def test_a_kafka_that_is_away_does_not_hold_up_the_start_or_the_stop() -> None:
    publisher = Publisher({"bootstrap_servers": "127.0.0.1:1"}, Telemetry(), Limits())
    publisher.start()
    ticket = Keeper(publisher, FakeStore(full=True)).send(record("t", "k"))
    assert not publisher.flowing
    assert not publisher.listed
    await publisher.stop(1)
    assert ticket.withdraw()
