"""A word told once is heard by all who wait, before or after."""

import asyncio
from functools import partial

import pytest

from bridge.core.outcome import Ending, Reason, Rejected, Unavailable
from bridge.telling import Told

pytestmark = pytest.mark.asyncio


async def test_a_value_is_heard_by_all_who_wait_and_by_who_comes_later() -> None:
    word = Told[int]()

    async def heard() -> int:
        return await word

    waiting = asyncio.gather(heard(), heard())
    await asyncio.sleep(0)
    assert not word.done()
    word.tell(7)
    assert list(await waiting) == [7, 7]
    assert (await word, word.result()) == (7, 7)


async def test_an_error_is_raised_to_all() -> None:
    word = Told[int]()
    asyncio.get_running_loop().call_soon(word.fail, Unavailable("no"))
    with pytest.raises(Unavailable):
        await word
    assert word.done()


async def test_who_gave_up_waiting_is_left_alone() -> None:
    word = Told[Ending]()
    waiter = word.waiter()
    waiter.set_result(None)
    word.tell(Ending.SPOOLED)
    assert word.result() is Ending.SPOOLED


async def test_listeners_hear_it_in_their_order_and_at_once_where_it_is_told() -> None:
    word = Told[int]()
    heard: list[int] = []
    for number in range(3):
        word.then(partial(heard.append, number))
    assert heard == []
    word.tell(7)
    assert heard == [0, 1, 2]
    word.then(lambda: heard.append(word.result()))
    assert heard[3:] == [7]
    assert word.error is None


async def test_a_listener_that_fails_keeps_the_word_from_nobody() -> None:
    word = Told[int]()
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what["exception"]))
    word.then(lambda: told.append(1 / 0))
    word.then(partial(told.append, "heard"))
    word.tell(7)
    assert [type(one) for one in told] == [ZeroDivisionError, str]


async def test_an_error_that_was_raised_holds_nobody() -> None:
    word = Told[int]()
    word.fail(Rejected(Reason.TOO_LARGE, "the topic refuses it"))
    with pytest.raises(Rejected, match="too_large: the topic refuses it"):
        word.result()
    assert word.error is not None
    assert word.error.__traceback__ is None
