"""An event loop in virtual time: a run is decided by its seed alone, and takes as long as its work."""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from random import Random
from typing import Any

_STARTS_AT = 1_000.0


class DeadlockError(AssertionError):
    """Nothing will ever happen again, and the run has not ended."""


class _Selector(selectors.SelectSelector):
    """Lets virtual time pass instead of waiting."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for nothing."""
        if timeout is None:
            raise DeadlockError("nothing is scheduled")
        self._advance(max(timeout, 0.0))
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time only moves when it would wait. Work for threads runs in it, after a random while.

    ``bugs`` are the errors that nobody caught.
    """

    def __init__(self, random: Random) -> None:
        self._now = _STARTS_AT
        self._random = random
        self._free_at: dict[int, float] = {}
        self.bugs: list[Mapping[str, object]] = []
        super().__init__(_Selector(self._advance))
        self.set_exception_handler(lambda _loop, context: self.bugs.append(context))

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def run_in_executor(  # type: ignore[override]  # a future of any result, as there
        self,
        executor: Executor | None,
        func: Callable[..., Any],
        *args: Any,  # noqa: ANN401 - as there
    ) -> "asyncio.Future[Any]":
        """Run ``func`` in the loop, behind what the same executor has to do."""
        future: asyncio.Future[Any] = self.create_future()
        starts = max(self._now, self._free_at.get(id(executor), 0.0))
        ends = self._free_at[id(executor)] = starts + self._random.choice((0.0002, 0.001, 0.004, 0.03))
        self.call_at(ends, self._run_now, future, func, args)
        return future

    def _advance(self, seconds: float) -> None:
        self._now += seconds

    @staticmethod
    def _run_now(future: "asyncio.Future[Any]", func: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if future.cancelled():
            return
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            future.set_exception(error)
