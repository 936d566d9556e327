"""A promise is resolved once; all callbacks run, whether registered before or after."""

import asyncio
from functools import partial

import pytest

from bridge.aio.promise import Promise
from bridge.core.outcome import DeliveryOutcome, Reason, RejectedError, UnavailableError

pytestmark = pytest.mark.asyncio


async def test_a_value_is_given_to_all_who_wait_and_to_who_comes_later() -> None:
    promise = Promise[int]()

    async def received() -> int:
        return await promise

    waiting = asyncio.gather(received(), received())
    await asyncio.sleep(0)
    assert not promise.done()
    promise.set_result(7)
    assert list(await waiting) == [7, 7]
    assert (await promise, promise.result()) == (7, 7)


async def test_an_error_is_raised_to_all() -> None:
    promise = Promise[int]()
    asyncio.get_running_loop().call_soon(promise.set_exception, UnavailableError("no"))
    with pytest.raises(UnavailableError):
        await promise
    assert promise.done()


async def test_a_future_that_was_done_before_is_left_alone() -> None:
    promise = Promise[DeliveryOutcome]()
    waiter = promise.as_future()
    waiter.set_result(None)
    promise.set_result(DeliveryOutcome.SPOOLED)
    assert promise.result() is DeliveryOutcome.SPOOLED


async def test_callbacks_run_inline_in_the_order_of_registration() -> None:
    promise = Promise[int]()
    received: list[int] = []
    for number in range(3):
        promise.on_done(partial(received.append, number))
    assert received == []
    promise.set_result(7)
    assert received == [0, 1, 2]
    promise.on_done(lambda: received.append(promise.result()))
    assert received[3:] == [7]
    assert promise.exception is None


async def test_a_callback_that_fails_does_not_stop_the_others() -> None:
    promise = Promise[int]()
    calls: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: calls.append(context["exception"]))
    promise.on_done(lambda: calls.append(1 / 0))
    promise.on_done(partial(calls.append, "heard"))
    promise.set_result(7)
    assert [type(one) for one in calls] == [ZeroDivisionError, str]


async def test_an_exception_that_was_raised_keeps_no_frame_alive() -> None:
    promise = Promise[int]()
    promise.set_exception(RejectedError(Reason.TOO_LARGE, "the topic refuses it"))
    with pytest.raises(RejectedError, match="too_large: the topic refuses it"):
        promise.result()
    assert promise.exception is not None
    assert promise.exception.__traceback__ is None
