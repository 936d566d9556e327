"""Events of one key are in Kafka in the order in which the bridge received them, whatever happens."""

import asyncio

import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.end_to_end.senders import SLOW_BREAKER_SETTINGS
from tests.rig.program import Program, ProgramResponse
from tests.rig.waiting import eventually

FILE = "one-file"


async def post_in_order(program: Program, bodies: list[bytes]) -> list["asyncio.Task[ProgramResponse]"]:
    """Post one after the other without waiting for answers, each once the one before is under way."""
    posts: list[asyncio.Task[ProgramResponse]] = []
    for body in bodies:
        posts.append(asyncio.create_task(program.post(body)))
        await eventually(lambda: under_way(program, len(posts)), "it is under way")
    return posts


async def under_way(program: Program, many: int) -> bool:
    return await program.metric("vod_bridge_deliveries_in_flight") == many


async def in_kafka(environment: Environment) -> list[str]:
    """List the ids in Kafka's order; all of one key, so all on one partition."""
    return [event["id"] for event in await environment.published()]


@pytest.mark.long
@pytest.mark.parametrize("frozen", [["kafka"], ["redis", "kafka"]], ids=" and ".join)
async def test_events_of_one_file_that_had_to_wait_keep_their_order(
    own_environment: Environment, frozen: list[str]
) -> None:
    tasks = [new_task() for _ in range(24)]
    async with running(own_environment, SLOW_BREAKER_SETTINGS) as program:
        await program.post(edited(new_task()))
        own_environment.kafka.pause()
        if "redis" in frozen:
            own_environment.redis.pause()
        posts = await post_in_order(program, [edited(task, file=FILE) for task in tasks])
        own_environment.kafka.resume()
        answers = await asyncio.gather(*posts)
        own_environment.redis.resume()

    assert {answer.status for answer in answers} == {200}
    of_the_file = [one for one in await in_kafka(own_environment) if one in set(map(edited_id, tasks))]
    assert of_the_file == list(map(edited_id, tasks))


@pytest.mark.long
async def test_events_around_one_that_is_too_large_keep_their_order(own_environment: Environment) -> None:
    narrow = Environment(
        kafka=own_environment.kafka, redis=own_environment.redis, name=f"{own_environment.name}-narrow"
    )
    await narrow.kafka.create_topics([narrow.events], configs={"max.message.bytes": "100000"})
    await narrow.kafka.create_topics([narrow.other, narrow.dead_letters])
    tasks = [new_task() for _ in range(24)]
    bodies = [edited(task, file=FILE) for task in tasks]
    bodies[15] = edited(tasks[15], file=FILE, url="x" * 200_000)
    async with running(narrow, SLOW_BREAKER_SETTINGS) as program:
        await program.post(edited(new_task()))
        narrow.kafka.pause()
        posts = await post_in_order(program, bodies)
        narrow.kafka.resume()
        answers = await asyncio.gather(*posts)

    assert [answer.status for answer in answers] == [200] * 15 + [422] + [200] * 8
    good = [edited_id(task) for task in tasks if task != tasks[15]]
    assert [one for one in await in_kafka(narrow) if one in set(good)] == good
