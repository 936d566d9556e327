"""Work that waits for words and goes on in the moment in which they are told: a coroutine without a task.

A task goes on a turn of the event loop later, by way of a future made for the wait. Every event waits three
times, so that is felt. What is awaited here may be a word (`heard`) or anything that asyncio knows, but for
what asks for the current task (`asyncio.timeout`, `wait_for`): that would be the teller's.
"""

import asyncio
from collections.abc import Coroutine, Generator
from contextvars import Context
from types import coroutine
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from bridge.aio.promise import Promise

T = TypeVar("T")


@coroutine
def wait(promise: Promise[T]) -> Generator[Promise[T], None, T]:
    """Wait for ``told`` inside a run: gives its value, or raises its error. A task awaits the word itself."""
    if not promise.done():
        yield promise
    return promise.result()


class InlineTask(Struct, Generic[T], eq=False):
    """One piece of ``work`` under way; ``ended`` tells what it returned or raised.

    It goes on wherever the word is told that it waits for, so it must not wait there for anything else. With
    ``context`` it runs in that one, else in the context of whoever tells.
    """

    coro: Coroutine[Any, None, T]
    context: Context | None = None
    done: Promise[T] = field(default_factory=Promise)

    def step(self, _: object = None) -> None:
        """Work until the next wait: to begin with, and whenever what was waited for has come."""
        try:
            awaited = self.coro.send(None) if self.context is None else self.context.run(self.coro.send, None)
        except StopIteration as stop:
            self.done.set_result(stop.value)
        except asyncio.CancelledError:  # no error to Python, but the end of this
            self.done.set_exception(AwaitCancelledError())
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the work's end
            self.done.set_exception(error)
        else:
            if type(awaited) is Promise:
                awaited.on_done(self.step)
            elif awaited is None:  # a turn for everybody else, as by sleep(0)
                asyncio.get_running_loop().call_soon(self.step)
            else:
                awaited._asyncio_future_blocking = False  # noqa: SLF001 - as a task says that it has taken it
                awaited.add_done_callback(self.step)


class AwaitCancelledError(Exception):
    """What a run waited for was cancelled."""


def start_inline(coro: Coroutine[Any, None, T], context: Context | None = None) -> Promise[T]:
    """Begin ``work`` at once, and give the word of its end."""
    task = InlineTask(coro, context)
    task.step()
    return task.done
