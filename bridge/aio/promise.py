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


class Promise(Struct, Generic[T], eq=False):
    """Nothing yet; then a value or an error, for good. ``await`` waits for it in a task, without a limit.

    ``error`` is the error where it was one. A struct, because making one costs a quarter of what an
    ``__init__`` of our own does.
    """

    exception: Exception | None = None
    _done: bool = False
    _value: T | None = None
    _callback: Callable[[], None] | None = None
    _more_callbacks: list[Callable[[], None]] | None = None  # nearly always there is one listener or none

    def __await__(self) -> Generator[object, None, T]:
        """Wait for the word; raises it where it is an error."""
        if not self._done:
            yield from self.as_future()
        return self.result()

    def done(self) -> bool:
        """Whether it was told."""
        return self._done

    def result(self) -> T:
        """Give the value, or raise the error. To be asked once it is done."""
        if self.exception is not None:
            # A copy: with its traceback, the error kept here would hold whoever asked, who holds us.
            raise copy(self.exception)
        return self._value  # type: ignore[return-value] # told, it is one

    def set_result(self, value: T) -> None:
        """Tell the value."""
        self._value = value
        self._done = True
        then = self._callback
        if then is not None:
            self._callback = None
            _run_callback(then)
            if self._more_callbacks is not None:
                self._run_more()

    def set_exception(self, error: Exception) -> None:
        """Tell the error."""
        self.exception = error
        self.set_result(None)  # type: ignore[arg-type] # whoever asks for it gets the error

    def try_set_result(self) -> None:
        """Tell that it is time, with no value, unless something was told already."""
        if not self._done:
            self.set_result(None)  # type: ignore[arg-type] # nobody asks for it

    def on_done(self, callback: Callable[[], None]) -> None:
        """Call ``listener`` in the moment in which it is told; at once where it is done."""
        if self._done:
            callback()
        elif self._callback is None:
            self._callback = callback
        elif self._more_callbacks is None:
            self._more_callbacks = [callback]
        else:
            self._more_callbacks.append(callback)

    def as_future(self) -> "asyncio.Future[None]":
        """Give a future that ends when it is told, unless somebody else has ended it by then."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_done(partial(_wake_future, waiter))
        return waiter

    def _run_more(self) -> None:
        callbacks, self._more_callbacks = self._more_callbacks, None
        for callback in callbacks or ():
            _run_callback(callback)


def _run_callback(callback: Callable[[], None]) -> None:
    try:
        callback()
    except Exception as error:  # noqa: BLE001 - one listener's bug must not keep the word from the others
        context = {"message": "a callback failed", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


def _wake_future(future: "asyncio.Future[None]") -> None:
    """End a waiter that has not ended."""
    if not future.done():
        future.set_result(None)
