"""The thread that runs one call after the other for the loop."""

import asyncio
import threading

import pytest

from bridge.aio.thread_executor import ThreadExecutor
from tests.rig.waiting import WITHIN_S

pytestmark = pytest.mark.asyncio


async def test_calls_run_one_after_the_other_in_a_thread_of_that_name() -> None:
    loop, executor, calls = asyncio.get_running_loop(), ThreadExecutor("one"), list[tuple[int, str]]()

    def call(number: int) -> int:
        calls.append((number, threading.current_thread().name))
        return number

    results = await asyncio.gather(*(loop.run_in_executor(executor, call, number) for number in range(50)))
    executor.shutdown()
    assert results == list(range(50))
    assert calls == [(number, "one") for number in range(50)]


async def test_an_error_belongs_to_who_waits_and_the_thread_goes_on() -> None:
    loop, executor = asyncio.get_running_loop(), ThreadExecutor("one")
    with pytest.raises(ValueError, match="invalid literal"):
        await loop.run_in_executor(executor, int, "no number")
    assert await loop.run_in_executor(executor, int, "7") == 7
    executor.shutdown()


async def test_who_no_longer_waits_gets_nothing_and_what_is_cancelled_is_not_run() -> None:
    loop, executor, calls = asyncio.get_running_loop(), ThreadExecutor("one"), list[int]()
    begun, goes_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        goes_on.wait(WITHIN_S)

    running = loop.run_in_executor(executor, wait)
    waiting = [loop.run_in_executor(executor, calls.append, number) for number in range(3)]
    await asyncio.to_thread(begun.wait, 10)
    running.cancel()
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in waiting)
    goes_on.set()
    executor.shutdown()
    assert not calls


async def test_the_end_waits_for_what_was_submitted() -> None:
    loop, executor, calls = asyncio.get_running_loop(), ThreadExecutor("one"), list[int]()
    future = loop.run_in_executor(executor, calls.append, 1)
    executor.shutdown()
    assert calls == [1]
    await future
    ThreadExecutor("unused").shutdown()


async def test_behind_the_end_nothing_is_taken_that_nobody_would_ever_run() -> None:
    loop, executor = asyncio.get_running_loop(), ThreadExecutor("one")
    executor.shutdown()
    with pytest.raises(RuntimeError, match="one was shut down"):
        loop.run_in_executor(executor, int)


async def test_a_closed_loop_does_not_stop_the_thread() -> None:
    goes_on, ended = threading.Event(), threading.Event()

    def run() -> None:
        async def submit() -> None:
            executor = ThreadExecutor("one")
            executor.submit(goes_on.wait, 10)
            executor.submit(ended.set)

        asyncio.run(submit())

    await asyncio.to_thread(run)
    goes_on.set()
    assert await asyncio.to_thread(ended.wait, 10)
