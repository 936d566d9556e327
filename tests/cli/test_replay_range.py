"""``vod-bridge replay --topic`` on a real Kafka: a time range again, as it was, once."""

import pytest
from aiokafka import AIOKafkaProducer
from msgspec.structs import replace

from bridge.cli.replay_range import RangeSelection
from bridge.cli.stretch import TimeRange
from bridge.core.record import timestamp
from bridge.wiring import now_ms
from tests.cli.replays import GROUP, ReplayHarness
from tests.journey.notifications import edited, edited_id, new_task
from tests.journey.environment import Environment
from tests.rig.kafka import RealKafka
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually


@pytest.fixture
async def harness(request: pytest.FixtureRequest, kafka: RealKafka, redis: RealRedis) -> ReplayHarness:
    environment = Environment(kafka=kafka, redis=redis, name=request.node.name.removeprefix("test_")[:60])
    await kafka.create_topics(environment.topics)
    return ReplayHarness(environment)


async def test_a_range_is_copied_as_it_is_in_its_order_and_only_once(at: ReplayHarness) -> None:
    files, copy = ("f1", "f2", "f3"), f"{at.zz_environment.name}.copy"
    bodies = [edited(new_task(), file=files[number % 3]) for number in range(60)]
    begin = now_ms()
    await at.publish(*bodies)
    end = now_ms() + 1
    await eventually(lambda: now_ms() > end, "a moment has gone")
    await at.publish(edited(new_task()))
    await at.zz_environment.kafka.create_topics([copy], partitions=7)
    times = ("--since", timestamp(begin), "--until", timestamp(end))
    plan = await at.replay("--topic", at.zz_environment.events, *times, "--to", copy)
    assert (plan.code, "60 records in" in plan.out, "by type: 60 EditMediaComplete" in plan.out) == (
        0,
        True,
        True,
    )
    assert await at.zz_environment.records(copy) == []
    wish = RangeSelection(
        topic=at.zz_environment.events, to=copy, zz_time_range=TimeRange(begin, end), group=GROUP
    )
    done = await at.zz_run_range(wish)
    assert (done.zz_is_successful, done.endings) == (True, {"published": 60})
    was = await at.zz_environment.records(at.zz_environment.events)
    copied = await at.zz_environment.records(copy)
    assert len(copied) == 60
    for file in files:
        as_they_were = [(one.value, one.headers) for one in was if one.key == file.encode()]
        assert [(one.value, one.headers) for one in copied if one.key == file.encode()] == as_they_were
    assert (await at.zz_run_range(wish)).looked_at == 0
    assert (await at.zz_run_range(replace(wish, again=True))).endings == {"published": 60}


async def test_republished_a_range_ends_before_its_own_copies(at: ReplayHarness) -> None:
    task = new_task()
    await at.publish(edited(task))
    async with AIOKafkaProducer(bootstrap_servers=at.zz_environment.kafka.bootstrap) as producer:
        await producer.send_and_wait(at.zz_environment.events, b"no event of ours")
    said = await at.replay("--topic", at.zz_environment.events, "--since", "1h", "--republish", "--run")
    assert (said.code, said.err) == (0, "")
    assert "1 record in" in said.out
    assert "left as they are: 1 no event of this bridge" in said.out
    found = await at.zz_environment.records(at.zz_environment.events)
    assert sorted(dict(one.headers).get("ce_id", b"").decode() for one in found) == [
        "",
        edited_id(task),
        edited_id(task),
    ]


async def test_what_its_topic_refuses_is_reported_and_copied_the_next_time(at: ReplayHarness) -> None:
    bodies = [edited(new_task(), file=f"f{number % 2}") for number in range(10)]
    begin = now_ms()
    await at.publish(*bodies)
    copy = f"{at.zz_environment.name}.copy"
    wish = RangeSelection(
        topic=at.zz_environment.events, to=copy, zz_time_range=TimeRange(begin, now_ms() + 1), group=GROUP
    )
    missing = await at.replay("--topic", at.zz_environment.events, *("--since", "1h", "--to", copy))
    assert (missing.code, f"{copy}: there is no such topic" in missing.err) == (1, True)
    await at.zz_environment.kafka.create_topics([copy], configs={"max.message.bytes": "100"})
    refused = await at.zz_run_range(wish)
    assert (refused.zz_is_successful, refused.endings, refused.reasons) == (
        False,
        {"rejected": 10},
        {"too_large": 10},
    )
    await at.zz_environment.kafka.delete_topics([copy])
    await at.zz_environment.kafka.create_topics([copy])
    assert (
        await at.zz_run_range(wish, interrupted=True)
    ).stopped == "interrupted"  # and nothing counts as copied
    assert (await at.zz_run_range(wish)).endings == {"published": 10}
    assert (await at.zz_run_range(wish)).looked_at == 0


def test_the_options_that_resume_a_range_are_those_of_this_very_range() -> None:
    wish = RangeSelection(
        topic="t", to="a topic", zz_time_range=TimeRange(0, 1_700_000_000_123), apps=["a"], group=GROUP
    )
    assert wish.zz_command_options == (
        "--topic t --since 1970-01-01T00:00:00.000Z --until 2023-11-14T22:13:20.123Z --to 'a topic' --app a"
    )
    assert replace(wish, to="t").zz_command_options.endswith("Z --republish --app a")
    assert (
        len(
            {wish.zz_range_group, replace(wish, to="t").zz_range_group, replace(wish, apps=[]).zz_range_group}
        )
        == 3
    )
