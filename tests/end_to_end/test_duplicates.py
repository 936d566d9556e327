"""One occurrence, however often, by whichever sender and in whichever format it is sent: one record."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.end_to_end.environment import NO_SPOOL, Environment, running
from tests.end_to_end.notifications import EXAMPLES, edited, edited_id, new_task
from tests.end_to_end.senders import ANSWERED_WITHIN_S, send
from tests.rig.program import Program
from tests.rig.waiting import eventually


async def test_200_concurrent_posts_of_one_notification_give_one_record_and_200_good_answers(
    environment: Environment,
) -> None:
    task = new_task()
    async with running(environment) as program:
        results = await asyncio.gather(*(send(program, task) for _ in range(200)))

    assert {sent.status for sent in results} == {200}
    assert sorted(sent.outcome for sent in results) == ["duplicate"] * 199 + ["published"]
    assert await environment.ids() == [edited_id(task)]


async def test_two_programs_on_one_redis_publish_once_what_both_receive(environment: Environment) -> None:
    tasks = [new_task() for _ in range(100)]
    async with running(environment) as one, running(environment) as other:
        results = await asyncio.gather(
            *(send(program, task) for task in tasks for program in (one, other, other, one))
        )

    assert {sent.status for sent in results} == {200}
    assert max(sent.seconds for sent in results) < ANSWERED_WITHIN_S
    assert sum(sent.outcome == "published" for sent in results) == len(tasks)
    assert await environment.ids() == sorted(map(edited_id, tasks))


def delivered_twice(task: str) -> tuple[bytes, bytes]:
    """Write one finished pull as both formats write it."""
    folder = EXAMPLES / "PullComplete"
    v3 = json.loads((folder / "push-01.in.json").read_bytes())
    legacy = json.loads((folder / "legacy-01.in.json").read_bytes())
    v3["PullCompleteEvent"]["TaskId"] = legacy["data"]["vodTaskId"] = task
    return json.dumps(v3).encode(), json.dumps(legacy).encode()


@pytest.mark.parametrize("order", [tuple, reversed], ids=["v3 first", "legacy first"])
async def test_legacy_and_v3_deliveries_of_one_occurrence_give_one_record(
    environment: Environment, order: Callable[[Any], Any]
) -> None:
    task = new_task()
    async with running(environment) as program:
        answers = [await program.post(body) for body in order(delivered_twice(task))]
        again = [await program.post(body) for body in order(delivered_twice(task))]

    assert [answer.json["outcome"] for answer in answers] == ["published", "duplicate"]
    assert [answer.json["outcome"] for answer in again] == ["duplicate", "duplicate"]
    assert await environment.ids() == [f"PullComplete:{task}:FINISH"]


async def test_legacy_and_v3_deliveries_at_the_same_time_give_one_record(environment: Environment) -> None:
    tasks = [new_task() for _ in range(50)]
    async with running(environment) as program:
        answers = await asyncio.gather(
            *(program.post(body) for task in tasks for body in delivered_twice(task))
        )

    assert {answer.status for answer in answers} == {200}
    assert await environment.ids() == sorted(f"PullComplete:{task}:FINISH" for task in tasks)


async def test_a_task_done_again_is_a_revision_with_an_id_of_its_own(environment: Environment) -> None:
    task = new_task()
    bodies = [edited(task), edited(task, url="http://example.com/redone.mp4")]
    async with running(environment) as program:
        answers = [await program.post(body) for body in bodies]
        again = [await program.post(body) for body in bodies]

    first, revised = (answer.json["event_id"] for answer in answers)
    assert first == edited_id(task)
    assert revised[:-16] == f"{first}#"
    assert [answer.json["outcome"] for answer in answers + again] == ["published"] * 2 + ["duplicate"] * 2
    events = {
        event["id"]: event["delivery"].get("revision", False) for event in await environment.published()
    }
    assert events == {first: False, revised: True}


async def test_a_second_delivery_takes_over_where_the_first_ones_publish_fails(
    environment: Environment,
) -> None:
    await environment.kafka.delete_topics([environment.events])
    task = new_task()
    # The second comes 6 s after the first, and is held for as much longer: time to make the topic.
    held = NO_SPOOL | {"BRIDGE_KAFKA__SLOW_AFTER_S": "6", "BRIDGE_HTTP__HOLD_S": "12"}
    async with running(environment, held, wait_for="/livez") as program:
        # Before Kafka is met a delivery is held from its arrival, and the two would end together.
        await eventually(lambda: names_missing_topics(program), "it names the missing topic")
        first = asyncio.create_task(send(program, task))
        await eventually(lambda: program.metric("vod_bridge_deliveries_held"), "the first delivery is held")
        second = asyncio.create_task(send(program, task))
        assert (await first).status == 503
        await environment.kafka.create_topics([environment.events])
        assert (await second).outcome == "published"

    assert await environment.ids() == [edited_id(task)]


async def names_missing_topics(program: Program) -> bool:
    return any("missing" in reason for reason in await program.degraded())
