"""What Kafka does not take waits on disk: answered 202 in time, drained by itself, once and in order."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.end_to_end.senders import ANSWERED_WITHIN_S, HOLD_S, SendResult, run_load, send, tasks_until
from tests.rig.program import Program
from tests.rig.waiting import eventually

AT_ONCE = 32


async def emptied(program: Program) -> None:
    async def empty() -> bool:
        return await program.metric("vod_bridge_spool_records") == 0

    await eventually(empty, "the spool is empty")


def logs(folder: Path) -> list[Path]:
    return list(folder.glob("*.log"))


async def publishes(program: Program) -> bool:
    return "not answering" not in await degraded(program)


async def degraded(program: Program) -> str:
    return " ".join(await program.degraded())


async def test_a_paused_kafka_delays_no_response_and_nothing_is_published_twice(
    own_environment: Environment,
) -> None:
    enough, results = asyncio.Event(), list[SendResult]()
    async with running(own_environment) as program:
        passing = asyncio.create_task(
            run_load(tasks_until(enough), lambda task: send(program, task), at_once=AT_ONCE, results=results)
        )
        await eventually(lambda: len(results) > 3 * AT_ONCE, "events pass")
        own_environment.kafka.pause()  # until others have been answered: nobody's answer waits for its return
        await eventually(
            lambda: sum(sent.outcome == "spooled" for sent in results) > 10 * AT_ONCE, "events are spooled"
        )
        assert "records wait" in await degraded(program)
        assert (await program.admin("/readyz")).status == 200
        own_environment.kafka.resume()
        again = len(results)
        await eventually(
            lambda: sum(sent.outcome == "published" for sent in results[again:]) > 3 * AT_ONCE,
            "events pass again",
        )
        enough.set()
        await passing
        await emptied(program)
        await eventually(program.is_well, "nothing is degraded")

    assert {sent.status for sent in results} == {200, 202}
    assert max(sent.seconds for sent in results) < ANSWERED_WITHIN_S
    assert await own_environment.ids() == sorted(edited_id(sent.task) for sent in results)


async def test_what_is_spooled_is_a_duplicate_when_it_is_sent_again(own_environment: Environment) -> None:
    task = new_task()
    async with running(own_environment) as program:
        own_environment.kafka.pause()
        first, again = await send(program, task), await send(program, task)
        own_environment.kafka.resume()
        await emptied(program)

    assert [(sent.status, sent.outcome) for sent in (first, again)] == [(202, "spooled"), (200, "duplicate")]
    assert await own_environment.ids() == [edited_id(task)]


async def test_events_of_a_missing_topic_wait_in_the_spool_and_are_named(environment: Environment) -> None:
    await environment.kafka.delete_topics([environment.events])
    task = new_task()
    async with running(environment) as program:
        sent = await send(program, task)
        broken = await program.post(b"no notification")
        reasons = await degraded(program)
        await environment.kafka.create_topics([environment.events])
        await emptied(program)

    assert (sent.status, sent.outcome) == (202, "spooled")
    assert broken.status == 422
    assert environment.events in reasons
    assert await environment.ids() == [edited_id(task)]
    assert [letter.value for letter in await environment.rejected()] == [b"no notification"]


async def test_rejected_bytes_wait_in_the_spool_as_well(own_environment: Environment) -> None:
    async with running(own_environment) as program:
        own_environment.kafka.pause()
        broken = await program.post(b"no notification")
        own_environment.kafka.resume()
        await emptied(program)

    assert (broken.status, broken.json["outcome"]) == (422, "rejected")
    assert [letter.value for letter in await own_environment.rejected()] == [b"no notification"]


async def test_a_killed_bridges_spool_is_drained_by_its_successor(
    own_environment: Environment, tmp_path: Path
) -> None:
    tasks = [new_task() for _ in range(300)]
    folder = {"BRIDGE_SPOOL__PATH": str(tmp_path)}
    async with running(own_environment, folder) as program:
        own_environment.kafka.pause()
        results = await asyncio.gather(*(send(program, task) for task in tasks))
        program.kill()
    own_environment.kafka.resume()
    async with running(own_environment, folder) as successor:
        await emptied(successor)
        again = await asyncio.gather(*(send(successor, task) for task in tasks))

    assert {sent.outcome for sent in results} == {"spooled"}
    assert {sent.outcome for sent in again} == {"duplicate"}
    assert set(await own_environment.ids()) == set(map(edited_id, tasks))


async def test_a_full_spool_is_held_then_503_and_recovers_by_itself(own_environment: Environment) -> None:
    large = "http://example.com/" + "x" * 200_000
    async with running(own_environment, {"BRIDGE_SPOOL__MAX_BYTES": "1 MiB"}) as program:
        own_environment.kafka.pause()
        tasks = [new_task() for _ in range(12)]
        started = time.monotonic()
        answers = await asyncio.gather(*(program.post(edited(task, url=large)) for task in tasks))
        took = time.monotonic() - started
        reasons, failing = await degraded(program), await program.metric("vod_bridge_spool_failing")
        own_environment.kafka.resume()
        await emptied(program)
        later = await send(program, new_task())
        assert await program.metric("vod_bridge_spool_failing") == 0

    assert {answer.status for answer in answers} == {202, 503}
    assert took >= HOLD_S
    assert "full" in reasons
    assert failing == 1
    assert later.outcome == "published"
    good = {edited_id(task) for task, answer in zip(tasks, answers, strict=True) if answer.status == 202}
    ids = await own_environment.ids()
    assert good < set(ids)
    assert len(ids) == len(set(ids))


async def test_a_second_bridge_on_one_folder_does_not_start_and_reports_why(
    environment: Environment, tmp_path: Path
) -> None:
    folder = {"BRIDGE_SPOOL__PATH": str(tmp_path)}
    async with running(environment, folder):
        second = Program(environment.settings | folder)
        second.launch()
        assert second.exit_code() == 1
        assert str(tmp_path) in second.log()
        assert "BRIDGE_SPOOL__PATH" in second.log()
        assert "Traceback" not in second.log()


@pytest.mark.parametrize("drains", ["", "true"])
async def test_sigterm_leaves_the_spool_whole_or_empties_it_where_that_is_set(
    own_environment: Environment, tmp_path: Path, drains: str
) -> None:
    tasks = [new_task() for _ in range(200)]
    settings = {"BRIDGE_SPOOL__PATH": str(tmp_path)}
    if drains:
        settings["BRIDGE_SPOOL__DRAIN_ON_STOP"] = drains
    async with running(own_environment, settings) as program:
        own_environment.kafka.pause()
        results = await asyncio.gather(*(send(program, task) for task in tasks))
        if drains:
            own_environment.kafka.resume()
            await eventually(lambda: publishes(program), "Kafka is known to be back")
        assert await program.terminate() == 0
    if not drains:
        own_environment.kafka.resume()
        async with running(own_environment, settings) as successor:
            await emptied(successor)
            await eventually(lambda: not logs(tmp_path), "its files go, after its records")

    assert {sent.outcome for sent in results} == {"spooled"}
    # What the producer held when it was ended may be published twice.
    assert set(await own_environment.ids()) == set(map(edited_id, tasks))
    assert logs(tmp_path) == []


async def test_the_drain_command_empties_a_folder_whose_process_is_gone(
    own_environment: Environment, tmp_path: Path
) -> None:
    tasks = [new_task() for _ in range(200)]
    async with running(own_environment, {"BRIDGE_SPOOL__PATH": str(tmp_path)}) as program:
        own_environment.kafka.pause()
        await asyncio.gather(*(send(program, task) for task in tasks))
        living = Program(own_environment.settings, command=("drain", "--spool", str(tmp_path)))
        living.launch()
        assert living.exit_code() == 1
        program.kill()
    own_environment.kafka.resume()
    drain = Program(own_environment.settings, command=("drain", "--spool", str(tmp_path)))
    drain.launch()
    assert await asyncio.to_thread(drain.exit_code) == 0

    assert "is empty" in drain.log()
    assert set(await own_environment.ids()) == set(map(edited_id, tasks))
