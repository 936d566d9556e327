"""A deduplication store that answers call by call, as Redis does: what comes later waits for the next."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

from bridge.aio.promise import Promise
from bridge.core.claim import Claim
from tests.fakes import FakeDedupStore

T = TypeVar("T")

_CALL_TIMEOUT_S = 0.25


class SimulatedDedupStore(FakeDedupStore):
    """The fake store behind calls. While it is ``unavailable`` a call fails after the usual time-out."""

    def __init__(self, random: Random, now_ms: Callable[[], int]) -> None:
        super().__init__(now_ms)
        self._random = random
        self._waiting: list[Callable[[], Callable[[], None]]] = []
        self._is_calling = False

    def claim(self, claim: Claim) -> Promise[Claim]:
        """Claim with the next call."""
        return self._with_next_call(lambda: self._claim_or_revise(claim))

    def commit(self, claim: Claim) -> Promise[bool]:
        """Settle with the next call."""
        return self._with_next_call(lambda: self._commit(claim))

    def release(self, claim: Claim) -> Promise[bool]:
        """Settle with the next call."""
        return self._with_next_call(lambda: self._release(claim))

    def _with_next_call(self, work: Callable[[], T]) -> Promise[T]:
        promise: Promise[T] = Promise()

        def done() -> Callable[[], None]:
            value = work()
            return lambda: promise.set_result(value)

        self._waiting.append(done)
        self._call_soon()
        return promise

    def _call_soon(self) -> None:
        if self._waiting and not self._is_calling:
            self._is_calling = True
            works, self._waiting = self._waiting, []
            seconds = _CALL_TIMEOUT_S if self.unavailable else self._random.choice((0.0005, 0.002, 0.02))
            asyncio.get_running_loop().call_later(seconds, self._resolve_all, works)

    def _resolve_all(self, works: list[Callable[[], Callable[[], None]]]) -> None:
        resolvers = [work() for work in works]
        for resolve in resolvers:
            resolve()
        self._is_calling = False
        self._call_soon()
