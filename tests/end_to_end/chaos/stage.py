"""The real parts of a run, and what may be done to them. Whatever is done is noted where it is done."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

from tests.end_to_end.chaos.ledger import Cause, Ledger
from tests.end_to_end.chaos.replica import Bridge
from tests.end_to_end.environment import Environment
from tests.rig.balancer import Balancer
from tests.rig.proxy import Proxy
from tests.rig.waiting import ConditionTimeoutError, eventually

CALM_WITHIN_S = 180.0  # a busy machine drains a full spool slowly


class Stage:
    """Kafka, Redis and the bridges of one act."""

    def __init__(self, environment: Environment, folder: Path, ledger: Ledger, random: Random) -> None:
        self.place = environment
        self.ledger = ledger
        self.random = random
        self.folder = folder
        self.bridges: list[Bridge] = []
        self.line: Proxy | None = None  # to Kafka, where the act asks for one
        self.balancer: Balancer | None = None  # before the bridges, likewise
        self.notes: list[str] = []  # what the timeline shall say next
        self._settings: Mapping[str, str] = {}

    @property
    def bridge(self) -> Bridge:
        """The first replica."""
        return self.bridges[0]

    @property
    def urls(self) -> dict[int, str]:
        """The URLs of those that senders may be told of, by their numbers."""
        return {bridge.number: bridge.url for bridge in self.bridges if not bridge.away}

    @property
    def spooled(self) -> int:
        """How many records wait in all spools."""
        return sum(bridge.look.spooled for bridge in self.bridges)

    @property
    def damaged(self) -> int:
        """How many damaged records the spools told of."""
        return sum(bridge.damaged for bridge in self.bridges)

    async def open(self, replicas: int, settings: Mapping[str, str]) -> None:
        """Start so many bridges."""
        self._settings = settings
        for _ in range(replicas):
            await self.add()
            self.bridges[-1].away = False

    async def add(self) -> None:
        """Start one more bridge; each replica has a spool folder of its own."""
        number = len(self.bridges)
        spool = {"BRIDGE_SPOOL__PATH": str(self.folder / f"spool-{number}")}
        settings = self.place.settings | spool | dict(self._settings)
        self.bridges.append(bridge := Bridge(number, settings, self.ledger))
        await bridge.start()
        if self.balancer is not None:
            await self.balancer.add(*bridge.ports)

    async def close(self) -> None:
        """Kill the bridges: what they answered well must have left them by now."""
        for bridge in self.bridges:
            await bridge.kill()
            bridge.listens_again()  # to nobody: the next act has its own senders
        self.bridges, self.balancer = [], None

    async def watch(self) -> None:
        """Look at every bridge."""
        await asyncio.gather(*(bridge.watch() for bridge in self.bridges))

    async def calm(self, within_s: float = CALM_WITHIN_S) -> None:
        """Wait until no bridge keeps anything back, and nothing is away; `TooLate` ends the case."""

        async def quiet() -> bool:
            await self.watch()
            ready = await asyncio.gather(*(bridge.ready() for bridge in self.bridges))
            return all(ready) and all(bridge.look.calm for bridge in self.bridges)

        try:
            await eventually(quiet, "calm", within_s=within_s, every_s=0.5)
        except ConditionTimeoutError:
            looks = "; ".join(str(bridge.look) for bridge in self.bridges)
            raise ConditionTimeoutError(f"no calm within {within_s:.0f} s: {looks}") from None

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
        await asyncio.to_thread(self.place.kafka.stop)

    async def start_kafka(self) -> None:
        """Start it again; returns once it answers."""
        await asyncio.to_thread(self.place.kafka.start)
        self.ledger.end(Cause.KAFKA, time.time())

    async def pause_kafka(self) -> None:
        """Freeze Kafka."""
        self.ledger.begin(Cause.KAFKA, time.time())
        await asyncio.to_thread(self.place.kafka.pause)

    async def resume_kafka(self) -> None:
        """Let it go on."""
        self.place.kafka.resume()
        self.ledger.end(Cause.KAFKA, time.time())

    def slow_line(self, seconds: float) -> None:
        """Delay the line to Kafka, each way; 0 for not at all."""
        if self.line is None:
            raise RuntimeError("this act has no line to slow down")
        self.line.delay(seconds)
        if seconds:
            self.ledger.begin(Cause.KAFKA, time.time())
        else:
            self.ledger.end(Cause.KAFKA, time.time())

    async def stop_redis(self) -> None:
        """Stop Redis: it forgets everything."""
        self.ledger.begin(Cause.REDIS_AWAY, time.time())
        self.ledger.begin(Cause.REDIS_FORGOT, time.time())
        await asyncio.to_thread(self.place.redis.stop)

    async def start_redis(self) -> None:
        """Start it again, empty."""
        await asyncio.to_thread(self.place.redis.start)
        self.ledger.end(Cause.REDIS_FORGOT, time.time())
        self.ledger.end(Cause.REDIS_AWAY, time.time())

    async def pause_redis(self) -> None:
        """Freeze Redis."""
        self.ledger.begin(Cause.REDIS_AWAY, time.time())
        await asyncio.to_thread(self.place.redis.pause)

    async def resume_redis(self) -> None:
        """Let it go on."""
        self.place.redis.resume()
        self.ledger.end(Cause.REDIS_AWAY, time.time())

    async def flush_redis(self) -> None:
        """Let Redis forget everything."""
        self.ledger.begin(Cause.REDIS_FORGOT, time.time())
        await asyncio.to_thread(self.place.redis.flush)
        self.ledger.end(Cause.REDIS_FORGOT, time.time())

    def segments(self) -> list[Path]:
        """List the files of all spools that hold records."""
        files = sorted(self.folder.glob("spool-*/**/*.log"))
        return [file for file in files if file.stat().st_size]

    def kept_damage(self) -> bytes:
        """Read what the spools kept of damaged records."""
        return b"".join(file.read_bytes() for file in sorted(self.folder.glob("spool-*/**/*.damaged")))
