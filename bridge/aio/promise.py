"""A promise: a result that is set once, and whose callbacks run inline.

asyncio's future does the same at several times the cost: each of its callbacks takes a turn of the event
loop, and a wait with a time limit needs a second future. Every event waits, so the cost matters.
"""

import asyncio
from collections.abc import Callable, Generator
from copy import copy
from functools import partial
from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Promise(Struct, Generic[T], eq=False):
    """Single-assignment promise. ``await`` waits for it in a task, without a time limit.

    Callbacks run inline in ``set_result()``/``set_exception()``, in registration order, not through
    ``call_soon``: a caller may rely on them having run when ``set_result()`` returns. Not thread-safe.
    Setting it twice is a bug and is not checked. A struct, because making one costs a quarter of what an
    ``__init__`` of our own does.

    ``pending``: it has neither a value nor an exception yet. ``exception``: the one that was set, if any;
    ``value``: the value that was set, None without one.
    """

    pending: bool = True
    exception: Exception | None = None
    value: T | None = None
    _callback: Callable[[], None] | None = None
    _more_callbacks: list[Callable[[], None]] | None = None  # nearly always there is one callback or none

    def __await__(self) -> Generator[object, None, T]:
        """Wait for the result. Raises the exception if one was set."""
        if self.pending:
            yield from self.as_future()
        return self.result()

    def done(self) -> bool:
        """Whether a result or an exception was set."""
        return not self.pending

    def result(self) -> T:
        """Return the value, or raise the exception. Only to be called once it is done."""
        if self.exception is not None:
            # A copy: with its traceback, the error kept here would hold whoever asked, who holds us.
            raise copy(self.exception)
        return self.value  # type: ignore[return-value] # once done, it is one

    def set_result(self, value: T) -> None:
        """Set the value and run the callbacks. A bug in one of them does not stop the others."""
        self.value = value
        self.pending = False
        callback = self._callback
        while callback is not None:
            self._callback = None
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - it is reported, and counted as a bug
                context = {"message": "a callback failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
            callback = self._more_callbacks.pop(0) if self._more_callbacks else None

    def set_exception(self, error: Exception) -> None:
        """Set the exception and run the callbacks."""
        self.exception = error
        self.set_result(None)  # type: ignore[arg-type] # `result` raises the exception instead

    def try_set_result(self) -> None:
        """Set None as the value, unless it is done already."""
        if self.pending:
            self.set_result(None)  # type: ignore[arg-type] # nobody reads it

    def on_done(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` inline when it is done; at once if it is done already."""
        if not self.pending:
            callback()
        elif self._callback is None:
            self._callback = callback
        elif self._more_callbacks is None:
            self._more_callbacks = [callback]
        else:
            self._more_callbacks.append(callback)

    def as_future(self) -> "asyncio.Future[None]":
        """Return a future that ends with None when the promise is done; cancelling it does no harm."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_done(partial(_wake_future, future))
        return future


def _wake_future(future: "asyncio.Future[None]") -> None:
    """End a future that has not ended."""
    if not future.done():
        future.set_result(None)
