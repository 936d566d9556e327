"""An event that its topic refuses for its size harms nobody else."""

import asyncio
import json
import time

import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.end_to_end.senders import ANSWERED_WITHIN_S, SLOW_BREAKER_SETTINGS, send
from tests.rig.waiting import eventually

TOPIC_TAKES = 100_000


@pytest.fixture
async def narrow(own_environment: Environment) -> Environment:
    """Give an environment whose events' topic takes less than the others."""
    tight = Environment(
        kafka=own_environment.kafka, redis=own_environment.redis, name=f"{own_environment.name}-narrow"
    )
    await tight.kafka.create_topics([tight.events], configs={"max.message.bytes": str(TOPIC_TAKES)})
    await tight.kafka.create_topics([tight.other, tight.dead_letters])
    return tight


async def test_one_event_too_large_for_its_topic_among_300_good_ones_is_dead_lettered_alone(
    narrow: Environment,
) -> None:
    tasks = [new_task() for _ in range(300)]
    large = edited(new_task(), url="http://example.com/" + "x" * 2 * TOPIC_TAKES)

    async def all_wait() -> bool:
        return await program.metric("vod_bridge_deliveries_in_flight") == len(tasks) + 1

    async with running(narrow, SLOW_BREAKER_SETTINGS) as program:
        await program.post(b"no notification")
        narrow.kafka.pause()  # so that they wait for each other, and leave in batches
        posts = [asyncio.create_task(send(program, task)) for task in tasks]
        posting_large = asyncio.create_task(program.post(large, headers={"Content-Type": "text/odd"}))
        await eventually(all_wait, "all are under way")
        narrow.kafka.resume()
        resumed = time.monotonic()
        results, refused = await asyncio.gather(*posts), await posting_large
        later = [await send(program, new_task()) for _ in range(20)]

    assert {sent.outcome for sent in results + later} == {"published"}
    assert max(sent.ended_at for sent in results) - resumed < ANSWERED_WITHIN_S
    assert (refused.status, refused.json["reason"]) == (422, "too_large")
    assert await narrow.ids() == sorted(edited_id(sent.task) for sent in results + later)
    (dead_letter,) = [record for record in await narrow.rejected() if record.value != b"no notification"]
    assert json.loads(dead_letter.value) == json.loads(large)
    assert dead_letter.key == b"default"
    headers = dict(dead_letter.headers)
    assert headers.pop("received_at").endswith(b"Z")
    assert b"x" * 100 not in headers.pop("detail")
    assert headers == {
        "reason": b"too_large",
        "app": b"default",
        "mode": b"push",
        "content-type": b"text/odd",
    }
