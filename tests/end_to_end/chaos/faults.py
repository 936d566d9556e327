"""Every fault, one entry each: what is done to the real processes, for how long, and what heals them.

All are injected under load; after each, the bridges are idle again. ``topology`` names those it is for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.end_to_end.chaos.deployment import Deployment
from tests.rig.waiting import ConditionTimeoutError, eventually

Action = Callable[[Deployment], Awaitable[None]]

SLOW_S = 3.0  # one way: beyond the 2 s that Kafka is waited for
SLUGGISH_S = 0.5  # one way: not as long as that
KILLS = 4
ENDS_WITHIN_S = 20.0
SPOOLED_BEFORE_DAMAGE = 100
SPOOLED_BEFORE_KILL = 500


class Topology(Struct, frozen=True, kw_only=True):
    """The bridges that a fault finds."""

    replicas: int = 1
    settings: Mapping[str, str] = {}
    proxied: bool = False  # they reach Kafka through a line that can be slowed down
    balanced: bool = False  # they are behind a balancer, which is all that the senders know


class Fault(Struct, frozen=True, kw_only=True):
    """One fault. It lasts ``seconds`` (in a short run ``short_s``; 0 there leaves it out)."""

    inject: Action
    heal: Action
    topology: str = "one bridge"
    seconds: float = 10.0
    short_s: float = 0.0


TOPOLOGIES: dict[str, Topology] = {
    "one bridge": Topology(),
    "slow network": Topology(proxied=True),
    "small spool": Topology(settings={"BRIDGE_SPOOL__MAX_BYTES": str(1024 * 1024)}),
    "two replicas": Topology(replicas=2),
    "one balanced": Topology(balanced=True),
    "two balanced": Topology(replicas=2, balanced=True),
}


async def nothing(_deployment: Deployment) -> None:
    """Leave it as it is."""


async def kill_at_random_times(deployment: Deployment) -> None:
    """Kill it several times, each life cut off somewhere."""
    for _ in range(KILLS):
        await deployment.kill()
        await deployment.restart()
        await asyncio.sleep(deployment.random.uniform(0.1, 3.0))


async def kill_while_kafka_is_unavailable(deployment: Deployment) -> None:
    """Kill it while its spool fills, then while that drains."""
    await deployment.pause_kafka()
    await asyncio.sleep(deployment.random.uniform(2.5, 6.0))
    await deployment.kill()
    await deployment.restart()
    await asyncio.sleep(deployment.random.uniform(2.5, 4.0))
    await deployment.resume_kafka()
    await asyncio.sleep(deployment.random.uniform(0.0, 0.2))
    await deployment.kill()
    await deployment.restart()


async def kill_while_it_drains(deployment: Deployment) -> None:
    """Let the spool fill, let it drain over a slow network, and kill it with much on its way; twice."""
    for _ in range(2):
        await deployment.pause_kafka()
        await spool_fills(deployment, SPOOLED_BEFORE_KILL, 10)
        deployment.delay_kafka(SLUGGISH_S)
        await deployment.resume_kafka()
        await eventually(lambda: not deployment.bridge.sample.breaker_open, "Kafka answers")
        await asyncio.sleep(deployment.random.uniform(0.0, SLUGGISH_S))
        await deployment.kill()
        deployment.delay_kafka(0.0)
        await deployment.restart()
        await deployment.wait_until_idle()


async def kill_the_second(deployment: Deployment) -> None:
    """Kill one of two."""
    await deployment.kill(1)


async def restart_the_second(deployment: Deployment) -> None:
    """Begin its next life."""
    await deployment.restart(1)


async def inject_latency(deployment: Deployment) -> None:
    """Delay every byte to and from Kafka."""
    deployment.delay_kafka(SLOW_S)


async def remove_latency(deployment: Deployment) -> None:
    """Delay nothing any more."""
    deployment.delay_kafka(0.0)


async def damage_the_spool(deployment: Deployment) -> None:
    """Let the spool fill, kill the bridge, turn one bit of the spool round, and start it again."""
    await deployment.stop_kafka()
    await spool_fills(deployment, SPOOLED_BEFORE_DAMAGE, 10)
    await asyncio.sleep(1.0)  # so that most of it is answered, and would be missed
    await deployment.kill()
    segments = deployment.segments()
    if not segments:
        deployment.notes.append("no spool to damage")
        await deployment.restart()
        return
    log = deployment.random.choice(segments)
    offset = turn_a_bit(log, deployment.random)
    deployment.notes.append(f"bit turned in byte {offset} of {log.stat().st_size} of {log.name}")
    await deployment.restart()
    await deployment.watch()
    if not deployment.bridge.sample.damaged or not is_kept(log, offset):
        deployment.ledger.problems.append(f"damage not reported or not kept: byte {offset} of {log.name}")


def turn_a_bit(log: Path, random: Random) -> int:
    """Flip one bit at any offset of a segment; return in which byte."""
    data = bytearray(log.read_bytes())
    offset = random.randrange(len(data))
    data[offset] ^= 1 << random.randrange(8)
    log.write_bytes(data)
    return offset


def is_kept(log: Path, offset: int) -> bool:
    """Whether the bytes around ``offset`` are kept, in a file whose name has the offset of its first byte."""
    begins = {file: int(file.name.split(".")[-2]) for file in log.parent.glob(f"{log.stem}.[0-9]*.damaged")}
    return any(begin <= offset < begin + file.stat().st_size for file, begin in begins.items())


async def end_while_kafka_is_unavailable(deployment: Deployment) -> None:
    """SIGTERM under load while Kafka is unavailable, then the next life."""
    await deployment.stop_kafka()
    await spool_fills(deployment, SPOOLED_BEFORE_DAMAGE, 10)
    code, seconds = await deployment.bridge.end(ENDS_WITHIN_S + 5)
    if code or seconds > ENDS_WITHIN_S:
        deployment.ledger.problems.append(f"SIGTERM: exit {code} after {seconds:.1f} s")
    await deployment.restart()


async def spool_fills(deployment: Deployment, records: int, within_s: float) -> bool:
    """Wait until so many records are spooled; False where that does not come."""
    try:
        await eventually(
            lambda: deployment.spooled >= records, "the spool fills", within_s=within_s, every_s=0.1
        )
    except ConditionTimeoutError:
        return False
    return True


FAULTS: dict[str, Fault] = {
    "bridge killed": Fault(inject=kill_at_random_times, heal=nothing, seconds=1, short_s=0.5),
    "kafka stopped": Fault(inject=Deployment.stop_kafka, heal=Deployment.start_kafka, seconds=15),
    "kafka paused": Fault(inject=Deployment.pause_kafka, heal=Deployment.resume_kafka, short_s=4),
    "killed with kafka unavailable": Fault(inject=kill_while_kafka_is_unavailable, heal=nothing, seconds=1),
    "redis stopped": Fault(inject=Deployment.stop_redis, heal=Deployment.start_redis, short_s=2),
    "redis silent": Fault(inject=Deployment.pause_redis, heal=Deployment.resume_redis),
    "redis flushed": Fault(inject=Deployment.flush_redis, heal=nothing, seconds=3, short_s=1),
    "spool damaged": Fault(inject=damage_the_spool, heal=Deployment.start_kafka, seconds=2, short_s=0.5),
    "sigterm with kafka unavailable": Fault(
        inject=end_while_kafka_is_unavailable, heal=Deployment.start_kafka, seconds=2
    ),
    "kafka slow": Fault(inject=inject_latency, heal=remove_latency, topology="slow network", seconds=15),
    "killed while it drains": Fault(
        inject=kill_while_it_drains, heal=nothing, topology="slow network", seconds=1, short_s=0.5
    ),
    "spool full": Fault(
        inject=Deployment.stop_kafka, heal=Deployment.start_kafka, topology="small spool", seconds=20
    ),
    "one of two killed": Fault(inject=kill_the_second, heal=restart_the_second, topology="two replicas"),
    "kafka paused for two": Fault(
        inject=Deployment.pause_kafka, heal=Deployment.resume_kafka, topology="two replicas"
    ),
    "redis stopped for two": Fault(
        inject=Deployment.stop_redis, heal=Deployment.start_redis, topology="two replicas"
    ),
}
