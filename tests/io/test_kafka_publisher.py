"""The writer against a real Kafka: acknowledged, refused, paused, restarted, missing topics."""

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bridge.core.outcome import DeliveryOutcome, Reason, RejectedError, UnavailableError
from bridge.core.partition import murmur2, partition_for
from bridge.delivery.durable_writer import DurableWriter
from bridge.io.kafka.limits import PublisherLimits
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.observability.telemetry import Telemetry
from tests.delivery_contracts import PublisherContract, WriterContract
from tests.delivery_fakes import FakeSpool
from tests.io.kafka_helpers import StalledTopics, consumed, record
from tests.rig.kafka import RealKafka
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio


class TestPublisher(PublisherContract):
    """The producer's suite, on a real Kafka."""

    @pytest.fixture(autouse=True)
    async def _given(self, publisher: KafkaPublisher, topic: str) -> None:
        self.publisher = publisher
        self.taking, self.waiting = topic, f"{topic}-missing"


class TestWriter(WriterContract):
    """The writer's suite, on a real Kafka."""

    @pytest.fixture(autouse=True)
    async def _given(self, writer: DurableWriter, topic: str) -> None:
        self.writer = writer
        self.taking, self.waiting = topic, f"{topic}-missing"


async def test_acknowledged_records_are_on_their_keys_partition_in_order(
    kafka: RealKafka, topic: str, writer: DurableWriter
) -> None:
    sent = [record(topic, f"k{n % 7}", b"%d" % n) for n in range(2_000)]
    writes = [writer.send(one) for one in sent]
    await asyncio.gather(*(write.durable for write in writes))
    found = await consumed(kafka, topic)
    assert len(found) == len(sent)
    for key in {one.key for one in sent}:
        assert [f.value for f in found if f.key == key] == [s.value for s in sent if s.key == key]
    assert all(f.partition == partition_for(murmur2(f.key or b""), 4) for f in found)
    assert found[0].header("ce_id").startswith("k")


async def test_a_record_larger_than_a_batch_is_accepted(
    kafka: RealKafka, topic: str, writer: DurableWriter
) -> None:
    await kafka.create_topics([f"{topic}-wide"], configs={"max.message.bytes": str(16 * 1024 * 1024)})
    big = record(f"{topic}-wide", "k", b"x" * 6_000_000)
    await writer.send(big).durable
    assert [len(f.value or b"") for f in await consumed(kafka, f"{topic}-wide")] == [6_000_000]


async def test_one_record_too_large_among_good_ones_is_rejected_alone(
    kafka: RealKafka, writer: DurableWriter
) -> None:
    narrow = f"narrow-{uuid4().hex[:12]}"
    await kafka.create_topics([narrow], partitions=1, configs={"max.message.bytes": "100000"})
    sizes = [1_000] * 150 + [200_000] + [1_000] * 150
    writes = [writer.send(record(narrow, f"k{n}", b"x" * size)) for n, size in enumerate(sizes)]
    results = await asyncio.gather(*(t.durable for t in writes), return_exceptions=True)
    assert [n for n, result in enumerate(results) if result is not DeliveryOutcome.PUBLISHED] == [150]
    assert isinstance(results[150], RejectedError)
    assert results[150].reason is Reason.TOO_LARGE
    await writer.send(record(narrow, "after")).durable
    found = await consumed(kafka, narrow)
    assert [f.key for f in found] == [f"k{n}".encode() for n in range(301) if n != 150] + [b"after"]


async def test_what_waits_for_a_missing_topic_can_be_withdrawn_and_goes_out_when_it_appears(
    kafka: RealKafka, publisher: KafkaPublisher, writer: DurableWriter
) -> None:
    late = f"late-{uuid4().hex[:12]}"
    given_up, kept = writer.send(record(late, "a")), writer.send(record(late, "b"))
    assert publisher.missing_topics([late]) == [late]
    assert given_up.withdraw()
    assert not given_up.withdraw()
    with pytest.raises(UnavailableError):
        given_up.durable.result()
    await kafka.create_topics([late])
    await kept.durable
    assert [f.key for f in await consumed(kafka, late)] == [b"b"]


async def test_a_paused_kafka_is_waited_for_and_nothing_is_published_twice(
    own_kafka: RealKafka, topic: str, publisher: KafkaPublisher, writer: DurableWriter
) -> None:
    await writer.send(record(topic, "before")).durable
    own_kafka.pause()
    inside = [writer.send(record(topic, f"in{n}")) for n in range(50)]
    await eventually(lambda: not publisher.accepting, "the broker's silence is noticed")
    outside = [writer.send(record(topic, f"out{n}")) for n in range(50)]
    assert not inside[0].withdraw()
    assert outside[0].withdraw()
    own_kafka.resume()
    await asyncio.gather(*(t.durable for t in inside + outside[1:]))
    await eventually(lambda: publisher.accepting, "Kafka is used again")
    keys = [f.key or b"" for f in await consumed(own_kafka, topic)]
    expected = ["before", *(f"in{n}" for n in range(50)), *(f"out{n}" for n in range(1, 50))]
    assert sorted(keys) == sorted(key.encode() for key in expected)


