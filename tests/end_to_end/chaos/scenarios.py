"""The scenarios: all faults in turn, and single ones for which a figure is promised."""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from tests.end_to_end.chaos.fan_out import FanOutSender
from tests.end_to_end.chaos.faults import FAULTS, TOPOLOGIES, spool_fills
from tests.end_to_end.chaos.rolling import AS_THE_CHART, QUICKLY, WITHOUT_A_WAIT, roll, scale_down, scale_up
from tests.end_to_end.chaos.run import Plan, Run, RunResult
from tests.end_to_end.chaos.vendor import Load
from tests.end_to_end.environment import Environment
from tests.end_to_end.neighbours import next_release, this_release
from tests.rig.waiting import ConditionTimeoutError, eventually

ANSWERED_WITHIN_S = 4.0
DRAINED_WITHIN_S = 20.0
ENDS_WITHIN_S = 20.0
RESETS = 300
LEADERS_MOVE_S = 300.0
LEADERS_STAY_S = 2.0
STILL_ACCEPTING_S = 4.5  # of the 5 s for which it accepts after SIGTERM


async def all_faults(run: Run) -> None:
    """All faults in turn, at least so many notifications."""
    plan = run.plan
    chosen = [name for name in plan.faults if not plan.short or FAULTS[name].short_s]
    for topology in TOPOLOGIES:
        names = [name for name in chosen if FAULTS[name].topology == topology]
        if not names:
            continue
        async with run.deployed(topology) as timeline:
            for name in names:
                await run.inject(timeline, name, FAULTS[name])
            if topology == FAULTS[chosen[-1]].topology:
                await eventually(
                    lambda: len(run.ledger.notifications) >= plan.events,
                    "enough is sent",
                    within_s=60 + 2 * plan.events / plan.load.per_s,
                )


async def pause30(run: Run) -> None:
    """Kafka paused 30 s at 500 events/s: nothing lost, nothing twice."""
    async with run.deployed("one bridge", _load_of(run.plan, Load(per_s=500, keys=6000, broken=0.0))):
        await asyncio.sleep(3)
        await run.deployment.pause_kafka()
        await asyncio.sleep(30)
        await run.deployment.resume_kafka()
        await run.deployment.wait_until_idle()
        await asyncio.sleep(5)


async def kills20(run: Run) -> None:
    """SIGKILL 20 times under load, every other time with Kafka paused: nothing lost of what was answered."""
    async with run.deployed("one bridge", _load_of(run.plan, Load(per_s=200, keys=1000))):
        for number in range(20):
            if number % 2:
                await run.deployment.pause_kafka()
            await asyncio.sleep(run.random.uniform(0.5, 4.0))
            await run.deployment.kill()
            await run.deployment.restart()
            if number % 2:
                await run.deployment.resume_kafka()
            await asyncio.sleep(run.random.uniform(0.2, 1.0))


async def unavailable60(run: Run) -> None:
    """Kafka unavailable 60 s at 1,000/s: each answered 202 within 4 s, drained within 20 s, in order."""
    load = _load_of(run.plan, Load(per_s=1000, keys=5000, broken=0.0, legacy=0.0))
    async with run.deployed("one bridge", load):
        await asyncio.sleep(3)
        gone = time.time()
        await run.deployment.stop_kafka()
        await asyncio.sleep(max(0.0, gone + 60 - time.time()))
        coming = time.time()
        await run.deployment.start_kafka()
        back = time.time()
        await run.deployment.wait_until_idle()
        run.numbers["drained in s"] = drained = time.time() - back
        await asyncio.sleep(3)
    met = [send for send in run.ledger.sends if gone < send.begun < coming]
    run.numbers["sends while Kafka was unavailable"] = len(met)
    run.numbers["of them answered 202"] = sum(send.status == 202 for send in met)
    run.numbers["of them known duplicates"] = sum(send.outcome == "duplicate" for send in met)
    run.numbers["of them not answered well"] = unwell = sum(not send.good for send in met)
    run.numbers["longest of their answers in s"] = longest = max(send.seconds for send in met)
    run.expect("every event answered well while Kafka was unavailable", not unwell)
    run.expect(f"answered within {ANSWERED_WITHIN_S:.0f} s", longest < ANSWERED_WITHIN_S)
    run.expect(f"drained within {DRAINED_WITHIN_S:.0f} s", drained < DRAINED_WITHIN_S)


async def sigterm(run: Run) -> None:
    """SIGTERM with Kafka unavailable, 10,000 spooled and live posts: in time, no refusal, nothing lost."""
    deployment = run.deployment
    load = _load_of(run.plan, Load(per_s=1000, keys=5000))
    async with run.deployed("one bridge", load):
        await deployment.stop_kafka()
        run.expect("10,000 records spooled", await spool_fills(deployment, 10_000, 40_000 / load.per_s))
        run.numbers["spooled before SIGTERM"] = deployment.spooled
        signalled_at = time.time()
        code, seconds = await deployment.bridge.end(ENDS_WITHIN_S + 10)
        await deployment.restart()
        await deployment.start_kafka()
    met = [send for send in run.ledger.sends if signalled_at < send.begun < signalled_at + STILL_ACCEPTING_S]
    run.numbers["exit code"] = code
    run.numbers["ended in s"] = seconds
    run.numbers["sends while it accepted"] = len(met)
    run.numbers["of them refused"] = refused = sum(send.broken for send in met)
    run.expect("exit 0", code == 0)
    run.expect(f"ended within {ENDS_WITHIN_S:.0f} s", seconds <= ENDS_WITHIN_S)
    run.expect("no post refused while it accepts", not refused)


