"""Several worker processes on one port: the real program, its workers killed, replaced and stopped."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from bridge.vendor_twin.server import Vendor
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.end_to_end.senders import SendResult, send
from tests.end_to_end.test_pull import all_confirmed, queue_at
from tests.end_to_end.test_stopping import STILL_ACCEPTING_S, stopped_under_load
from tests.end_to_end.workers import (
    AT_ONCE,
    DELIVERIES,
    STARTS_WITHIN_S,
    by_worker,
    has_all,
    replaced,
    under_load,
    with_workers,
    worker_pids,
)
from tests.rig.connection_pool import ConnectionPool
from tests.rig.program import Program
from tests.rig.reaper import is_running
from tests.rig.waiting import eventually

CONNECTIONS = 128
SHARE_MAX = 1.3


@pytest.mark.parametrize("workers", [2, 4])
async def test_kept_connections_and_events_are_spread_and_the_metrics_are_their_sum(
    environment: Environment, workers: int
) -> None:
    async with running(environment, with_workers(workers)) as program, ConnectionPool() as pool:
        for _ in range(10):
            url = f"{program.url}/callbacks"
            answers = await asyncio.gather(*(pool.post(url, edited(new_task())) for _ in range(CONNECTIONS)))
            assert {status for status, _ in answers} == {200}
        opened, posted = pool.opened, 10 * CONNECTIONS
        await eventually(lambda: has_counted(program, posted), "every worker tells in time what it has done")
        connections = await by_worker(program, "vod_bridge_worker_http_connections", workers)
        deliveries = await by_worker(program, DELIVERIES, workers)
        counted = await program.metric("vod_bridge_delivery_seconds_count")
        ready = await program.metric("vod_bridge_workers")
        lines = [line["event"] for line in program.log_lines()]

    assert opened == CONNECTIONS
    assert max(connections) <= SHARE_MAX * CONNECTIONS / workers
    assert max(deliveries) <= SHARE_MAX * posted / workers
    assert sum(deliveries) == counted == posted
    assert ready == workers
    assert lines.count("listening") == lines.count("settings_warning") == 1


async def has_counted(program: Program, deliveries: int) -> bool:
    """Tell whether the sum of all workers is exactly this; one that is late counts with its last answer."""
    return await program.metric("vod_bridge_deliveries_total") == deliveries


async def test_a_killed_worker_costs_only_what_was_on_its_connections_and_is_started_again(
    environment: Environment,
) -> None:
    counts: list[float] = []

    async with running(environment, with_workers(2)) as program:

        async def kill_one(_heard: list[SendResult]) -> None:
            counts.append(await program.metric("vod_bridge_deliveries_total"))
            before = worker_pids(program)
            os.kill(before[0], signal.SIGKILL)

            async def is_whole() -> bool:
                counts.append(await program.metric("vod_bridge_deliveries_total"))
                return before != worker_pids(program) and await program.metric("vod_bridge_workers") == 2

            await eventually(is_whole, "another worker is ready", within_s=STARTS_WITHIN_S)

        heard = await under_load(program, kill_one)
        restarts = await program.metric("vod_bridge_worker_restarts_total")
        ended = [line for line in program.log_lines() if line["event"] == "worker_ended"]
        answer = await program.admin("/readyz")

    unanswered = [sent for sent in heard if not sent.status]
    assert len(unanswered) <= AT_ONCE
    assert {sent.status for sent in heard} <= {0, 200}
    assert await has_all(environment, heard)
    assert counts == sorted(counts)
    assert restarts == 1
    assert [line["exit_code"] for line in ended] == [-signal.SIGKILL]
    assert (answer.status, answer.json["status"]) == (200, "ready")


@pytest.mark.long
async def test_sighup_replaces_every_worker_without_a_refused_post(environment: Environment) -> None:
    async with running(environment, with_workers(2)) as program:
        first = worker_pids(program)

        async def replace(_heard: list[SendResult]) -> None:
            program.process.hang_up()
            await replaced(program)

        heard = await under_load(program, replace)
        second = worker_pids(program)
        await eventually(lambda: has_counted(program, len(heard)), "all deliveries are counted")

    assert {sent.status for sent in heard} == {200}
    assert any(sent.connection_close for sent in heard)
    assert len(second) == 2
    assert not set(first) & set(second)
    assert await has_all(environment, heard)


@pytest.mark.long
async def test_sighup_reads_the_files_of_settings_again_and_a_wrong_one_changes_nothing(
    environment: Environment, tmp_path: Path
) -> None:
    config = tmp_path / "bridge.toml"
    config.write_text("", encoding="utf-8")
    async with running(environment, with_workers(2) | {"BRIDGE_CONFIG": str(config)}) as program:
        first = worker_pids(program)
        config.write_text("[http]\nbody_max_bytes = 'none'\n", encoding="utf-8")
        program.process.hang_up()
        await eventually(lambda: "workers_replacing_stopped" in program.log(), "it is refused")
        unchanged = worker_pids(program)
        config.write_text("[http]\nbody_max_bytes = 100\n", encoding="utf-8")
        program.process.hang_up()
        await replaced(program)
        answer = await program.post(edited(new_task()))
        assert "body_max_bytes" in program.log()

    assert unchanged == first
    assert answer.status == 413


async def test_sigterm_under_load_drains_all_workers_in_the_same_time(environment: Environment) -> None:
    async with Program(environment.settings | with_workers(2)) as program:
        heard, asked_at, _ = await stopped_under_load(program)

    early = [sent for sent in heard if sent.started_at < asked_at + STILL_ACCEPTING_S / 2]
    assert {sent.status for sent in early} == {200}
    assert await has_all(environment, heard)


async def test_workers_whose_supervisor_was_killed_end_in_order_and_free_the_port(
    environment: Environment, tmp_path: Path
) -> None:
    settings = with_workers(2) | {"BRIDGE_SPOOL__PATH": str(tmp_path)}
    async with running(environment, settings) as program:
        pids = worker_pids(program)
        heard = [await send(program, new_task()) for _ in range(20)]
        program.kill()
        await eventually(lambda: not any(map(is_running, pids)), "the workers end")
        log = program.log()
        ports = {
            "BRIDGE_HTTP__PORT": str(program.port),
            "BRIDGE_ADMIN__PORT": str(program.admin_port),
        }
        async with running(environment, settings | ports) as successor:
            heard.append(await send(successor, new_task()))

    assert log.count("supervisor_lost") == 2
    assert log.count('"event":"stopped"') == 2
    assert {sent.status for sent in heard} == {200}
    assert await has_all(environment, heard)


@pytest.mark.long
async def test_the_pulls_of_one_queue_are_spread_over_the_workers_and_not_multiplied(
    environment: Environment, vendor: Vendor
) -> None:
    app, settings = queue_at(vendor)
    tasks = [new_task() for _ in range(100)]
    began = time.monotonic()
    async with running(environment, settings | with_workers(2)) as program:
        ready = time.monotonic()
        await eventually(lambda: time.monotonic() > ready + 20, "a while passes")
        calls, lasted = app.ledger.outcomes("PullEvents").total(), time.monotonic() - began
        for task in tasks:
            app.put(edited(task))
        await all_confirmed(app)

        async def are_counted() -> bool:
            return await program.metric("vod_bridge_pull_events_total", app="shop") == len(tasks)

        await eventually(are_counted, "each is counted once")

    assert 2 <= calls <= 2 + lasted / 4
    assert await environment.ids() == sorted(map(edited_id, tasks))


@pytest.mark.long
async def test_a_worker_that_hangs_is_killed_and_started_again_and_nobody_waits_for_it(
    environment: Environment,
) -> None:
    async with running(environment, with_workers(2)) as program:
        first = worker_pids(program)
        os.kill(first[0], signal.SIGSTOP)
        heard = [await send(program, new_task()) for _ in range(5)]

        async def is_whole() -> bool:
            return first[0] not in worker_pids(program) and await program.metric("vod_bridge_workers") == 2

        await eventually(is_whole, "another worker is ready", within_s=STARTS_WITHIN_S)
        log = program.log()

    assert "worker_unresponsive" in log
    assert {sent.status for sent in heard} == {200}
