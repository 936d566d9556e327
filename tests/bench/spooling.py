"""The spool measured: beside a raw group commit of the same bytes, and what an outage leaves to a start.

As a program (``python -m tests.bench.spooling FOLDER RECORDS ROUNDS``) it is what is measured beside the raw
one, in a process with the settings of the service and nothing else in it.
"""

import asyncio
import os
import secrets
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from bridge.core.event import Record
from bridge.core.partition import hash_key
from bridge.io.spool import Spool, SpoolLimits
from bridge.io.spool.frames import SALT_BYTES, encode_body, encode_header
from bridge.malloc import tune_malloc
from bridge.observability.telemetry import Telemetry
from bridge.process import share_interpreter, tune_gc
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


class Round(Struct, frozen=True):
    """What one round found: ours, and the seconds of the raw and of the least one."""

    ours: Filled
    raw_s: float
    least_s: float


async def spool(stage: Stage) -> Table:
    """Measure the spool beside a raw group commit: the same bytes in as many writes, each synced.

    By turns, and the medians count: others write to the disk, too. The raw one only writes and syncs, and its
    writes are as many as ours: who commits in smaller groups compares better. So a least spool is told, too:
    what any group commit of these senders must do in Python, with all of them in each group.
    """
    wanted, rounds = 20_000 if stage.quick else 100_000, ROUNDS[not stage.quick]
    arguments = [str(stage.folder), str(wanted // rounds), str(rounds)]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.spooling", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await child.communicate()
    found = msgspec.json.decode(output, type=dict[int, list[Round]])
    ratios = {
        f"raw_to_spool_{senders}_senders": round(
            statistics.median(one.ours.seconds / one.raw_s for one in its_rounds), 2
        )
        for senders, its_rounds in found.items()
    }
    return Table(
        title=f"{wanted:,} records of {VALUE_BYTES} bytes and headers in {rounds} rounds",
        rows=[_row(senders, its_rounds) for senders, its_rounds in found.items()],
        results=ratios,
        bars=dict.fromkeys(ratios, 2.5),
        dreams=dict.fromkeys(ratios, 1.67),
    )


def _row(senders: int, rounds: list[Round]) -> dict[str, Cell]:
    def median(figure: Callable[[Round], float]) -> float:
        return statistics.median(map(figure, rounds))

    return {
        "senders": senders,
        "records/s": round(median(lambda one: one.ours.records / one.ours.seconds)),
        "MB/s": round(median(lambda one: one.ours.size / one.ours.seconds) / 1e6),
        "records a commit": round(median(lambda one: one.ours.records / one.ours.commits)),
        "raw MB/s": round(median(lambda one: one.ours.size / one.raw_s) / 1e6),
        "spool to raw": round(median(lambda one: one.raw_s / one.ours.seconds), 2),
        "least records/s": round(median(lambda one: one.ours.records / one.least_s)),
        "spool to least": round(median(lambda one: one.least_s / one.ours.seconds), 2),
    }


def main() -> None:
    """Measure all and print the rounds by senders."""
    folder, wanted, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    tune_gc()
    tune_malloc()
    share_interpreter()
    found: dict[int, list[Round]] = {senders: [] for senders in SENDERS}
    for senders, its_rounds in found.items():
        for _ in range(rounds):
            ours = _fill_on_uvloop(folder / "spool", wanted, senders)
            raw_s = _write_raw(folder / "raw", ours)
            its_rounds.append(Round(ours, raw_s, _spool_least(folder / "least", wanted, senders)))
    sys.stdout.write(msgspec.json.encode(found).decode())


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
    rest = iter(list(_records(wanted)))  # to make them is no work of the spool
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


def _spool_least(file: Path, wanted: int, senders: int) -> float:
    """Frame and checksum each record, commit all senders' together, tell each sender; returns the seconds.

    No thread, index, quota, acknowledgement or recovery: what is missing to a spool, not a spool.
    """
    records, told, salt, at = list(_records(wanted)), [0] * senders, secrets.token_bytes(SALT_BYTES), 0
    senders_told = [partial(told.__setitem__, sender) for sender in range(senders)]
    handle = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        started = time.perf_counter()
        for first in range(0, wanted, senders):
            parts: list[bytes] = []
            for record in records[first : first + senders]:
                body = encode_body(record)
                parts += (encode_header(body, salt, hash_key(record.key), _now_ms()), body)
            at += os.pwritev(handle, parts, at)
            os.fdatasync(handle)
            for tell in senders_told:
                tell(at)
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


if __name__ == "__main__":
    main()
