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

from bridge.aiokafka_internals import survive_resets
from bridge.core.outcome import Ending
from bridge.embedded import embedded_kafka
from bridge.io.publisher import Limits, Publisher
from bridge.keeping import Keeper
from bridge.telemetry import Telemetry
from tests.io.publishing import Holes, consumed, record
from tests.keeping_fakes import FakeStore
from tests.rig.consume import read_all
from tests.rig.kafka import RealKafka
from tests.rig.proxy import Proxy
from tests.rig.waiting import eventually

FOUND_WITHIN_S = 60.0
REPLACED_WITHIN_S = 15.0
# The same as in production, at a third of its pace.
SOON = Limits(slow_after=0.7, silent=3.0, grace=3.0, ask_fresh=0.7, idle=1.5)


@asynccontextmanager
async def publishing(
    bootstrap: str, topic: str, limits: Limits = SOON, **options: object
) -> AsyncIterator[tuple[Publisher, Telemetry]]:
    """Run a publisher that has listed ``topic``."""
    telemetry = Telemetry()
    publisher = Publisher(
        {"bootstrap_servers": bootstrap, "request_timeout_ms": 10_000} | options, telemetry, limits
    )
    publisher.start()
    try:
        await eventually(lambda: not publisher.missing([topic]), "the topic is listed", within_s=30)
        yield publisher, telemetry
    finally:
        await publisher.stop(2)


def replaced(telemetry: Telemetry) -> int:
    samples = [sample for metric in telemetry.producer_replaced.collect() for sample in metric.samples]
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
            here = publishing(proxy.address, topic)
            publisher, telemetry = await here.__aenter__()
            writer = Keeper(publisher, FakeStore(full=True))
            assert await writer.send(record(topic, "before")).durable is Ending.PUBLISHED
        try:
            proxy.lead_to(port_of(new))
            held = writer.send(record(topic, "held")) if holds else None
            await eventually(lambda: not publisher.flowing, "it is known to be unavailable", within_s=30)
            await eventually(lambda: publisher.flowing, "it is found", within_s=FOUND_WITHIN_S)
            after = writer.send(record(topic, "after"))
            for sent in filter(None, (held, after)):
                assert await asyncio.wait_for(sent.durable, 10) is Ending.PUBLISHED
            assert replaced(telemetry) == 1
        finally:
            await here.__aexit__(None, None, None)
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
            async with publishing(proxy.address, topic) as (publisher, telemetry):
                writer = Keeper(publisher, FakeStore(full=True))
                await writer.send(record(topic, "before")).durable
                await asyncio.to_thread(kafka.stop)
                held = [writer.send(record(topic, "held", b"%d" % n)) for n in range(20)]
                await asyncio.to_thread(kafka.move)
                proxy.lead_to(port_of(kafka.bootstrap))
                for one in held:
                    assert await asyncio.wait_for(one.durable, FOUND_WITHIN_S) is Ending.PUBLISHED
                assert replaced(telemetry) == 1
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
    await asyncio.wait([task], timeout=5)


@pytest.mark.parametrize("kill", [_cancelled, _failed], ids=["cancelled", "failed"])
@pytest.mark.parametrize("name", ["metadata", "sender"])
async def test_a_producer_whose_background_task_has_ended_is_replaced(
    kafka: RealKafka, topic: str, holes: Holes, name: str, kill: Callable[..., Awaitable[None]]
) -> None:
    async with publishing(kafka.bootstrap, topic, Limits()) as (publisher, telemetry):
        producer = holes.ways[0].producer
        sender = producer._sender.sender_task  # noqa: SLF001
        await kill(producer, producer.client._sync_task if name == "metadata" else sender)  # noqa: SLF001
        await eventually(lambda: replaced(telemetry), "it is replaced", within_s=REPLACED_WITHIN_S)
        await Keeper(publisher, FakeStore(full=True)).send(record(topic, "k")).durable
    assert [found.key for found in await consumed(kafka, topic)] == [b"k"]


async def test_a_connection_whose_reader_has_ended_costs_no_producer(
    kafka: RealKafka, topic: str, holes: Holes
) -> None:
    async with publishing(kafka.bootstrap, topic, request_timeout_ms=3_000) as (publisher, telemetry):
        writer = Keeper(publisher, FakeStore(full=True))
        await writer.send(record(topic, "before")).durable
        for connection in holes.ways[0].producer.client._conns.values():  # noqa: SLF001
            connection._read_task.cancel()  # noqa: SLF001
        await asyncio.wait_for(writer.send(record(topic, "after")).durable, REPLACED_WITHIN_S)
        assert not replaced(telemetry)
    assert sorted(found.key or b"" for found in await consumed(kafka, topic)) == [b"after", b"before"]


