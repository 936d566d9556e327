"""A body of 1 MB now and then among small ones: how much later the small ones are answered."""

import asyncio
import statistics

from tests.bench.bodies import HUGE, of_size
from tests.bench.figures import Cost, row
from tests.bench.load import Load
from tests.bench.stage import Stage, Target
from tests.bench.table import Cell, Table

ROUNDS, SECONDS = (1, 5), (3, 8)  # quick, full
PAUSE_MS = 200


async def large(stage: Stage) -> Table:
    """Measure the small ones' p99 with and without a 1 MB body every 200 ms."""
    rounds, seconds = ROUNDS[not stage.quick], SECONDS[not stage.quick]
    alone: list[Cost] = []
    beside: list[Cost] = []
    bodies: list[Cost] = []
    async with stage.bridge() as bridge:
        await stage.measure(bridge, Load(), 2)
        for _ in range(rounds):
            alone.append(await stage.measure(bridge, Load(), seconds))
            small, huge = await _both(stage, bridge, seconds)
            beside.append(small)
            bodies.append(huge)
    rows: list[dict[str, Cell]] = [
        dict[str, Cell](posted=posted) | row("bridge", costs)
        for posted, costs in (("small", alone), ("small, 1 MB beside", beside), ("1 MB", bodies))
    ]
    for each in rows:  # two streams at once share what these count
        del each["CPU us/event"], each["least-most"], each["Redis us"]
    growth = [with_it.p99_ms - without.p99_ms for without, with_it in zip(alone, beside, strict=True)]
    return Table(
        title=f"0.7 KB at 128 connections, 1 MB every {PAUSE_MS} ms; {rounds} rounds of {seconds} s",
        rows=rows,
        results={
            "p99_growth_ms": round(statistics.median(growth), 1),
            "not_2xx": sum(cost.failed for cost in (*alone, *beside, *bodies)),
        },
        bars={"p99_growth_ms": 30, "not_2xx": 0},
    )


async def _both(stage: Stage, bridge: Target, seconds: int) -> tuple[Cost, Cost]:
    huge = Load(bodies=(of_size(HUGE),), connections=1, pause_ms=PAUSE_MS)
    return await asyncio.gather(stage.measure(bridge, Load(), seconds), stage.measure(bridge, huge, seconds))
