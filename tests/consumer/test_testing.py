"""The kit for the tests of others: example events of each type, and a Kafka in memory for several members."""

import asyncio
from typing import Any

import pytest

from bridge.consumer import TYPES, Consumer, Event, subscribe
from bridge.consumer.testing import FakeKafka, example_event, example_types
from tests.rig.waiting import WITHIN_S, eventually


@pytest.mark.parametrize("event_type", TYPES)
def test_each_type_has_an_example_that_is_typed(event_type: Any) -> None:  # noqa: ANN401 - one of the literals
    event = example_event(event_type)
    assert (event.type, event.typed, event.app) == (event_type, True, "my-shop")
    assert event.headers["ce_type"].endswith(event_type)
    assert example_types() == sorted(TYPES)


def test_fields_that_are_set_decide_on_id_key_and_outcome() -> None:
    event = example_event("TranscodeComplete", FileId="77", TaskId="t-1", ErrCode=70000, Message="broken")
    assert (event.file_id, event.key, event.task_id) == ("77", "77", "t-1")
    assert event.id == "TranscodeComplete:t-1"
    assert event.outcome == "failed"
    assert event.errors[0].message == "broken"


def test_another_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ValueError, match=r"no example of 'Transcoded'; there is one of .*TranscodeComplete"):
        example_event("Transcoded")  # type: ignore[arg-type] # as typed by one without a checker


async def test_two_members_share_the_partitions_and_each_event_is_handled_once() -> None:
    kafka = FakeKafka(partitions=4)
    handled: dict[str, list[str]] = {"a": [], "b": []}

    def member(name: str) -> Consumer:
        consumer = Consumer(group="g", clients=kafka, dead_letter_topic=None, commit_interval_s=0.05)

        @consumer.on("TranscodeComplete")
        async def handle(event: Event[Any]) -> None:
            handled[name].append(event.id)

        return consumer

    kafka.create_topic("vod.TranscodeComplete")
    members = [member("a"), member("b")]
    running = [asyncio.create_task(one.run()) for one in members]
    await eventually(lambda: kafka.members("g") == 2, "both have joined")
    for number in range(40):
        kafka.publish(example_event("TranscodeComplete", FileId=str(number), TaskId=f"t-{number}"))
    async with asyncio.timeout(WITHIN_S):
        await eventually(lambda: sum(kafka.committed("g").values()) == 40, "all are handled")
        members[0].stop()
        await running[0]
        kafka.publish(example_event("TranscodeComplete", FileId="last", TaskId="last"))
        await eventually(lambda: "TranscodeComplete:last" in handled["b"], "the other has all partitions now")
        members[1].stop()
        await running[1]
    assert all(handled.values())
    assert len(handled["a"]) + len(handled["b"]) == 41


async def test_the_fields_of_the_loop_are_those_of_kafka() -> None:
    kafka = FakeKafka()
    for number in range(2):
        kafka.publish(example_event("ClipComplete", TaskId=str(number)))
    positions = []
    async with subscribe("ClipComplete", group="g", clients=kafka) as events:
        async for event in events:
            positions.append((event.topic, event.partition, event.offset))
            if len(positions) == 2:
                break
    assert positions == [("vod.ClipComplete", 0, 0), ("vod.ClipComplete", 0, 1)]
    assert kafka.committed("g") == {("vod.ClipComplete", 0): 2}
