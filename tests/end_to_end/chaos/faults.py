"""Every fault, one entry each: what is done to the real processes, for how long, and what heals them.

All strike under load; calm follows each. ``act`` names the bridges that stand on the stage for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random

from msgspec import Struct

from tests.end_to_end.chaos.stage import Stage
from tests.rig.waiting import ConditionTimeoutError, eventually

Deed = Callable[[Stage], Awaitable[None]]

SLOW_S = 3.0  # one way: beyond the 2 s that Kafka is waited for
SLUGGISH_S = 0.5  # one way: not as long as that
KILLS = 4
ENDS_WITHIN_S = 20.0
SPOOLED_BEFORE_DAMAGE = 100
SPOOLED_BEFORE_KILL = 500


class Act(Struct, frozen=True, kw_only=True):
    """The bridges that a fault finds."""

    replicas: int = 1
    settings: Mapping[str, str] = {}
    proxied: bool = False  # they reach Kafka through a line that can be slowed down
    balanced: bool = False  # they stand behind a balancer, which is all that the senders know


class Fault(Struct, frozen=True, kw_only=True):
    """One fault. It lasts ``seconds`` (in a short run ``short_s``; 0 there leaves it out)."""

    strike: Deed
    heal: Deed
    act: str = "one bridge"
    seconds: float = 10.0
    short_s: float = 0.0


ACTS: dict[str, Act] = {
    "one bridge": Act(),
    "slow line": Act(proxied=True),
    "small spool": Act(settings={"BRIDGE_SPOOL__MAX_BYTES": str(1024 * 1024)}),
    "two replicas": Act(replicas=2),
    "one balanced": Act(balanced=True),
    "two balanced": Act(replicas=2, balanced=True),
}


async def nothing(_stage: Stage) -> None:
    """Leave it as it is."""


async def kill_at_random_moments(stage: Stage) -> None:
    """Kill it several times, each life cut off somewhere."""
    for _ in range(KILLS):
        await stage.kill()
        await stage.restart()
        await asyncio.sleep(stage.random.uniform(0.1, 3.0))


async def kill_while_kafka_is_unavailable(stage: Stage) -> None:
    """Kill it while its spool fills, then while that drains."""
    await stage.pause_kafka()
    await asyncio.sleep(stage.random.uniform(2.5, 6.0))
    await stage.kill()
    await stage.restart()
    await asyncio.sleep(stage.random.uniform(2.5, 4.0))
    await stage.resume_kafka()
    await asyncio.sleep(stage.random.uniform(0.0, 0.2))
    await stage.kill()
    await stage.restart()


async def kill_while_it_drains(stage: Stage) -> None:
    """Let the spool fill, let it drain over a slow line, and kill it with much on its way; twice."""
    for _ in range(2):
        await stage.pause_kafka()
        await spool_fills(stage, SPOOLED_BEFORE_KILL, 10)
        stage.slow_line(SLUGGISH_S)
        await stage.resume_kafka()
        await eventually(lambda: not stage.bridge.look.breaker_open, "Kafka answers")
        await asyncio.sleep(stage.random.uniform(0.0, SLUGGISH_S))
        await stage.kill()
        stage.slow_line(0.0)
        await stage.restart()
        await stage.calm()


async def kill_the_second(stage: Stage) -> None:
    """Kill one of two."""
    await stage.kill(1)


async def restart_the_second(stage: Stage) -> None:
    """Begin its next life."""
    await stage.restart(1)


async def slow_kafka(stage: Stage) -> None:
    """Delay every byte to and from Kafka."""
    stage.slow_line(SLOW_S)


async def quick_kafka(stage: Stage) -> None:
    """Delay nothing any more."""
    stage.slow_line(0.0)


async def damage_the_spool(stage: Stage) -> None:
    """Let the spool fill, kill the bridge, turn one bit of the spool round, and start it again."""
    await stage.stop_kafka()
    await spool_fills(stage, SPOOLED_BEFORE_DAMAGE, 10)
    await asyncio.sleep(1.0)  # so that most of it is answered, and would be missed
    await stage.kill()
    segments = stage.segments()
    if not segments:
        stage.notes.append("no spool to damage")
        await stage.restart()
        return
    log = stage.random.choice(segments)
    place = turn_a_bit(log, stage.random)
    stage.notes.append(f"bit turned in byte {place} of {log.stat().st_size} of {log.name}")
    await stage.restart()
    await stage.watch()
    if not stage.bridge.look.damaged or not is_kept(log, place):
        stage.ledger.complaints.append(f"damage not told of or not kept: byte {place} of {log.name}")


def turn_a_bit(log: Path, random: Random) -> int:
    """Turn one bit round at any place of a segment; tell in which byte."""
    data = bytearray(log.read_bytes())
    place = random.randrange(len(data))
    data[place] ^= 1 << random.randrange(8)
    log.write_bytes(data)
    return place


def is_kept(log: Path, place: int) -> bool:
    """Whether the bytes around ``place`` are kept, in a file that tells by its name where they began."""
    begins = {file: int(file.name.split(".")[-2]) for file in log.parent.glob(f"{log.stem}.[0-9]*.damaged")}
    return any(begin <= place < begin + file.stat().st_size for file, begin in begins.items())


async def end_while_kafka_is_unavailable(stage: Stage) -> None:
    """SIGTERM under load while Kafka is away, then the next life."""
    await stage.stop_kafka()
    await spool_fills(stage, SPOOLED_BEFORE_DAMAGE, 10)
    code, seconds = await stage.bridge.end(ENDS_WITHIN_S + 5)
    if code or seconds > ENDS_WITHIN_S:
        stage.ledger.complaints.append(f"SIGTERM: exit {code} after {seconds:.1f} s")
    await stage.restart()


async def spool_fills(stage: Stage, records: int, within_s: float) -> bool:
    """Wait until so many records are spooled; False where that does not come."""
    try:
        await eventually(lambda: stage.spooled >= records, "the spool fills", within_s=within_s, every_s=0.1)
    except ConditionTimeoutError:
        return False
    return True


FAULTS: dict[str, Fault] = {
    "bridge killed": Fault(strike=kill_at_random_moments, heal=nothing, seconds=1, short_s=0.5),
    "kafka stopped": Fault(strike=Stage.stop_kafka, heal=Stage.start_kafka, seconds=15),
    "kafka paused": Fault(strike=Stage.pause_kafka, heal=Stage.resume_kafka, short_s=4),
    "killed with kafka away": Fault(strike=kill_while_kafka_is_unavailable, heal=nothing, seconds=1),
    "redis stopped": Fault(strike=Stage.stop_redis, heal=Stage.start_redis, short_s=2),
    "redis silent": Fault(strike=Stage.pause_redis, heal=Stage.resume_redis),
    "redis flushed": Fault(strike=Stage.flush_redis, heal=nothing, seconds=3, short_s=1),
    "spool damaged": Fault(strike=damage_the_spool, heal=Stage.start_kafka, seconds=2, short_s=0.5),
    "sigterm with kafka away": Fault(
        strike=end_while_kafka_is_unavailable, heal=Stage.start_kafka, seconds=2
    ),
    "kafka slow": Fault(strike=slow_kafka, heal=quick_kafka, act="slow line", seconds=15),
    "killed while it drains": Fault(
        strike=kill_while_it_drains, heal=nothing, act="slow line", seconds=1, short_s=0.5
    ),
    "spool full": Fault(strike=Stage.stop_kafka, heal=Stage.start_kafka, act="small spool", seconds=20),
    "one of two killed": Fault(strike=kill_the_second, heal=restart_the_second, act="two replicas"),
    "kafka paused for two": Fault(strike=Stage.pause_kafka, heal=Stage.resume_kafka, act="two replicas"),
    "redis stopped for two": Fault(strike=Stage.stop_redis, heal=Stage.start_redis, act="two replicas"),
}
