"""An event that its topic refuses for its size harms nobody else."""

import asyncio
import json

import pytest

from tests.journey.notifications import edited, edited_id, new_task
from tests.journey.places import Place, running
from tests.journey.senders import send

TOPIC_TAKES = 100_000


@pytest.fixture
async def narrow(place: Place) -> Place:
    """Give a place whose events' topic takes less than the others."""
    tight = Place(kafka=place.kafka, redis=place.redis, name=f"{place.name}-narrow")
    await place.kafka.create_topics([tight.events], configs={"max.message.bytes": str(TOPIC_TAKES)})
    await place.kafka.create_topics([tight.other, tight.dead_letters])
    return tight


async def test_one_event_too_large_for_its_topic_among_300_good_ones_is_buried_alone(narrow: Place) -> None:
    tasks = [new_task() for _ in range(300)]
    # On one partition, and so in one batch, with some of them; larger than the topic takes at once anyhow.
    large = edited(new_task(), url="http://example.com/" + "x" * 2 * TOPIC_TAKES)
    async with running(narrow) as program:
        sending = [asyncio.create_task(send(program, task)) for task in tasks]
        sending_large = asyncio.create_task(program.post(large, headers={"Content-Type": "text/odd"}))
        heard, refused = await asyncio.gather(*sending), await sending_large
        later = [await send(program, new_task()) for _ in range(20)]

    assert {sent.outcome for sent in heard + later} == {"published"}
    assert max(sent.seconds for sent in heard) < 4
    assert (refused.status, refused.json["reason"]) == (422, "too_large")
    assert await narrow.ids() == sorted(edited_id(sent.task) for sent in heard + later)
    (buried,) = await narrow.buried()
    assert json.loads(buried.value) == json.loads(large)
    assert buried.key == b"default"
    headers = dict(buried.headers)
    assert headers.pop("received_at").endswith(b"Z")
    assert b"x" * 100 not in headers.pop("detail")
    assert headers == {
        "reason": b"too_large",
        "app": b"default",
        "mode": b"push",
        "content-type": b"text/odd",
    }
