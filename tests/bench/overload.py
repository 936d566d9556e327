"""Overload: idle connections, slow senders, large held bodies; the latency of live traffic beside them."""

import asyncio
import json
import statistics
import sys
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress

import aiohttp
from msgspec import Struct

from tests.bench.accounts import core_wait_seconds, cpu_seconds, peak_bytes, pin
from tests.bench.core_waits import CoreWaits
from tests.bench.load import ONE_TYPE
from tests.bench.stage import Stage, Target
from tests.bench.table import Cell, Table
from tests.rig.parts import ROOT
from tests.rig.program import Program

FULL_LOAD = (10_000, 500, 2_000)
QUICK_LOAD = (1_000, 50, 200)
LIVE_PER_S = 200
HOLD_S = 6.0
SETTLE_S = 4.0

LiveResponses = list[tuple[float, int]]


class Phase(Struct, frozen=True):
    """Live traffic for some seconds: seconds and status of each; what the server had of its core.

    ``undisturbed_s``: the seconds of those during which no other program kept the server from its core.
    """

    live: LiveResponses
    undisturbed_s: list[float]
    seconds: float
    used_s: float
    waited_s: float
    peak_mb: float

    def p(self, percent: int) -> float:
        """Give a percentile in milliseconds."""
        return _percentile_ms([seconds for seconds, _ in self.live], percent)

    @property
    def undisturbed_p99(self) -> float:
        """p99 in milliseconds of those that were not disturbed."""
        return _percentile_ms(self.undisturbed_s, 99)


class Phases(Struct, frozen=True):
    """One program without the clients, with them, and when they have gone; the answers to the held bodies."""

    before: Phase
    during: Phase
    after: Phase
    answers: LiveResponses

    @property
    def to_before(self) -> float:
        """p99 beside the clients to that before them."""
        return round(self.during.p(99) / self.before.p(99), 2)

    @property
    def to_calm(self) -> float:
        """p99 beside the clients to the mean of those before and after them."""
        return round(2 * self.during.p(99) / (self.before.p(99) + self.after.p(99)), 2)

    @property
    def undisturbed_to_before(self) -> float:
        """The first of these, of events that no other program disturbed."""
        return round(self.during.undisturbed_p99 / self.before.undisturbed_p99, 2)


async def overload(stage: Stage) -> Table:
    """Measure live traffic beside 10,000 idle connections, 500 slow senders, 2,000 held bodies of 4 MiB.

    On a shared machine other programs take the core for 20 ms at a time, which is enough for a p99: that of
    the events they did not meet stands beside it.
    A program that reads no large body on has the same clients first: it is the floor, what the kernel and
    the clients take. What one writes first has them last: it leaves gigabytes that are to be freed.
    """
    idle, slow, held = QUICK_LOAD if stage.quick else FULL_LOAD
    settings = await _settings(stage)
    async with stage.silent() as target:
        floor = await _measure(stage, target)
    async with Program(settings, wait_for="/livez") as program:
        pid = program.process.pid
        pin(pid, stage.core)
        bridge = await _measure(stage, Target(name="bridge", url=program.url, pid=pid), "/live")
        program.kill()
    async with stage.naive() as target:
        naive = await _measure(stage, target)
    measured = {"": bridge, "floor": floor, "naive": naive}
    peak_mb = bridge.during.peak_mb
    return Table(
        title=f"{idle:,} idle, {slow} slow, {held:,} held bodies of 4 MiB; {LIVE_PER_S} live events/s",
        rows=[row for name, phases in measured.items() for row in _rows(name, phases)],
        results={
            "p99_overloaded_to_before": bridge.to_before,
            "p99_overloaded_to_calm": bridge.to_calm,
            "undisturbed_p99_overloaded_to_before": bridge.undisturbed_to_before,
            "p99_to_floor": round(bridge.during.p(99) / floor.during.p(99), 2),
            "floor_p99_overloaded_to_before": floor.to_before,
            "floor_undisturbed_p99_overloaded_to_before": floor.undisturbed_to_before,
            "naive_p99_overloaded_to_before": naive.to_before,
            "peak_mb": round(peak_mb),
            "live_not_2xx": sum(status >= 300 or not status for _, status in bridge.during.live),
            "answered_early": sum(status != 0 and seconds < HOLD_S for seconds, status in bridge.answers),
            "held_answers": sum(status != 0 for _, status in bridge.answers),
        },
        bars={"p99_overloaded_to_before": 2, "peak_mb": 350, "live_not_2xx": 0, "answered_early": 0},
    )


