"""What is under way in this process.

A journey begins when a delivery asks for an occurrence, and ends when its event is durable or will not be.
Others of the same occurrence wait for it here instead of asking the memory. Nothing here knows Redis (what
it needs of it stands in `Memory`) or Kafka.
"""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Protocol

from bridge.core.claim import Answer, Claim
from bridge.core.outcome import Unavailable
from bridge.holding import Hold, Holding, settled
from bridge.telling import Told


class Memory(Protocol):
    """What remembers occurrences. It answers always, and in time."""

    def claim(self, claim: Claim) -> Awaitable[Claim]:
        """Ask for an occurrence."""

    def commit(self, claim: Claim) -> Awaitable[object]:
        """Remember that the event is durable."""

    def release(self, claim: Claim) -> Awaitable[object]:
        """Let the next one try."""

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Keep the claims of an owner that still works."""


class Journey:
    """One occurrence under way. ``ended`` tells whether its event became durable.

    ``claim`` is the question it began with, and then the memory's answer; ``ours`` tells that the memory
    holds it for us. ``began`` is monotonic seconds.
    """

    __slots__ = ("began", "claim", "ended", "ours")

    def __init__(self, claim: Claim, began: float) -> None:
        self.claim = claim
        self.began = began
        self.ours = False
        self.ended = Told[bool]()


class Journeys:
    """All journeys under way in this process, by the key of their occurrence."""

    def __init__(self, memory: Memory, hold: Hold, rule: Holding) -> None:
        self._memory = memory
        self._hold = hold
        self._rule = rule
        self._by_key: dict[str, Journey] = {}
        self._latest: dict[str, str] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to keep the claims of what is under way."""
        self._keeper = asyncio.create_task(self._keep_claims())

    async def stop(self, seconds: float) -> None:
        """Wait for what is under way, for at most ``seconds``."""
        until = self._loop.time() + seconds
        for journey in list(self._by_key.values()):
            await settled(journey.ended, until - self._loop.time())
        if self._keeper is not None:
            self._keeper.cancel()

    async def claim(self, question: Claim, deadline: float, size: int) -> tuple[Claim, Journey | None]:
        """Ask until the occurrence is ours, with its journey, or known to be durable, without one.

        Raises `Unavailable` at ``deadline`` (monotonic). ``size`` is what is held meanwhile, in bytes.
        """
        while True:
            other = self._of(question)
            if other is None:
                claim, journey = await self._ask(question, deadline)
                if claim.answer is not Answer.REVISED:
                    return claim, journey
                question = question.revised()
            elif question.differs_from(other.claim):
                question = question.revised()
            elif not await self._hold.wait(other.ended, deadline, size, slow=False):
                raise Unavailable("another delivery of this event is still under way")
            elif other.ended.result() and other.claim.format == question.format:
                return other.claim, None

    async def finish(self, journey: Journey) -> None:
        """End ``journey``: its event is durable, and remembered before anyone is told."""
        await self._memory.commit(journey.claim)
        self._end(journey, durable=True)

    async def fail(self, journey: Journey) -> None:
        """End ``journey``: its event is not durable, and whoever waits takes over."""
        await self._memory.release(journey.claim)
        self._end(journey, durable=False)

    async def _ask(self, question: Claim, deadline: float) -> tuple[Claim, Journey | None]:
        """Begin a journey and ask the memory; it ends at once where the event is known."""
        journey = self._begin(question)
        try:
            claim = await self._memory.claim(question)
            if claim.answer is Answer.HELD:
                claim = await self._outwait(question, deadline)
            if claim.answer is Answer.AWAY:
                self._may_publish_unchecked()
        except BaseException:
            self._end(journey, durable=False)
            raise
        journey.claim = claim
        journey.ours = claim.answer is Answer.FRESH
        if claim.answer in (Answer.SEEN, Answer.REVISED):
            self._end(journey, durable=claim.answer is Answer.SEEN)
            return claim, None
        return claim, journey

    async def _outwait(self, question: Claim, deadline: float) -> Claim:
        """Ask again with the next batches, at growing intervals, until the other process is done."""
        pause = self._rule.retry_s / 2
        while self._loop.time() + pause < deadline:
            await asyncio.sleep(pause)
            claim = await self._memory.claim(question)
            if claim.answer is not Answer.HELD:
                return claim
            pause = min(2 * pause, 1.0)
        raise Unavailable("another bridge is still at work on this event")

    def _may_publish_unchecked(self) -> None:
        if not self._rule.publish_unchecked:
            raise Unavailable("Redis is away, and events are held meanwhile")

    def _begin(self, claim: Claim) -> Journey:
        journey = self._by_key[claim.key] = Journey(claim, self._loop.time())
        if claim.group:
            self._latest[claim.group] = claim.key
        return journey

    def _of(self, claim: Claim) -> Journey | None:
        """Find the journey that ``claim``'s delivery repeats; of a group, only the latest state's (§8)."""
        if claim.group and self._latest.get(claim.group) != claim.key:
            return None
        return self._by_key.get(claim.key)

    def _end(self, journey: Journey, *, durable: bool) -> None:
        claim = journey.claim
        if self._by_key.get(claim.key) is journey:
            del self._by_key[claim.key]
            if claim.group and self._latest.get(claim.group) == claim.key:
                del self._latest[claim.group]
        if not journey.ended.done():
            journey.ended.tell(durable)

    async def _keep_claims(self) -> None:
        """Renew the claims of what is under way; give up on sends unknown for too long."""
        while True:
            await asyncio.sleep(self._rule.renew_s)
            now = self._loop.time()
            ours = []
            for journey in list(self._by_key.values()):
                if now - journey.began > self._rule.unknown_s:
                    self._end(journey, durable=False)
                elif journey.ours and now - journey.began > self._rule.renew_s / 2:
                    ours.append(journey.claim)
            await self._memory.renew(ours)
