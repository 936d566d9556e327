"""A producer that cannot reach Kafka any more is replaced by one that can, and nothing else costs one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest
from msgspec.structs import replace

from bridge.aiokafka_internals import install_reset_safe_connections
from bridge.core.outcome import DeliveryOutcome
from bridge.delivery.durable_writer import DurableWriter
from bridge.embedded import embedded_kafka
from bridge.io.kafka.limits import PublisherLimits
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.observability.telemetry import Telemetry
from tests.delivery_fakes import FakeSpool
from tests.io.kafka_helpers import StalledTopics, consumed, record
from tests.rig.consume import read_all
from tests.rig.kafka import RealKafka
from tests.rig.proxy import Proxy
from tests.rig.waiting import WITHIN_S, eventually

# The same as in production, at a third of its pace.
FAST_LIMITS = PublisherLimits(
    ack_timeout_s=0.7,
    stalled_after_s=3.0,
    replace_grace_s=3.0,
    fresh_probe_interval_s=0.7,
    idle_probe_after_s=1.5,
)


@asynccontextmanager
async def running_publisher(
    bootstrap: str, topic: str, limits: PublisherLimits = FAST_LIMITS, **options: object
) -> AsyncIterator[tuple[KafkaPublisher, Telemetry]]:
    """Run a publisher that has listed ``topic``."""
    telemetry = Telemetry()
    publisher = KafkaPublisher(
        {"bootstrap_servers": bootstrap, "request_timeout_ms": 10_000} | options, telemetry, limits
    )
    publisher.start()
    try:
        await eventually(lambda: not publisher.missing_topics([topic]), "the topic is listed")
        yield publisher, telemetry
    finally:
        await publisher.stop(2)


def replacements(telemetry: Telemetry) -> int:
    samples = [sample for metric in telemetry.producer_replacements.collect() for sample in metric.samples]
    return int(next(sample.value for sample in samples if sample.name.endswith("_total")))


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


@pytest.mark.services  # it takes as long as the limits of a real service
@pytest.mark.parametrize("holds", [True, False], ids=["with a record held", "with nothing held"])
async def test_a_bootstrap_address_that_leads_to_another_cluster_now_is_followed(*, holds: bool) -> None:
    topic = "vod.Moved"
    with embedded_kafka([topic]) as new:
        with embedded_kafka([topic]) as old:
            proxy = Proxy(port_of(old))
            proxy.__enter__()
            context = running_publisher(proxy.address, topic)
            publisher, telemetry = await context.__aenter__()
            writer = DurableWriter(publisher, FakeSpool(full=True))
            assert await writer.send(record(topic, "before")).durable is DeliveryOutcome.PUBLISHED
        try:
            proxy.retarget(port_of(new))
            held = writer.send(record(topic, "held")) if holds else None
            await eventually(lambda: not publisher.accepting, "it is known to be unavailable")
            await eventually(lambda: publisher.accepting, "it is found")
            after = writer.send(record(topic, "after"))
            for sent in filter(None, (held, after)):
                assert await asyncio.wait_for(sent.durable, WITHIN_S) is DeliveryOutcome.PUBLISHED
            assert replacements(telemetry) == 1
        finally:
            await context.__aexit__(None, None, None)
            proxy.__exit__(None, None, None)
        keys = {found.key for found in await read_all(new, [topic])}
        assert keys == ({b"held", b"after"} if holds else {b"after"})


async def test_brokers_that_all_got_new_addresses_are_found_behind_the_old_bootstrap_address(
    own_kafka: RealKafka,
) -> None:
    assert own_kafka.ours
    topic, kafka = f"t-{uuid4().hex[:8]}", RealKafka()
    await asyncio.to_thread(kafka.start)
    try:
        await kafka.create_topics([topic])
        with Proxy(port_of(kafka.bootstrap)) as proxy:
            async with running_publisher(proxy.address, topic) as (publisher, telemetry):
                writer = DurableWriter(publisher, FakeSpool(full=True))
                await writer.send(record(topic, "before")).durable
                await asyncio.to_thread(kafka.stop)
                held = [writer.send(record(topic, "held", b"%d" % n)) for n in range(20)]
                await asyncio.to_thread(kafka.move)
                proxy.retarget(port_of(kafka.bootstrap))
                for one in held:
                    assert await asyncio.wait_for(one.durable, WITHIN_S) is DeliveryOutcome.PUBLISHED
                assert replacements(telemetry) == 1
        found = [one.value for one in await consumed(kafka, topic) if one.key == b"held"]
        assert found == [b"%d" % n for n in range(20)]
    finally:
        kafka.remove()


async def _cancelled(producer: AIOKafkaProducer, task: "asyncio.Task[None]") -> None:
    assert producer
    task.cancel()


async def _failed(producer: AIOKafkaProducer, task: "asyncio.Task[None]") -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a bug of the library's")

    producer.client._metadata_update = fail  # noqa: SLF001 - there is no other way to kill them
    producer._sender._maybe_wait_for_pid = fail  # noqa: SLF001
    producer.client.force_metadata_update()
    producer._message_accumulator._waiter_future.set_result(None)  # noqa: SLF001
    await asyncio.wait([task], timeout=WITHIN_S)


@pytest.mark.parametrize("kill", [_cancelled, _failed], ids=["cancelled", "failed"])
@pytest.mark.parametrize("name", ["metadata", "sender"])
async def test_a_producer_whose_background_task_has_ended_is_replaced(
    kafka: RealKafka,
    topic: str,
    stalled_topics: StalledTopics,
    name: str,
    kill: Callable[..., Awaitable[None]],
) -> None:
    async with running_publisher(kafka.bootstrap, topic, PublisherLimits()) as (publisher, telemetry):
        producer = stalled_topics.senders[0].producer
        sender = producer._sender.sender_task  # noqa: SLF001
        await kill(producer, producer.client._sync_task if name == "metadata" else sender)  # noqa: SLF001
        await eventually(lambda: replacements(telemetry), "it is replaced")
        await DurableWriter(publisher, FakeSpool(full=True)).send(record(topic, "k")).durable
    assert [found.key for found in await consumed(kafka, topic)] == [b"k"]


async def test_a_connection_whose_reader_has_ended_costs_no_producer(
    kafka: RealKafka, topic: str, stalled_topics: StalledTopics
) -> None:
    patient = replace(FAST_LIMITS, replace_grace_s=WITHIN_S)
    running = running_publisher(kafka.bootstrap, topic, patient, request_timeout_ms=3_000)
    async with running as (publisher, telemetry):
        writer = DurableWriter(publisher, FakeSpool(full=True))
        await writer.send(record(topic, "before")).durable
        for connection in stalled_topics.senders[0].producer.client._conns.values():  # noqa: SLF001
            connection._read_task.cancel()  # noqa: SLF001
        await asyncio.wait_for(writer.send(record(topic, "after")).durable, WITHIN_S)
        assert not replacements(telemetry)
    assert sorted(found.key or b"" for found in await consumed(kafka, topic)) == [b"after", b"before"]


async def test_a_lost_metadata_task_of_a_version_that_is_not_known_is_found_by_a_fresh_client(
    own_kafka: RealKafka, topic: str, sender_name: str, stalled_topics: StalledTopics
) -> None:
    if sender_name != "batch_api":
        pytest.skip("this way knows the task")
    with own_kafka.open_proxy() as proxy:
        async with running_publisher(own_kafka.proxied, topic) as (publisher, telemetry):
            writer = DurableWriter(publisher, FakeSpool(full=True))
            await writer.send(record(topic, "before")).durable
            stalled_topics.senders[0].producer.client._sync_task.cancel()  # noqa: SLF001
            proxy.stall_responses()
            held = writer.send(record(topic, "held"))
            await eventually(lambda: not publisher.accepting, "nothing is heard")
            proxy.cut()
            proxy.resume()
            await asyncio.wait_for(held.durable, WITHIN_S)
            assert replacements(telemetry) == 1


def test_a_write_to_a_connection_that_was_just_reset_fails_as_the_library_expects_it(
    own_kafka: RealKafka,
) -> None:
    install_reset_safe_connections()

    async def write_until_broken(proxy: Proxy) -> None:
        connection = await create_conn("127.0.0.1", port_of(own_kafka.proxied))
        responses = []
        proxy.cut()
        with suppress(KafkaConnectionError):  # a RuntimeError under uvloop otherwise
            while True:
                responses.append(asyncio.ensure_future(connection.send(MetadataRequest([]))))
                await asyncio.sleep(0)
        await asyncio.gather(*responses, return_exceptions=True)

    async def resets() -> None:
        with own_kafka.open_proxy() as proxy:
            for _ in range(20):
                await asyncio.wait_for(write_until_broken(proxy), WITHIN_S)

    for new_loop in (uvloop.new_event_loop, asyncio.new_event_loop):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(resets())


def test_connections_that_are_reset_under_load_cost_no_producer_and_no_duplicate(
    own_kafka: RealKafka,
) -> None:
    topic = f"t-{uuid4().hex[:8]}"

    async def load(writer: DurableWriter, until: "asyncio.Future[None]") -> int:
        number, sent = 0, []
        while not until.done():
            sent += [writer.send(record(topic, f"k{n % 5}", b"%d" % n)) for n in range(number, number + 5)]
            number += 5
            await asyncio.sleep(0.005)
        for one in sent:
            assert await asyncio.wait_for(one.durable, WITHIN_S) is DeliveryOutcome.PUBLISHED
        return number

    async def play() -> None:
        await own_kafka.create_topics([topic])
        with own_kafka.open_proxy() as proxy:
            async with running_publisher(own_kafka.proxied, topic, PublisherLimits()) as (
                publisher,
                telemetry,
            ):
                writer = DurableWriter(publisher, FakeSpool(full=True))
                until = asyncio.get_running_loop().create_future()
                loading = asyncio.create_task(load(writer, until))
                for _ in range(40):
                    before = proxy.connections
                    await asyncio.to_thread(proxy.cut)
                    await eventually(lambda seen=before: proxy.connections > seen, "it is connected again")  # type: ignore[misc]
                until.set_result(None)
                number_sent = await loading
                assert not replacements(telemetry)
        found = await consumed(own_kafka, topic)
        assert len(found) == number_sent
        for key in {one.key for one in found}:
            numbers = [int(one.value) for one in found if one.key == key]
            assert numbers == sorted(numbers)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())


async def test_metadata_is_read_when_it_changes_and_not_in_between(
    kafka: RealKafka, topic: str, stalled_topics: StalledTopics
) -> None:
    async with running_publisher(kafka.bootstrap, topic, PublisherLimits()) as (publisher, _):
        client: AIOKafkaClient = stalled_topics.senders[0].producer.client
        reads, topics = 0, client.cluster.topics

        def counted(**options: bool) -> set[str]:
            nonlocal reads
            reads += 1
            found: set[str] = topics(**options)
            return found

        client.cluster.topics = counted
        loop = asyncio.get_running_loop()
        since = loop.time()
        await eventually(lambda: loop.time() > since + 0.5, "several ticks pass")
        assert reads == 0
        await client.force_metadata_update()
        await eventually(lambda: reads, "it is read")
        assert reads == 1
        with suppress(AttributeError):
            del client.cluster.topics
        await eventually(lambda: publisher.accepting, "it is used")
