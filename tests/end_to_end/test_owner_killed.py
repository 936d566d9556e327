"""The bridge that claimed an event dies before it published it, or only takes its time."""

import asyncio
import time

from msgspec.structs import replace

from tests.end_to_end.environment import NO_SPOOL, Environment, running
from tests.end_to_end.notifications import edited_id, new_task
from tests.end_to_end.senders import (
    ANSWERED_AFTER_LONG_HOLD_S,
    LONG_HOLD_SETTINGS,
    SLOW_BREAKER_SETTINGS,
    VENDOR_WAITS_S,
    send,
)
from tests.rig.program import Program
from tests.rig.waiting import eventually

LEASE_S = 3.0


def is_claimed(environment: Environment, task: str) -> bool:
    return environment.redis.command("EXISTS", f"vod:{{default}}:{edited_id(task)}") == b":1"


async def claimed_by_the_dead(environment: Environment, task: str) -> float:
    """Let a program claim the event, and die while Kafka does not answer it. Returns when it had died."""
    with environment.kafka.open_proxy() as network:
        settings = environment.settings | NO_SPOOL | SLOW_BREAKER_SETTINGS
        settings |= {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": environment.kafka.proxied}
        async with Program(settings) as owner:
            network.stall()
            sending = asyncio.create_task(send(owner, task))
            await eventually(lambda: is_claimed(environment, task), "the event is claimed")
            owner.kill()
            died_at = time.monotonic()
            assert not (await sending).is_durable
    return died_at


async def test_what_a_killed_owner_claimed_is_published_by_the_senders_next_send_5_s_later(
    own_environment: Environment,
) -> None:
    task = new_task()
    well = replace(own_environment, is_kafka_well=True)  # the dead one alone does not reach it
    async with running(well) as successor:
        died_at = await claimed_by_the_dead(own_environment, task)
        assert await own_environment.ids() == []
        await eventually(lambda: time.monotonic() > died_at + VENDOR_WAITS_S, "the vendor sends again")
        sent = await send(successor, task)
        held = await successor.metric("vod_bridge_dedup_claims_total", result="held")

    assert (sent.status, sent.outcome) == (200, "published")
    assert held == 0  # nobody is waited for any more
    assert await own_environment.ids() == [edited_id(task)]


async def test_a_delivery_that_comes_while_the_dead_owners_lease_stands_takes_over_when_it_runs_out(
    own_environment: Environment,
) -> None:
    task = new_task()
    async with running(own_environment, LONG_HOLD_SETTINGS) as successor:
        await claimed_by_the_dead(own_environment, task)
        results = await asyncio.gather(*(send(successor, task) for _ in range(5)))

    assert sorted(sent.outcome for sent in results) == ["duplicate"] * 4 + ["published"]
    assert max(sent.seconds for sent in results) < ANSWERED_AFTER_LONG_HOLD_S
    assert await own_environment.ids() == [edited_id(task)]


async def test_a_claim_outlives_its_lease_while_its_owner_waits_for_kafka(
    own_environment: Environment,
) -> None:
    task = new_task()
    patient = NO_SPOOL | {"BRIDGE_HTTP__HOLD_S": "60"}
    stalled = patient | {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": own_environment.kafka.proxied}
    with own_environment.kafka.open_proxy() as network:
        async with running(own_environment, stalled) as owner, running(own_environment, patient) as other:
            network.stall()
            first = asyncio.create_task(send(owner, task))
            await eventually(lambda: is_claimed(own_environment, task), "the event is claimed")
            asyncio.get_running_loop().call_later(LEASE_S + 1.5, network.resume)
            second = await send(other, task)
            sent = await first

    assert (sent.outcome, second.outcome) == ("published", "duplicate")
    assert second.seconds > LEASE_S
    assert await own_environment.ids() == [edited_id(task)]
