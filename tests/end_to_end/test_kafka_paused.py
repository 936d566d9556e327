"""Kafka frozen, without a spool: what was acknowledged is published, once; the rest had no response."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from tests.end_to_end.environment import NO_SPOOL, Environment, running
from tests.end_to_end.notifications import edited_id, new_task
from tests.end_to_end.senders import (
    ANSWERED_WITHIN_S,
    HOLD_S,
    LONG_HOLD_SETTINGS,
    SendResult,
    run_load,
    send,
    send_as_the_vendor,
    tasks_until,
)
from tests.rig.waiting import eventually

AT_ONCE = 64
PATIENT = 40


async def pause_under_load(
    environment: Environment, sending: Callable[[str], Awaitable[list[SendResult]]], seconds: float
) -> list[list[SendResult]]:
    """Freeze Kafka for so long amid senders of one task each; give their sends."""
    enough, results = asyncio.Event(), list[list[SendResult]]()
    passing = asyncio.create_task(run_load(tasks_until(enough), sending, at_once=AT_ONCE, results=results))
    await eventually(lambda: len(results) > 3 * AT_ONCE, "events pass")
    environment.kafka.pause()
    thawed = time.monotonic() + seconds
    asyncio.get_running_loop().call_later(seconds, environment.kafka.resume)
    await eventually(
        lambda: sum(sends[-1].is_durable and sends[-1].ended_at > thawed for sends in results) > 3 * AT_ONCE,
        "events pass again",
        within_s=seconds + 60,
    )
    enough.set()
    await passing
    return results


async def test_kafka_paused_for_3_s_under_load_costs_nobody_a_second_send(
    own_environment: Environment,
) -> None:
    async with running(own_environment, NO_SPOOL | LONG_HOLD_SETTINGS) as program:

        async def once(task: str) -> list[SendResult]:
            return [await send(program, task)]

        results = await pause_under_load(own_environment, once, 3)

    assert {sent.status for (sent,) in results} == {200}
    assert max(sent.seconds for (sent,) in results) > 2.5
    assert await own_environment.ids() == sorted(edited_id(sends[0].task) for sends in results)


@pytest.mark.long
async def test_kafka_paused_for_20_s_loses_nothing_that_was_answered_well_and_doubles_nothing(
    own_environment: Environment,
) -> None:
    async with running(own_environment, NO_SPOOL) as program:
        pausing = asyncio.create_task(
            pause_under_load(own_environment, partial(send_as_the_vendor, program), 20)
        )
        await eventually(lambda: program.metric("vod_bridge_deliveries_held"), "deliveries are held")
        waited = await asyncio.gather(*(send(program, new_task()) for _ in range(PATIENT)))
        results = await pausing
        unanswered = [sends[0].task for sends in results if not sends[-1].is_durable]
        unanswered += [sent.task for sent in waited]
        again = await run_load(unanswered, lambda task: send(program, task), at_once=AT_ONCE)

    assert {sent.status for sent in waited} == {503}
    assert all(HOLD_S <= sent.seconds < ANSWERED_WITHIN_S for sent in waited)
    assert any(len(sends) > 1 for sends in results)
    assert {sent.status for sends in results for sent in sends} == {0, 200}
    assert {sent.status for sent in again} == {200}
    tasks = {sends[0].task for sends in results} | {sent.task for sent in waited}
    assert await own_environment.ids() == sorted(map(edited_id, tasks))


async def test_more_deliveries_than_are_kept_are_met_with_silence_all_the_same(
    own_environment: Environment,
) -> None:
    async with running(own_environment, NO_SPOOL | {"BRIDGE_HTTP__HELD_MAX": "100"}) as program:
        await send(program, new_task())
        own_environment.kafka.pause()
        results = await asyncio.gather(*(send(program, new_task()) for _ in range(500)))
        own_environment.kafka.resume()
        later = await send(program, new_task())

    assert {sent.status for sent in results} == {503}
    assert all(HOLD_S <= sent.seconds < ANSWERED_WITHIN_S for sent in results)
    assert later.outcome == "published"
    ids = await own_environment.ids()
    assert len(ids) == len(set(ids))
