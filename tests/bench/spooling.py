"""The spool measured: beside a raw group commit of the same bytes, and what an outage leaves to a start."""

import asyncio
import os
import secrets
import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from msgspec import Struct

from bridge.core.event import Record
from bridge.core.partition import hash_key
from bridge.io.spool import Spool, SpoolLimits
from bridge.observability.telemetry import Telemetry
from tests.bench.accounts import rss_bytes
from tests.bench.stage import Stage
from tests.bench.table import Cell, Table
from tests.rig.program import Program
from tests.rig.waiting import eventually

KEYS = 4_000
VALUE_BYTES = 1_300
SENDERS = (16, 64, 256)
ROUNDS = (3, 5)  # quick, full
REFUSING = "127.0.0.1:1"


class Filled(Struct, frozen=True):
    """How long so many records took, in how many commits and bytes."""

    records: int
    commits: int
    size: int
    seconds: float


async def spool(stage: Stage) -> Table:
    """Measure the spool beside a raw group commit: the same bytes in as many writes, each synced.

    By turns, and the medians count: others write to the disk, too.
    """
    wanted, rounds = 20_000 if stage.quick else 100_000, ROUNDS[not stage.quick]
    rows: list[dict[str, Cell]] = []
    ratios = {}
    for senders in SENDERS:
        found: list[tuple[Filled, float]] = []
        for _ in range(rounds):
            ours = await asyncio.to_thread(_fill_on_uvloop, stage.folder / "spool", wanted // rounds, senders)
            found.append((ours, await asyncio.to_thread(_write_raw, stage.folder / "raw", ours)))
        ratio = statistics.median(raw_s / ours.seconds for ours, raw_s in found)
        ratios[f"raw_to_spool_{senders}_senders"] = round(1 / ratio, 2)
        rows.append(
            {
                "senders": senders,
                "records/s": round(statistics.median(ours.records / ours.seconds for ours, _ in found)),
                "MB/s": round(statistics.median(ours.size / ours.seconds for ours, _ in found) / 1e6),
                "records a commit": round(
                    statistics.median(ours.records / ours.commits for ours, _ in found)
                ),
                "raw MB/s": round(statistics.median(ours.size / raw_s for ours, raw_s in found) / 1e6),
                "spool to raw": round(ratio, 2),
            }
        )
    return Table(
        title=f"{wanted:,} records of {VALUE_BYTES} bytes and headers in {rounds} rounds",
        rows=rows,
        results=ratios,
        bars=dict.fromkeys(ratios, 2.5),
        dreams=dict.fromkeys(ratios, 1.67),
    )


async def outage(stage: Stage) -> Table:
    """Measure a start with 100,000 records in the spool, without Kafka."""
    folder = stage.folder / "outage"
    await _fill(folder, 100_000, 256, leave=True)
    settings = {
        "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": REFUSING,
        "BRIDGE_REDIS__URL": stage.redis.url,
        "BRIDGE_SPOOL__PATH": str(folder),
    }
    started = time.monotonic()
    async with Program(settings, wait_for="/livez") as program:
        await eventually(lambda: _found(program), "it has found them", within_s=30)
        start_s, rss_mb = time.monotonic() - started, rss_bytes(program.process.pid) / 1e6
        program.kill()
    shutil.rmtree(folder)
    results = {"start_s": round(start_s, 2), "rss_mb": round(rss_mb, 1)}
    return Table(
        title="100,000 records in the spool",
        rows=[dict(results)],
        results=results,
        bars={"start_s": 3, "rss_mb": 150},
    )


async def _found(program: Program) -> bool:
    return await program.metric("vod_bridge_spool_records") == 100_000


def _fill_on_uvloop(folder: Path, wanted: int, senders: int) -> Filled:
    """Fill it on the loop that the service runs on."""
    return uvloop.run(_fill(folder, wanted, senders))


async def _fill(folder: Path, wanted: int, senders: int, *, leave: bool = False) -> Filled:
    """Let so many senders each append the next record as soon as its last one is durable."""
    telemetry = Telemetry()
    store = Spool(folder, SpoolLimits(max_bytes=4 * 1024**3, free_min_bytes=0), telemetry, _now_ms)
    store.start()
    rest = _records(wanted)
    done = asyncio.Event()
    left = wanted

    def append_next(_: object = None) -> None:
        nonlocal left
        record = next(rest, None)
        if record is not None:
            store.append(record).on_durable(on_durable)  # as the bridge waits for it

    def on_durable(_: object) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()
        append_next()

    started = time.perf_counter()
    for _ in range(senders):
        append_next()
    await done.wait()
    seconds = time.perf_counter() - started
    commits = int(_sample(telemetry, "vod_bridge_spool_commit_seconds_count"))
    size = store.bytes
    await store.stop()
    if not leave:
        shutil.rmtree(folder)
    return Filled(wanted, commits, size, seconds)


def _write_raw(file: Path, like: Filled) -> float:
    """Write as many bytes in as many writes, each synced; returns the seconds."""
    piece = secrets.token_bytes(like.size // like.commits)
    handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        started = time.perf_counter()
        for _ in range(like.commits):
            os.write(handle, piece)
            os.fdatasync(handle)
        return time.perf_counter() - started
    finally:
        os.close(handle)
        file.unlink()


def _records(wanted: int) -> Iterator[Record]:
    """Make records as events are: a value, an id as key, nine headers."""
    value = secrets.token_bytes(VALUE_BYTES)
    headers = [(f"ce_header{n}", b"x" * 24) for n in range(9)]
    keys = [b"52858907%012d" % n for n in range(KEYS)]
    for key in keys:
        hash_key(key)  # as where a record was offered to Kafka first
    for n in range(wanted):
        yield Record(topic="vod.TranscodeComplete", key=keys[n % KEYS], value=value, headers=headers)


def _sample(telemetry: Telemetry, name: str) -> float:
    value = telemetry.registry.get_sample_value(name)
    if value is None:
        raise LookupError(name)
    return value


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
