"""The publisher where a request goes wrong on its way: nothing is lost, nothing told twice, by either way."""

import asyncio
from collections.abc import Callable
from typing import Any

import aiokafka
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, NotLeaderForPartitionError
from aiokafka.protocol.produce import ProduceRequest, ProduceResponse_v7

from bridge.io.publisher import Publisher
from bridge.keeping import Keeper
from bridge.telemetry import Telemetry
from tests.io.publishing import Holes, consumed, record
from tests.keeping_contracts import Heard
from tests.rig.kafka import RealKafka
from tests.rig.waiting import WITHIN_S

pytestmark = pytest.mark.asyncio

Send = Callable[..., Any]


class Road:
    """The road to the broker: the first request to produce is given to ``accident`` instead of being sent."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.accident: Callable[[Send, AIOKafkaClient, int, ProduceRequest], Any] | None = None

    async def go(self, client: AIOKafkaClient, node: int, request: object, **group: object) -> object:
        """Send a request."""
        accident = self.accident
        if accident is None or not isinstance(request, ProduceRequest):
            return await self.send(client, node, request, **group)
        self.accident = None
        return await accident(self.send, client, node, request)


@pytest.fixture
def road(monkeypatch: pytest.MonkeyPatch) -> Road:
    """Give the road on which every producer sends."""
    road = Road(AIOKafkaClient.send)

    async def send(client: AIOKafkaClient, node: int, request: object, **group: object) -> object:
        return await road.go(client, node, request, **group)

    monkeypatch.setattr(AIOKafkaClient, "send", send)
    return road


async def _sent(publisher: Publisher, topic: str, keys: str) -> list[Heard]:
    owners = [Heard() for _ in keys]
    for key, owner in zip(keys, owners, strict=True):
        publisher.send(record(topic, key), owner)
    await asyncio.gather(*(asyncio.wait_for(owner.ended.wait(), WITHIN_S) for owner in owners))
    return owners


async def test_a_request_whose_answer_is_lost_is_sent_again_and_stands_once(
    kafka: RealKafka, topic: str, publisher: Publisher, road: Road, telemetry: Telemetry
) -> None:
    async def lose_the_answer(send: Send, *what: object) -> object:
        await send(*what)
        raise KafkaConnectionError("the answer was lost")

    road.accident = lose_the_answer
    owners = await _sent(publisher, topic, "abcdefgh")
    assert [owner.words for owner in owners] == [["written"]] * 8
    assert sorted(found.key or b"" for found in await consumed(kafka, topic)) == [
        b"%c" % key for key in b"abcdefgh"
    ]
    assert b"bridge_kafka_producer_replaced_total 0.0" in telemetry.exposition()


async def test_partitions_that_have_another_leader_are_sent_again_and_the_others_are_not(
    kafka: RealKafka, topic: str, publisher: Publisher, road: Road, telemetry: Telemetry
) -> None:
    async def refuse_one(send: Send, *what: object) -> object:
        # As where a leader moved. The broker has it all the same, and must know the repetition by its number.
        answer = await send(*what)
        refused = [
            (name, [(one[0], NotLeaderForPartitionError.errno, -1, -1, -1) for one in answers])
            for name, answers in answer.topics
        ]
        return ProduceResponse_v7(
            [(name, answers[:1]) for name, answers in refused]
            + [(name, answers[1:]) for name, answers in answer.topics],
            0,
        )

    road.accident = refuse_one
    owners = await _sent(publisher, topic, "abcdefgh")
    assert [owner.words for owner in owners] == [["written"]] * 8
    assert len(await consumed(kafka, topic)) == 8
    assert b"bridge_kafka_producer_replaced_total 0.0" in telemetry.exposition()


async def test_a_sender_that_dies_costs_its_producer_and_no_record(
    kafka: RealKafka, topic: str, publisher: Publisher, road: Road, telemetry: Telemetry
) -> None:
    async def die(*_: object) -> object:
        raise RuntimeError("a bug of the library's")

    road.accident = die
    owners = await _sent(publisher, topic, "abcdefgh")
    assert [owner.words[-1] for owner in owners] == ["written"] * 8
    assert len(await consumed(kafka, topic)) == 8
    assert b"bridge_kafka_producer_replaced_total 1.0" in telemetry.exposition()


async def test_what_is_under_way_at_the_stop_is_waited_for(topic: str, publisher: Publisher) -> None:
    owners = [Heard() for _ in range(50)]
    for n, owner in enumerate(owners):
        publisher.send(record(topic, f"k{n}"), owner)
    for _ in range(3):
        await asyncio.sleep(0)  # fed, and not yet answered
    await publisher.stop(5)
    assert [owner.words for owner in owners] == [["written"]] * 50


async def test_the_library_of_this_environment_is_one_whose_inner_parts_are_known(
    holes: Holes, publisher: Publisher, way: str, writer: Keeper, topic: str
) -> None:
    # After an upgrade: read `shortcut` beside the library's accumulator and sender, and name the version.
    assert holes.ways
    assert await writer.send(record(topic, "k")).durable
    assert [one.name for one in holes.ways] == [way], aiokafka.__version__
    assert publisher.flowing