async def test_a_restarted_kafka_is_used_again(
    own_kafka: RealKafka, topic: str, publisher: KafkaPublisher, writer: DurableWriter
) -> None:
    await asyncio.to_thread(own_kafka.stop)  # the publisher sees to its connections meanwhile
    write = writer.send(record(topic, "k"))
    await eventually(lambda: not publisher.accepting, "Kafka is noticed to be gone")
    await asyncio.to_thread(own_kafka.start)
    await asyncio.wait_for(write.durable, WITHIN_S)
    await eventually(lambda: publisher.accepting, "Kafka is used again")
    assert [f.key for f in await consumed(own_kafka, topic)] == [b"k"]


async def test_a_topic_that_never_answers_does_not_hold_up_the_others(
    kafka: RealKafka,
    topic: str,
    publisher: KafkaPublisher,
    writer: DurableWriter,
    stalled_topics: StalledTopics,
) -> None:
    stalled = f"{topic}-stuck"  # as where replicas are lacking: tried again for as long as that lasts
    stalled_topics.topics.add(stalled)
    await kafka.create_topics([stalled], partitions=1)
    loop = asyncio.get_running_loop()
    never = writer.send(record(stalled, "k"))
    await eventually(lambda: stalled_topics.stalled, "it is under way")
    entered_at = loop.time()
    await eventually(lambda: loop.time() > entered_at + 1, "nothing is answered for a while")
    for n in range(3):
        await asyncio.wait_for(writer.send(record(topic, f"k{n}")).durable, WITHIN_S)
    await eventually(lambda: publisher.accepting, "the others are taken")
    assert not never.durable.done()
    assert not never.withdraw()


async def test_a_failed_batch_while_a_producer_is_closed_costs_no_second_one(
    kafka: RealKafka, topic: str, telemetry: Telemetry, writer: DurableWriter, stalled_topics: StalledTopics
) -> None:
    stop, late = AIOKafkaProducer.stop, f"{topic}-late"

    async def stopped(producer: AIOKafkaProducer) -> None:
        if late in stalled_topics.stalled:
            stalled_topics.finish(late, KafkaError())
        await stop(producer)

    await kafka.create_topics([late], partitions=1)
    stalled_topics.topics |= {topic, late}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AIOKafkaProducer, "stop", stopped)
        writes = [writer.send(record(name, "k")) for name in (topic, late)]
        await eventually(lambda: len(stalled_topics.stalled) == len(writes), "both are under way")
        stalled_topics.topics.clear()
        stalled_topics.finish(topic, KafkaError())
        await asyncio.gather(*(write.durable for write in writes))
    assert b"vod_bridge_kafka_producer_replacements_total 1.0" in telemetry.render()


async def test_batches_are_compressed_where_that_is_wanted(
    kafka: RealKafka, topic: str, sender_name: str
) -> None:
    options = {"bootstrap_servers": kafka.bootstrap, "compression_type": "gzip"}
    publisher = KafkaPublisher(options, Telemetry(), PublisherLimits())
    publisher.start()
    await eventually(lambda: not publisher.missing_topics([topic]), "the topic is listed")
    writer = DurableWriter(publisher, FakeSpool(full=True))
    values = [b"%d" % n * 2_000 for n in range(9)]
    await asyncio.gather(*(writer.send(record(topic, "k", value)).durable for value in values))
    await publisher.stop(5)
    assert [found.value for found in await consumed(kafka, topic)] == values, sender_name


async def test_bytes_in_flight_are_bounded_and_released(kafka: RealKafka) -> None:
    publisher = KafkaPublisher(
        {"bootstrap_servers": kafka.bootstrap}, Telemetry(), PublisherLimits(max_in_flight_bytes=10_000)
    )
    writer = DurableWriter(publisher, FakeSpool(full=True))
    write = writer.send(record("nowhere", "k", b"x" * 8_000))
    with pytest.raises(UnavailableError):
        await writer.send(record("nowhere", "k", b"x" * 8_000)).durable
    assert write.withdraw()
    await asyncio.sleep(0)  # in the turn in which one failed, others of its key fail with it
    assert not writer.send(record("nowhere", "k", b"x" * 8_000)).durable.done()


async def test_an_unavailable_kafka_does_not_hold_up_the_start_or_the_stop() -> None:
    publisher = KafkaPublisher({"bootstrap_servers": "127.0.0.1:1"}, Telemetry(), PublisherLimits())
    publisher.start()
    write = DurableWriter(publisher, FakeSpool(full=True)).send(record("t", "k"))
    assert not publisher.accepting
    assert not publisher.metadata_loaded
    await publisher.stop(1)
    assert write.withdraw()