async def test_a_lost_metadata_task_of_a_version_that_is_not_known_is_found_by_a_fresh_client(
    own_kafka: RealKafka, topic: str, way: str, holes: Holes
) -> None:
    if way != "public":
        pytest.skip("this way knows the task")
    with own_kafka.open_proxy() as proxy:
        async with publishing(own_kafka.proxied, topic) as (publisher, telemetry):
            writer = Keeper(publisher, FakeStore(full=True))
            await writer.send(record(topic, "before")).durable
            holes.ways[0].producer.client._sync_task.cancel()  # noqa: SLF001
            proxy.stall_answers()
            held = writer.send(record(topic, "held"))
            await eventually(lambda: not publisher.flowing, "nothing is heard")
            proxy.cut()
            proxy.resume()
            await asyncio.wait_for(held.durable, FOUND_WITHIN_S)
            assert replaced(telemetry) == 1


def test_a_write_to_a_connection_that_was_just_reset_fails_as_the_library_expects_it(
    own_kafka: RealKafka,
) -> None:
    survive_resets()

    async def write_until_broken(proxy: Proxy) -> None:
        connection = await create_conn("127.0.0.1", port_of(own_kafka.proxied))
        answers = []
        proxy.cut()
        with suppress(KafkaConnectionError):  # a RuntimeError under uvloop otherwise
            while True:
                answers.append(asyncio.ensure_future(connection.send(MetadataRequest([]))))
                await asyncio.sleep(0)
        await asyncio.gather(*answers, return_exceptions=True)

    async def resets() -> None:
        with own_kafka.open_proxy() as proxy:
            for _ in range(20):
                await asyncio.wait_for(write_until_broken(proxy), 10)

    for new_loop in (uvloop.new_event_loop, asyncio.new_event_loop):
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(resets())


def test_connections_that_are_reset_under_load_cost_no_producer_and_nothing_stands_twice(
    own_kafka: RealKafka,
) -> None:
    topic = f"t-{uuid4().hex[:8]}"

    async def load(writer: Keeper, until: "asyncio.Future[None]") -> int:
        number, sent = 0, []
        while not until.done():
            sent += [writer.send(record(topic, f"k{n % 5}", b"%d" % n)) for n in range(number, number + 5)]
            number += 5
            await asyncio.sleep(0.005)
        for one in sent:
            assert await asyncio.wait_for(one.durable, 30) is Ending.PUBLISHED
        return number

    async def play() -> None:
        await own_kafka.create_topics([topic])
        with own_kafka.open_proxy() as proxy:
            async with publishing(own_kafka.proxied, topic, Limits()) as (publisher, telemetry):
                writer = Keeper(publisher, FakeStore(full=True))
                until = asyncio.get_running_loop().create_future()
                loading = asyncio.create_task(load(writer, until))
                for _ in range(40):
                    before = proxy.connections
                    await asyncio.to_thread(proxy.cut)
                    await eventually(lambda seen=before: proxy.connections > seen, "it is connected again")  # type: ignore[misc]
                until.set_result(None)
                many = await loading
                assert not replaced(telemetry)
        found = await consumed(own_kafka, topic)
        assert len(found) == many
        for key in {one.key for one in found}:
            numbers = [int(one.value) for one in found if one.key == key]
            assert numbers == sorted(numbers)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(play())


async def test_metadata_is_read_when_it_changes_and_not_in_between(
    kafka: RealKafka, topic: str, holes: Holes
) -> None:
    async with publishing(kafka.bootstrap, topic, Limits()) as (publisher, _):
        client: AIOKafkaClient = holes.ways[0].producer.client
        looks, topics = 0, client.cluster.topics

        def counted(**options: bool) -> set[str]:
            nonlocal looks
            looks += 1
            found: set[str] = topics(**options)
            return found

        client.cluster.topics = counted
        loop = asyncio.get_running_loop()
        since = loop.time()
        await eventually(lambda: loop.time() > since + 0.5, "several ticks pass")
        assert looks == 0
        await client.force_metadata_update()
        await eventually(lambda: looks, "it is read")
        assert looks == 1
        with suppress(AttributeError):
            del client.cluster.topics
        assert publisher.flowing
