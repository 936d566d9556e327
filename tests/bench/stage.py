"""Where measuring happens: real Kafka and Redis on one core, what is measured alone on another."""

import asyncio
import os
import resource
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct, field

from bridge.core.record import Routing
from tests.bench.accounts import cpu_seconds, pin, rss_bytes
from tests.bench.figures import Cost, per_event_us
from tests.bench.go_service import build_service
from tests.bench.ledger import Account, Window, settle
from tests.bench.load import Load, new_run, post
from tests.bench.reading import Ends, delete_before, ends_of, read_between
from tests.rig.kafka import RealKafka
from tests.rig.parts import MissingPartError, Process, free_port
from tests.rig.program import Program
from tests.rig.redis import RealRedis
from tests.rig.waiting import eventually

FILES = 20_000
BOOTSTRAP = "BRIDGE_KAFKA__BOOTSTRAP_SERVERS"
REDIS_URL = "BRIDGE_REDIS__URL"

# The Go service has one core, as all that is measured: one thread runs Go at a time. Its heap is small, so
# that garbage would be collected all the time; 400 needs less CPU time, and some 15 MB more memory.
GO_RUNTIME = {"GOMAXPROCS": "1", "GOGC": "400"}

# Small segments: what a case has read back is off the disk before the next but one.
_KAFKA = {
    "log.segment.bytes": str(64 * 1024 * 1024),
    "log.segment.delete.delay.ms": "1000",
    "log.retention.check.interval.ms": "20000",
}


class Target(Struct, frozen=True, kw_only=True):
    """A server that takes posts; ``admin_url`` is the bridge's alone."""

    name: str
    url: str
    pid: int
    admin_url: str = ""


class Stage(Struct, frozen=True, kw_only=True):
    """What a case may use. ``quick`` asks for little: numbers that show the way, not more.

    ``windows`` is what was posted since `account`, ``begin`` where Kafka's partitions then ended;
    ``redis_idle`` is Redis's CPU time for a second without work.
    """

    kafka: RealKafka
    redis: RealRedis
    folder: Path
    core: int
    quick: bool
    redis_idle: float = 0.0
    windows: list[Window] = field(default_factory=list)
    begin: dict[tuple[str, int], int] = field(default_factory=dict)

    async def measure(self, target: Target, load: Load, seconds: int) -> Cost:
        """Post for so long and give the cost of an event."""
        run = new_run()
        used, redis_used = cpu_seconds(target.pid), self._redis_seconds()
        taken = await post(target.url, load, seconds, self.folder, run)
        used = cpu_seconds(target.pid) - used
        redis_used = self._redis_seconds() - redis_used - self.redis_idle * taken.us / 1e6
        failed = taken.bad_status + taken.bad_line
        if target.name != "bare":
            self.windows.append(
                Window(
                    program=target.name,
                    run=run,
                    good=taken.requests - taken.bad_status,
                    failed=failed,
                    connections=load.connections,
                    copies=load.copies,
                )
            )
        return Cost(
            requests=taken.requests,
            per_s=taken.requests / (taken.us / 1e6),
            cpu_us=per_event_us(used, taken.requests),
            redis_us=0.0 if target.name == "bare" else per_event_us(redis_used, taken.requests),
            p50_ms=taken.p50_us / 1e3,
            p99_ms=taken.p99_us / 1e3,
            p999_ms=taken.p999_us / 1e3,
            rss_mb=rss_bytes(target.pid) / 1e6,
            failed=failed,
        )

    @asynccontextmanager
    async def bridge(
        self, settings: Mapping[str, str] | None = None, module: tuple[str, ...] = ("bridge",)
    ) -> AsyncIterator[Target]:
        """Run the real program on the core of its own; at the end every delivery is in Kafka."""
        given = {BOOTSTRAP: self.kafka.bootstrap, REDIS_URL: self.redis.url} | dict(settings or {})
        async with Program(given, module=module) as program:
            pin(program.process.pid, self.core)
            yield Target(name="bridge", url=program.url, pid=program.process.pid, admin_url=program.admin_url)
            await all_is_in_kafka(program)
            program.kill()  # an orderly end takes its 5 s, and nothing is in flight

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[Target]:
        """Run the yardstick on the same core."""
        async with self._yardstick("bare", []) as target:
            yield target

    @asynccontextmanager
    async def naive(self, settings: Mapping[str, str] | None = None) -> AsyncIterator[Target]:
        """Run what one writes first, on the same core, beside the Kafka and Redis of these settings."""
        given = {BOOTSTRAP: self.kafka.bootstrap, REDIS_URL: self.redis.url} | dict(settings or {})
        async with self._yardstick("naive", [given[BOOTSTRAP], given[REDIS_URL]]) as target:
            yield target

    @asynccontextmanager
    async def silent(self) -> AsyncIterator[Target]:
        """Run the floor of the case overload, on the same core."""
        async with self._yardstick("silent", [self.kafka.bootstrap, self.redis.url]) as target:
            yield target

    @asynccontextmanager
    async def go(self, settings: Mapping[str, str] | None = None) -> AsyncIterator[Target]:
        """Run the Go service on the same core, beside the Kafka and Redis of these settings."""
        given = {BOOTSTRAP: self.kafka.bootstrap, REDIS_URL: self.redis.url} | dict(settings or {})
        port = free_port()
        command = [str(await asyncio.to_thread(build_service)), "-listen", f"127.0.0.1:{port}"]
        command += ["-kafka", given[BOOTSTRAP], "-redis", given[REDIS_URL]]
        async with self._serving("go", command, port, GO_RUNTIME) as target:
            yield target

    async def account(self) -> list[Account]:
        """Read back what was posted since the last time, compare, and forget it all."""
        end = await asyncio.to_thread(ends_of, self.kafka.bootstrap)
        accounts: list[Account] = []
        if self.windows:
            finds = await asyncio.to_thread(read_between, self.kafka.bootstrap, self.begin, end)
            accounts = settle(self.windows, finds.by_run)
        await asyncio.to_thread(delete_before, self.kafka.bootstrap, end)
        self._start_over(end)
        return accounts

    def _start_over(self, end: Ends) -> None:
        self.redis.flush()
        self.windows.clear()
        self.begin.update(end)

    def _redis_seconds(self) -> float:
        return cpu_seconds(self.redis.pid)

    @asynccontextmanager
    async def _yardstick(self, name: str, arguments: Sequence[str]) -> AsyncIterator[Target]:
        port = free_port()
        command = [sys.executable, "-m", f"tests.bench.{name}", str(port), *arguments]
        async with self._serving(name, command, port) as target:
            yield target

    @asynccontextmanager
    async def _serving(
        self, name: str, command: Sequence[str], port: int, environment: Mapping[str, str] | None = None
    ) -> AsyncIterator[Target]:
        process = Process(command, self.folder / f"{name}.log", dict(os.environ) | dict(environment or {}))
        try:
            await eventually(lambda: _listens(port, process), f"{name} listens", within_s=30)
            pin(process.pid, self.core)
            yield Target(name=name, url=f"http://127.0.0.1:{port}", pid=process.pid)
        finally:
            process.kill()


