"""Pauses of a thread between calls that take long, so that the event loop does not meet one after another.

A call that holds the interpreter for milliseconds delays what the loop does meanwhile. Two in a row delay the
same events twice.
"""

import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class PacedCalls:
    """The thread pauses for ``factor`` times as long as its last call took, for ``max_s`` seconds at most."""

    def __init__(
        self,
        factor: float,
        max_s: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._factor = factor
        self._max_s = max_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._until_s = 0.0

    def call(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        """Call ``function`` once the pause is over, from the thread that pauses. Raises what it raises."""
        began_s = self._monotonic()
        if began_s < self._until_s:
            self._sleep(self._until_s - began_s)
            began_s = self._monotonic()
        try:
            return function(*args, **kwargs)
        finally:
            ended_s = self._monotonic()
            self._until_s = ended_s + min(self._factor * (ended_s - began_s), self._max_s)
