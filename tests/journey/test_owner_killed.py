"""The bridge that claimed an event dies before it published it, or only takes its time."""

import asyncio
import time

from tests.journey.notifications import edited_id, new_task
from tests.journey.places import NO_SPOOL, Place, running
from tests.journey.senders import ANSWERED_WITHIN_S, VENDOR_WAITS_S, send
from tests.rig.program import Program
from tests.rig.waiting import eventually

LEASE_S = 3.0


def is_claimed(place: Place, task: str) -> bool:
    return place.redis.command("EXISTS", f"vod:{{default}}:{edited_id(task)}") == b":1"


async def claimed_by_the_dead(place: Place, task: str) -> float:
    """Let a program claim the event, and die while Kafka does not answer it. Tells when it was sent."""
    with place.kafka.open_proxy() as network:
        settings = place.settings | {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": place.kafka.proxied}
        async with Program(settings) as owner:
            network.stall()
            begun = time.monotonic()
            sending = asyncio.create_task(send(owner, task))
            await eventually(lambda: is_claimed(place, task), "the event is claimed")
            owner.kill()
            assert not (await sending).is_durable
    return begun


async def test_what_a_killed_owner_claimed_is_published_by_the_senders_next_send_5_s_later(
    own_place: Place,
) -> None:
    task = new_task()
    async with running(own_place) as heir:
        begun = await claimed_by_the_dead(own_place, task)
        assert await own_place.ids() == []
        await eventually(lambda: time.monotonic() > begun + VENDOR_WAITS_S, "the vendor sends again")
        sent = await send(heir, task)

    assert (sent.status, sent.outcome) == (200, "published")
    assert sent.seconds < LEASE_S  # nobody is waited for any more
    assert await own_place.ids() == [edited_id(task)]


async def test_a_delivery_that_comes_while_the_dead_owners_lease_stands_takes_over_when_it_runs_out(
    own_place: Place,
) -> None:
    task = new_task()
    async with running(own_place) as heir:
        await claimed_by_the_dead(own_place, task)
        heard = await asyncio.gather(*(send(heir, task) for _ in range(5)))

    assert sorted(sent.outcome for sent in heard) == ["duplicate"] * 4 + ["published"]
    assert max(sent.seconds for sent in heard) < ANSWERED_WITHIN_S
    assert await own_place.ids() == [edited_id(task)]


async def test_a_claim_outlives_its_lease_while_its_owner_waits_for_kafka(own_place: Place) -> None:
    task = new_task()
    stalled = NO_SPOOL | {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": own_place.kafka.proxied}
    with own_place.kafka.open_proxy() as network:
        async with running(own_place, stalled) as owner, running(own_place) as other:
            network.stall()
            asyncio.get_running_loop().call_later(LEASE_S + 1.5, network.resume)
            first = asyncio.create_task(send(owner, task))
            await eventually(lambda: is_claimed(own_place, task), "the event is claimed")
            second = await send(other, task)
            sent = await first

    assert (sent.outcome, second.outcome) == ("published", "duplicate")
    assert second.seconds > LEASE_S
    assert await own_place.ids() == [edited_id(task)]
