"""What may be played: all faults in turn, and the single scenes that issue 4's table asks for."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.journey.chaos.audit import Damage, Landed, Verdict, audit
from tests.journey.chaos.faults import ACTS, FAULTS, Fault, spool_fills
from tests.journey.chaos.ledger import Ledger
from tests.journey.chaos.records import read_landed
from tests.journey.chaos.stage import Stage
from tests.journey.chaos.timeline import Second, Timeline
from tests.journey.chaos.vendor import Load, Vendor
from tests.journey.places import Place
from tests.rig.waiting import TooLate, eventually

ANSWERED_WITHIN_S = 4.0
DRAINED_WITHIN_S = 20.0
ENDS_WITHIN_S = 20.0
STILL_ACCEPTING_S = 4.5  # of the 5 s for which the door stays open after SIGTERM
WARM_UP_S = 2.0


class Plan(Struct, frozen=True, kw_only=True):
    """What a run shall be. ``events`` is how many notifications at least."""

    faults: tuple[str, ...] = tuple(FAULTS)
    events: int = 20_000
    seed: int = 0
    load: Load = Load()
    short: bool = False
    quiet: bool = False


class Found(Struct, frozen=True, kw_only=True):
    """What a run found. ``missed`` are its own bars that were not met, beside the audit's findings."""

    verdict: Verdict
    ledger: Ledger
    landed: list[Landed]
    timeline: list[Second]
    numbers: dict[str, float]
    missed: list[str]

    @property
    def good(self) -> bool:
        """Whether everything is explained and every bar was met."""
        return not (self.verdict.findings or self.ledger.complaints or self.missed)


