"""The real parts of a run, and what may be done to them. Whatever is done is noted where it is done."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

from tests.end_to_end.chaos.ledger import Cause, Ledger
from tests.end_to_end.chaos.replica import Replica
from tests.end_to_end.environment import Environment
from tests.rig.balancer import Balancer
from tests.rig.proxy import Proxy
from tests.rig.waiting import ConditionTimeoutError, eventually

IDLE_WITHIN_S = 180.0  # a busy machine drains a full spool slowly


class Deployment:
    """Kafka, Redis and the bridges of one topology."""

    def __init__(self, environment: Environment, folder: Path, ledger: Ledger, random: Random) -> None:
        self.environment = environment
        self.ledger = ledger
        self.random = random
        self.folder = folder
        self.bridges: list[Replica] = []
        self.kafka_proxy: Proxy | None = None  # where the topology asks for one
        self.balancer: Balancer | None = None  # before the bridges, likewise
        self.notes: list[str] = []  # what the timeline shows next
        self._settings: Mapping[str, str] = {}

    @property
    def bridge(self) -> Replica:
        """The first replica."""
        return self.bridges[0]

    @property
    def urls(self) -> dict[int, str]:
        """The URLs that senders may know, by the replicas' numbers."""
        return {bridge.number: bridge.url for bridge in self.bridges if bridge.is_listed}

    @property
    def spooled(self) -> int:
        """How many records wait in all spools."""
        return sum(bridge.sample.spooled for bridge in self.bridges)

    @property
    def damaged(self) -> int:
        """How many damaged records the spools reported."""
        return sum(bridge.damaged for bridge in self.bridges)

    async def open(self, replicas: int, settings: Mapping[str, str]) -> None:
        """Start so many bridges."""
        self._settings = settings
        for _ in range(replicas):
            await self.add()
            self.bridges[-1].is_listed = True

    async def add(self) -> None:
        """Start one more bridge; each replica has a spool folder of its own."""
        number = len(self.bridges)
        spool = {"BRIDGE_SPOOL__PATH": str(self.folder / f"spool-{number}")}
        settings = self.environment.settings | spool | dict(self._settings)
        self.bridges.append(bridge := Replica(number, settings, self.ledger))
        await bridge.start()
        if self.balancer is not None:
            await self.balancer.add(*bridge.ports)

    async def close(self) -> None:
        """Kill the bridges: what they answered well must have left them by now."""
        for bridge in self.bridges:
            await bridge.kill()
            bridge.listens_again()  # to nobody: the next topology has its own senders
        self.bridges, self.balancer = [], None

    async def watch(self) -> None:
        """MetricsSample at every bridge."""
        await asyncio.gather(*(bridge.watch() for bridge in self.bridges))

    async def wait_until_idle(self, within_s: float = IDLE_WITHIN_S) -> None:
        """Wait until no bridge keeps anything back, and nothing is unavailable."""

        async def quiet() -> bool:
            await self.watch()
            ready = await asyncio.gather(*(bridge.ready() for bridge in self.bridges))
            return all(ready) and all(bridge.sample.is_idle for bridge in self.bridges)

        try:
            await eventually(quiet, "idle", within_s=within_s, every_s=0.5)
        except ConditionTimeoutError:
            looks = "; ".join(str(bridge.sample) for bridge in self.bridges)
            raise ConditionTimeoutError(f"not idle within {within_s:.0f} s: {looks}") from None

    async def kill(self, number: int = 0) -> None:
        """Kill a bridge."""
        await self.bridges[number].kill()

    async def restart(self, number: int = 0) -> None:
        """Begin its next life."""
        await self.bridges[number].start()
        self.bridges[number].listens_again()

    async def stop_kafka(self) -> None:
        """Stop Kafka in good order."""
        self.ledger.begin(Cause.KAFKA, time.time())
        await asyncio.to_thread(self.environment.kafka.stop)

    async def start_kafka(self) -> None:
        """Start it again; returns once it answers."""
        await asyncio.to_thread(self.environment.kafka.start)
        self.ledger.end(Cause.KAFKA, time.time())

    async def pause_kafka(self) -> None:
        """Freeze Kafka."""
        self.ledger.begin(Cause.KAFKA, time.time())
        await asyncio.to_thread(self.environment.kafka.pause)

    async def resume_kafka(self) -> None:
        """Let it go on."""
        self.environment.kafka.resume()
        self.ledger.end(Cause.KAFKA, time.time())

    def delay_kafka(self, seconds: float) -> None:
        """Delay every byte to and from Kafka; 0 for not at all."""
        if self.kafka_proxy is None:
            raise RuntimeError("this topology has no proxy before Kafka")
        self.kafka_proxy.delay(seconds)
        if seconds:
            self.ledger.begin(Cause.KAFKA, time.time())
        else:
            self.ledger.end(Cause.KAFKA, time.time())

    async def stop_redis(self) -> None:
        """Stop Redis: it forgets everything."""
        self.ledger.begin(Cause.REDIS_UNAVAILABLE, time.time())
        self.ledger.begin(Cause.REDIS_LOST_DATA, time.time())
        await asyncio.to_thread(self.environment.redis.stop)

    async def start_redis(self) -> None:
        """Start it again, empty."""
        await asyncio.to_thread(self.environment.redis.start)
        self.ledger.end(Cause.REDIS_LOST_DATA, time.time())
        self.ledger.end(Cause.REDIS_UNAVAILABLE, time.time())

    async def pause_redis(self) -> None:
        """Freeze Redis."""
        self.ledger.begin(Cause.REDIS_UNAVAILABLE, time.time())
        await asyncio.to_thread(self.environment.redis.pause)

    async def resume_redis(self) -> None:
        """Let it go on."""
        self.environment.redis.resume()
        self.ledger.end(Cause.REDIS_UNAVAILABLE, time.time())

    async def flush_redis(self) -> None:
        """Let Redis forget everything."""
        self.ledger.begin(Cause.REDIS_LOST_DATA, time.time())
        await asyncio.to_thread(self.environment.redis.flush)
        self.ledger.end(Cause.REDIS_LOST_DATA, time.time())

    def segments(self) -> list[Path]:
        """List the files of all spools that hold records."""
        files = sorted(self.folder.glob("spool-*/**/*.log"))
        return [file for file in files if file.stat().st_size]

    def kept_damage(self) -> bytes:
        """Read what the spools kept of damaged records."""
        return b"".join(file.read_bytes() for file in sorted(self.folder.glob("spool-*/**/*.damaged")))
