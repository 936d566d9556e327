"""Many events through one bridge: its memory stays, and what Redis keeps for each."""

import random
from typing import Any

import redis as redis_library

from tests.bench.accounts import rss_bytes
from tests.bench.load import Load
from tests.bench.stage import Stage, Target
from tests.bench.table import Cell, Table

EVENTS = (40_000, 1_000_000)  # quick, full
PARTS = 10
KEYS_SAMPLED = 1_000
FLAT_MB = 3.0
"""By how much memory may grow over the last half and be called flat: what an allocator does by itself."""


async def soak(stage: Stage) -> Table:
    """Measure resident memory over a million events, and what Redis keeps for each."""
    wanted = EVENTS[not stage.quick]
    rows: list[dict[str, Cell]] = []
    async with stage.bridge() as bridge:
        rows.append(_row(0, bridge, 0))
        seen = failed = 0
        for part in range(1, PARTS + 1):
            while seen * PARTS < wanted * part:
                found = await stage.measure(bridge, Load(), 1 if stage.quick else 3)
                seen, failed = seen + found.requests, failed + found.failed
            rows.append(_row(seen, bridge, failed))
        kept = _redis_bytes_per_event(stage)
    rss = [float(row["RSS MB"]) for row in rows]
    return Table(
        title=f"memory over {seen:,} events, 128 connections",
        rows=rows,
        results={
            "rss_mb_end": rss[-1],
            "rss_mb_growth_of_last_half": round(max(rss[PARTS // 2 :]) - rss[PARTS // 2], 1),
            "redis_bytes_per_event": kept,
            "not_2xx": failed,
        },
        bars={
            "rss_mb_end": 90,
            "rss_mb_growth_of_last_half": FLAT_MB,
            "redis_bytes_per_event": 240,
            "not_2xx": 0,
        },
    )


def _row(events: int, target: Target, failed: int) -> dict[str, Cell]:
    return {"events": events, "RSS MB": round(rss_bytes(target.pid) / 1e6, 1), "not 2xx": failed}


def _redis_bytes_per_event(stage: Stage) -> float:
    """Give the mean of MEMORY USAGE over a sample of the keys."""
    with redis_library.Redis.from_url(stage.redis.url) as client:
        keys: list[Any] = []
        for key in client.scan_iter("vod:*", count=1_000):
            keys.append(key)
            if len(keys) == 10 * KEYS_SAMPLED:
                break
        if not keys:
            raise RuntimeError("Redis holds no key of the bridge")
        sample = random.sample(keys, min(KEYS_SAMPLED, len(keys)))
        sizes = [int(client.memory_usage(key) or 0) for key in sample]
    return round(sum(sizes) / len(sizes), 1)
