"""Who waits for a retried event of its key, and in which order they are resumed."""

from functools import partial

import pytest

from bridge.core.claim import Claim, new_claim
from bridge.core.event import Identity
from bridge.delivery.retry_order import Retry, RetryOrder

pytestmark = pytest.mark.asyncio

KEY = ("t", b"k")


def _claim_request(task: str, digest: str = "0" * 16) -> Claim:
    return new_claim("shop", Identity(key=task, digest=digest), "v3", 0, "a" * 16)


async def test_a_retry_is_waited_for_by_later_events_of_its_key_and_by_no_others() -> None:
    order = RetryOrder()
    assert not order.by_key
    second, first = Retry(KEY, _claim_request("b"), 2), Retry(KEY, _claim_request("a"), 1)
    for retry in (second, first):
        order.add(retry)
    last = order.wait_for_earlier(KEY, _claim_request("c"), 3)
    assert order.wait_for_earlier(("t", b"other"), _claim_request("c"), 3) is None
    middle = order.wait_for_earlier(KEY, _claim_request("b"), 2)
    assert order.wait_for_earlier(KEY, _claim_request("a"), 1) is None
    assert last is not None
    assert middle is not None
    order.remove(first)
    assert (middle.turn.done(), last.turn.done()) == (True, False)
    order.forget(middle)
    assert order.wait_for_earlier(KEY, _claim_request("b"), 2) is None
    order.remove(second)
    assert last.turn.done()
    order.forget(last)
    assert not order.by_key


async def test_who_waits_is_resumed_in_the_order_of_receipt_also_by_a_retry_that_ends_meanwhile() -> None:
    order, resumed = RetryOrder(), list[int]()
    first, fourth = Retry(KEY, _claim_request("a"), 1), Retry(KEY, _claim_request("d"), 4)
    order.add(first)
    for number in (5, 3, 2, 6):
        waiter = order.wait_for_earlier(KEY, _claim_request(f"w{number}"), number)
        assert waiter is not None
        waiter.turn.on_done(partial(resumed.append, number))
        if number == 3:
            waiter.turn.on_done(partial(order.remove, fourth))
    order.add(fourth)
    order.remove(first)
    assert resumed == [2, 3, 5, 6]


async def test_another_delivery_of_what_is_retried_stands_in_for_it() -> None:
    order = RetryOrder()
    order.add(Retry(KEY, _claim_request("a"), 1))
    assert order.wait_for_earlier(KEY, _claim_request("a"), 2) is None
    # Other content is another event.
    assert order.wait_for_earlier(KEY, _claim_request("a", "1" * 16), 2) is not None
    assert order.wait_for_earlier(KEY, _claim_request("a", "1" * 16).as_revision(), 2) is not None
    order.add(Retry(("t", b"l"), _claim_request("b", "1" * 16), 1))
    assert order.wait_for_earlier(("t", b"l"), _claim_request("b", "1" * 16).as_revision(), 2) is None
