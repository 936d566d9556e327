"""What is measured: a function a case, each gives one table.

A new case is a function and its line in `CASES`.
"""

import json
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import redis as redis_library

from tests.bench.consuming import consume
from tests.bench.load import Load
from tests.bench.pulling import pull
from tests.bench.siege import siege
from tests.bench.spooling import outage, spool
from tests.bench.stage import Cost, Stage, Target, median, rss_bytes
from tests.bench.table import Cell, Table
from tests.rig.parts import ROOT

KEYS_SAMPLED = 1_000

Case = Callable[[Stage], Awaitable[Table]]


async def cost(stage: Stage) -> Table:
    """Measure CPU per event beside a bare server: one event type, 128 connections."""
    return await _against_bare(stage, Load(), "one event type")


async def spread(stage: Stage) -> Table:
    """Measure the same with the samples of every event type in turn, over all topics."""
    load = Load(bodies=_samples())
    return await _against_bare(stage, load, f"{len(load.bodies)} samples in turn")


async def crowd(stage: Stage) -> Table:
    """Measure the bridge alone, from few connections to many."""
    seconds = 3 if stage.quick else 10
    rows: list[dict[str, Cell]] = []
    async with stage.bridge() as bridge:
        await stage.measure(bridge, Load(), 2)
        for connections in (32, 128, 512):
            found = await stage.measure(bridge, Load(connections=connections), seconds)
            rows.append({"connections": connections} | _row("bridge", found))
    return Table(title="from few connections to many", rows=rows, results={}, bars={})


async def memory(stage: Stage) -> Table:
    """Measure resident memory over many events, and what Redis keeps for each."""
    wanted = 40_000 if stage.quick else 200_000
    stage.redis.flush()
    rows: list[dict[str, Cell]] = []
    async with stage.bridge() as bridge:
        rows.append(_memory_row(0, bridge))
        seen = 0
        for part in (wanted // 2, wanted):
            while seen < part:
                seen += (await stage.measure(bridge, Load(), 2)).requests
            rows.append(_memory_row(seen, bridge))
    return Table(
        title=f"memory over {seen:,} events",
        rows=rows,
        results={"rss_mb_end": float(rows[-1]["rss_mb"]), "redis_bytes_per_event": _remembered(stage)},
        bars={"rss_mb_end": 120, "redis_bytes_per_event": 240},
    )


CASES: dict[str, Case] = {
    "cost": cost,
    "spread": spread,
    "crowd": crowd,
    "memory": memory,
    "spool": spool,
    "outage": outage,
    "siege": siege,
    "pull": pull,
    "consumer": consume,
}
QUICK = ("cost", "memory", "spool")


async def _against_bare(stage: Stage, load: Load, title: str) -> Table:
    rounds, seconds = (3, 3) if stage.quick else (5, 10)
    costs: dict[str, list[Cost]] = {"bare": [], "bridge": []}
    async with stage.bare() as bare, stage.bridge() as bridge:
        for target in (bare, bridge):
            await stage.measure(target, load, 2 if stage.quick else 4)  # to warm up
        for _ in range(rounds):
            for target in (bare, bridge):
                costs[target.name].append(await stage.measure(target, load, seconds))
    found = {name: median(each) for name, each in costs.items()}
    return Table(
        title=f"{title}, {load.connections} connections, medians of {rounds} rounds of {seconds} s",
        rows=[_row(name, each) for name, each in found.items()],
        results={"bridge_to_bare": round(found["bridge"].cpu_us / found["bare"].cpu_us, 2)},
        bars={"bridge_to_bare": 2.3},
    )


def _row(name: str, found: Cost) -> dict[str, Cell]:
    return {
        "program": name,
        "events/s": round(found.per_s),
        "CPU us/event": round(found.cpu_us, 1),
        "p50 ms": round(found.p50_ms, 1),
        "p99 ms": round(found.p99_ms, 1),
        "RSS MB": round(found.rss_mb),
        "events": found.requests,
        "not 2xx": found.failed,
    }


def _memory_row(events: int, target: Target) -> dict[str, Cell]:
    return {"events": events, "rss_mb": round(rss_bytes(target.pid) / 1e6, 1)}


def _remembered(stage: Stage) -> float:
    """Give the mean of MEMORY USAGE over a sample of the keys."""
    with redis_library.Redis.from_url(stage.redis.url) as client:
        keys: list[Any] = []
        for key in client.scan_iter("vod:*", count=1_000):
            keys.append(key)
            if len(keys) == 10 * KEYS_SAMPLED:
                break
        if not keys:
            raise RuntimeError("Redis remembers nothing")
        sample = random.sample(keys, min(KEYS_SAMPLED, len(keys)))
        sizes = [int(client.memory_usage(key) or 0) for key in sample]
    return round(sum(sizes) / len(sizes), 1)


def _samples() -> tuple[str, ...]:
    """Take the sample pairs as texts in which what names the occurrence is ``@``."""
    texts = []
    for file in sorted((ROOT / "schemas" / "examples").glob("*/*.in.json")):
        expected = json.loads(file.with_name(file.name.replace(".in.", ".out.")).read_bytes())
        text = _varied(file) if "id" in expected else ""  # not those that are rejected
        if text:
            texts.append(text)
    return tuple(texts)


def _varied(file: Path) -> str:
    notification = json.loads(file.read_bytes())
    if not isinstance(notification, dict) or "EventType" not in notification:
        return ""
    payloads = [part for part in notification.values() if isinstance(part, dict)]
    if len(payloads) != 1:
        return ""
    for name in ("TaskId", "FileId"):
        if isinstance(payloads[0].get(name), str):
            payloads[0][name] = "\0"
            text = json.dumps(notification, ensure_ascii=False, separators=(",", ":"))
            return "" if "@" in text or "]==]" in text else text.replace("\\u0000", "@")
    return ""
