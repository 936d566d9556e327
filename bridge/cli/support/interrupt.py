"""How a command that runs an event loop is interrupted: at an await of its own, and nowhere else."""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_interruptible(main: Coroutine[Any, Any, T], *, only_once: bool = False) -> T:
    """Run ``main`` as `asyncio.run` does; each signal that would raise KeyboardInterrupt cancels it instead.

    With ``only_once`` it is the first signal alone: the clean-up behind it ends in time by itself.

    Raises KeyboardInterrupt once ``main`` has ended by that. `asyncio.run` does so for the first Ctrl-C
    alone: the next, and a SIGTERM that raises, come between any two instructions of any task or callback.
    The clean-up does not go on then, and asyncio prints the traceback of what nobody awaited.
    """
    interruption = _Interruption(only_once=only_once)
    try:
        with asyncio.Runner() as runner:
            return runner.run(interruption.run(main))
    except asyncio.CancelledError:
        if interruption.requested:
            raise KeyboardInterrupt from None
        raise
    finally:
        interruption.restore()  # not before the loop is closed: that runs tasks, too


class _Interruption:
    """Takes the signals from its creation until `restore`; ``requested`` once one has arrived."""

    def __init__(self, *, only_once: bool) -> None:
        self.requested = False
        self._only_once = only_once
        self._task: asyncio.Task[Any] | None = None
        self._numbers: list[signal.Signals] = []
        if threading.current_thread() is threading.main_thread():
            # What is ignored (nohup), or ends the process, still does.
            self._numbers = [n for n in _SIGNALS if signal.getsignal(n) is signal.default_int_handler]
        for number in self._numbers:
            signal.signal(number, self._on_signal)

    async def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run ``main`` in this task, which the signals cancel."""
        self._task = asyncio.current_task()
        if self.requested:
            main.close()
            raise asyncio.CancelledError
        return await main

    def restore(self) -> None:
        """Let the signals raise KeyboardInterrupt again."""
        for number in self._numbers:
            signal.signal(number, signal.default_int_handler)

    def _on_signal(self, *_: object) -> None:
        is_repeated, self.requested = self.requested, True
        if self._task is None:
            return  # not begun: `run` looks
        if self._task.done():  # a thread that hangs (a name server's answer) can hold up the loop's end
            raise KeyboardInterrupt
        if is_repeated and self._only_once:
            return
        # It may interrupt the loop at any point, also while that waits: it is woken.
        self._task.get_loop().call_soon_threadsafe(self._task.cancel)
