"""Remembers what was seen, in Redis: one Lua call for all that came since the last one.

What the answers mean is told in `core.claim`, how they are found in the script. Nothing here decides
whether an event is published.
"""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog
from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis, RedisCluster

from bridge.core.claim import Answer, Claim, Finished, answered
from bridge.io.dedup.line import Batch, Line, Script
from bridge.telemetry import Telemetry
from bridge.telling import Told

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_OFFERED = 256
_MISSES_TO_OPEN = 3
_TURNS_BEFORE_A_MISS = 3
_STALLED_S = 0.02
_COMMIT, _RELEASE, _RENEW = "crn"


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


class Missed(Exception):  # noqa: N818 - it says what happened: Redis did not answer in time
    """A call had no answer within its limit; it may still have been carried out."""


class Memory:
    """The bridge's memory of occurrences. Answers always, in time: without Redis with `Answer.AWAY`.

    ``now_ms`` is the wall clock in unix milliseconds.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster,
        telemetry: Telemetry,
        now_ms: Callable[[], int],
        limits: Limits,
    ) -> None:
        self._redis = redis
        self._telemetry = telemetry
        self._now_ms = now_ms
        self._limits = limits
        self._script = Script(redis, "memory.lua")
        self._lines: dict[str, Line] = {}
        self._terms = (
            limits.lease_ms,
            limits.keep_ms,
            limits.window_ms,
            limits.remember_ms,
            limits.remember_recurring_ms,
        )
        self._finished = Finished()
        self._misses = 0
        self._missed: list[str] = []
        self._loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._calls: set[asyncio.Task[str]] = set()
        self._prober: asyncio.Task[None] | None = None

    @property
    def away(self) -> bool:
        """Whether Redis missed so often in a row that it is only probed."""
        return self._misses >= _MISSES_TO_OPEN

    def start(self) -> None:
        """Begin to probe where Redis is away, and to offer again what it did not take."""
        self._prober = asyncio.create_task(self._probe())

    async def stop(self) -> None:
        """End, offering once more what Redis did not take. Bounded by one call."""
        if self._prober is not None:
            self._prober.cancel()
        if not self.away:
            await self._offer_again()
        await self._redis.aclose()

    def claim(self, claim: Claim) -> Told[Claim]:
        """Ask for an occurrence. The answer's ``first_ms`` is the occurrence's own."""
        known = self._finished.answer(claim) if self._finished else None
        line = self._line(claim.app)
        if known is None and self.away and not line.busy:  # nobody overtakes those that wait in line
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
        return self._settle(claim, _COMMIT)

    def release(self, claim: Claim) -> Told[bool]:
        """Let the next one try: the event is not durable and will not be by this owner."""
        return self._settle(claim, _RELEASE)

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Let nobody else take them: their owner still works."""
        for heard in [self._settle(claim, _RENEW) for claim in claims]:
            await heard

    def _settle(self, claim: Claim, how: str) -> Told[bool]:
        """Tell Redis how ``claim`` ends; False where it was not heard."""
        return self._line(claim.app).end(claim, how)

    def _line(self, app: str) -> Line:
        line = self._lines.get(app)
        if line is None:
            line = self._lines[app] = Line(self._carry, self._limits.gather_s)
        return line

    async def _carry(self, batch: Batch) -> None:
        """Make one call of ``batch``, and tell everybody in it."""
        endings, claims = batch.endings, [claim for claim, _ in batch.questions]
        keys = [claim.key for claim, _, _ in endings] + [claim.key for claim in claims]
        keys += [claim.group for claim in claims if claim.group]
        said = "".join([text for _, text, _ in endings])
        asked = "".join([claim.asked() for claim in claims])
        arguments: list[str | int] = [len(endings), len(claims), *self._terms, said, asked]
        heard = True
        try:
            text = await self._call(keys, arguments)
            answers = answered(claims, text[len(endings) :])
        except (Missed, LookupError, ValueError) as problem:  # no answer, or one that nothing of ours wrote
            heard = not isinstance(problem, Missed)
            answers = [replace(claim, answer=Answer.AWAY) for claim in claims]
        for claim, text, told in endings:
            if not heard and text[0] == _COMMIT:
                self._keep(claim)
            told.tell(heard)
        for (_, told_claim), answer in zip(batch.questions, answers, strict=True):
            self._telemetry.claimed(answer.answer)
            told_claim.tell(answer)

    def _keep(self, claim: Claim) -> None:
        terms = self._limits
        remember_ms = terms.remember_recurring_ms if claim.identity.recurring else terms.remember_ms
        self._finished.keep(claim, self._now_ms() + remember_ms)

    async def _call(self, keys: list[str], arguments: list[str | int], *, probing: bool = False) -> str:
        """Run the script within the limit. The command is never cancelled: it ends by itself, unheard."""
        if self.away and not probing:
            raise Missed
        loop = self._loop
        started = loop.time()
        task = loop.create_task(self._script(keys, arguments))
        self._calls.add(task)
        task.add_done_callback(self._over)
        limit = self._limits.call_s
        await asyncio.wait((task,), timeout=limit)
        late = loop.time() - started - limit
        if not task.done() and late > _STALLED_S:
            # Our own loop stood still, so that the timer fired before a socket was read: look as long again.
            await asyncio.wait((task,), timeout=min(late, limit))
        for _ in range(_TURNS_BEFORE_A_MISS):
            if task.done():
                break
            await asyncio.sleep(0)
        self._telemetry.dedup_call_seconds.observe(loop.time() - started)
        # Whatever went wrong with it, known or never heard of, is no answer.
        if not task.done() or task.cancelled() or task.exception() is not None:
            self._missed = keys[:1]
            self._miss()
            raise Missed
        self._answered()
        return task.result()

    def _over(self, call: asyncio.Task[str]) -> None:
        self._calls.discard(call)
        if not call.cancelled() and (error := call.exception()) is not None:
            log.debug("dedup_call_failed", error=str(error) or type(error).__name__)

    def _miss(self) -> None:
        self._misses += 1
        if self._misses == _MISSES_TO_OPEN:
            self._telemetry.dedup_degraded.set(1)
            log.warning(
                "dedup_away", meaning="Redis does not answer: nothing is checked for having been seen"
            )

    def _answered(self) -> None:
        if self.away:
            self._telemetry.dedup_degraded.set(0)
            log.warning("dedup_back", unsettled=len(self._finished))
        self._misses = 0

    async def _probe(self) -> None:
        while True:
            await asyncio.sleep(self._limits.probe_s)
            if self.away:
                with suppress(Missed):
                    # Told nothing it writes nothing; the key leads to where an answer was missed.
                    await self._call(self._missed, [0, 0, *self._terms, "", ""], probing=True)
            while self._finished and not self.away:
                await self._offer_again()

    async def _offer_again(self) -> None:
        """Tell Redis what it did not take, or what another owner has settled meanwhile: either is enough."""
        claims = self._finished.some(_OFFERED, self._now_ms())
        heard = await asyncio.gather(*(self._settle(claim, _COMMIT) for claim in claims))
        for claim, taken in zip(claims, heard, strict=True):
            if taken:
                self._finished.forget(claim)
