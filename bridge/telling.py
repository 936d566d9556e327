"""A word that is told once, later, to whoever waits for it.

asyncio's future does the same at several times the cost: each of its callbacks takes a turn of the event
loop, and a wait with a limit needs a second future. Every event waits, so that is felt.
"""

import asyncio
from collections.abc import Generator
from typing import Generic, TypeVar, cast

T = TypeVar("T")

_NOT_YET = object()


class Told(Generic[T]):
    """Nothing yet; then a value or an error, for good. ``await`` waits for it without a limit."""

    __slots__ = ("_error", "_value", "_waiters")

    def __init__(self) -> None:
        self._value: object = _NOT_YET
        self._error: Exception | None = None
        self._waiters: list[asyncio.Future[None]] | None = None  # nearly always there is one or none

    def __await__(self) -> Generator[object, None, T]:
        """Wait for the word; raises it where it is an error."""
        if not self.done():
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.wakes(waiter)
            yield from waiter
        return self.result()

    def done(self) -> bool:
        """Whether it was told."""
        return self._value is not _NOT_YET or self._error is not None

    def result(self) -> T:
        """Give the value, or raise the error. To be asked once it is done."""
        if self._error is not None:
            raise self._error
        return cast("T", self._value)

    def tell(self, value: T) -> None:
        """Tell the value."""
        self._value = value
        self._wake()

    def fail(self, error: Exception) -> None:
        """Tell the error."""
        self._error = error
        self._wake()

    def wakes(self, waiter: "asyncio.Future[None]") -> None:
        """End ``waiter`` when it is told, unless somebody else has ended it by then."""
        if self._waiters is None:
            self._waiters = [waiter]
        else:
            self._waiters.append(waiter)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            wake(waiter)


def wake(waiter: "asyncio.Future[None]") -> None:
    """End a waiter that has not ended."""
    if not waiter.done():
        waiter.set_result(None)