class Run:
    """One ledger, one place, one folder of spools; acts are played on it one after the other."""

    def __init__(self, place: Place, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.ledger = Ledger()
        self.random = Random(plan.seed)  # noqa: S311 - a seed makes a run that can be run again
        self.stage = Stage(place, folder, self.ledger, self.random)
        self.numbers: dict[str, float] = {}
        self.missed: list[str] = []
        self.lines: list[Second] = []
        self.damaged = 0

    @asynccontextmanager
    async def act(self, name: str, load: Load | None = None) -> AsyncIterator[Timeline]:
        """Put an act's bridges on the stage, under load; at its end everything is answered and calm."""
        act, stage, enough = ACTS[name], self.stage, asyncio.Event()
        settings: Mapping[str, str] = act.settings
        async with AsyncExitStack() as stack:
            if act.proxied:
                stage.line = stack.enter_context(stage.place.kafka.open_proxy())
                settings = {**settings, "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": stage.place.kafka.proxied}
            await stage.open(act.replicas, settings)
            await stage.calm()
            doors = [bridge.url for bridge in stage.bridges]
            vendor = Vendor(doors, self.ledger, load or self.plan.load, self.random)
            timeline = Timeline(stage, lambda: vendor.under_way, quiet=self.plan.quiet)
            telling = asyncio.create_task(vendor.run(enough))
            try:
                async with timeline.kept():
                    await asyncio.sleep(WARM_UP_S)
                    yield timeline
                    enough.set()
                    await telling
                    await stage.calm()
                    await asyncio.sleep(1.0)  # for the timeline's last line
            finally:
                enough.set()
                await telling
                self.lines += timeline.seconds
                self.damaged += stage.damaged
                await stage.close()

    async def strike(self, timeline: Timeline, name: str, fault: Fault) -> None:
        """Let one fault happen, heal it, and wait for calm."""
        timeline.fault = name.upper()
        await fault.strike(self.stage)
        await asyncio.sleep(fault.short_s if self.plan.short else fault.seconds)
        await fault.heal(self.stage)
        timeline.fault = f"after {name}"
        await self.stage.calm()
        timeline.fault = ""
        await asyncio.sleep(1.0)

    def expect(self, what: str, met: object) -> None:
        """Note a bar that was not met."""
        if not met:
            self.missed.append(what)

    async def conclude(self) -> Found:
        """Read everything and hold it against the ledger."""
        landed = await read_landed(self.stage.place)
        damage = Damage(counted=self.damaged, kept=self.stage.kept_damage())
        return Found(
            verdict=audit(self.ledger, landed, damage),
            ledger=self.ledger,
            landed=landed,
            timeline=self.lines,
            numbers=self.numbers,
            missed=self.missed,
        )


async def all_faults(run: Run) -> None:
    """All faults in turn, at least so many notifications."""
    plan = run.plan
    chosen = [name for name in plan.faults if not plan.short or FAULTS[name].short_s]
    for act in ACTS:
        names = [name for name in chosen if FAULTS[name].act == act]
        if not names:
            continue
        async with run.act(act) as timeline:
            for name in names:
                await run.strike(timeline, name, FAULTS[name])
            if act == FAULTS[chosen[-1]].act:
                await eventually(
                    lambda: len(run.ledger.notices) >= plan.events,
                    "enough is told",
                    within_s=60 + 2 * plan.events / plan.load.per_s,
                )


async def pause30(run: Run) -> None:
    """Kafka paused 30 s at 500 events/s: nothing lost, nothing twice."""
    async with run.act("one bridge", Load(per_s=500, keys=6000, broken=0.0)):
        await asyncio.sleep(3)
        await run.stage.pause_kafka()
        await asyncio.sleep(30)
        await run.stage.resume_kafka()
        await run.stage.calm()
        await asyncio.sleep(5)


async def kills20(run: Run) -> None:
    """SIGKILL 20 times under load, every other time with Kafka paused: nothing lost of what was answered."""
    async with run.act("one bridge", Load(per_s=200, keys=1000)):
        for number in range(20):
            if number % 2:
                await run.stage.pause_kafka()
            await asyncio.sleep(run.random.uniform(0.5, 4.0))
            await run.stage.kill()
            await run.stage.restart()
            if number % 2:
                await run.stage.resume_kafka()
            await asyncio.sleep(run.random.uniform(0.2, 1.0))


async def away60(run: Run) -> None:
    """Kafka away 60 s at 1,000 events/s: each answered 202 within 4 s, drained within 20 s, order kept."""
    async with run.act("one bridge", Load(per_s=1000, keys=5000, broken=0.0, legacy=0.0)):
        await asyncio.sleep(3)
        gone = time.time()
        await run.stage.stop_kafka()
        await asyncio.sleep(max(0.0, gone + 60 - time.time()))
        coming = time.time()
        await run.stage.start_kafka()
        back = time.time()
        await run.stage.calm()
        run.numbers["drained in s"] = drained = time.time() - back
        await asyncio.sleep(3)
    met = [send for send in run.ledger.sends if gone < send.begun < coming]
    run.numbers["sends while Kafka was away"] = len(met)
    run.numbers["of them answered 202"] = sum(send.status == 202 for send in met)
    run.numbers["of them known duplicates"] = sum(send.outcome == "duplicate" for send in met)
    run.numbers["of them not answered well"] = unwell = sum(not send.good for send in met)
    run.numbers["longest of their answers in s"] = longest = max(send.seconds for send in met)
    run.expect("every event answered well while Kafka was away", not unwell)
    run.expect(f"answered within {ANSWERED_WITHIN_S:.0f} s", longest < ANSWERED_WITHIN_S)
    run.expect(f"drained within {DRAINED_WITHIN_S:.0f} s", drained < DRAINED_WITHIN_S)


async def sigterm(run: Run) -> None:
    """SIGTERM with Kafka away and 10,000 spooled, live posts going on: in time, no refusal, nothing lost."""
    stage = run.stage
    async with run.act("one bridge", Load(per_s=1000, keys=5000)):
        await stage.stop_kafka()
        run.expect("10,000 records spooled", await spool_fills(stage, 10_000, 40))
        run.numbers["spooled before SIGTERM"] = stage.spooled
        told = time.time()
        code, seconds = await stage.bridge.end(ENDS_WITHIN_S + 10)
        await stage.restart()
        await stage.start_kafka()
    met = [send for send in run.ledger.sends if told < send.begun < told + STILL_ACCEPTING_S]
    run.numbers["exit code"] = code
    run.numbers["ended in s"] = seconds
    run.numbers["sends before the door closed"] = len(met)
    run.numbers["of them refused"] = refused = sum(send.broken for send in met)
    run.expect("exit 0", code == 0)
    run.expect(f"ended within {ENDS_WITHIN_S:.0f} s", seconds <= ENDS_WITHIN_S)
    run.expect("no post refused before the door closes", not refused)


CASES: dict[str, Callable[[Run], Awaitable[None]]] = {
    "faults": all_faults,
    "pause30": pause30,
    "kills20": kills20,
    "away60": away60,
    "sigterm": sigterm,
}

# Cases in which no id may stand there twice, and no two of a key may have changed places.
ONCE = ("pause30",)
IN_ORDER = ("pause30", "away60")


async def play(name: str, place: Place, plan: Plan) -> Found:
    """Play one case."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        run = Run(place, plan, Path(folder))
        try:
            await CASES[name](run)
        except TooLate as late:
            run.missed.append(str(late))
            place.kafka.heal()
            place.redis.heal()
        found = await run.conclude()
    if name in ONCE:
        run.expect("no record twice", not found.verdict.repeats)
    if name in IN_ORDER:
        run.expect("order per key kept", not found.verdict.excused)
    return found
