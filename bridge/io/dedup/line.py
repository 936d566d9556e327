"""One application's line to Redis: what one call takes along, and when the next one leaves.

What is said and asked in a call is told in the package's own file.
"""

import asyncio
from collections.abc import Callable, Coroutine
from operator import attrgetter

from msgspec import Struct

from bridge.core.claim import Claim
from bridge.io.dedup.breaker import CircuitBreaker
from bridge.telling import Told

_BATCH = 256
_LOADED = 8

_KEY, _GROUP = attrgetter("key"), attrgetter("group")


class Batch(Struct):
    """What one call says and asks: how claims ended, and questions; each with its text and who is told."""

    endings: list[Claim] = []
    said: list[str] = []
    heard: list[Told[bool]] = []
    questions: list[Claim] = []
    asked: list[str] = []
    answers: list[Told[Claim]] = []

    def __len__(self) -> int:
        return len(self.endings) + len(self.questions)

    def keys(self) -> list[str]:
        """List all keys, in the order in which memory.lua reads them."""
        questions = self.questions
        return [*map(_KEY, self.endings), *map(_KEY, questions), *filter(None, map(_GROUP, questions))]

    def cut(self) -> tuple["Batch", "Batch"]:
        """Cut it into what fits into one call, and what is left."""
        share = min(len(self.questions), _BATCH // 2)  # renewals must not keep all questions waiting
        ends = min(len(self.endings), _BATCH - share)
        return self._part(slice(ends), slice(_BATCH - ends)), self._part(
            slice(ends, None), slice(_BATCH - ends, None)
        )

    def _part(self, ends: slice, asks: slice) -> "Batch":
        return Batch(
            self.endings[ends],
            self.said[ends],
            self.heard[ends],
            self.questions[asks],
            self.asked[asks],
            self.answers[asks],
        )


class Line:
    """One application's line to Redis: a call is under way, what comes meanwhile leaves with the next.

    One call at a time keeps the order in which one process received its deliveries. Under load calls leave at
    least ``gather_s`` apart: a call costs as much as thirty of the events in it. ``carry`` makes a call of
    what it takes, and says when that is over. ``breaker`` is the application's own.
    """

    def __init__(
        self,
        breaker: CircuitBreaker,
        carry: Callable[["Line"], Coroutine[None, None, None]],
        gather_s: float,
    ) -> None:
        self.breaker = breaker
        self._carry = carry
        self._gather_s = gather_s
        self._next = Batch()
        self._left_at = 0.0
        self._load = 0
        self._calls: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self.busy = False

    def ask(self, claim: Claim) -> Told[Claim]:
        """Ask for ``claim`` with the next call."""
        answer: Told[Claim] = Told()
        waiting = self._next
        waiting.questions.append(claim)
        waiting.asked.append(claim.asked())
        waiting.answers.append(answer)
        if not self.busy:
            self._leave()
        return answer

    def end(self, claim: Claim, how: str) -> Told[bool]:
        """Say with the next call how ``claim`` ends; tells whether that was heard."""
        heard: Told[bool] = Told()
        waiting = self._next
        waiting.endings.append(claim)
        waiting.said.append(claim.ending(how))
        waiting.heard.append(heard)
        if not self.busy:
            self._leave()
        return heard

    def take(self) -> Batch:
        """Take what leaves with this call."""
        waiting = self._next
        batch, self._next = (waiting, Batch()) if len(waiting) <= _BATCH else waiting.cut()
        self._left_at, self._load = self._loop.time(), len(batch)
        return batch

    def over(self) -> None:
        """Let the next call leave, where something waits for it."""
        waiting = len(self._next)
        if not waiting:
            self.busy = False
            return
        gathers = self._load >= _LOADED and waiting < _BATCH  # a full call has nothing more to gather
        rest = self._left_at + self._gather_s - self._loop.time() if gathers else 0
        if rest > 0:
            self._loop.call_later(rest, self._leave)
        else:
            self._leave()

    def _leave(self) -> None:
        self.busy = True
        # It takes what waits when its turn comes: deliveries read in one turn of the loop leave together.
        call = self._loop.create_task(self._carry(self))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
