"""What is under way in this process.

A journey begins when a delivery asks for an occurrence. Once its record is sent it goes on by itself, and
ends when its event is durable and remembered, or will not be. Others of the same occurrence wait for it
here instead of asking the memory. Nothing here knows Redis (what it needs of it stands in `Memory`) or Kafka.
"""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import Generic, Protocol, TypeVar

from msgspec import Struct, field

from bridge.core.claim import Answer, Claim
from bridge.core.outcome import Ending, Unavailable
from bridge.holding import Hold, Holding
from bridge.running import heard
from bridge.telemetry import Telemetry
from bridge.telling import Told
from bridge.tending import tended

D = TypeVar("D")

# Checked, or known to be unchecked: the event is published.
_PUBLISHABLE = (Answer.FRESH, Answer.AWAY)


class Memory(Protocol):
    """What remembers occurrences. It answers always, and in time."""

    def claim(self, claim: Claim) -> Told[Claim]:
        """Ask for an occurrence."""

    def commit(self, claim: Claim) -> Told[bool]:
        """Remember that the event is durable; tells whether that was heard."""

    def release(self, claim: Claim) -> Told[bool]:
        """Let the next one try; tells whether that was heard."""

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Keep the claims of an owner that still works."""


class Journey(Struct, eq=False):
    """One occurrence under way. ``ended`` tells whether its event became durable.

    ``claim`` is the question it began with, and then the memory's answer; ``ours`` tells that the memory
    holds it for us, ``landed`` when it was known what became of its record, ``durable`` that it is kept;
    times are monotonic seconds.
    """

    claim: Claim
    began: float
    ours: bool = False
    landed: float = 0.0
    durable: bool = False
    ended: Told[bool] = field(default_factory=Told)


class Journeys(Generic[D]):
    """All journeys under way in this process, by the key of their occurrence.

    ``on_failure`` is called with a delivery in the moment in which its record is known not to be durable.
    """

    def __init__(
        self,
        memory: Memory,
        hold: Hold,
        rule: Holding,
        telemetry: Telemetry,
        on_failure: Callable[[D], None],
    ) -> None:
        self._on_failure = on_failure
        self._memory = memory
        self._hold = hold
        self._rule = rule
        self._telemetry = telemetry
        self._by_key: dict[str, Journey] = {}
        self._latest: dict[str, str] = {}
        self._keeper: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin to keep the claims of what is under way."""
        self._keeper = asyncio.create_task(tended(self._keep_claims, self._telemetry))

    async def stop(self, seconds: float) -> None:
        """Wait for what is under way, for at most ``seconds``."""
        if self._by_key:
            ended = [journey.ended.waiter() for journey in self._by_key.values()]
            await asyncio.wait(ended, timeout=max(0.0, seconds))
        if self._keeper is not None:
            self._keeper.cancel()

    async def claim(self, question: Claim, deadline: float, size: int) -> tuple[Claim, Journey | None]:
        """Ask until the occurrence is ours, with its journey, or known to be durable, without one.

        Raises `Unavailable` at ``deadline`` (monotonic). ``size`` is what is held meanwhile, in bytes.
        """
        while True:
            other = self._of(question)
            if other is None:
                journey = self._begin(question)
                try:
                    claim = await heard(self._memory.claim(question))
                    if claim.answer is not Answer.FRESH:
                        claim = await self._weighed(claim, question, deadline)
                except BaseException:
                    self._end(journey)
                    raise
                if claim.key == question.key:
                    journey.claim = claim
                else:
                    journey = self._of_revision(journey, claim)
                journey.ours = claim.answer is Answer.FRESH
                if claim.answer in _PUBLISHABLE:
                    return claim, journey
                journey.durable = claim.answer is Answer.SEEN and claim is journey.claim
                self._end(journey)
                if claim.answer is Answer.SEEN:
                    return claim, None
                question = question.revised()
            elif question.differs_from(other.claim):
                question = question.revised()
            elif await self._join(other, question, deadline, size):
                return other.claim, None

    async def _join(self, other: Journey, question: Claim, deadline: float, size: int) -> bool:
        """Wait for another delivery of the occurrence. Whether the answer to it is the answer to this one."""
        if not await self._hold.wait(other.ended, deadline, size, slow=False):
            raise Unavailable("another delivery of this event is still under way")
        return other.ended.result() and other.claim.format == question.format

    def follow(self, journey: Journey, durable: Told[Ending], delivery: D) -> None:
        """Let ``journey`` end by itself: its event durable and remembered, or its claim let go."""
        durable.then(partial(self._land, journey, durable, delivery))

    async def fail(self, journey: Journey) -> None:
        """End ``journey`` whose record was not sent; whoever waits takes over."""
        released = self._memory.release(journey.claim)
        released.then(partial(self._end, journey))
        await heard(released)

    def _land(self, journey: Journey, durable: Told[Ending], delivery: D) -> None:
        """Have it remembered what became of a record, before anyone is told."""
        journey.landed = self._loop.time()
        journey.durable = durable.error is None
        if isinstance(durable.error, Unavailable):
            self._on_failure(delivery)
        # A death between the acknowledgement and this commit repeats the event, under the same id.
        settle = self._memory.commit if journey.durable else self._memory.release
        settle(journey.claim).then(partial(self._end, journey))

    async def _weighed(self, claim: Claim, question: Claim, deadline: float) -> Claim:
        """Outwait another process's claim; publish without a memory only where that is allowed."""
        if claim.answer is Answer.HELD and claim.key == question.key:
            claim = await self._outwait(question, deadline)
        if claim.answer is Answer.AWAY and not self._rule.publish_unchecked:
            raise Unavailable("Redis is away, and events are held meanwhile")
        return claim

    async def _outwait(self, question: Claim, deadline: float) -> Claim:
        """Ask again with the next batches, at growing intervals, until the other process is done."""
        pause = self._rule.retry_s / 2
        while self._loop.time() + pause < deadline:
            await asyncio.sleep(pause)
            claim = await heard(self._memory.claim(question))
            if claim.answer is not Answer.HELD or claim.key != question.key:
                return claim
            pause = min(2 * pause, 1.0)
        raise Unavailable("another bridge is still at work on this event")

    def _begin(self, claim: Claim) -> Journey:
        journey = self._by_key[claim.key] = Journey(claim, self._loop.time())
        if claim.group:
            self._latest[claim.group] = claim.key
        return journey

    def _of_revision(self, first: Journey, claim: Claim) -> Journey:
        """Give a revision that was claimed in the call that found it a journey of its own."""
        if claim.answer is not Answer.FRESH:
            return first
        journey = self._begin(claim)
        self._end(first)
        return journey

    def _of(self, claim: Claim) -> Journey | None:
        """Find the journey that ``claim``'s delivery repeats; of a group, only the latest state's (§8)."""
        if claim.group and self._latest.get(claim.group) != claim.key:
            return None
        return self._by_key.get(claim.key)

    def _end(self, journey: Journey) -> None:
        claim = journey.claim
        if self._by_key.get(claim.key) is journey:
            del self._by_key[claim.key]
            if claim.group and self._latest.get(claim.group) == claim.key:
                del self._latest[claim.group]
        if not journey.ended.done():
            journey.ended.tell(journey.durable)

    async def _keep_claims(self) -> None:
        """Renew the claims of what is under way; give up on sends unknown for too long."""
        while True:
            await asyncio.sleep(self._rule.renew_s)
            now = self._loop.time()
            ours = []
            for journey in list(self._by_key.values()):
                if now - journey.began > self._rule.unknown_s:
                    self._end(journey)
                elif journey.ours and now - journey.began > self._rule.renew_s / 2:
                    ours.append(journey.claim)
            await self._memory.renew(ours)
