"""A program of several worker processes, as its tests see it: its processes, and what each has done."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.end_to_end.environment import Environment
from tests.end_to_end.notifications import edited_id
from tests.end_to_end.senders import SendResult, run_load, send, tasks_until
from tests.rig.program import Program
from tests.rig.waiting import eventually

AT_ONCE = 32
DELIVERIES = "vod_bridge_worker_deliveries_total"
# Starts of whole programs, one after the other: a machine that is busy with much else gets its time.
STARTS_WITHIN_S = 240.0


def with_workers(number: int) -> dict[str, str]:
    return {"BRIDGE_HTTP__WORKERS": str(number), "BRIDGE_LOG__FORMAT": "json"}


def worker_pids(program: Program) -> list[int]:
    """Give the processes of its workers."""
    children = Path(f"/proc/{program.process.pid}/task/{program.process.pid}/children")
    return sorted(int(pid) for pid in children.read_text(encoding="ascii").split())


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


async def replaced(program: Program) -> None:
    """Wait until SIGHUP has replaced all workers."""
    await eventually(
        lambda: "workers_replaced" in program.log(), "all workers are replaced", within_s=STARTS_WITHIN_S
    )
