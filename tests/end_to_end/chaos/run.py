"""One run: what it shall be, the acts that are played in it, and what is found at its end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.end_to_end.chaos.audit import Damage, Landed, Verdict, audit
from tests.end_to_end.chaos.faults import ACTS, FAULTS, Fault
from tests.end_to_end.chaos.ledger import UNKNOWN, Ledger
from tests.end_to_end.chaos.records import read_landed
from tests.end_to_end.chaos.rolling import figures, new_balancer
from tests.end_to_end.chaos.stage import Stage
from tests.end_to_end.chaos.timeline import Second, Timeline
from tests.end_to_end.chaos.vendor import Load, Vendor
from tests.end_to_end.environment import Environment

WARM_UP_S = 2.0


class Plan(Struct, frozen=True, kw_only=True):
    """What a run shall be. ``events`` is how many notifications at least, ``settings`` hold in every act."""

    faults: tuple[str, ...] = tuple(FAULTS)
    events: int = 20_000
    seed: int = 0
    load: Load = Load()
    short: bool = False
    quiet: bool = False
    settings: Mapping[str, str] = {}


# On a crowded machine a Redis that is well may need longer than the 250 ms after which it counts as away.
IN_CI = Plan(
    short=True,
    quiet=True,
    load=Load(per_s=200, keys=2000),
    settings={"BRIDGE_DEDUP__TIMEOUT_MS": "2000"},
)


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

    def __init__(self, environment: Environment, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.ledger = Ledger()
        self.random = Random(plan.seed)  # noqa: S311 - a seed makes a run that can be run again
        self.stage = Stage(environment, folder, self.ledger, self.random)
        self.numbers: dict[str, float] = {}
        self.missed: list[str] = []
        self.lines: list[Second] = []
        self.damaged = 0

    @asynccontextmanager
    async def act(self, name: str, load: Load | None = None) -> AsyncIterator[Timeline]:
        """Put an act's bridges on the stage, under load; at its end everything is answered and calm."""
        act, stage, enough = ACTS[name], self.stage, asyncio.Event()
        settings: Mapping[str, str] = {**act.settings, **self.plan.settings}
        async with AsyncExitStack() as stack:
            if act.proxied:
                stage.line = stack.enter_context(stage.place.kafka.open_proxy())
                settings = {**settings, "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": stage.place.kafka.proxied}
            if act.balanced:
                stage.balancer = await stack.enter_async_context(new_balancer())
            await stage.open(act.replicas, settings)
            await stage.calm()
            if stage.balancer is not None:
                await stage.balancer.wait_until_in(act.replicas)
            doors = {UNKNOWN: stage.balancer.url} if stage.balancer is not None else stage.urls
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

    def expect_all_posts(self) -> None:
        """Note it where a post failed."""
        self.numbers |= figures(self.ledger)
        self.expect("no post failed", not self.numbers["posts failed"])

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
