"""The circuit breaker of one application's calls to Redis: open, nothing passes but a probe each second.

One for each application: in a cluster an application is one slot, and an ACL may lack one application's keys.
Another one's shard or rights are not ours.
"""

from collections.abc import Callable

FAILURES_TO_OPEN = 3


class CircuitBreaker:
    """Opens after three missed calls in a row, closes with the first answer.

    ``on_change(breaker)`` is called at each of the two. ``reason`` is why the last call was missed: a code of
    `refusals`, or words.
    """

    def __init__(self, app: str, on_change: Callable[["CircuitBreaker"], None]) -> None:
        self.app = app
        self.is_open = False
        self.reason = ""
        self._on_change = on_change
        self._consecutive_failures = 0

    def record_failure(self, reason: str) -> None:
        """Count a call that Redis did not answer, or refused."""
        self._consecutive_failures += 1
        self.reason = reason
        if not self.is_open and self._consecutive_failures >= FAILURES_TO_OPEN:
            self.is_open = True
            self._on_change(self)

    def record_success(self) -> None:
        """Note a call that Redis answered as it should."""
        self._consecutive_failures = 0
        if self.is_open:
            self.is_open = False
            self._on_change(self)
