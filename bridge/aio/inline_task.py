"""A coroutine that runs without a task and resumes inline, in the callback of the promise it waits for.

A task resumes a turn of the event loop later, through a future made for the wait. Every event waits three
times, so the cost matters. The coroutine may await a promise (by `wait`) or any awaitable of asyncio, except
what uses the current task (`asyncio.timeout`, `asyncio.wait_for`): that would be the task of the caller that
resolved the promise.
"""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context
from types import coroutine
from typing import Any, Generic, TypeVar

from bridge.aio.promise import Promise

T = TypeVar("T")


@coroutine
def wait(promise: Promise[T]) -> Generator[Promise[T], None, T]:
    """Wait for ``promise`` inside an inline task. Returns its value or raises its exception."""
    if promise.pending:
        yield promise
    return promise.result() if promise.exception is not None else promise.value  # type: ignore[return-value] # done


class InlineTask(Promise[T], Generic[T], eq=False, kw_only=True):
    """A running coroutine, and the promise of what it returns or raises.

    It resumes in whatever code resolves the promise it waits for. It runs in ``context`` if one is given,
    else in the context of that code.
    """

    coro: Coroutine[Any, None, T]
    context: Context | None = None

    def step(self, _: object = None) -> None:
        """Run until the next wait: at the start, and whenever the awaited result is there."""
        try:
            awaited = self.coro.send(None) if self.context is None else self.context.run(self.coro.send, None)
        except StopIteration as stop:
            self.set_result(stop.value)
        except asyncio.CancelledError:  # no Exception to Python, but the end of this task
            self.set_exception(AwaitCancelledError())
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the result
            self.set_exception(error)
        else:
            if isinstance(awaited, Promise):
                awaited.on_done(self.step)
            elif awaited is None:  # one turn of the event loop, as by sleep(0)
                asyncio.get_running_loop().call_soon(self.step)
            else:
                awaited._asyncio_future_blocking = False  # noqa: SLF001 - as a task does with a future it waits for
                awaited.add_done_callback(self.step)


class AwaitCancelledError(Exception):
    """What an inline task waited for was cancelled."""


def start_inline(coro: Coroutine[Any, None, T], context: Context | None = None) -> Promise[T]:
    """Run ``coro`` at once until its first wait. Returns the promise of its result."""
    task = InlineTask(coro=coro, context=context)
    task.step()
    return task
