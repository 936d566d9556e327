"""Remembers what was seen, in Redis: one Lua call for all that came since the last one.

What the answers mean is told in `core.claim`, how they are found in the script. Nothing here decides
whether an event is published.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import structlog
from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis, RedisCluster

from bridge.core.claim import COMMIT, RELEASE, RENEW, Answer, Claim, Finished, answered
from bridge.io.dedup.breaker import MISSES_TO_OPEN, CircuitBreaker
from bridge.io.dedup.call import Call
from bridge.io.dedup.line import Batch, Line
from bridge.io.dedup.refusals import REFUSALS, code_of
from bridge.io.dedup.script import Script
from bridge.telemetry import Telemetry
from bridge.telling import Told
from bridge.tending import tended

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_OFFERED = 256
_PROBE_MS = "1000"
_Heard = Callable[[str | None], None]


class Limits(Struct, frozen=True, kw_only=True):
    """How long things last, in milliseconds but for ``call_s``, ``probe_s`` and ``gather_s``.

    ``call_s`` is how long a call may take before its events go on without an answer; under load calls leave
    ``gather_s`` apart; ``lease_ms`` how long a
    claim outlives its owner; ``keep_ms`` how long an unfinished claim's first time is known; ``window_ms``
    in which another format's copy is the same delivery.
    """

    call_s: float = 0.25
    probe_s: float = 1.0
    gather_s: float = 0.004
    lease_ms: int = 3_000
    keep_ms: int = 60_000
    window_ms: int = 900_000
    remember_ms: int = 4 * 86_400_000
    remember_recurring_ms: int = 60_000


class Memory:
    """The bridge's memory of occurrences. Answers always, in time: without Redis with `Answer.AWAY`.

    ``now_ms`` is the wall clock in unix milliseconds. ``apps`` are the applications that are asked for at the
    start, so that a Redis that does not serve them is known before their first delivery.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster,
        telemetry: Telemetry,
        now_ms: Callable[[], int],
        limits: Limits,
        apps: Iterable[str] = (),
    ) -> None:
        self._redis = redis
        self._telemetry = telemetry
        self._now_ms = now_ms
        self._limits = limits
        self._script = Script(redis, "memory.lua")
        self._lines: dict[str, Line] = {}
        terms = (
            limits.lease_ms,
            limits.keep_ms,
            limits.window_ms,
            limits.remember_ms,
            limits.remember_recurring_ms,
        )
        self._terms = tuple(map(str, terms))
        # Those of a probe: what it writes is gone a moment later.
        self._probe_terms = (_PROBE_MS, _PROBE_MS, *self._terms[2:])
        self._probed = 0
        self._finished = Finished(window_ms=limits.window_ms)
        self._apps = tuple(apps)
        self._loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._probes: set[asyncio.Task[None]] = set()
        self._prober: asyncio.Task[None] | None = None

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Why Redis does not serve an application, in words, by its name; the others are served."""
        return {app: line.breaker.reason for app, line in self._lines.items() if line.breaker.is_open}

    def start(self) -> None:
        """Begin to probe where Redis is away, and to offer again what it did not take."""
        self._prober = asyncio.create_task(tended(self._probe, self._telemetry))

    async def stop(self) -> None:
        """End, offering once more what Redis did not take. Bounded by one call."""
        if self._prober is not None:
            self._prober.cancel()
        await self._offer_again()
        await self._redis.aclose()

    def claim(self, claim: Claim) -> Told[Claim]:
        """Ask for an occurrence. The answer's ``first_ms`` is the occurrence's own."""
        known = self._finished.answer(claim) if self._finished else None
        line = self._line(claim.app)
        if (
            known is None and line.breaker.is_open and not line.busy
        ):  # nobody overtakes those that wait in line
            known = replace(claim, answer=Answer.AWAY)
        if known is None:
            return line.ask(claim)
        self._telemetry.claimed(known.answer)
        answer: Told[Claim] = Told()
        answer.tell(known)
        return answer

    def commit(self, claim: Claim) -> Told[bool]:
        """Remember that the event is durable. Where Redis does not take it, this process does meanwhile."""
        # Between here and Redis' word a death repeats the event under the same id; it is never lost.
        return self._settle(claim, COMMIT)

    def release(self, claim: Claim) -> Told[bool]:
        """Let the next one try: the event is not durable and will not be by this owner."""
        return self._settle(claim, RELEASE)

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Let nobody else take them: their owner still works."""
        for heard in [self._settle(claim, RENEW) for claim in claims]:
            await heard

    def _settle(self, claim: Claim, how: str) -> Told[bool]:
        """Tell Redis how ``claim`` ends; False where it was not heard."""
        return self._line(claim.app).end(claim, how)

    def _line(self, app: str) -> Line:
        line = self._lines.get(app)
        if line is None:
            breaker = CircuitBreaker(app, self._breaker_changed)
            line = self._lines[app] = Line(breaker, self._carry, self._limits.gather_s)
        return line

    async def _carry(self, line: Line) -> None:
        """Make one call of what waits in ``line``, and tell everybody in it."""
        batch = line.take()
        if line.breaker.is_open:
            self._tell(line, batch, None)
            return
        said, asked = "".join(batch.said), "".join(batch.asked)
        arguments: list[str | int] = [
            len(batch.endings),
            len(batch.questions),
            *self._terms,
            said,
            asked,
        ]
        await self._call(line.breaker, batch.keys(), arguments, partial(self._tell, line, batch))

    def _tell(self, line: Line, batch: Batch, text: str | None) -> None:
        heard = text is not None
        try:
            answers = answered(batch.questions, text[len(batch.endings) :]) if text is not None else None
        except (LookupError, ValueError):  # an answer that nothing of ours wrote
            answers = None
        if answers is None:
            answers = [replace(claim, answer=Answer.AWAY) for claim in batch.questions]
        try:
            if not heard:
                self._keep(batch)
            for told in batch.heard:
                told.tell(heard)
            given = [claim.answer for claim in answers]
            for answer in set(given):
                self._telemetry.claimed(answer, given.count(answer))
            if text and not text.islower():  # capitals answer for revisions
                self._telemetry.claimed(Answer.REVISED, sum(map(str.isupper, text)))
            for claim, told_claim in zip(answers, batch.answers, strict=True):
                told_claim.tell(claim)
        finally:
            line.over()

    def _keep(self, batch: Batch) -> None:
        """Remember here what Redis was not told: which events are durable."""
        terms = self._limits
        for claim, said in zip(batch.endings, batch.said, strict=True):
            if said == claim.ending(COMMIT):
                remember_ms = terms.remember_recurring_ms if claim.identity.recurring else terms.remember_ms
                self._finished.keep(claim, self._now_ms() + remember_ms)

    async def _call(
        self, breaker: CircuitBreaker, keys: list[str], arguments: list[str | int], told: _Heard
    ) -> None:
        """Run the script; ``told`` is told its answer, or None where none comes within the limit."""
        answer = None
        reasons: list[str] = []
        call = Call(self._loop, self._limits.call_s, partial(self._judge, breaker, reasons, told))
        try:
            answer = await self._script(keys, arguments)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, known or never heard of, is no answer
            reasons.append(_reason(error))
            log.debug("dedup_call_failed", app=breaker.app, error=reasons[-1])
        finally:
            call.end(answer)

    def _judge(
        self, breaker: CircuitBreaker, reasons: list[str], told: _Heard, answer: str | None, seconds: float
    ) -> None:
        try:
            self._telemetry.dedup_call_seconds.observe(seconds)
            if answer is None:
                breaker.missed(
                    reasons[-1] if reasons else f"no answer within {self._limits.call_s * 1000:.0f} ms"
                )
            else:
                breaker.answered()
        finally:  # whoever waits for this call must not wait for ever, nor those behind it
            told(answer)

    def _breaker_changed(self, breaker: CircuitBreaker) -> None:
        """Log the change, once. The gauge is 1 while any application is not served."""
        self._telemetry.dedup_degraded.set(1 if self.unavailable else 0)
        if not breaker.is_open:
            log.warning("dedup_recovered", app=breaker.app, unsettled=len(self._finished))
            return
        refusal = REFUSALS.get(breaker.reason)
        log.warning(
            "dedup_unavailable",
            app=breaker.app,
            reason=breaker.reason,
            meaning=refusal.what if refusal else "Redis does not answer: nothing is checked for duplicates",
            todo=refusal.todo if refusal else "see `vod-bridge check`",
        )

    async def _probe(self) -> None:
        # Before the first delivery: as many calls as open a breaker where Redis serves an application not.
        for _ in range(MISSES_TO_OPEN):
            await self._probe_all([self._line(app) for app in self._apps])
        while True:
            await asyncio.sleep(self._limits.probe_s)
            await self._probe_all([line for line in self._lines.values() if line.breaker.is_open])
            while self._finished and await self._offer_again():
                pass

    async def _probe_all(self, lines: Sequence[Line]) -> None:
        """Make a call for each application, at the same time."""
        answers = []
        for line in lines:
            answer: Told[str | None] = Told()
            probe = self._loop.create_task(self._probe_one(line.breaker, answer.tell))
            self._probes.add(probe)
            probe.add_done_callback(self._probes.discard)
            answers.append(answer)
        for answer in answers:
            await answer

    async def _probe_one(self, breaker: CircuitBreaker, told: _Heard) -> None:
        """Claim an occurrence that nobody else can mean: a Redis that refuses writes must not look well."""
        self._probed += 1
        token = f"{self._probed:016x}"
        key = f"vod:{{{breaker.app}}}:@probe:{os.getpid()}:{token}"  # no id begins with @
        asked = f"{self._now_ms():013}{token}v{token}-"
        await self._call(breaker, [key], [0, 1, *self._probe_terms, "", asked], told)

    async def _offer_again(self) -> bool:
        """Tell Redis what it did not take, or what another owner has settled meanwhile: either is enough.

        Tells whether it took any of it.
        """
        claims = self._finished.some(_OFFERED, self._now_ms(), self.unavailable)
        heard = await asyncio.gather(*(self._settle(claim, COMMIT) for claim in claims))
        for claim, taken in zip(claims, heard, strict=True):
            if taken:
                self._finished.forget(claim)
        return any(heard)


def _reason(error: Exception) -> str:
    """Say why a call failed: a code, or the kind of error. Never its text, which may repeat what was sent."""
    return code_of(error) or type(error).__name__
