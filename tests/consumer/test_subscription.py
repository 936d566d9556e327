"""The loop: an event is done when the next is asked for, and only what is done is committed."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.consumer import OTHER, Event, Subscription, UnlistedType, UnreadableRecordError, subscribe
from tests.consumer.fake_environment import EVERY_KAFKA, environment_of
from tests.consumer.records import ConsumerEnvironment, new_consumer_env, record_of, sample, transcoded
from tests.rig.kafka import RealKafka
from tests.rig.waiting import WITHIN_S, eventually


@pytest.fixture(params=EVERY_KAFKA)
def consumer_env(request: pytest.FixtureRequest) -> ConsumerEnvironment:
    """Give topics of a real Kafka, and such in memory."""
    return environment_of(request)


async def _read_events(events: Subscription[Any], number: int) -> list[str]:
    """Take so many events, and leave in good order."""
    taken: list[str] = []
    async with events:
        async for event in events:
            taken.append(event.task_id or "")
            if len(taken) == number:
                break
    return taken


async def test_the_body_that_fails_gets_its_event_again(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded(range(5))

    async def fail_at(number: int) -> None:
        async with subscribe("TranscodeComplete", **consumer_env.options) as events:
            async for event in events:
                if event.task_id == str(number):
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_at(2)
    assert await consumer_env.committed() == 2
    assert await _read_events(subscribe("TranscodeComplete", **consumer_env.options), 3) == ["2", "3", "4"]
    assert await consumer_env.committed() == 5


async def test_nothing_is_committed_of_the_event_under_way_and_all_before_it_is(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded(range(3))
    async with subscribe("TranscodeComplete", **consumer_env.options) as events:
        async for event in events:
            if event.task_id == "2":
                await eventually(
                    lambda: _has_committed(consumer_env, 2), "what was done is committed meanwhile"
                )
                break
    assert await consumer_env.committed() == 3


async def _has_committed(consumer_env: ConsumerEnvironment, committed: int) -> bool:
    return await consumer_env.committed() == committed


async def test_a_loop_left_without_with_leaves_the_group(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded(range(2))
    async for event in subscribe("TranscodeComplete", **consumer_env.options):
        assert event.task_id == "0"
        break
    await eventually(lambda: _has_members(consumer_env, 0), "the group is empty")
    assert await consumer_env.committed() == 0


async def _has_members(consumer_env: ConsumerEnvironment, number: int) -> bool:
    return (await consumer_env.group_state())[1] == number


async def test_stop_ends_the_loop_after_the_event_under_way(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded(range(5))
    events = subscribe("TranscodeComplete", **consumer_env.options)
    taken = []
    async for event in events:
        taken.append(event.task_id)
        if event.task_id == "1":
            events.stop()
    assert taken == ["0", "1"]
    assert await consumer_env.committed() == 2


async def test_stop_ends_a_loop_that_waits(consumer_env: ConsumerEnvironment) -> None:
    events = subscribe("TranscodeComplete", **consumer_env.options)  # whose topic does not even exist
    asyncio.get_running_loop().call_later(0.2, events.stop)
    async with asyncio.timeout(WITHIN_S):
        assert [event async for event in events] == []


async def test_a_topic_that_is_made_later_is_read(consumer_env: ConsumerEnvironment) -> None:
    read_task = asyncio.create_task(
        _read_events(subscribe("TranscodeComplete", **consumer_env.options, metadata_max_age_ms=100), 1)
    )
    await consumer_env.create("TranscodeComplete")
    await consumer_env.publish_transcoded([7])
    async with asyncio.timeout(WITHIN_S):
        assert await read_task == ["7"]


async def test_the_latest_start_is_remembered_before_the_first_event(
    consumer_env: ConsumerEnvironment,
) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded([0, 1])
    events = subscribe("TranscodeComplete", **consumer_env.options, start="latest")
    read_task = asyncio.create_task(_read_events(events, 1))
    await eventually(lambda: _has_committed(consumer_env, 2), "the end is where it begins")
    events.stop()  # as if it had crashed before its first event
    assert await read_task == []
    await consumer_env.publish_transcoded([2])
    assert await _read_events(subscribe("TranscodeComplete", **consumer_env.options, start="latest"), 1) == [
        "2"
    ]


async def test_several_types_each_come_as_they_are(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", "ClipComplete", "other")
    novelty = b'{"EventType":"Novelty","NoveltyEvent":{"TaskId":"n"}}'
    bodies = [transcoded("t", "f"), json.dumps(sample("ClipComplete")).encode(), novelty]
    oddity = b'{"EventType":"Oddity","OddityEvent":{"TaskId":"o"}}'
    await consumer_env.publish(record_of(body, consumer_env.routing) for body in (*bodies, oddity))
    found: dict[str, Event[object]] = {}
    async with subscribe(
        "TranscodeComplete", "ClipComplete", UnlistedType("Novelty"), **consumer_env.options
    ) as events:
        async for event in events:
            found[event.type] = event
            if len(found) == 3:
                break
    assert found.keys() == {"TranscodeComplete", "ClipComplete", "Novelty"}  # and not the oddity
    assert [found[name].typed for name in ("TranscodeComplete", "ClipComplete", "Novelty")] == [1, 1, 0]
    others = subscribe(OTHER, **consumer_env.options | {"group": f"{consumer_env.name}.others"})
    assert sorted(await _read_events(others, 2)) == ["n", "o"]


async def test_a_record_that_is_no_event_is_raised_or_reported(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    bad = replace(record_of(transcoded("bad", "f"), consumer_env.routing), value=b"nonsense")
    await consumer_env.publish([bad, record_of(transcoded("good", "f"), consumer_env.routing)])
    with pytest.raises(UnreadableRecordError):
        await _read_events(subscribe("TranscodeComplete", **consumer_env.options), 1)
    reported: list[UnreadableRecordError] = []
    events = subscribe("TranscodeComplete", **consumer_env.options, on_unreadable=reported.append)
    assert await _read_events(events, 1) == ["good"]
    assert [one.record and one.record.value for one in reported] == [b"nonsense"]


async def test_the_lag_counts_what_is_not_done(consumer_env: ConsumerEnvironment) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded(range(5))
    reported: list[Mapping[tuple[str, int], int]] = []
    events = subscribe(
        "TranscodeComplete", **consumer_env.options, on_lag=reported.append, lag_interval_s=0.05
    )
    topic_partition = (f"{consumer_env.name}.TranscodeComplete", 0)
    assert await events.lag() == {}
    async for event in events:
        if event.task_id == "2":
            assert await events.lag() == {topic_partition: 3}
            await eventually(lambda: {topic_partition: 3} in reported, "the lag is reported")
        if event.task_id == "4":
            events.stop()


async def test_bodies_that_take_longer_than_a_poll_interval_together_keep_the_partition(
    kafka: RealKafka, caplog: pytest.LogCaptureFixture
) -> None:
    consumer_env = new_consumer_env(kafka)
    caplog.set_level(logging.INFO, "aiokafka")
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded(range(30))
    taken = []
    options = consumer_env.options | {"max_poll_interval_ms": 4_000, "commit_interval_s": 0.2}
    async with subscribe("TranscodeComplete", **options) as events:
        async for event in events:
            taken.append(event.task_id)
            await asyncio.to_thread(_call_other_service)
            if event.task_id == "29":
                break
    assert taken == [str(number) for number in range(30)]
    assert sum("joining group" in line for line in caplog.messages) == 1


async def test_a_body_that_takes_longer_than_the_group_waits_is_warned_of_with_the_settings_name(
    consumer_env: ConsumerEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    await consumer_env.create("TranscodeComplete", partitions=1)
    await consumer_env.publish_transcoded(range(2))
    options = consumer_env.options | {"max_poll_interval_ms": 1_000, "commit_interval_s": 0.2}

    def warnings() -> int:
        return sum("within max_poll_interval_ms (1000)" in line for line in caplog.messages)

    async with subscribe("TranscodeComplete", **options) as events:
        async for _ in events:
            await eventually(warnings, "the warning")
            break
    assert warnings() == 1


async def test_it_stops_cleanly_while_kafka_is_unavailable(own_kafka: RealKafka) -> None:
    consumer_env = new_consumer_env(own_kafka)
    await consumer_env.create("TranscodeComplete")
    await consumer_env.publish_transcoded(range(3))
    events = subscribe("TranscodeComplete", **consumer_env.options | {"bootstrap_servers": own_kafka.proxied})
    with own_kafka.open_proxy():
        read_task = asyncio.create_task(_read_events(events, 4))
        await eventually(lambda: _has_committed(consumer_env, 3), "all is done")
    events.stop()
    async with asyncio.timeout(WITHIN_S):
        assert len(await read_task) == 3


def _call_other_service() -> None:
    """Take about as long as a call to another service."""
    time.sleep(0.2)
