"""The way to Redis and back: one script, and one call at a time for all that came since the last one.

What is said and asked in a call is told in the package's own file.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from hashlib import sha1
from pathlib import Path

from msgspec import Struct
from redis.asyncio import Redis, RedisCluster
from redis.exceptions import NoScriptError, ResponseError

from bridge.core.claim import Claim
from bridge.telling import Told

_BATCH = 256
_LOADED = 8


class Batch(Struct, frozen=True):
    """What one call says and asks: how claims ended, and questions; each with what is told of it."""

    endings: list[tuple[Claim, str, Told[bool]]]
    questions: list[tuple[Claim, Told[Claim]]]


class Script:
    """One Lua script, loaded where it is not known yet."""

    def __init__(self, redis: Redis | RedisCluster, name: str) -> None:
        self._redis = redis
        self._text = (Path(__file__).parent / name).read_text("utf-8")
        self._sha = sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, keys: Sequence[str], arguments: Sequence[str | int]) -> str:
        """Run it on ``keys``, which share a slot."""
        try:
            try:
                answer = await self._redis.evalsha(self._sha, len(keys), *keys, *arguments)
            except NoScriptError:
                answer = await self._redis.eval(self._text, len(keys), *keys, *arguments)
        except ResponseError as error:
            if "READONLY" in str(error):  # before Redis 7 in the midst of the text
                await self._redis.aclose()  # it was the master: who connects anew is led to the one that is
            raise
        return str(answer, "ascii")


class Line:
    """One application's line to Redis: a call is under way, what comes meanwhile leaves with the next.

    One call at a time keeps the order in which one process received its deliveries. Under load calls leave at
    least ``gather_s`` apart: a call costs as much as thirty of the events in it.
    """

    def __init__(self, carry: Callable[[Batch], Coroutine[None, None, None]], gather_s: float) -> None:
        self._carry = carry
        self._gather_s = gather_s
        self._next = Batch([], [])
        self._left_at = 0.0
        self._load = 0
        self._call: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self.busy = False

    def ask(self, claim: Claim) -> Told[Claim]:
        """Ask for ``claim`` with the next call."""
        answer: Told[Claim] = Told()
        self._next.questions.append((claim, answer))
        self._leave_soon()
        return answer

    def end(self, claim: Claim, how: str) -> Told[bool]:
        """Say with the next call how ``claim`` ends; tells whether that was heard."""
        heard: Told[bool] = Told()
        self._next.endings.append((claim, claim.ending(how), heard))
        self._leave_soon()
        return heard

    def _leave_soon(self) -> None:
        if not self.busy:
            self.busy = True
            # Deliveries read in the same turn of the loop leave together.
            self._loop.call_soon(self._leave)

    def _leave(self) -> None:
        waiting = self._next
        share = min(len(waiting.questions), _BATCH // 2)  # renewals must not keep all questions waiting
        endings = waiting.endings[: _BATCH - share]
        questions = waiting.questions[: _BATCH - len(endings)]
        self._next = Batch(waiting.endings[len(endings) :], waiting.questions[len(questions) :])
        self._left_at, self._load = self._loop.time(), len(endings) + len(questions)
        self._call = self._loop.create_task(self._carry(Batch(endings, questions)))
        self._call.add_done_callback(self._over)

    def _over(self, _: object) -> None:
        waiting = len(self._next.endings) + len(self._next.questions)
        if not waiting:
            self.busy = False
            return
        gathers = self._load >= _LOADED and waiting < _BATCH  # a full call has nothing more to gather
        rest = self._left_at + self._gather_s - self._loop.time() if gathers else 0
        if rest > 0:
            self._loop.call_later(rest, self._leave)
        else:
            self._leave()
