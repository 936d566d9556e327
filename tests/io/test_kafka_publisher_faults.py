"""The publisher where a request goes wrong on its way: nothing is lost, nothing told twice, by either way."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiokafka
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, NotLeaderForPartitionError
from aiokafka.protocol.produce import ProduceRequest, ProduceResponse_v7

from bridge.delivery.durable_writer import DurableWriter
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.observability.telemetry import Telemetry
from tests.delivery_contracts import RecordingCallbacks
from tests.io.kafka_helpers import StalledTopics, consumed, record
from tests.rig.kafka import RealKafka
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio

SendRequest = Callable[..., Any]


class SendInterceptor:
    """The road to the broker: the first request to produce is given to ``accident`` instead of being sent."""

    def __init__(self, send: SendRequest) -> None:
        self.send = send
        self.on_produce: Callable[[SendRequest, AIOKafkaClient, int, ProduceRequest], Any] | None = None

    async def handle(self, client: AIOKafkaClient, node: int, request: object, **group: object) -> object:
        """Send a request."""
        on_produce = self.on_produce
        if on_produce is None or not isinstance(request, ProduceRequest):
            return await self.send(client, node, request, **group)
        self.on_produce = None
        return await on_produce(self.send, client, node, request)


@pytest.fixture
def interceptor(monkeypatch: pytest.MonkeyPatch) -> SendInterceptor:
    """Give the road on which every producer sends."""
    interceptor = SendInterceptor(AIOKafkaClient.send)

    async def send(client: AIOKafkaClient, node: int, request: object, **group: object) -> object:
        return await interceptor.handle(client, node, request, **group)

    monkeypatch.setattr(AIOKafkaClient, "send", send)
    return interceptor


async def _publish_all(publisher: KafkaPublisher, topic: str, keys: str) -> list[RecordingCallbacks]:
    all_callbacks = [RecordingCallbacks() for _ in keys]
    for key, callbacks in zip(keys, all_callbacks, strict=True):
        publisher.send(record(topic, key), callbacks)
    await asyncio.gather(
        *(asyncio.wait_for(callbacks.finished.wait(), WITHIN_S) for callbacks in all_callbacks)
    )
    return all_callbacks


def _ends(callbacks: RecordingCallbacks) -> list[str]:
    """Give all calls but that it takes long, which may precede the one end: a busy machine takes long."""
    return [call for call in callbacks.calls if call != "stalled"]


async def test_a_request_whose_response_is_lost_is_sent_again_and_published_once(
    kafka: RealKafka,
    topic: str,
    publisher: KafkaPublisher,
    interceptor: SendInterceptor,
    telemetry: Telemetry,
) -> None:
    async def lose_the_response(send: SendRequest, *what: object) -> object:
        await send(*what)
        raise KafkaConnectionError("the answer was lost")

    interceptor.on_produce = lose_the_response
    all_callbacks = await _publish_all(publisher, topic, "abcdefgh")
    assert [_ends(callbacks) for callbacks in all_callbacks] == [["delivered"]] * 8
    assert sorted(found.key or b"" for found in await consumed(kafka, topic)) == [
        b"%c" % key for key in b"abcdefgh"
    ]
    assert b"vod_bridge_kafka_producer_replacements_total 0.0" in telemetry.render()


async def test_partitions_that_have_another_leader_are_sent_again_and_the_others_are_not(
    kafka: RealKafka,
    topic: str,
    publisher: KafkaPublisher,
    interceptor: SendInterceptor,
    telemetry: Telemetry,
) -> None:
    async def move_one_leader(send: SendRequest, *what: object) -> object:
        # As where a leader moved. The broker has it all the same, and must know the repetition by its number.
        response = await send(*what)
        moved = [
            (name, [(one[0], NotLeaderForPartitionError.errno, -1, -1, -1) for one in partition_results])
            for name, partition_results in response.topics
        ]
        return ProduceResponse_v7(
            [(name, partition_results[:1]) for name, partition_results in moved]
            + [(name, partition_results[1:]) for name, partition_results in response.topics],
            0,
        )

    interceptor.on_produce = move_one_leader
    all_callbacks = await _publish_all(publisher, topic, "abcdefgh")
    assert [_ends(callbacks) for callbacks in all_callbacks] == [["delivered"]] * 8
    assert len(await consumed(kafka, topic)) == 8
    assert b"vod_bridge_kafka_producer_replacements_total 0.0" in telemetry.render()


async def test_a_bug_while_results_are_handled_costs_no_producer(
    topic: str, publisher: KafkaPublisher, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    bugs: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: bugs.append(context["exception"]))

    def buggy() -> None:
        if not bugs:
            raise ZeroDivisionError

    monkeypatch.setattr(publisher._accumulator, "_on_ack", buggy)  # noqa: SLF001 - nobody else has bugs there
    for key in "ab":
        (callbacks,) = await _publish_all(publisher, topic, key)
        assert callbacks.calls[-1] == "delivered"
    assert [type(bug) for bug in bugs] == [ZeroDivisionError]
    assert b"vod_bridge_kafka_producer_replacements_total 0.0" in telemetry.render()


async def test_a_sender_that_dies_costs_its_producer_and_no_record(
    kafka: RealKafka,
    topic: str,
    publisher: KafkaPublisher,
    interceptor: SendInterceptor,
    telemetry: Telemetry,
) -> None:
    async def fail(*_: object) -> object:
        raise RuntimeError("a bug of the library's")

    interceptor.on_produce = fail
    all_callbacks = await _publish_all(publisher, topic, "abcdefgh")
    assert [callbacks.calls[-1] for callbacks in all_callbacks] == ["delivered"] * 8
    assert len(await consumed(kafka, topic)) == 8
    assert b"vod_bridge_kafka_producer_replacements_total 1.0" in telemetry.render()


async def test_what_is_in_flight_at_the_stop_is_waited_for(topic: str, publisher: KafkaPublisher) -> None:
    all_callbacks = [RecordingCallbacks() for _ in range(50)]
    for n, callbacks in enumerate(all_callbacks):
        publisher.send(record(topic, f"k{n}"), callbacks)
    for _ in range(3):
        await asyncio.sleep(0)  # fed, and not yet answered
    await publisher.stop(WITHIN_S)
    assert [_ends(callbacks) for callbacks in all_callbacks] == [["delivered"]] * 50


async def test_the_library_of_this_environment_is_one_whose_internals_are_known(
    stalled_topics: StalledTopics,
    publisher: KafkaPublisher,
    sender_name: str,
    writer: DurableWriter,
    topic: str,
) -> None:
    # After an upgrade: read `shortcut` beside the library's accumulator and sender, and name the version.
    assert stalled_topics.senders
    assert await writer.send(record(topic, "k")).durable
    assert [one.name for one in stalled_topics.senders] == [sender_name], aiokafka.__version__
    await eventually(lambda: publisher.accepting, "it is used")
