"""``vod-bridge replay --topic`` on a real Kafka: a time range again, as it was, once."""

from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from bridge.cli.replay.time_range import RangeSelection
from bridge.core.record import timestamp
from bridge.operations.topic_range import TimeRange
from bridge.wiring import now_ms
from tests.cli.replay_harness import GROUP, ReplayHarness
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.rig.waiting import eventually


async def test_a_range_is_copied_as_it_is_in_its_order_and_only_once(harness: ReplayHarness) -> None:
    files, copy_topic = ("f1", "f2", "f3"), f"{harness.environment.name}.copy"
    bodies = [edited(new_task(), file=files[number % 3]) for number in range(60)]
    begin = now_ms()
    await harness.publish(*bodies)
    end = now_ms() + 1
    await eventually(lambda: now_ms() > end, "a moment has gone")
    await harness.publish(edited(new_task()))
    await harness.environment.kafka.create_topics([copy_topic], partitions=7)
    times = ("--since", timestamp(begin), "--until", timestamp(end))
    dry_run = await harness.replay("--topic", harness.environment.events, *times, "--to", copy_topic)
    assert (dry_run.code, "60 records in" in dry_run.out, "by type: 60 EditMediaComplete" in dry_run.out) == (
        0,
        True,
        True,
    )
    assert await harness.environment.records(copy_topic) == []
    selection = RangeSelection(
        topic=harness.environment.events, to=copy_topic, time_range=TimeRange(begin, end), group=GROUP
    )
    done = await harness.run_range(selection)
    assert (done.is_successful, done.outcomes) == (True, {"published": 60})
    originals = await harness.environment.records(harness.environment.events)
    copied = await harness.environment.records(copy_topic)
    assert len(copied) == 60
    for file in files:
        expected = [(one.value, one.headers) for one in originals if one.key == file.encode()]
        assert [(one.value, one.headers) for one in copied if one.key == file.encode()] == expected
    assert (await harness.run_range(selection)).processed == 0
    assert (await harness.run_range(replace(selection, restart=True))).outcomes == {"published": 60}


async def test_republished_a_range_ends_before_its_own_copies(harness: ReplayHarness) -> None:
    task = new_task()
    await harness.publish(edited(task))
    async with AIOKafkaProducer(bootstrap_servers=harness.environment.kafka.bootstrap) as producer:
        await producer.send_and_wait(harness.environment.events, b"no event of ours")
    result = await harness.replay(
        "--topic", harness.environment.events, "--since", "1h", "--republish", "--execute"
    )
    assert (result.code, result.err) == (0, "")
    assert "1 record in" in result.out
    assert "left as they are: 1 no event of this bridge" in result.out
    found = await harness.environment.records(harness.environment.events)
    assert sorted(dict(one.headers).get("ce_id", b"").decode() for one in found) == [
        "",
        edited_id(task),
        edited_id(task),
    ]


async def test_what_its_topic_refuses_is_reported_and_copied_the_next_time(harness: ReplayHarness) -> None:
    bodies = [edited(new_task(), file=f"f{number % 2}") for number in range(10)]
    begin = now_ms()
    await harness.publish(*bodies)
    copy_topic = f"{harness.environment.name}.copy"
    selection = RangeSelection(
        topic=harness.environment.events,
        to=copy_topic,
        time_range=TimeRange(begin, now_ms() + 1),
        group=GROUP,
    )
    missing = await harness.replay(
        "--topic", harness.environment.events, *("--since", "1h", "--to", copy_topic)
    )
    assert (missing.code, f"{copy_topic}: there is no such topic" in missing.err) == (1, True)
    await harness.environment.kafka.create_topics([copy_topic], configs={"max.message.bytes": "100"})
    refused = await harness.run_range(selection)
    assert (refused.is_successful, refused.outcomes, refused.reasons) == (
        False,
        {"rejected": 10},
        {"too_large": 10},
    )
    await harness.environment.kafka.delete_topics([copy_topic])
    await harness.environment.kafka.create_topics([copy_topic])
    assert (
        await harness.run_range(selection, interrupted=True)
    ).stop_reason == "interrupted"  # and nothing counts as copied
    assert (await harness.run_range(selection)).outcomes == {"published": 10}
    assert (await harness.run_range(selection)).processed == 0


def test_the_options_that_resume_a_range_are_those_of_this_very_range() -> None:
    selection = RangeSelection(
        topic="t", to="a topic", time_range=TimeRange(0, 1_700_000_000_123), apps=["a"], group=GROUP
    )
    assert selection.command_options == (
        "--topic t --since 1970-01-01T00:00:00.000Z --until 2023-11-14T22:13:20.123Z --to 'a topic' --app a"
    )
    assert replace(selection, to="t").command_options.endswith("Z --republish --app a")
    assert (
        len(
            {
                selection.range_group,
                replace(selection, to="t").range_group,
                replace(selection, apps=[]).range_group,
            }
        )
        == 3
    )
