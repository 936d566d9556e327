"""Redis stopped, silent, emptied and back again under load: nothing is lost, nobody waits for it."""

import asyncio
from collections.abc import Callable

from tests.journey.notifications import edited_id, new_task
from tests.journey.places import Place, running
from tests.journey.senders import Sent, load, send
from tests.rig.program import Program
from tests.rig.waiting import eventually

AT_ONCE = 32
EVENTS = 400
BEFORE_THE_FAULT = 100


async def under_load(program: Program, fault: Callable[[], None]) -> tuple[list[Sent], int]:
    """Let events pass and something happen among them; give the sends and how many were answered by then."""
    heard: list[Sent] = []
    tasks = [new_task() for _ in range(EVENTS)]
    passing = asyncio.create_task(load(tasks, lambda task: send(program, task), at_once=AT_ONCE, heard=heard))
    await eventually(lambda: len(heard) >= BEFORE_THE_FAULT, "events pass", every_s=0.001)
    await asyncio.to_thread(fault)
    so_far = len(heard)
    await passing
    return heard, so_far


async def is_back(program: Program) -> None:
    async def whole() -> bool:
        return not (await program.admin("/readyz")).json["degraded"]

    await eventually(whole, "Redis is asked again", within_s=5)


async def test_redis_stopped_silent_flushed_and_restarted_while_2000_events_pass(place: Place) -> None:
    redis = place.redis
    everything: list[Sent] = []
    unchecked: set[str] = set()
    checked: set[str] = set()

    def restart() -> None:
        redis.stop()
        redis.start()

    async with running(place) as program:
        for fault, mend in ((redis.stop, redis.start), (redis.pause, redis.resume)):
            heard, so_far = await under_load(program, fault)
            # What was begun after the fault can have met no living Redis.
            away_since = max(sent.ended for sent in heard[:so_far])
            unchecked |= {sent.task for sent in heard if sent.begun > away_since}
            everything += heard
            mend()
            await is_back(program)
        for harmless in (redis.flush, lambda: None):
            heard, _ = await under_load(program, harmless)
            checked |= {sent.task for sent in heard}
            everything += heard
        heard, _ = await under_load(program, restart)
        everything += heard
        await is_back(program)
        sample = [sent.task for sent in everything[::20]]
        again = await load(sample, lambda task: send(program, task), at_once=AT_ONCE)

    assert len(everything) == 5 * EVENTS
    assert {sent.status for sent in everything} == {200}
    assert max(sent.seconds for sent in everything) < 4
    assert {sent.status for sent in again} == {200}
    events = await place.published()
    assert {event["id"] for event in events} == {edited_id(sent.task) for sent in everything}
    stamped = {event["task_id"]: event["delivery"]["deduplicated"] for event in events}
    assert len(unchecked) > BEFORE_THE_FAULT
    assert {stamped[task] for task in unchecked} == {False}
    assert {stamped[task] for task in checked} == {True}


async def test_a_stall_of_our_own_process_is_no_miss_of_redis(place: Place) -> None:
    loop = asyncio.get_running_loop()

    def stall() -> None:
        program.process.pause()
        loop.call_soon_threadsafe(loop.call_later, 0.6, program.process.resume)

    async with running(place) as program:
        heard = [sent for _ in range(3) for sent in (await under_load(program, stall))[0]]
        assert await program.metric("bridge_dedup_claims_total", answer="away") == 0

    assert {sent.outcome for sent in heard} == {"published"}
    assert all(event["delivery"]["deduplicated"] for event in await place.published())


async def test_what_was_published_while_redis_was_away_is_a_duplicate_once_it_is_back(place: Place) -> None:
    task = new_task()
    async with running(place) as program:
        place.redis.stop()
        for _ in range(4):
            await send(program, new_task())
        assert (await send(program, task)).outcome == "published"
        assert (await send(program, task)).outcome == "duplicate"  # this process remembers meanwhile
        place.redis.start()
        await is_back(program)
        assert (await send(program, task)).outcome == "duplicate"
        key = f"vod:{{default}}:{edited_id(task)}"
        await eventually(lambda: place.redis.command("EXISTS", key) == b":1", "Redis was told later")

    assert (await place.ids()).count(edited_id(task)) == 1
