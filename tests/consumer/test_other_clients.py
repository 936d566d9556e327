"""`decode` gives the same event whatever client of Kafka has read the record."""

import asyncio
import json
from collections.abc import Iterable

import pytest
from confluent_kafka import Consumer as ConfluentConsumer
from confluent_kafka import Message
from faststream.confluent import KafkaBroker
from faststream.confluent.annotations import KafkaMessage as FastStreamMessage

from bridge.consumer import TYPES, Event, UnreadableRecordError, decode, subscribe
from tests.consumer.records import ConsumerEnvironment, record_of, sample
from tests.rig.waiting import WITHIN_S


def _view(event: Event[object]) -> tuple[object, ...]:
    return (
        event.id,
        event.type,
        event.outcome,
        event.typed,
        event.payload,
        event.raw,
        event.headers,
        event.key,
    )


def _read_by_confluent(bootstrap: str, topics: list[str]) -> Iterable[Message]:
    consumer = ConfluentConsumer(
        {"bootstrap.servers": bootstrap, "group.id": "confluent", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(topics)
    try:
        for _ in topics:
            message = consumer.poll(WITHIN_S)
            assert message is not None
            assert message.error() is None
            yield message
    finally:
        consumer.close()


async def test_every_type_is_the_same_by_aiokafka_confluent_kafka_and_faststream(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create(*TYPES, partitions=1)
    bodies = [json.dumps(sample(name)).encode() for name in TYPES]
    await consumer_env.publish(record_of(body, consumer_env.routing) for body in bodies)
    topics = [f"{consumer_env.name}.{name}" for name in TYPES]
    expected: dict[str, tuple[object, ...]] = {}
    async with asyncio.timeout(WITHIN_S), subscribe(*TYPES, **consumer_env.options) as events:
        async for event in events:
            expected[event.type] = _view(event)
            if len(expected) == len(TYPES):
                break

    bootstrap = consumer_env.options["bootstrap_servers"]
    messages = await asyncio.to_thread(lambda: list(_read_by_confluent(bootstrap, topics)))
    by_confluent = [decode(message.value(), message.headers()) for message in messages]
    assert {event.type: _view(event) for event in by_confluent} == expected

    found: dict[str, tuple[object, ...]] = {}
    all_read = asyncio.Event()
    broker = KafkaBroker(bootstrap, logger=None)

    @broker.subscriber(*topics, group_id="faststream", auto_offset_reset="earliest")
    async def handle(_body: object, message: FastStreamMessage) -> None:
        event = decode(message.body, message.headers)
        found[event.type] = _view(event)
        if len(found) == len(TYPES):
            all_read.set()

    async with asyncio.timeout(WITHIN_S), broker:
        await broker.start()
        await all_read.wait()
    assert found == expected


def test_without_headers_the_type_is_read_from_the_value() -> None:
    record = record_of(json.dumps(sample("ClipComplete")).encode())
    assert decode(record.value).payload == decode(record.value, record.headers).payload


def test_unknown_fields_of_the_value_are_in_raw() -> None:
    record = record_of(json.dumps(sample("ClipComplete")).encode())
    value = json.loads(record.value) | {"of_a_later_version": 1}
    assert decode(json.dumps(value).encode()).raw == value


@pytest.mark.parametrize("value", [None, b"nonsense", b"{}"])
def test_what_is_no_event_is_refused_without_a_position(value: bytes | None) -> None:
    with pytest.raises(UnreadableRecordError, match=r"^no event: ") as caught:
        decode(value)
    assert caught.value.record is None
