"""A run goes on in the moment in which the word is told that it waits for; a task is not needed."""

import asyncio
from contextvars import ContextVar, copy_context

import pytest

from bridge.core.outcome import Unavailable
from bridge.running import Cancelled, begin, heard
from bridge.telling import Told

pytestmark = pytest.mark.asyncio


async def test_a_run_works_at_once_and_goes_on_in_the_moment_of_the_word() -> None:
    word, steps = Told[int](), list[str]()

    async def work() -> int:
        steps.append("begun")
        number = await heard(word)
        steps.append("gone on")
        return number

    ended = begin(work())
    assert (steps, ended.done()) == (["begun"], False)
    word.tell(7)
    assert (steps, ended.result()) == (["begun", "gone on"], 7)
    assert await ended == 7


async def test_a_word_told_before_is_not_waited_for() -> None:
    word = Told[int]()
    word.tell(7)
    assert begin(_of(word)).result() == 7


async def test_an_error_comes_to_whoever_waits_for_the_end() -> None:
    word = Told[int]()
    ended = begin(_of(word))
    word.fail(Unavailable("no"))
    with pytest.raises(Unavailable):
        await ended


async def test_what_asyncio_knows_can_be_awaited_too() -> None:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()
    broken: asyncio.Future[int] = loop.create_future()

    async def work() -> int:
        await asyncio.sleep(0)
        await loop.run_in_executor(None, int)
        with pytest.raises(Unavailable):
            await broken
        return await future

    ended = begin(work())
    loop.call_soon(broken.set_exception, Unavailable("no"))
    loop.call_soon(future.set_result, 7)
    assert await ended == 7


async def test_a_wait_that_is_cancelled_ends_the_run() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await future

    ended = begin(work())
    future.cancel()
    with pytest.raises(Cancelled):
        await ended


async def test_a_run_keeps_its_context_whoever_tells() -> None:
    said: ContextVar[str] = ContextVar("said", default="nothing")
    word = Told[int]()

    async def work() -> str:
        await heard(word)
        return said.get()

    said.set("at the beginning")
    inside, outside = begin(work(), copy_context()), begin(work())
    said.set("by the teller")
    word.tell(7)
    assert (inside.result(), outside.result()) == ("at the beginning", "by the teller")


async def _of(word: Told[int]) -> int:
    return await heard(word)
