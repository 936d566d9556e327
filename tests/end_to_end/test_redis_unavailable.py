"""Redis stopped, silent, emptied and back again under load: nothing is lost, nobody waits for it."""

import asyncio
import time
from collections.abc import Callable

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited_id, new_task
from tests.end_to_end.senders import (
    ANSWERED_AFTER_LONG_HOLD_S,
    ANSWERED_WITHIN_S,
    LONG_HOLD_S,
    LONG_HOLD_SETTINGS,
    SendResult,
    run_load,
    send,
    tasks_until,
)
from tests.rig.program import Program
from tests.rig.waiting import eventually

AT_ONCE = 32
BEFORE, AFTER = 100, 300
REDIS_IS_WAITED_FOR_S = 1.0


async def under_load(program: Program, fault: Callable[[], None]) -> tuple[list[SendResult], float]:
    """Let events pass and something happen among them; give the sends and when it had happened."""
    enough, results = asyncio.Event(), list[SendResult]()
    passing = asyncio.create_task(
        run_load(tasks_until(enough), lambda task: send(program, task), at_once=AT_ONCE, results=results)
    )
    await eventually(lambda: len(results) >= BEFORE, "events pass", every_s=0.001)
    await asyncio.to_thread(fault)
    happened, so_far = time.monotonic(), len(results)
    await eventually(lambda: len(results) >= so_far + AFTER, "events pass after it", every_s=0.001)
    enough.set()
    await passing
    return results, happened


async def is_back(program: Program) -> None:
    await eventually(program.is_well, "Redis is asked again")


async def test_redis_stopped_silent_flushed_and_restarted_while_2000_events_pass(
    environment: Environment,
) -> None:
    redis = environment.redis
    everything: list[SendResult] = []
    again: list[SendResult] = []
    unchecked: set[str] = set()
    checked: set[str] = set()

    def restart() -> None:
        redis.stop()
        redis.start()

    async with running(environment) as program:
        for fault, mend in ((redis.stop, redis.start), (redis.pause, redis.resume)):
            results, gone = await under_load(program, fault)
            met_no_redis = [sent.task for sent in results if sent.started_at > gone]
            unchecked |= set(met_no_redis)
            everything += results
            mend()
            await is_back(program)
            again += await run_load(met_no_redis[::10], lambda task: send(program, task), at_once=AT_ONCE)
        for harmless in (redis.flush, lambda: None):
            results, _ = await under_load(program, harmless)
            checked |= {sent.task for sent in results}
            everything += results
        results, _ = await under_load(program, restart)
        everything += results
        await is_back(program)

    assert len(everything) >= 2000
    assert {sent.status for sent in everything} == {200}
    assert max(sent.seconds for sent in everything) < ANSWERED_WITHIN_S
    assert {sent.outcome for sent in again} == {"duplicate"}
    events = await environment.published()
    assert sorted(event["id"] for event in events) == sorted(edited_id(sent.task) for sent in everything)
    stamped = {event["task_id"]: event["delivery"]["deduplicated"] for event in events}
    assert len(unchecked) >= 2 * (AFTER - AT_ONCE)
    assert {stamped[task] for task in unchecked} == {False}
    assert {stamped[task] for task in checked} == {True}


async def test_a_stall_of_our_own_process_is_no_miss_of_redis(environment: Environment) -> None:
    enough, results = asyncio.Event(), list[SendResult]()
    limit = {"BRIDGE_DEDUP__TIMEOUT_MS": str(int(1000 * REDIS_IS_WAITED_FOR_S))}
    async with running(environment, limit) as program:
        passing = asyncio.create_task(
            run_load(tasks_until(enough), lambda task: send(program, task), at_once=AT_ONCE, results=results)
        )
        for stall in range(1, 6):
            await eventually(lambda reached=stall * BEFORE: len(results) >= reached, "events pass")  # type: ignore[misc]
            # Frozen for longer than Redis is waited for: its answers lie unread when the timers fire.
            program.process.pause()
            await asyncio.sleep(2 * REDIS_IS_WAITED_FOR_S)
            program.process.resume()
        enough.set()
        await passing
        missed = await program.metric("vod_bridge_dedup_claims_total", result="unavailable")

    assert max(sent.seconds for sent in results) > REDIS_IS_WAITED_FOR_S
    assert missed == 0
    assert all(event["delivery"]["deduplicated"] for event in await environment.published())


async def test_what_was_published_while_redis_was_down_is_a_duplicate_once_it_is_up(
    environment: Environment,
) -> None:
    task = new_task()
    async with running(environment) as program:
        environment.redis.stop()
        for _ in range(4):
            await send(program, new_task())
        assert (await send(program, task)).outcome == "published"
        assert (await send(program, task)).outcome == "duplicate"  # this process remembers meanwhile
        environment.redis.start()
        await is_back(program)
        assert (await send(program, task)).outcome == "duplicate"
        key = f"vod:{{default}}:{edited_id(task)}"
        await eventually(lambda: environment.redis.command("EXISTS", key) == b":1", "Redis has the claim")

    assert (await environment.ids()).count(edited_id(task)) == 1


async def test_where_asked_to_hold_events_wait_for_redis_instead_of_passing_unchecked(
    environment: Environment,
) -> None:
    given_up, held = new_task(), new_task()
    holds = LONG_HOLD_SETTINGS | {"BRIDGE_DEDUP__WHEN_UNAVAILABLE": "hold"}
    async with running(environment, holds) as program:
        environment.redis.stop()
        silence = await send(program, given_up)
        sending = asyncio.create_task(send(program, held))
        await eventually(lambda: program.metric("vod_bridge_deliveries_in_flight"), "the delivery waits")
        environment.redis.start()
        sent = await sending

    assert silence.status == 503
    assert LONG_HOLD_S <= silence.seconds < ANSWERED_AFTER_LONG_HOLD_S
    assert sent.outcome == "published"
    assert [event["delivery"]["deduplicated"] for event in await environment.published()] == [True]
