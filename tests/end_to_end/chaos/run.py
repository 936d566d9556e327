"""One run: what it shall be, the deployments that follow each other in it, and what is found at its end."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.end_to_end.chaos.audit import Damage, PublishedRecord, Verdict, audit
from tests.end_to_end.chaos.deployment import Deployment
from tests.end_to_end.chaos.faults import FAULTS, TOPOLOGIES, Fault
from tests.end_to_end.chaos.ledger import UNKNOWN, Ledger
from tests.end_to_end.chaos.records import read_published
from tests.end_to_end.chaos.rolling import figures, new_balancer
from tests.end_to_end.chaos.timeline import Second, Timeline
from tests.end_to_end.chaos.vendor import Load, Vendor
from tests.end_to_end.environment import Environment

WARM_UP_S = 2.0


class Plan(Struct, frozen=True, kw_only=True):
    """What a run is to be: ``events`` notifications at least, ``settings`` in every deployment."""

    faults: tuple[str, ...] = tuple(FAULTS)
    events: int = 20_000
    seed: int = 0
    load: Load = Load()
    short: bool = False
    quiet: bool = False
    settings: Mapping[str, str] = {}


# On a busy machine a Redis that is well may need longer than the 250 ms after which it is unavailable.
IN_CI = Plan(
    short=True,
    quiet=True,
    load=Load(per_s=200, keys=2000),
    settings={"BRIDGE_DEDUP__TIMEOUT_MS": "2000"},
)


class RunResult(Struct, frozen=True, kw_only=True):
    """What a run found. ``missed`` are its own bars that were not met, beside the audit's findings."""

    verdict: Verdict
    ledger: Ledger
    published: list[PublishedRecord]
    timeline: list[Second]
    numbers: dict[str, float]
    missed: list[str]

    @property
    def good(self) -> bool:
        """Whether everything is explained and every bar was met."""
        return not (self.verdict.findings or self.ledger.problems or self.missed)


class Run:
    """One ledger, one environment, one folder of spools; deployments follow each other on it."""

    def __init__(self, environment: Environment, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.ledger = Ledger()
        self.random = Random(plan.seed)  # noqa: S311 - a seed makes a run that can be run again
        self.deployment = Deployment(environment, folder, self.ledger, self.random)
        self.numbers: dict[str, float] = {}
        self.missed: list[str] = []
        self.lines: list[Second] = []
        self.damaged = 0

    @asynccontextmanager
    async def deployed(self, name: str, load: Load | None = None) -> AsyncIterator[Timeline]:
        """Run a topology's bridges under load; at its end all is answered, and they are idle."""
        topology, deployment, enough = TOPOLOGIES[name], self.deployment, asyncio.Event()
        settings: Mapping[str, str] = {**topology.settings, **self.plan.settings}
        async with AsyncExitStack() as stack:
            if topology.proxied:
                deployment.kafka_proxy = stack.enter_context(deployment.environment.kafka.open_proxy())
                settings = {
                    **settings,
                    "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": deployment.environment.kafka.proxied,
                }
            if topology.balanced:
                deployment.balancer = await stack.enter_async_context(new_balancer())
            await deployment.open(topology.replicas, settings)
            await deployment.wait_until_idle()
            if deployment.balancer is not None:
                await deployment.balancer.wait_until_in(topology.replicas)
            targets = (
                {UNKNOWN: deployment.balancer.url} if deployment.balancer is not None else deployment.urls
            )
            vendor = Vendor(targets, self.ledger, load or self.plan.load, self.random)
            timeline = Timeline(deployment, lambda: vendor.under_way, quiet=self.plan.quiet)
            telling = asyncio.create_task(vendor.run(enough))
            try:
                async with timeline.kept():
                    await asyncio.sleep(WARM_UP_S)
                    yield timeline
                    enough.set()
                    await telling
                    await deployment.wait_until_idle()
                    await asyncio.sleep(1.0)  # for the timeline's last line
            finally:
                enough.set()
                await telling
                self.lines += timeline.seconds
                self.damaged += deployment.damaged
                await deployment.close()

    async def inject(self, timeline: Timeline, name: str, fault: Fault) -> None:
        """Inject one fault, heal it, and wait until the bridges are idle."""
        timeline.fault = name.upper()
        await fault.inject(self.deployment)
        await asyncio.sleep(fault.short_s if self.plan.short else fault.seconds)
        await fault.heal(self.deployment)
        timeline.fault = f"after {name}"
        await self.deployment.wait_until_idle()
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

    async def conclude(self) -> RunResult:
        """Read everything and hold it against the ledger."""
        published = await read_published(self.deployment.environment)
        damage = Damage(counted=self.damaged, kept=self.deployment.kept_damage())
        return RunResult(
            verdict=audit(self.ledger, published, damage),
            ledger=self.ledger,
            published=published,
            timeline=self.lines,
            numbers=self.numbers,
            missed=self.missed,
        )
