"""Somebody looks at the console's page Live: what that adds to the CPU time of an event, and to p99.

One program, about 5,000 events/s; windows with one reader of the stream and without take turns.
"""

import asyncio
import os
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import aiohttp
from msgspec.structs import replace

from tests.bench.accounts import fine_cpu_seconds
from tests.bench.figures import Cost, per_event_us, row
from tests.bench.load import Load
from tests.bench.stage import Stage, Target
from tests.bench.table import Table

PAIRS, SECONDS = (3, 20), (1, 3)  # quick, full
# 128 connections that each rest for so long before a request: 5,000 a second and somewhat less.
LOAD = Load(pause_ms=24)
LOOKED_AT, NOT_LOOKED_AT = "one reader", "nobody looks"


async def live(stage: Stage) -> Table:
    """Measure what a reader of the page Live costs: windows with and without one, in turns."""
    pairs, seconds = PAIRS[not stage.quick], SECONDS[not stage.quick]
    costs: dict[str, list[Cost]] = {LOOKED_AT: [], NOT_LOOKED_AT: []}
    async with stage.bridge() as bridge:
        for name in (LOOKED_AT, NOT_LOOKED_AT):  # the first look loads the console: that is not counted
            await _measure(stage, bridge, name, 1)
        for number in range(pairs):
            names = [LOOKED_AT, NOT_LOOKED_AT]
            for name in names if number % 2 else names[::-1]:
                costs[name].append(await _measure(stage, bridge, name, seconds))
    looked, alone = costs[LOOKED_AT], costs[NOT_LOOKED_AT]
    added = [100 * (one.cpu_us / other.cpu_us - 1) for one, other in zip(looked, alone, strict=True)]
    p99 = [one.p99_ms / other.p99_ms for one, other in zip(looked, alone, strict=True)]
    middle = statistics.median(added)
    return Table(
        title=f"the page Live at 5,000 events/s; {pairs} windows of {seconds} s each way, in turns",
        rows=[row(name, found) for name, found in costs.items()],
        results={
            "cpu_added_percent": round(middle, 2),
            # Half of the windows lie within this much of the middle: it says how far to trust it.
            "cpu_added_spread_percent": round(statistics.median(abs(one - middle) for one in added), 2),
            "p99_looked_at_to_not": round(statistics.median(p99), 3),
            "load_average": round(os.getloadavg()[0], 1),
            "not_2xx": sum(cost.failed for cost in looked + alone),
        },
        bars={"cpu_added_percent": 1.0, "p99_looked_at_to_not": 1.05, "not_2xx": 0},
    )


async def _measure(stage: Stage, bridge: Target, name: str, seconds: int) -> Cost:
    async with _reader(bridge) if name == LOOKED_AT else nullcontext():
        used = fine_cpu_seconds(bridge.pid)
        cost = await stage.measure(bridge, LOAD, seconds)
        used = fine_cpu_seconds(bridge.pid) - used
    return replace(cost, cpu_us=per_event_us(used, cost.requests))


@asynccontextmanager
async def _reader(bridge: Target) -> AsyncIterator[None]:
    """Read the stream as the page does; raises RuntimeError where nothing came on it."""
    async with (
        aiohttp.ClientSession(headers={"Accept": "text/event-stream"}) as session,
        session.get(f"{bridge.admin_url}/api/v1/deliveries") as response,
    ):
        await response.content.readline()  # it has begun
        reading = asyncio.ensure_future(_count(response))
        try:
            yield
        finally:
            reading.cancel()
            number = (await asyncio.gather(reading, return_exceptions=True))[0]
        if not isinstance(number, int) or not number:
            raise RuntimeError(f"the reader saw nothing: {number!r}")


async def _count(response: aiohttp.ClientResponse) -> int:
    """Count the messages until it is cancelled."""
    number = 0
    try:
        async for line in response.content:
            number += line.startswith(b"data: ")
    except asyncio.CancelledError:
        pass
    return number