@asynccontextmanager
async def open_stage(*, quick: bool) -> AsyncIterator[Stage]:
    """Start Kafka with every topic, and Redis; we and they share one core, the other is kept free."""
    core, rest = _cores()
    os.sched_setaffinity(0, rest)  # children inherit it
    _allow_files()
    kafka = RealKafka(java_options=["-Xmx768m", "-XX:+UseSerialGC"], settings=_KAFKA)
    redis = RealRedis()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        try:
            redis.start()
            await asyncio.to_thread(kafka.start)
            await kafka.create_topics(Routing().topics(["default"]))
            idle = await _idle_a_second(redis.pid)
            yield Stage(
                kafka=kafka, redis=redis, folder=Path(folder), core=core, quick=quick, redis_idle=idle
            )
        finally:
            kafka.remove()
            redis.remove()


async def _idle_a_second(pid: int) -> float:
    """Give the CPU time that a process needs for a second without work."""
    seconds = 2.0
    before = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    return (cpu_seconds(pid) - before) / seconds


def _allow_files() -> None:
    """Let wrk and the servers open as many connections as the cases ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _cores() -> tuple[int, set[int]]:
    if not hasattr(os, "sched_setaffinity"):
        raise MissingPartError("bench", "the bench needs Linux: it pins processes to cores and reads /proc")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        raise MissingPartError(
            "bench", "the bench needs two cores: one for the program, one for everything else"
        )
    return cores[0], set(cores[1:])


async def all_is_in_kafka(program: Program) -> None:
    """Wait until a bridge has nothing left of what it took."""
    await eventually(lambda: _is_done(program), "all it took is in Kafka", within_s=60, every_s=0.1)


async def _is_done(program: Program) -> bool:
    waiting = ("vod_bridge_deliveries_in_flight", "vod_bridge_deliveries_held", "vod_bridge_spool_records")
    return sum([await program.metric(name) for name in waiting]) == 0


async def _listens(port: int, process: Process) -> bool:
    if process.exit_code is not None:
        raise RuntimeError(f"it ended with {process.exit_code}:\n{process.log()}")
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
