"""What is measured: a function a case, each returns one table; what is posted in it, and its bars.

A new case is a function and its line in `CASES`. The first four are `GROUPS["peers"]`: the loads that occur,
beside a bare server, what one writes first, and a Go service.
"""

import hashlib
import time
from collections.abc import Awaitable, Callable

from bridge.core.catalogue import EVENT_TYPES
from tests.bench.bodies import (
    PROPORTIONS,
    mix,
    of_documented_form,
    of_every_type_as_documented,
    of_legacy,
)
from tests.bench.comparison import PEERS, Comparison, compare
from tests.bench.connections import connections
from tests.bench.consuming import consume
from tests.bench.core import core
from tests.bench.idle import idle
from tests.bench.large import large
from tests.bench.live import live
from tests.bench.load import CLOSING_HEAD, INGRESS_HEAD, Load
from tests.bench.overload import overload
from tests.bench.profiling import profile
from tests.bench.proxying import slow_route
from tests.bench.pulling import pull
from tests.bench.single import single
from tests.bench.soak import soak
from tests.bench.spooling import outage, spool
from tests.bench.stage import BOOTSTRAP, REDIS_URL, Stage
from tests.bench.table import Table
from tests.bench.workers import workers

# A duplicate comes so many events after its first, when that is long over.
LATER = (500, 5_000)  # quick, full
ONE_WAY_S = 0.0025
REFUSING = "redis://127.0.0.1:1/0"
SIGN_KEY = "bench"

Case = Callable[[Stage], Awaitable[Table]]


async def kept(stage: Stage) -> Table:
    """Measure kept connections as ingress-nginx keeps them: another X-Request-ID each, 600 body lengths."""
    comparison = Comparison(
        title="kept connections, ingress-nginx's head, 600 body lengths, null siblings",
        loads={"": Load(head=INGRESS_HEAD, bodies=of_documented_form())},
        programs=PEERS,
    )
    return await compare(
        stage,
        comparison,
        bars={"bridge_to_go": 1.6, "p99_to_go": 1.2, "bridge_to_naive": 0.5, "not_2xx": 0},
        dreams={"bridge_to_go": 1.35, "p99_to_go": 0.8},
    )


async def types(stage: Stage) -> Table:
    """Measure the same with every event type in turn: 37 topics of 4 partitions."""
    comparison = Comparison(
        title=f"the same, {len(EVENT_TYPES)} types, each a topic of 4 partitions",
        loads={"": Load(head=INGRESS_HEAD, bodies=of_every_type_as_documented())},
        programs=PEERS,
    )
    return await compare(
        stage, comparison, bars={"bridge_to_go": 1.75, "not_2xx": 0}, dreams={"bridge_to_go": 1.4}
    )


async def closing(stage: Stage) -> Table:
    """Measure a new connection for each event, as the vendor sends without a proxy in between."""
    comparison = Comparison(
        title="a new connection for each event, 600 body lengths, null siblings",
        loads={"": Load(head=CLOSING_HEAD, bodies=of_documented_form())},
        programs=PEERS,
    )
    return await compare(
        stage,
        comparison,
        bars={"bridge_to_go": 1.5, "bridge_to_bare": 1.15, "not_2xx": 0},
        dreams={"bridge_to_go": 1.3, "bridge_to_bare": 1.0},
    )


async def plain(stage: Stage) -> Table:
    """Measure what flatters most: kept connections, a short head that never changes, bodies of one length."""
    comparison = Comparison(title="kept, plain head, one body length", loads={"": Load()}, programs=PEERS)
    return await compare(
        stage,
        comparison,
        bars={
            "bridge_to_bare": 1.75,
            "bridge_to_naive": 0.42,
            "redis_to_naive": 1.2,
            "p99_to_bare": 3.5,
            "not_2xx": 0,
        },
        dreams={"bridge_to_bare": 1.5, "bridge_to_naive": 0.35, "redis_to_naive": 0.6, "p99_to_bare": 2.5},
    )


async def sizes(stage: Stage) -> Table:
    """Measure the sizes that occur: ProcedureStateChanged of 0.7 KB to 1 MB, few of them large."""
    bodies, order = mix()
    shares = ", ".join(f"{share / 10:g} % {size / 1000:g} KB" for size, share in PROPORTIONS.items())
    comparison = Comparison(title=shares, loads={"": Load(bodies=bodies, order=order)})
    return await compare(stage, comparison, bars={"not_2xx": 0})


async def legacy(stage: Stage) -> Table:
    """Measure the legacy format, mapped into the 3.0 shape; naive does not read it."""
    bodies = of_legacy()
    comparison = Comparison(
        title=f"{len(bodies)} legacy notifications in turn",
        loads={"": Load(bodies=bodies)},
        programs=("bare", "bridge"),
    )
    return await compare(stage, comparison, bars={"not_2xx": 0})


async def duplicates(stage: Stage) -> Table:
    """Measure each event sent twice: at once, and a while later."""
    later = LATER[not stage.quick]
    comparison = Comparison(
        title=f"each sent twice: at once, or {later:,} events later",
        loads={"at once": Load(block=1), "later": Load(block=later)},
        rounds=(1, 5),
    )
    return await compare(stage, comparison, bars={"at_once_not_2xx": 0, "later_not_2xx": 0})


async def signed(stage: Stage) -> Table:
    """Measure with signatures checked; naive checks none."""
    t = str(int(time.time()) + 840)
    sign = hashlib.md5(f"{SIGN_KEY}{t}".encode(), usedforsecurity=False).hexdigest()
    comparison = Comparison(
        title="signatures checked",
        loads={"": Load(path=f"/callbacks?sign={sign}&t={t}")},
        programs=("bare", "bridge"),
        settings={"BRIDGE_APPS__DEFAULT__SIGN_KEYS": SIGN_KEY},
    )
    return await compare(stage, comparison, bars={"not_2xx": 0})


async def redis_unavailable(stage: Stage) -> Table:
    """Measure without Redis: published all the same, without deduplication; naive cannot."""
    comparison = Comparison(
        title="Redis refuses",
        loads={"": Load()},
        programs=("bare", "bridge"),
        settings={REDIS_URL: REFUSING},
    )
    return await compare(stage, comparison, bars={"not_2xx": 0})


async def slow_kafka(stage: Stage) -> Table:
    """Measure with a Kafka whose round trip takes 5 ms."""
    async with slow_route(stage, ONE_WAY_S) as response_ms:
        comparison = Comparison(
            title=f"Kafka {response_ms:.1f} ms a round trip",
            loads={"": Load()},
            settings={BOOTSTRAP: stage.kafka.proxied},
        )
        return await compare(stage, comparison, bars={"not_2xx": 0})


CASES: dict[str, Case] = {
    "kept": kept,
    "types": types,
    "closing": closing,
    "plain": plain,
    "sizes": sizes,
    "legacy": legacy,
    "duplicates": duplicates,
    "signed": signed,
    "redis_unavailable": redis_unavailable,
    "slow_kafka": slow_kafka,
    "connections": connections,
    "single": single,
    "large": large,
    "idle": idle,
    "live": live,
    "soak": soak,
    "workers": workers,
    "profile": profile,
    "core": core,
    "spool": spool,
    "outage": outage,
    "overload": overload,
    "pull": pull,
    "consumer": consume,
}
# Names that stand for several cases.
GROUPS = {"peers": ("kept", "types", "closing", "plain")}
QUICK = ("kept", "idle", "core")
