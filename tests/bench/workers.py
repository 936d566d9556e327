"""Several worker processes on all cores: CPU time an event, how even they share, memory over many events."""

import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from msgspec import Struct
from msgspec.structs import replace

from tests.bench.accounts import cpu_seconds, pin, rss_bytes
from tests.bench.figures import Cost, median, per_event_us, ratio
from tests.bench.load import Load
from tests.bench.stage import BOOTSTRAP, REDIS_URL, Stage, Target, all_is_in_kafka
from tests.bench.table import Cell, Table
from tests.end_to_end.workers import STARTS_WITHIN_S, by_worker, with_workers, worker_pids
from tests.rig.program import Program
from tests.rig.reaper import is_running
from tests.rig.waiting import eventually

WORKERS = (1, 2, 4)
LASTING = 2
"""So many workers take the many events."""

EVENTS = (40_000, 1_000_000)  # quick, full
WINDOWS, SECONDS = (1, 3), (2, 8)
WARM_S = (1, 4)
FLAT_MB = 3.0


class _Running(Struct, frozen=True):
    """A program of some workers; with one, it is the worker and has no supervisor."""

    program: Program
    target: Target
    workers: Sequence[int]

    def cpu_s(self) -> float:
        """CPU time of all of its processes."""
        return sum(map(cpu_seconds, {self.target.pid, *self.workers}))

    def rss_mb(self) -> list[float]:
        """Resident memory of each worker."""
        return [round(rss_bytes(pid) / 1e6, 1) for pid in self.workers]


async def workers(stage: Stage) -> Table:
    """Measure 1, 2 and 4 workers under 128 connections, on the cores that Kafka, Redis and wrk use too."""
    rows: list[dict[str, Cell]] = []
    costs: dict[int, Cost] = {}
    shares: dict[int, float] = {}
    failed, lasting = 0, [0.0, 0.0, 0.0]
    for number in WORKERS:
        async with _running(stage, number) as running:
            idle_mb = running.rss_mb()
            costs[number], shares[number] = await _cost(stage, running), await _greatest_share(running)
            failed += costs[number].failed
            rows.append(_row(number, costs[number], shares[number], idle_mb, running))
            if number == LASTING:
                lasting = [max(idle_mb), *await _rss_over_events(stage, running)]
    results = {f"cpu_{number}_to_1": ratio(costs[number].cpu_us, costs[1].cpu_us) for number in WORKERS[1:]}
    results |= {f"greatest_share_of_{number}": shares[number] for number in WORKERS[1:]}
    results |= {"rss_mb_idle": lasting[0], "rss_mb_end": lasting[1], "rss_mb_growth_of_last_half": lasting[2]}
    bars = {f"greatest_share_of_{number}": 1.3 for number in WORKERS[1:]}
    return Table(
        title=f"128 connections; {EVENTS[not stage.quick]:,} events for {LASTING} workers",
        rows=rows,
        results=results | {"not_2xx": failed},
        bars=bars
        | {"rss_mb_idle": 85, "rss_mb_end": 90, "rss_mb_growth_of_last_half": FLAT_MB, "not_2xx": 0},
    )


@asynccontextmanager
async def _running(stage: Stage, number: int) -> AsyncIterator[_Running]:
    given = {BOOTSTRAP: stage.kafka.bootstrap, REDIS_URL: stage.redis.url} | with_workers(number)
    async with Program(given) as program:

        async def is_whole() -> bool:
            return number == 1 or await program.metric("vod_bridge_workers") == number

        await eventually(is_whole, f"{number} workers are ready", within_s=STARTS_WITHIN_S)
        pid = program.process.pid
        pids = worker_pids(program) if number > 1 else [pid]
        for one in {pid, *pids}:
            pin(one, stage.core, *os.sched_getaffinity(0))
        yield _Running(program, Target(name="bridge", url=program.url, pid=pid), pids)
        await all_is_in_kafka(program)
        program.kill()
        for one in pids:  # without their supervisor they would stop in order, beside the next ones
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        await eventually(lambda: not any(map(is_running, pids)), "the workers are gone")


async def _cost(stage: Stage, running: _Running) -> Cost:
    await stage.measure(running.target, Load(), WARM_S[not stage.quick])
    return median([await _window(stage, running) for _ in range(WINDOWS[not stage.quick])])


async def _window(stage: Stage, running: _Running) -> Cost:
    used_s = running.cpu_s()
    found = await stage.measure(running.target, Load(), SECONDS[not stage.quick])
    return replace(found, cpu_us=per_event_us(running.cpu_s() - used_s, found.requests))


async def _greatest_share(running: _Running) -> float:
    """Give the most events that one worker took, as a multiple of an even share."""
    if len(running.workers) == 1:
        return 1.0
    taken = await by_worker(running.program, "vod_bridge_worker_deliveries_total", len(running.workers))
    return round(max(taken) * len(taken) / sum(taken), 2)


async def _rss_over_events(stage: Stage, running: _Running) -> tuple[float, float]:
    """Give the most memory of a worker after many events, and the most it grew over their last half."""
    wanted, seen = EVENTS[not stage.quick], 0
    half: list[float] = []
    while seen < wanted:
        seen += (await stage.measure(running.target, Load(), SECONDS[not stage.quick])).requests
        if not half and seen >= wanted / 2:
            half = running.rss_mb()
    end = running.rss_mb()
    return max(end), round(max(late - early for early, late in zip(half, end, strict=True)), 1)


def _row(number: int, cost: Cost, share: float, idle_mb: list[float], running: _Running) -> dict[str, Cell]:
    return {
        "workers": number,
        "events/s": round(cost.per_s),
        "CPU us/event": round(cost.cpu_us, 1),
        "p50 ms": round(cost.p50_ms, 1),
        "p99 ms": round(cost.p99_ms, 1),
        "greatest share": share,
        "idle RSS MB, most": max(idle_mb),
        "RSS MB, most": max(running.rss_mb()),
        "supervisor MB": round(rss_bytes(running.target.pid) / 1e6, 1) if number > 1 else "",
    }
