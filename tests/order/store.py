"""A deduplication store that answers call by call, as Redis does: what comes later waits for the next."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

from bridge.core.claim import Claim
from bridge.telling import Told
from tests.fakes import FakeMemory

T = TypeVar("T")

_MISSED_S = 0.25


class CallStore(FakeMemory):
    """The fake memory behind calls. While it is ``away`` a call is missed after the usual time."""

    def __init__(self, random: Random, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self._random = random
        self._waiting: list[Callable[[], Callable[[], None]]] = []
        self._calling = False

    def claim(self, claim: Claim) -> Told[Claim]:
        """Ask with the next call."""
        return self._with_next_call(lambda: self._answer(claim))

    def commit(self, claim: Claim) -> Told[bool]:
        """Say so with the next call."""
        return self._with_next_call(lambda: self._commit(claim))

    def release(self, claim: Claim) -> Told[bool]:
        """Say so with the next call."""
        return self._with_next_call(lambda: self._release(claim))

    def _with_next_call(self, work: Callable[[], T]) -> Told[T]:
        told: Told[T] = Told()

        def done() -> Callable[[], None]:
            value = work()
            return lambda: told.tell(value)

        self._waiting.append(done)
        self._call_soon()
        return told

    def _call_soon(self) -> None:
        if self._waiting and not self._calling:
            self._calling = True
            works, self._waiting = self._waiting, []
            seconds = _MISSED_S if self.away else self._random.choice((0.0005, 0.002, 0.02))
            asyncio.get_running_loop().call_later(seconds, self._answer_all, works)

    def _answer_all(self, works: list[Callable[[], Callable[[], None]]]) -> None:
        answers = [work() for work in works]
        for tell in answers:
            tell()
        self._calling = False
        self._call_soon()
