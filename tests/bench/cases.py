"""What is measured: a function a case, each gives one table. What is posted in each and what it must show.

A new case is a function and its line in `CASES`.
"""

import hashlib
import time
from collections.abc import Awaitable, Callable

from tests.bench.bodies import PROPORTIONS, mix, of_every_type, of_legacy
from tests.bench.connections import connections
from tests.bench.consuming import consume
from tests.bench.contest import Contest, compare
from tests.bench.core import core
from tests.bench.idle import idle
from tests.bench.large import large
from tests.bench.load import Load
from tests.bench.overload import overload
from tests.bench.proxying import slow_way
from tests.bench.pulling import pull
from tests.bench.single import single
from tests.bench.soak import soak
from tests.bench.spooling import outage, spool
from tests.bench.stage import BOOTSTRAP, REDIS_URL, Stage
from tests.bench.table import Table

# A duplicate comes so many events after its first, when that is long over.
LATER = (500, 5_000)  # quick, full
ONE_WAY_S = 0.0025
NOBODY = "redis://127.0.0.1:1/0"
SIGN_KEY = "bench"

Case = Callable[[Stage], Awaitable[Table]]


async def cost(stage: Stage) -> Table:
    """Measure what an event costs: one event type, 128 connections."""
    contest = Contest(title="one event type, 128 connections", loads={"": Load()})
    return await compare(
        stage,
        contest,
        bars={
            "bridge_to_bare": 1.75,
            "bridge_to_naive": 0.42,
            "redis_to_naive": 1.2,
            "p99_to_bare": 3.5,
            "not_2xx": 0,
        },
        dreams={"bridge_to_bare": 1.5, "bridge_to_naive": 0.35, "redis_to_naive": 0.6, "p99_to_bare": 2.5},
    )


async def spread(stage: Stage) -> Table:
    """Measure the same with every event type in turn: 37 topics of 4 partitions."""
    bodies = tuple(of_every_type().values())
    contest = Contest(title=f"{len(bodies)} event types in turn", loads={"": Load(bodies=bodies)})
    return await compare(
        stage, contest, bars={"bridge_to_bare": 2.0, "not_2xx": 0}, dreams={"bridge_to_bare": 1.7}
    )


async def sizes(stage: Stage) -> Table:
    """Measure the sizes that occur: ProcedureStateChanged of 0.7 KB to 1 MB, few of them large."""
    bodies, order = mix()
    shares = ", ".join(f"{share / 10:g} % {size / 1000:g} KB" for size, share in PROPORTIONS.items())
    contest = Contest(title=shares, loads={"": Load(bodies=bodies, order=order)})
    return await compare(stage, contest, bars={"not_2xx": 0})


async def legacy(stage: Stage) -> Table:
    """Measure the legacy format, mapped into the 3.0 shape; naive does not read it."""
    bodies = of_legacy()
    contest = Contest(
        title=f"{len(bodies)} legacy notifications in turn",
        loads={"": Load(bodies=bodies)},
        programs=("bare", "bridge"),
    )
    return await compare(stage, contest, bars={"not_2xx": 0})


async def duplicates(stage: Stage) -> Table:
    """Measure each event sent twice: at once, and a while later."""
    later = LATER[not stage.quick]
    contest = Contest(
        title=f"each sent twice: at once, or {later:,} events later",
        loads={"at once": Load(block=1), "later": Load(block=later)},
        rounds=(1, 5),
    )
    return await compare(stage, contest, bars={"at_once_not_2xx": 0, "later_not_2xx": 0})


async def signed(stage: Stage) -> Table:
    """Measure with signatures checked; naive checks none."""
    t = str(int(time.time()) + 840)
    sign = hashlib.md5(f"{SIGN_KEY}{t}".encode(), usedforsecurity=False).hexdigest()
    contest = Contest(
        title="signatures checked",
        loads={"": Load(path=f"/callbacks?sign={sign}&t={t}")},
        programs=("bare", "bridge"),
        settings={"BRIDGE_APPS__DEFAULT__SIGN_KEYS": SIGN_KEY},
    )
    return await compare(stage, contest, bars={"not_2xx": 0})


async def redis_unavailable(stage: Stage) -> Table:
    """Measure with Redis away: published all the same, without deduplication; naive cannot."""
    contest = Contest(
        title="Redis refuses",
        loads={"": Load()},
        programs=("bare", "bridge"),
        settings={REDIS_URL: NOBODY},
    )
    return await compare(stage, contest, bars={"not_2xx": 0})


async def slow_kafka(stage: Stage) -> Table:
    """Measure with a Kafka that is 5 ms away and back."""
    async with slow_way(stage, ONE_WAY_S) as response_ms:
        contest = Contest(
            title=f"Kafka {response_ms:.1f} ms away and back",
            loads={"": Load()},
            settings={BOOTSTRAP: stage.kafka.proxied},
        )
        return await compare(stage, contest, bars={"not_2xx": 0})


CASES: dict[str, Case] = {
    "cost": cost,
    "spread": spread,
    "sizes": sizes,
    "legacy": legacy,
    "duplicates": duplicates,
    "signed": signed,
    "redis_away": redis_unavailable,
    "slow_kafka": slow_kafka,
    "crowd": connections,
    "single": single,
    "large": large,
    "idle": idle,
    "soak": soak,
    "core": core,
    "spool": spool,
    "outage": outage,
    "siege": overload,
    "pull": pull,
    "consumer": consume,
}
QUICK = ("cost", "idle", "core")
