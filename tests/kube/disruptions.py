"""Three minutes of load while pods are killed, rolled, added and removed, and Kafka is stopped."""

import asyncio
import time
from collections import Counter
from math import inf
from pathlib import Path
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from tests.end_to_end.chaos.audit import Damage, FindingKind, Verdict, audit
from tests.end_to_end.chaos.ledger import UNKNOWN, Cause, Ledger
from tests.end_to_end.chaos.records import read_published
from tests.end_to_end.chaos.vendor import Load, Vendor
from tests.end_to_end.environment import Environment
from tests.kube.checks import Checks
from tests.kube.load_balancer import LoadBalancer
from tests.kube.node import Node
from tests.kube.pods import Pods
from tests.kube.release import SERVICE, Release
from tests.rig.waiting import eventually

LASTS_S = 180.0
KEYS = 1500
KAFKA_DOWN_S = 20.0
SPOOLED_FIRST = 100
STABLE_WITHIN_S = 90.0
SHOWN = 25
TEST_EVENT = "BridgeChartTest#"


class Installation(Struct, frozen=True, kw_only=True):
    """Where it is played."""

    node: Node
    release: Release
    environment: Environment
    checks: Checks


class Disruptions:
    """One run; `play` makes its checks. ``per_s`` is how many notifications a second."""

    def __init__(self, installation: Installation, per_s: float) -> None:
        self._per_s = per_s
        self._installation = installation
        self._checks = installation.checks
        self._ledger = Ledger()
        self._pods = Pods(installation.release.cluster, SERVICE, self._ledger)
        self._balancer = LoadBalancer(self._pods.ready)

    async def play(self) -> None:
        """Load, faults, and the audit."""
        enough, load = asyncio.Event(), Load(per_s=self._per_s, keys=KEYS)
        async with self._pods.watched(), self._balancer.open() as url:
            await self._pods.until_stable(2, STABLE_WITHIN_S)
            vendor = Vendor({UNKNOWN: url}, self._ledger, load, Random(6))  # noqa: S311 - a seed is no secret
            begun = time.monotonic()
            telling = asyncio.create_task(vendor.run(enough))
            saying = asyncio.create_task(self._report())
            try:
                await self._strike()
                await asyncio.sleep(max(0.0, begun + LASTS_S - time.monotonic()))
                enough.set()
                await telling
            finally:
                telling.cancel()
                saying.cancel()
            self._lasted = time.monotonic() - begun
            await self._pods.until_stable(2, STABLE_WITHIN_S)
            left = self._pods.spooled
            self._checks.note("the spools of the pods that live are drained", not left, f"{left} records")
        await self._conclude()

    async def _strike(self) -> None:
        """Everything that happens, one after the other."""
        await asyncio.sleep(10)
        await self._kill(0)
        await self._well("a pod is SIGKILLed", 2)
        await self._upgrade("a rolling upgrade", "settings.http.hold_s=6.5")
        await self._upgrade("scaled from 2 to 3", "replicas=3")
        await asyncio.sleep(5)
        spool = await asyncio.to_thread(self._installation.node.volume_of, f"spool-{SERVICE}-2")
        await self._stop_kafka_for_a_while()
        await self._pods.until_stable(2, STABLE_WITHIN_S)
        self._checks.report("Kafka is back; the pods that live have drained their spools")
        left = _bytes_in(spool)
        self._checks.note("the pod that went left records in its volume", left, f"{left:,} bytes")
        await self._upgrade(
            "scaled from 3 to 2, with the Job that drains", "replicas=2", "drain.ordinals={2}"
        )
        left = _bytes_in(spool)
        self._checks.note("its volume was drained by the chart's Job", not left, f"{left:,} bytes left")

    async def _stop_kafka_for_a_while(self) -> None:
        """Stop Kafka; while it is down remove one pod, and kill another."""
        kafka, ledger = self._installation.environment.kafka, self._ledger
        gone = time.time()
        ledger.begin(Cause.KAFKA, gone)
        await asyncio.to_thread(kafka.stop)
        third = self._pods.members[2]
        await eventually(lambda: third.look.spooled > SPOOLED_FIRST, "it spools", within_s=KAFKA_DOWN_S)
        self._checks.report(f"Kafka is stopped; {self._pods.spooled} records are spooled; scaling to 2")
        await asyncio.to_thread(self._installation.release.scale, 2)
        await self._kill(1)
        # The third pod must be gone before Kafka comes back, or it would drain its spool itself.
        members = self._pods.members
        await eventually(lambda: 2 not in members, "the third pod is gone", within_s=60)
        await asyncio.sleep(max(0.0, gone + KAFKA_DOWN_S - time.time()))
        await asyncio.to_thread(kafka.start)
        ledger.end(Cause.KAFKA, time.time())
        down_s = time.time() - gone
        self._checks.note(
            f"Kafka was stopped for {KAFKA_DOWN_S:.0f} s", down_s >= KAFKA_DOWN_S, f"{down_s:.0f} s"
        )

    async def _kill(self, number: int) -> None:
        self._pods.expect_kill(number)
        await asyncio.to_thread(self._installation.node.kill, self._pods.members[number].pod)

    async def _well(self, what: str, replicas: int) -> None:
        """See that what was done has an end: as many pods as wanted, ready and stable."""
        begun = time.monotonic()
        await asyncio.sleep(1)
        await self._pods.until_stable(replicas, STABLE_WITHIN_S)
        self._checks.note(what, good=True, figures=f"well again after {time.monotonic() - begun:.0f} s")

    async def _upgrade(self, what: str, *values: str) -> None:
        said = await asyncio.to_thread(self._installation.release.upgrade, *values)
        good = said.good and not said.warnings
        self._checks.note(
            f"helm upgrade --wait: {what}", good, f"{said.seconds:.0f} s" if good else said.last
        )

    async def _report(self) -> None:
        """Write a line each five seconds."""
        reported = 0
        while True:
            await asyncio.sleep(5)
            sends = self._ledger.sends
            answers = Counter(send.outcome or str(send.status or "none") for send in sends[reported:])
            reported = len(sends)
            counted = ", ".join(f"{word} {count}" for word, count in answers.most_common())
            going_on = {mark.cause.value for mark in self._ledger.marks if mark.ended == inf}
            ready = " ".join(str(number) for number, _address in self._pods.ready())
            spooled, faults = self._pods.spooled, ", ".join(sorted(going_on))
            self._checks.report(f"{counted}; spooled {spooled}; ready {ready or '-'}; {faults}")

    async def _conclude(self) -> None:
        """Hold what Kafka has against the ledger."""
        self._name_replicas()
        # `helm test` has left an event of a type of its own.
        found = await read_published(self._installation.environment)
        landed = [record for record in found if not record.event_id.startswith(TEST_EVENT)]
        verdict = audit(self._ledger, landed, Damage())
        sends, notifications = self._ledger.sends, len(self._ledger.notifications)
        good = sum(send.good for send in sends)
        again = sum(send.again for send in sends)  # the vendor's own repeats after silence do not count
        rate = (notifications + again) / self._lasted
        figures = f"{notifications:,} notifications and {again:,} redeliveries in {self._lasted:.0f} s"
        figures += f", {rate:.0f}/s; {good:,} answered 2xx"
        what = f"posts at {self._per_s:.0f}/s for 3 min"
        self._checks.note(what, rate > 0.9 * self._per_s and self._lasted >= LASTS_S, figures)
        lost = verdict.count(FindingKind.LOST)
        answers = Counter(send.outcome or str(send.status or "none") for send in sends)
        counted = ", ".join(f"{word} {count:,}" for word, count in answers.most_common())
        self._checks.note("0 lost of what was answered 2xx", not lost, f"{lost} lost; {counted}")
        self._judge(verdict, len(landed))
        problems = self._ledger.problems
        self._checks.note("no pod restarted by itself", not problems, " ".join(problems))

    def _judge(self, verdict: Verdict, landed: int) -> None:
        repeats = ", ".join(f"{count} {reason}" for reason, count in verdict.repeats.items())
        broken = sum(send.broken for send in self._ledger.sends)
        for finding in verdict.findings[:SHOWN]:
            pods = self._balancer.took.get(finding.task)
            self._checks.report(f"{finding.kind} {finding.task} (given to pods {pods}): {finding.text}")
        kinds = [kind for kind in FindingKind if kind is not FindingKind.LOST]
        counts = {kind: verdict.count(kind) for kind in kinds}
        text = ", ".join(f"{count} {kind.lower()}" for kind, count in counts.items())
        figures = f"{landed:,} records; {text}; repeats: {repeats or 'none'}; lines broken {broken}"
        excused = ", ".join(f"{count} {reason}" for reason, count in verdict.excused.items())
        figures += f"; order excused: {excused or 'none'}; refused and passed on {self._balancer.passed_over}"
        self._checks.note("the audit explains every record", not any(counts.values()), figures)

    def _name_replicas(self) -> None:
        """Record of each send which pod took it: the vendor knew one address only."""
        took = {task: list(pods) for task, pods in self._balancer.took.items()}
        for index, send in sorted(enumerate(self._ledger.sends), key=lambda pair: pair[1].begun):
            pods = took.get(send.task)
            if not pods:
                self._ledger.problems.append(f"the load balancer never saw a send of {send.task}")
                continue
            self._ledger.sends[index] = replace(send, replica=pods.pop(0))


def _bytes_in(folder: Path) -> int:
    """Add up what waits in a spool."""
    return sum(file.stat().st_size for file in folder.rglob("*.log"))
