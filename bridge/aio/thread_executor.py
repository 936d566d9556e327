"""A thread that runs one call after the other for the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

_Call = tuple["asyncio.Future[Any]", Callable[..., Any], tuple[Any, ...]]


class ThreadExecutor(Executor):
    """One thread for ``loop.run_in_executor``, of the loop that runs where this is made.

    A call costs about half of what it does with `concurrent.futures.ThreadPoolExecutor`, whose future of its
    own is copied into one of the loop: `submit` returns the loop's at once, which ``run_in_executor`` passes
    on (`asyncio.wrap_future`). For the loop's thread.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._name = name
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_shut_down = False

    def submit(  # type: ignore[override]  # the loop's future instead of one that must be copied into it
        self,
        fn: Callable[..., Any],
        /,
        *args: Any,  # noqa: ANN401 - as there
    ) -> "asyncio.Future[Any]":
        """Run ``fn`` behind what was submitted before, also where the future is cancelled meanwhile.

        Raises RuntimeError after `shutdown`, and where no thread can be started.
        """
        if self._is_shut_down:
            raise RuntimeError(f"{self._name} was shut down, and runs nothing more")
        if self._thread is None:
            # A daemon: a disk that is silent does not hold up the end of the process.
            thread = Thread(target=self._run, name=self._name, daemon=True)
            thread.start()
            self._thread = thread
        future: asyncio.Future[Any] = self._loop.create_future()
        self._calls.put((future, fn, args))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - as there
        """End the thread behind what was submitted; ``cancel_futures``: behind what it is doing now."""
        self._is_shut_down = True
        if cancel_futures:
            with suppress(Empty):
                while (call := self._calls.get_nowait()) is not None:
                    call[0].cancel()
        self._calls.put(None)
        if wait and self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_resolve, call[0], *_result_of(*call[1:]))
            del call  # else it lives until the next one


def _result_of(fn: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, BaseException | None]:
    try:
        return fn(*args), None
    except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
        return None, error


def _resolve(
    future: "asyncio.Future[Any]",
    result: Any,  # noqa: ANN401 - of any call
    error: BaseException | None,
) -> None:
    if future.done():  # who waited has cancelled it
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