def _load_of(plan: Plan, usual: Load) -> Load:
    """Give the load that is usual for a scenario, or the rate that was asked for."""
    return usual if plan.load == Load() else replace(usual, per_s=plan.load.per_s)


async def rolling(run: Run) -> None:
    """Two at 1,000 posts/s, each ended in turn as a pod is: no post fails, nothing twice."""
    short = run.plan.short
    load = _load_of(run.plan, Load(per_s=1000, keys=5000))
    async with run.deployed("two balanced", load):
        for ending in (QUICKLY,) if short else (AS_THE_CHART, WITHOUT_A_WAIT):
            await roll(run.deployment, ending)
    run.expect_all_posts()


async def scaling(run: Run) -> None:
    """1 -> 3 -> 1 behind a balancer under load, redeliveries to all at once and later: nothing twice."""
    short = run.plan.short
    load = _load_of(run.plan, Load(per_s=500, keys=3000, again=0.2))
    async with run.deployed("one balanced", load):
        deployment = run.deployment
        fan_out = FanOutSender(lambda: deployment.urls, run.ledger, run.random, per_s=10 if short else 40)
        async with fan_out.sent():
            await asyncio.sleep(2 if short else 10)
            await scale_up(deployment, 2)
            await asyncio.sleep(3 if short else 15)
            await scale_down(deployment, 2, QUICKLY if short else AS_THE_CHART)
            await asyncio.sleep(1 if short else 10)
        run.numbers["sent to all at once"] = len(fan_out.notifications)
    run.expect("the spools of those that ended are empty", not run.deployment.segments())
    run.expect_all_posts()


async def versions(run: Run) -> None:
    """Two rolled to the next release and, with Kafka unavailable, back on the same spools: nothing twice."""
    deployment, theirs = run.deployment, next_release(run.deployment.folder / "next")
    async with run.deployed("two balanced", run.plan.load):
        await roll(deployment, QUICKLY, theirs.settings)
        await deployment.stop_kafka()
        run.expect("records spooled by the next release", await spool_fills(deployment, 500, 30))
        await roll(deployment, QUICKLY, this_release().settings)
        run.numbers["spooled over the roll-back"] = deployment.spooled
        await deployment.start_kafka()
    run.expect_all_posts()


async def resets(run: Run) -> None:
    """Three brokers under load: connections reset, then leaders moved: no producer lost, nothing twice."""
    brokers, deployment = run.deployment.environment.brokers, run.deployment
    if brokers is None:
        raise RuntimeError("this scenario needs three brokers")
    resets, moving_s = (60, 20.0) if run.plan.short else (RESETS, LEADERS_MOVE_S)
    async with run.deployed("one bridge", _load_of(run.plan, Load(per_s=300, keys=2000, broken=0.0))):
        for _ in range(resets):
            await asyncio.to_thread(run.random.choice(brokers.proxies).cut)
            await asyncio.sleep(run.random.uniform(0.0, 0.3))
        await deployment.watch()
        run.numbers["resets"] = resets
        run.numbers["producers replaced by them"] = replaced = deployment.bridge.sample.replaced
        moves, until = 0, time.time() + moving_s
        while time.time() < until:
            await brokers.move_leaders([deployment.environment.events])
            moves += 1
            await asyncio.sleep(LEADERS_STAY_S)
        run.numbers["moves of all leaders"] = moves
        await deployment.watch()
        run.numbers["producers replaced in all"] = deployment.bridge.sample.replaced
    run.expect("no producer replaced by a reset", not replaced)
    run.expect("leaders moved", moves)


SCENARIOS: dict[str, Callable[[Run], Awaitable[None]]] = {
    "faults": all_faults,
    "pause30": pause30,
    "kills20": kills20,
    "unavailable60": unavailable60,
    "sigterm": sigterm,
    "rolling": rolling,
    "scaling": scaling,
    "versions": versions,
    "resets": resets,
}

# Scenarios in which no id may be published twice, and no two of a key may be out of order.
ONCE = ("pause30", "rolling", "scaling", "versions", "resets")
IN_ORDER = ("pause30", "unavailable60", "resets")
# Scenarios that need a cluster.
ON_THREE_BROKERS = ("resets",)


async def run_scenario(name: str, environment: Environment, plan: Plan) -> RunResult:
    """Run one scenario."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        run = Run(environment, plan, Path(folder))
        try:
            await SCENARIOS[name](run)
        except ConditionTimeoutError as late:
            run.missed.append(str(late))
            environment.kafka.heal()
            environment.redis.heal()
        found = await run.conclude()
    if name in ONCE:
        run.expect("no record twice", not found.verdict.repeats)
    if name in IN_ORDER:
        run.expect("order per key kept", not found.verdict.excused)
    return found
