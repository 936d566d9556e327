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

from bridge.telling import Told

T = TypeVar("T")


@coroutine
def heard(told: Told[T]) -> Generator[Told[T], None, T]:
    """Wait for ``told`` inside a run: gives its value, or raises its error. A task awaits the word itself."""
    if not told.done():
        yield told
    return told.result()


class Run(Struct, Generic[T], eq=False):
    """One piece of ``work`` under way; ``ended`` tells what it returned or raised.

    It goes on wherever the word is told that it waits for, so it must not wait there for anything else. With
    ``context`` it runs in that one, else in the context of whoever tells.
    """

    work: Coroutine[Any, None, T]
    context: Context | None = None
    ended: Told[T] = field(default_factory=Told)

    def go_on(self, _: object = None) -> None:
        """Work until the next wait: to begin with, and whenever what was waited for has come."""
        try:
            awaited = self.work.send(None) if self.context is None else self.context.run(self.work.send, None)
        except StopIteration as end:
            self.ended.tell(end.value)
        except asyncio.CancelledError:  # no error to Python, but the end of this
            self.ended.fail(Cancelled())
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the work's end
            self.ended.fail(error)
        else:
            if type(awaited) is Told:
                awaited.then(self.go_on)
            elif awaited is None:  # a turn for everybody else, as by sleep(0)
                asyncio.get_running_loop().call_soon(self.go_on)
            else:
                awaited._asyncio_future_blocking = False  # noqa: SLF001 - as a task says that it has taken it
                awaited.add_done_callback(self.go_on)


class Cancelled(Exception):  # noqa: N818 - it says what happened
    """What a run waited for was cancelled."""


def begin(work: Coroutine[Any, None, T], context: Context | None = None) -> Told[T]:
    """Begin ``work`` at once, and give the word of its end."""
    run = Run(work, context)
    run.go_on()
    return run.ended
