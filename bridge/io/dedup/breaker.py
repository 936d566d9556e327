"""The circuit breaker of one application's calls to Redis: while it is open, only a probe per second passes.

There is one per application: in a cluster an application is one slot, and an ACL may lack one application's
keys. A failing shard or a missing right of one application says nothing of the others.
"""

from collections.abc import Callable

FAILURES_TO_OPEN = 3


class CircuitBreaker:
    """Opens after three failed calls in a row, closes with the first successful one.

    ``on_change(breaker)`` is called at each of the two. ``reason`` is why the last call failed: a code of
    `redis_errors`, or text. ``consecutive_failures`` is 0 while Redis answers.
    """

    def __init__(self, app: str, on_change: Callable[["CircuitBreaker"], None]) -> None:
        self.app = app
        self.is_open = False
        self.reason = ""
        self._on_change = on_change
        self.consecutive_failures = 0

    def record_failure(self, reason: str) -> None:
        """Count a call that Redis did not answer in time, or refused."""
        self.consecutive_failures += 1
        self.reason = reason
        if not self.is_open and self.consecutive_failures >= FAILURES_TO_OPEN:
            self.is_open = True
            self._on_change(self)

    def record_success(self) -> None:
        """Note a call that Redis answered."""
        self.consecutive_failures = 0
        if self.is_open:
            self.is_open = False
            self._on_change(self)
