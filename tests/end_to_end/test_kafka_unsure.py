"""Whether Kafka took it is unknown: lost responses, broken connections, a crash. Each event is there once."""

import asyncio

import pytest

from tests.end_to_end.environment import NO_SPOOL, Environment, running
from tests.end_to_end.notifications import edited_id, new_task
from tests.end_to_end.senders import (
    ANSWERED_WITHIN_S,
    SLOW_BREAKER_SETTINGS,
    SendResult,
    run_load,
    send,
    send_as_the_vendor,
    tasks_until,
)
from tests.rig.program import Program
from tests.rig.waiting import eventually

AT_ONCE = 32


async def test_redeliveries_join_a_send_whose_answer_is_on_its_way_for_7_s(
    own_environment: Environment,
) -> None:
    tasks = [new_task() for _ in range(30)]
    settings = NO_SPOOL | {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": own_environment.kafka.proxied}
    with own_environment.kafka.open_proxy() as network:
        async with running(own_environment, settings) as program:
            await send(program, new_task())
            network.stall_responses()
            asyncio.get_running_loop().call_later(7, network.resume)
            results = await asyncio.gather(*(send_as_the_vendor(program, task) for task in tasks))
            later = await send(program, new_task())

    assert {sends[-1].status for sends in results} == {200}
    assert min(len(sends) for sends in results) > 1
    assert later.outcome == "published"
    ids = await own_environment.ids()
    assert len(ids) == len(set(ids)) == len(tasks) + 2
    assert {edited_id(task) for task in tasks} < set(ids)


async def more(results: list[SendResult]) -> None:
    so_far = len(results)
    await eventually(lambda: len(results) > so_far + 2 * AT_ONCE, "events pass")


async def all_wait(program: Program) -> bool:
    return await program.metric("vod_bridge_deliveries_in_flight") == AT_ONCE


async def test_answers_lost_with_their_connections_double_nothing(own_environment: Environment) -> None:
    settings = NO_SPOOL | SLOW_BREAKER_SETTINGS
    settings |= {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": own_environment.kafka.proxied}
    enough, results = asyncio.Event(), list[SendResult]()
    with own_environment.kafka.open_proxy() as network:
        async with running(own_environment, settings) as program:
            passing = asyncio.create_task(
                run_load(
                    tasks_until(enough), lambda task: send(program, task), at_once=AT_ONCE, results=results
                )
            )
            for _ in range(5):
                await more(results)
                network.stall_responses()
                await eventually(lambda: all_wait(program), "all are sent")
                network.cut()
                network.resume()
            enough.set()
            await passing

    assert {sent.status for sent in results} == {200}
    assert max(sent.seconds for sent in results) < ANSWERED_WITHIN_S
    assert await own_environment.ids() == sorted(edited_id(sent.task) for sent in results)


@pytest.mark.long
async def test_kafka_killed_and_started_again_under_load_loses_and_doubles_nothing(
    own_environment: Environment,
) -> None:
    enough, results = asyncio.Event(), list[list[SendResult]]()
    kafka = own_environment.kafka
    async with running(own_environment, NO_SPOOL) as program:
        passing = asyncio.create_task(
            run_load(
                tasks_until(enough),
                lambda task: send_as_the_vendor(program, task),
                at_once=AT_ONCE,
                results=results,
            )
        )
        await eventually(lambda: len(results) > 3 * AT_ONCE, "events pass")
        kafka.kill()
        await asyncio.to_thread(kafka.start)
        so_far = len(results)
        await eventually(lambda: len(results) > so_far + 5 * AT_ONCE, "events pass again")
        enough.set()
        await passing
        unanswered = [sends[0].task for sends in results if not sends[-1].is_durable]
        again = await run_load(unanswered, lambda task: send(program, task), at_once=AT_ONCE)

    assert {sends[-1].status for sends in results} <= {0, 200}
    assert {sent.status for sent in again} <= {200}
    assert await own_environment.ids() == sorted(edited_id(sends[0].task) for sends in results)
