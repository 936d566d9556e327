"""One bridge of a run, through all its lives, and what is seen of it. What ends a life is noted here."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from math import inf

import aiohttp

from tests.end_to_end.chaos.ledger import Cause, Ledger, Mark
from tests.end_to_end.chaos.metrics_sample import MetricsSample, parse_metrics
from tests.rig.parts import free_port
from tests.rig.program import Program

STARVED_AFTER_S = 3.0  # a second of it until the program renders its metrics anew
SAMPLED_WITHIN_S = 10.0  # up to a second of it until the program renders its metrics anew
LOG_TAIL = 4000


class Replica:
    """One replica through all its lives: the same ports, the same spool folder."""

    def __init__(self, number: int, settings: Mapping[str, str], ledger: Ledger) -> None:
        ports = {"BRIDGE_HTTP__PORT": str(free_port()), "BRIDGE_ADMIN__PORT": str(free_port())}
        self.number = number
        self.sample = MetricsSample()
        self.damaged = 0  # in all lives
        self.is_listed = False  # whether senders know its URL
        self._settings = dict(settings) | ports
        self._ledger = ledger
        self._program = Program(self._settings, wait_for="/livez")
        self._alive = False
        self._opened = inf  # when its breaker was first seen open, while it is
        self._sampling: asyncio.Task[None] | None = None

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
        self.sample = MetricsSample()
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
        signalled_at, opened = time.time(), self._opened
        self._note(
            Mark(
                cause=Cause.ENDED,
                begun=signalled_at,
                replica=self.number,
                held_until=min(opened, signalled_at),
            )
        )
        code = await self._program.terminate(within_s)
        gone = time.time()
        if opened == inf:
            self._amend(held_until=gone)
        await self._finish_life()
        return code, gone - signalled_at

    def listens_again(self) -> None:
        """Note that the gap is over."""
        self._amend(ended=time.time())

    async def watch(self) -> None:
        """MetricsSample at its metrics once, and note a replaced producer.

        Who asks meanwhile gets the same sample: metrics are rendered once a second, and two that ask for a
        fresh rendering each would wait for each other longer and longer.
        """
        if self._sampling is None or self._sampling.done():
            self._sampling = asyncio.create_task(self._sample_once())
        sampling = self._sampling
        await asyncio.wait([sampling])
        if not sampling.cancelled():  # by the end of this life
            sampling.result()

    async def _sample_once(self) -> None:
        if not self._alive:
            return
        asked_at = time.time()
        try:
            answer = await asyncio.wait_for(self._program.admin("/metrics"), SAMPLED_WITHIN_S)
        except (aiohttp.ClientError, OSError):
            return
        finally:
            if time.time() - asked_at > STARVED_AFTER_S:
                self._note(Mark(cause=Cause.STARVED, begun=asked_at, ended=time.time(), replica=self.number))
        sample, now = parse_metrics(answer.body.decode()), time.time()
        if sample.replaced > self.sample.replaced:
            opened = min(self._opened, now)
            self._note(
                Mark(cause=Cause.REPLACED, begun=opened, ended=now, replica=self.number, held_until=opened)
            )
        if sample.breaker_open and self._opened == inf:
            self._opened = now
        elif not sample.breaker_open:
            self._opened = inf
        self.damaged += max(0, sample.damaged - self.sample.damaged)
        self.sample = sample

    async def ready(self) -> bool:
        """Whether it reports that it is ready and not degraded."""
        with contextlib.suppress(aiohttp.ClientError, OSError):
            answer = await asyncio.wait_for(self._program.admin("/readyz"), SAMPLED_WITHIN_S)
            return bool(answer.status == 200 and not answer.json["degraded"])
        return False

    async def _finish_life(self) -> None:
        """Leave a life behind; its log must show no bug of ours."""
        self._alive, self._opened = False, inf
        if self._sampling is not None:
            self._sampling.cancel()
            await asyncio.wait([self._sampling])
        log = self._program.log()
        if "Traceback" in log:
            at = max(0, log.index("Traceback") - LOG_TAIL // 2)
            self._ledger.problems.append(f"a traceback in its log:\n{log[at : at + LOG_TAIL]}")
        await self._program.__aexit__(None, None, None)

    def _note(self, mark: Mark) -> None:
        self._ledger.marks.append(mark)

    def _amend(self, *, ended: float | None = None, held_until: float | None = None) -> None:
        """Complete the last mark of an end of this replica."""
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
