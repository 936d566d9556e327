"""The idle bridge: how soon it is ready, and what it needs without traffic."""

import asyncio
import statistics
import time

from tests.bench.accounts import cpu_seconds, pin, rss_bytes
from tests.bench.stage import BOOTSTRAP, REDIS_URL, Stage
from tests.bench.table import Cell, Table
from tests.rig.program import Program

STARTS = (2, 5)  # quick, full
REST_S = (3, 20)


async def idle(stage: Stage) -> Table:
    """Measure start to ready, and memory and CPU time of an idle bridge."""
    settings = {BOOTSTRAP: stage.kafka.bootstrap, REDIS_URL: stage.redis.url}
    rest_s = REST_S[not stage.quick]
    rows: list[dict[str, Cell]] = []
    for turn in range(STARTS[not stage.quick]):
        began = time.monotonic()
        async with Program(settings) as program:
            ready_s = time.monotonic() - began
            pid = program.process.pid
            pin(pid, stage.core)
            used = cpu_seconds(pid)
            await asyncio.sleep(rest_s)
            rows.append(
                {
                    "start": turn + 1,
                    "to ready s": round(ready_s, 2),
                    "CPU s until then": round(used, 2),
                    "idle CPU ms/s": round(1000 * (cpu_seconds(pid) - used) / rest_s, 1),
                    "idle RSS MB": round(rss_bytes(pid) / 1e6, 1),
                }
            )
            program.kill()
    middle = {name: round(statistics.median(float(row[name]) for row in rows), 2) for name in rows[0]}
    return Table(
        title="no traffic",
        rows=rows,
        results={
            "ready_s": middle["to ready s"],
            "idle_rss_mb": middle["idle RSS MB"],
            "idle_cpu_ms_a_second": middle["idle CPU ms/s"],
        },
        bars={"ready_s": 0.8, "idle_rss_mb": 85},
        dreams={"ready_s": 0.4, "idle_rss_mb": 60},
    )
