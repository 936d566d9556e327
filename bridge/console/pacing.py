"""Keeps the console's share of the event loop small, whoever asks how often: rendering is work of the loop.

After work of one part, nine parts of pause: at most a tenth of the loop in the long run. One person who looks
does not notice.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, TypeVar

_PAUSE_PARTS = 9
_LEAST_S = 0.001  # of work that each request is charged, before it is known
_WAIT_MAX_S = 3.0  # a connection whose response takes 5 s is closed; workers and replicas have one of them

_Result = TypeVar("_Result")


class Pacer:
    """Lets requests through as what was spent on earlier ones allows.

    ``clock`` gives seconds that never go back, ``work_clock`` those that this thread computed: on a machine
    that gives it no core for a while, nobody is refused for that.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        *,
        work_clock: Callable[[], float] = time.thread_time,
        wait_max_s: float = _WAIT_MAX_S,
    ) -> None:
        self._wait_max_s = wait_max_s
        self._clock = clock
        self._work_clock = work_clock
        self._sleep = sleep
        self._next_at_s = 0.0

    async def wait(self) -> bool:
        """Wait for this request's turn. False, at once, where that would take too long."""
        now_s = self._clock()
        at_s = max(self._next_at_s, now_s)
        if at_s - now_s > self._wait_max_s:
            return False
        self._next_at_s = at_s + (1 + _PAUSE_PARTS) * _LEAST_S
        if at_s > now_s:
            await self._sleep(at_s - now_s)
        return True

    @coroutine
    def charge(self, work: Coroutine[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
        """Do ``work`` and return its result; each step of it is charged, from one await to the next."""
        step: Callable[[], Any] = partial(work.send, None)
        while True:
            begun_s, work_begun_s = self._clock(), self._work_clock()
            try:
                awaited = step()
            except StopIteration as end:
                result: _Result = end.value
                return result
            finally:
                spent_s = self._work_clock() - work_begun_s
                self._next_at_s = max(self._next_at_s, begun_s) + (1 + _PAUSE_PARTS) * spent_s
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 - cancellation too is for the work to take
                step = partial(work.throw, error)
            else:
                step = partial(work.send, sent)