async def _measure(stage: Stage, target: Target, application: str = "") -> Phases:
    """Post live events without, with, and again without the clients."""
    idle, slow, held = QUICK_LOAD if stage.quick else FULL_LOAD
    seconds = 6 if stage.quick else 14
    url = f"{target.url}/callbacks{application}"
    await _live(url, 3)
    before = await _phase(target, url, seconds)
    numbers = (target.url.rpartition(":")[2], idle, slow, held, seconds + 2)
    client = await asyncio.create_subprocess_exec(
        *("nice", "-n", "19", sys.executable),  # else live clients wait for a core, not for the bridge
        *("-m", "tests.bench.overload_client", *map(str, numbers), *([] if application else ["/callbacks"])),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.sleep(3)  # by then they are connected, and the large bodies have begun to arrive
    during = await _phase(target, url, seconds)
    answers = [tuple(pair) for pair in json.loads((await client.communicate())[0])]
    await asyncio.sleep(SETTLE_S)  # twelve thousand connections are closed
    return Phases(before, during, await _phase(target, url, seconds), answers)


async def _phase(target: Target, url: str, seconds: float) -> Phase:
    used_s, waited_s, began = cpu_seconds(target.pid), core_wait_seconds(target.pid), time.monotonic()
    waits = CoreWaits(target.pid)
    async with waits.watching():
        spans = await _live(url, seconds)
    return Phase(
        [(ended - began, status) for began, ended, status in spans],
        [ended - began for began, ended, _ in spans if not waits.is_disturbed(began, ended)],
        time.monotonic() - began,
        cpu_seconds(target.pid) - used_s,
        core_wait_seconds(target.pid) - waited_s,
        peak_bytes(target.pid) / 1e6,
    )


async def _settings(stage: Stage) -> dict[str, str]:
    """Two applications: the topic of one is missing, so that without a spool its deliveries are held."""
    await stage.kafka.create_topics(["overload.live", "overload.other"])
    return {
        "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": stage.kafka.bootstrap,
        "BRIDGE_REDIS__URL": stage.redis.url,
        "BRIDGE_KAFKA__TOPIC": "overload.{app}",
        "BRIDGE_KAFKA__TOPIC_OTHER": "overload.other",
        "BRIDGE_KAFKA__TOPIC_DEAD_LETTER": "overload.other",
        "BRIDGE_APPS__LIVE__MODE": "push",
        "BRIDGE_APPS__HELD__MODE": "push",
        "BRIDGE_SPOOL__MAX_BYTES": "0",
        "BRIDGE_LOG__DELIVERIES": "none",
    }


async def _live(url: str, seconds: float) -> list[tuple[float, float, int]]:
    """Post new events at an even pace; give begin and end, in monotonic seconds, and status of each."""
    responses: list[tuple[float, float, int]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def post() -> None:
            body, started_at = ONE_TYPE.replace("@", uuid.uuid4().hex), time.perf_counter()
            status = 0
            with suppress(aiohttp.ClientError):
                async with session.post(url, data=body) as answer:
                    status = answer.status
            responses.append((started_at, time.perf_counter(), status))

        loop = asyncio.get_running_loop()
        posts, started = [], loop.time()
        for n in range(int(seconds * LIVE_PER_S)):
            await asyncio.sleep(max(0, started + n / LIVE_PER_S - loop.time()))
            posts.append(asyncio.ensure_future(post()))
        await asyncio.gather(*posts)
    return responses


def _rows(name: str, program: Phases) -> list[dict[str, Cell]]:
    phases = {"before": program.before, "overloaded": program.during, "after": program.after}
    return [_row(f"{name}, {when}" if name else when, phase) for when, phase in phases.items()]


def _row(name: str, phase: Phase) -> dict[str, Cell]:
    return {
        "": name,
        "events": len(phase.live),
        "p50 ms": round(phase.p(50), 1),
        "p99 ms": round(phase.p(99), 1),
        "undisturbed": len(phase.undisturbed_s),
        "their p99 ms": round(phase.undisturbed_p99, 1),
        "max ms": round(1000 * max(seconds for seconds, _ in phase.live), 1),
        "CPU %": round(100 * phase.used_s / phase.seconds),
        "core waits %": round(100 * phase.waited_s / phase.seconds),
        "peak RSS MB": round(phase.peak_mb),
    }


def _percentile_ms(seconds: Sequence[float], percent: int) -> float:
    return 1000 * statistics.quantiles(seconds, n=100)[percent - 1]
