"""The real parts of a run, and what may be done to them. Whatever is done is noted where it is done."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from math import inf
from pathlib import Path
from random import Random

import aiohttp

from tests.end_to_end.chaos.ledger import Cause, Ledger, Mark
from tests.end_to_end.chaos.looking import Look, read_look
from tests.end_to_end.environment import Environment
from tests.rig.balancer import Balancer
from tests.rig.parts import free_port
from tests.rig.program import Program
from tests.rig.proxy import Proxy
from tests.rig.waiting import ConditionTimeoutError, eventually

CALM_WITHIN_S = 180.0  # a busy machine drains a full spool slowly
LOOKS_WITHIN_S = 1.0
LOG_TAIL = 4000


class Bridge:
    """One replica through all its lives: the same ports, the same spool folder."""

    def __init__(self, number: int, settings: Mapping[str, str], ledger: Ledger) -> None:
        ports = {"BRIDGE_HTTP__PORT": str(free_port()), "BRIDGE_ADMIN__PORT": str(free_port())}
        self.number = number
        self.look = Look()
        self.damaged = 0  # in all lives
        self.away = True  # not told of to senders yet, or no longer
        self._settings = dict(settings) | ports
        self._ledger = ledger
        self._program = Program(self._settings, wait_for="/livez")
        self._alive = False
        self._opened = inf  # when its breaker was first seen open, while it is

    @property
    def url(self) -> str:
        """Where it takes notifications."""
        return self._program.url

    @property
    def ports(self) -> tuple[int, int]:
        """Where it listens: to senders, to operators."""
        return self._program.port, self._program.admin_port

    async def start(self, changed: Mapping[str, str] | None = None) -> None:
        """Begin a life, with other settings where some have ``changed``."""
        self._settings |= changed or {}
        self._program = Program(self._settings, wait_for="/livez")
        self.look = Look()
        await self._program.__aenter__()
        self._alive = True

    async def kill(self) -> None:
        """End it as a power cut would; `start` begins the next life."""
        now = time.time()
        self._note(Mark(cause=Cause.KILLED, begun=now, replica=self.number, held_until=now))
        self._program.kill()
        await self._finish_life()

    async def end(self, within_s: float) -> tuple[int, float]:
        """End it by SIGTERM; give the exit code and how long that took."""
        told, opened = time.time(), self._opened
        self._note(Mark(cause=Cause.ENDED, begun=told, replica=self.number, held_until=min(opened, told)))
        code = await self._program.terminate(within_s)
        gone = time.time()
        if opened == inf:
            self._amend(held_until=gone)
        await self._finish_life()
        return code, gone - told

    def listens_again(self) -> None:
        """Note that the gap is over."""
        self._amend(ended=time.time())

    async def watch(self) -> None:
        """Look at its metrics once, and note a replaced producer."""
        if not self._alive:
            return
        try:
            answer = await asyncio.wait_for(self._program.admin("/metrics"), LOOKS_WITHIN_S)
        except (aiohttp.ClientError, OSError):
            return
        look, now = read_look(answer.body.decode()), time.time()
        if look.replaced > self.look.replaced:
            opened = min(self._opened, now)
            self._note(
                Mark(cause=Cause.REPLACED, begun=opened, ended=now, replica=self.number, held_until=opened)
            )
        if look.breaker_open and self._opened == inf:
            self._opened = now
        elif not look.breaker_open:
            self._opened = inf
        self.damaged += max(0, look.damaged - self.look.damaged)
        self.look = look

    async def ready(self) -> bool:
        """Whether it says that it is, without anything that it does without."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            answer = await asyncio.wait_for(self._program.admin("/readyz"), LOOKS_WITHIN_S)
            return bool(answer.status == 200 and not answer.json["degraded"])
        return False

    async def _finish_life(self) -> None:
        """Leave a life behind; its log must tell of no bug of ours."""
        self._alive, self._opened = False, inf
        log = self._program.log()
        if "Traceback" in log:
            at = max(0, log.index("Traceback") - LOG_TAIL // 2)
            self._ledger.complaints.append(f"a traceback in its log:\n{log[at : at + LOG_TAIL]}")
        await self._program.__aexit__(None, None, None)

    def _note(self, mark: Mark) -> None:
        self._ledger.marks.append(mark)

    def _amend(self, *, ended: float | None = None, held_until: float | None = None) -> None:
        """Complete the last mark that tells of an end of this replica."""
        marks = self._ledger.marks
        for index in range(len(marks) - 1, -1, -1):
            mark = marks[index]
            if mark.replica == self.number and mark.cause in (Cause.KILLED, Cause.ENDED):
                marks[index] = Mark(
                    cause=mark.cause,
                    begun=mark.begun,
                    replica=mark.replica,
                    ended=mark.ended if ended is None else ended,
                    held_until=mark.held_until if held_until is None else held_until,
                )
                return


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
