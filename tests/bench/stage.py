"""Where measuring happens: real Kafka and Redis on one core, what is measured alone on another."""

import asyncio
import os
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from bridge.core.record import Routing
from tests.bench.load import Load, post
from tests.rig.kafka import RealKafka
from tests.rig.parts import Missing, Process, free_port
from tests.rig.program import Program
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually


class Cost(Struct, frozen=True, kw_only=True):
    """What events cost in one window, or the median over several."""

    requests: int
    per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    failed: int


class Target(Struct, frozen=True, kw_only=True):
    """Something that takes posts."""

    name: str
    url: str
    pid: int


class Stage(Struct, frozen=True, kw_only=True):
    """What a case may use. ``quick`` asks for little: numbers that show the way, not more."""

    kafka: RealKafka
    redis: RealRedis
    folder: Path
    core: int
    quick: bool

    async def measure(self, target: Target, load: Load, seconds: int) -> Cost:
        """Post for so long and tell the cost of an event."""
        before = cpu_seconds(target.pid)
        taken = await post(target.url, load, seconds, self.folder)
        used = cpu_seconds(target.pid) - before
        return Cost(
            requests=taken.requests,
            per_s=taken.requests / (taken.us / 1e6),
            cpu_us=used * 1e6 / max(1, taken.requests),
            p50_ms=taken.p50_us / 1e3,
            p99_ms=taken.p99_us / 1e3,
            rss_mb=rss_bytes(target.pid) / 1e6,
            failed=taken.bad_status + taken.bad_line,
        )

    @asynccontextmanager
    async def bridge(self, settings: Mapping[str, str] | None = None) -> AsyncIterator[Target]:
        """Run the real program on the core of its own."""
        given = {"BRIDGE_KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap, "BRIDGE_REDIS__URL": self.redis.url}
        async with Program(given | dict(settings or {})) as program:
            pin(program.process.pid, self.core)
            yield Target(name="bridge", url=program.url, pid=program.process.pid)

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[Target]:
        """Run the yardstick on the same core."""
        port = free_port()
        command = [sys.executable, "-m", "tests.bench.bare", str(port)]
        process = Process(command, self.folder / "bare.log")
        try:
            await eventually(lambda: _listens(port), f"the bare server listens:\n{process.log()}")
            pin(process.pid, self.core)
            yield Target(name="bare", url=f"http://127.0.0.1:{port}", pid=process.pid)
        finally:
            process.kill()


@asynccontextmanager
async def open_stage(*, quick: bool) -> AsyncIterator[Stage]:
    """Start Kafka with every topic, and Redis; we and they share one core, the other is kept free."""
    core, rest = _cores()
    os.sched_setaffinity(0, rest)  # children inherit it
    kafka = RealKafka(java_options=["-Xmx768m", "-XX:+UseSerialGC"])
    redis = RealRedis()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            redis.start()
            await asyncio.to_thread(kafka.start)
            await kafka.create_topics(Routing().topics(["default"]))
            yield Stage(kafka=kafka, redis=redis, folder=Path(folder), core=core, quick=quick)
        finally:
            kafka.remove()
            redis.remove()


def median(costs: list[Cost]) -> Cost:
    """Take the median of each number."""

    def middle(name: str) -> float:
        return float(statistics.median(getattr(cost, name) for cost in costs))

    return Cost(
        requests=sum(cost.requests for cost in costs),
        per_s=middle("per_s"),
        cpu_us=middle("cpu_us"),
        p50_ms=middle("p50_ms"),
        p99_ms=middle("p99_ms"),
        rss_mb=middle("rss_mb"),
        failed=sum(cost.failed for cost in costs),
    )


def cpu_seconds(pid: int) -> float:
    """Give the CPU time a process used so far, user and system, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid: int) -> int:
    """Give a process's resident memory."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def pin(pid: int, core: int) -> None:
    """Keep a process, with the threads it has by now, on one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def _cores() -> tuple[int, set[int]]:
    if not hasattr(os, "sched_setaffinity"):
        raise Missing("the bench needs Linux: it pins processes to cores and reads /proc")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        raise Missing("the bench needs two cores: one for the program, one for everything else")
    return cores[0], set(cores[1:])


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
