"""An inline task resumes inline when the promise that it waits for is resolved."""

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from bridge.aio.inline_task import AwaitCancelledError, start_inline, wait
from bridge.aio.promise import Promise
from bridge.core.outcome import UnavailableError

pytestmark = pytest.mark.asyncio


async def test_a_task_starts_at_once_and_resumes_inline_with_the_result() -> None:
    promise, steps = Promise[int](), list[str]()

    async def work() -> int:
        steps.append("begun")
        number = await wait(promise)
        steps.append("gone on")
        return number

    finished = start_inline(work())
    assert (steps, finished.done()) == (["begun"], False)
    promise.set_result(7)
    assert (steps, finished.result()) == (["begun", "gone on"], 7)
    assert await finished == 7


async def test_a_promise_that_is_done_is_not_waited_for() -> None:
    promise = Promise[int]()
    promise.set_result(7)
    assert start_inline(_result_of(promise)).result() == 7


async def test_an_exception_is_raised_to_whoever_awaits_the_task() -> None:
    promise = Promise[int]()
    finished = start_inline(_result_of(promise))
    promise.set_exception(UnavailableError("no"))
    with pytest.raises(UnavailableError):
        await finished


async def test_what_asyncio_knows_can_be_awaited_too() -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()
    broken: asyncio.Future[int] = loop.create_future()

    async def work() -> int:
        await asyncio.sleep(0)
        await loop.run_in_executor(None, int)
        with pytest.raises(UnavailableError):
            await broken
        return await future

    finished = start_inline(work())
    loop.call_soon(broken.set_exception, UnavailableError("no"))
    loop.call_soon(future.set_result, 7)
    assert await finished == 7


async def test_a_wait_that_is_cancelled_ends_the_task() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await future

    finished = start_inline(work())
    future.cancel()
    with pytest.raises(AwaitCancelledError):
        await finished


async def test_a_task_keeps_its_context_whoever_sets_the_result() -> None:
    current: ContextVar[str] = ContextVar("said", default="nothing")
    promise = Promise[int]()

    async def work() -> str:
        await wait(promise)
        return current.get()

    current.set("at the beginning")
    inside, outside = start_inline(work(), copy_context()), start_inline(work())
    current.set("by the teller")
    promise.set_result(7)
    assert (inside.result(), outside.result()) == ("at the beginning", "by the teller")


async def _result_of(promise: Promise[int]) -> int:
    return await wait(promise)
