"""A word that is told once, later, to whoever waits for it.

asyncio's future does the same at several times the cost: each of its callbacks takes a turn of the event
loop, and a wait with a limit needs a second future. Every event waits, so that is felt.
"""

import asyncio
from collections.abc import Callable, Generator
from copy import copy
from functools import partial
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Told(Struct, Generic[T], eq=False):
    """Nothing yet; then a value or an error, for good. ``await`` waits for it in a task, without a limit.

    ``error`` is the error where it was one. A struct, because making one costs a quarter of what an
    ``__init__`` of our own does.
    """

    error: Exception | None = None
    _is_told: bool = False
    _value: T | None = None
    _then: Callable[[], None] | None = None
    _more: list[Callable[[], None]] | None = None  # nearly always there is one listener or none

    def __await__(self) -> Generator[object, None, T]:
        """Wait for the word; raises it where it is an error."""
        if not self._is_told:
            yield from self.waiter()
        return self.result()

    def done(self) -> bool:
        """Whether it was told."""
        return self._is_told

    def result(self) -> T:
        """Give the value, or raise the error. To be asked once it is done."""
        if self.error is not None:
            # A copy: with its traceback, the error kept here would hold whoever asked, who holds us.
            raise copy(self.error)
        return self._value  # type: ignore[return-value] # told, it is one

    def tell(self, value: T) -> None:
        """Tell the value."""
        self._value = value
        self._is_told = True
        then = self._then
        if then is not None:
            self._then = None
            _call(then)
            if self._more is not None:
                self._call_more()

    def fail(self, error: Exception) -> None:
        """Tell the error."""
        self.error = error
        self.tell(None)  # type: ignore[arg-type] # whoever asks for it gets the error

    def ring(self) -> None:
        """Tell that it is time, with no value, unless something was told already."""
        if not self._is_told:
            self.tell(None)  # type: ignore[arg-type] # nobody asks for it

    def then(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` in the moment in which it is told; at once where it is done."""
        if self._is_told:
            listener()
        elif self._then is None:
            self._then = listener
        elif self._more is None:
            self._more = [listener]
        else:
            self._more.append(listener)

    def waiter(self) -> "asyncio.Future[None]":
        """Give a future that ends when it is told, unless somebody else has ended it by then."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.then(partial(_wake, waiter))
        return waiter

    def _call_more(self) -> None:
        more, self._more = self._more, None
        for listener in more or ():
            _call(listener)


def _call(listener: Callable[[], None]) -> None:
    try:
        listener()
    except Exception as error:  # noqa: BLE001 - one listener's bug must not keep the word from the others
        told = {"message": "a listener failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(told)


def _wake(waiter: "asyncio.Future[None]") -> None:
    """End a waiter that has not ended."""
    if not waiter.done():
        waiter.set_result(None)
