"""Several worker processes on one port: the real program, its workers killed, replaced and stopped."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.journey.environment import Environment, running
from tests.journey.notifications import edited, edited_id, new_task
from tests.journey.senders import SendResult, run_load, send, tasks_until
from tests.journey.test_stopping import STILL_ACCEPTING_S, stopped_under_load
from tests.rig.connection_pool import ConnectionPool
from tests.rig.program import Program
from tests.rig.waiting import eventually

AT_ONCE = 32
CONNECTIONS = 128
SHARE_MAX = 1.3


def with_workers(number: int) -> dict[str, str]:
    return {"BRIDGE_HTTP__WORKERS": str(number), "BRIDGE_LOG__FORMAT": "json"}


def worker_pids(program: Program) -> list[int]:
    """Give the processes of its workers."""
    children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")
    return sorted(int(pid) for pid in children.read_text(encoding="ascii").split())


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def by_worker(program: Program, name: str, workers: int) -> list[float]:
    return [await program.metric(name, worker=str(number + 1)) for number in range(workers)]


async def under_load(
    program: Program, act: Callable[[list[SendResult]], Awaitable[None]]
) -> list[SendResult]:
    """Post all the time while ``act`` does something; give all sends."""
    enough, heard = asyncio.Event(), list[SendResult]()
    passing = asyncio.create_task(
        run_load(tasks_until(enough), lambda task: send(program, task), at_once=AT_ONCE, results=heard)
    )
    await eventually(lambda: len(heard) > 10 * AT_ONCE, "events pass")
    await act(heard)
    after = len(heard)
    await eventually(lambda: len(heard) > after + 5 * AT_ONCE, "events pass afterwards")
    enough.set()
    await passing
    return heard


async def has_all(environment: Environment, heard: list[SendResult]) -> bool:
    return {edited_id(sent.task) for sent in heard if sent.is_durable} <= set(await environment.ids())


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
        connections = await by_worker(program, "vod_bridge_worker_http_connections", workers)
        deliveries = await by_worker(program, "vod_bridge_worker_deliveries_total", workers)
        total = await program.metric("vod_bridge_deliveries_total")
        counted = await program.metric("vod_bridge_delivery_seconds_count")
        ready = await program.metric("vod_bridge_workers")
        lines = [line["event"] for line in program.log_lines()]

    assert opened == CONNECTIONS
    assert max(connections) <= SHARE_MAX * CONNECTIONS / workers
    assert max(deliveries) <= SHARE_MAX * posted / workers
    assert sum(deliveries) == total == counted == posted
    assert ready == workers
    assert lines.count("listening") == lines.count("settings_warning") == 1


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

            await eventually(is_whole, "another worker is ready")

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


async def test_sighup_replaces_every_worker_without_a_refused_post(environment: Environment) -> None:
    async with running(environment, with_workers(2)) as program:
        first = worker_pids(program)

        async def replace(_heard: list[SendResult]) -> None:
            program.process.hang_up()
            await eventually(lambda: "workers_replaced" in program.log(), "all workers are replaced")

        heard = await under_load(program, replace)
        second = worker_pids(program)
        total = await program.metric("vod_bridge_deliveries_total")

    assert {sent.status for sent in heard} == {200}
    assert any(sent.connection_close for sent in heard)
    assert len(second) == 2
    assert not set(first) & set(second)
    assert total == len(heard)
    assert await has_all(environment, heard)


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
        await eventually(lambda: "workers_replaced" in program.log(), "all workers are replaced")
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


@pytest.mark.parametrize("numbers", [(4, 2, 4), (1, 2, 1)])
async def test_another_number_of_workers_at_the_next_start_loses_nothing_of_a_full_spool(
    own_environment: Environment, tmp_path: Path, numbers: tuple[int, ...]
) -> None:
    heard: list[SendResult] = []
    settings = {"BRIDGE_SPOOL__PATH": str(tmp_path), "BRIDGE_SPOOL__MAX_BYTES": str(8 << 20)}
    settings["BRIDGE_HTTP__HOLD_S"] = "0"
    own_environment.kafka.pause()
    for number in numbers:
        async with running(own_environment, settings | with_workers(number)) as program:
            url = "x" * 20_000
            for _ in range(8):
                results = await asyncio.gather(*(post(program, url) for _ in range(100)))
                heard += results
                if any(not sent.is_durable for sent in results):
                    break
            else:
                assert number != numbers[0], "the spool is not full"
            used = spooled_bytes(tmp_path)
            assert used <= 8 << 20
            assert await program.terminate() == 0
    own_environment.kafka.resume()
    async with running(own_environment, settings | with_workers(numbers[-1])) as program:
        await eventually(lambda: not list(tmp_path.rglob("*.log")), "every folder is drained")
        await eventually(lambda: set(folders(tmp_path)) <= set("1234"[: numbers[-1]]), "folders are removed")

    assert sum(sent.is_durable for sent in heard) > 100
    assert await has_all(own_environment, heard)


def spooled_bytes(root: Path) -> int:
    return sum(file.stat().st_size for file in root.rglob("*.log"))


def folders(root: Path) -> list[str]:
    return [folder.name for folder in root.iterdir() if folder.name.isdecimal()]


async def post(program: Program, url: str) -> SendResult:
    task, began = new_task(), time.monotonic()
    answer = await program.post(edited(task, url=url))
    return SendResult(task=task, started_at=began, ended_at=time.monotonic(), status=answer.status)


async def test_workers_are_replaced_while_kafka_is_away_and_what_they_had_spooled_is_drained(
    own_environment: Environment, tmp_path: Path
) -> None:
    settings = with_workers(2) | {"BRIDGE_SPOOL__PATH": str(tmp_path)}
    async with running(own_environment, settings) as program:
        own_environment.kafka.pause()
        heard = await asyncio.gather(*(send(program, new_task()) for _ in range(200)))
        first = worker_pids(program)
        program.process.hang_up()
        await eventually(
            lambda: "workers_replaced" in program.log(), "all workers are replaced", within_s=120
        )
        assert not set(first) & set(worker_pids(program))
        heard += await asyncio.gather(*(send(program, new_task()) for _ in range(200)))
        own_environment.kafka.resume()
        await eventually(lambda: not list(tmp_path.rglob("*.log")), "every folder is drained")

    assert {sent.outcome for sent in heard} == {"spooled"}
    assert await has_all(own_environment, heard)
