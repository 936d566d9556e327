"""The one way in which tests and the rig wait: for a condition, with a deadline. Nobody sleeps elsewhere.

A deadline ends a test that would wait for ever; it proves no speed. What must be fast is told by an order
(this before that) or by an outcome, or has a bound of its own that leaves a busy machine its time.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

POLL_S = 0.02
# A condition that comes about comes about long before; a machine that is busy with much else may need it.
WITHIN_S = 60.0


class ConditionTimeoutError(AssertionError):
    """A condition did not come true in time."""


@overload
async def eventually(
    probe: Callable[[], Awaitable[T]], what: str, *, within_s: float = ..., every_s: float = ...
) -> T: ...


@overload
async def eventually(
    probe: Callable[[], T], what: str, *, within_s: float = ..., every_s: float = ...
) -> T: ...


async def eventually(
    probe: Callable[[], Awaitable[T]] | Callable[[], T],
    what: str,
    *,
    within_s: float = WITHIN_S,
    every_s: float = POLL_S,
) -> T:
    """Call ``probe`` until it gives something true, and return that.

    It may be plain or async, and is asked once more at the deadline, so that a busy machine does not fail.
    Raises `ConditionTimeoutError`, which names ``what`` was waited for.
    """
    deadline = time.monotonic() + within_s
    while True:
        late = time.monotonic() > deadline
        seen = probe()
        found = await seen if inspect.isawaitable(seen) else seen
        if found:
            return found
        if late:
            raise ConditionTimeoutError(f"not within {within_s} s: {what} (last seen: {found!r})")
        await asyncio.sleep(every_s)


def eventually_blocking(
    probe: Callable[[], T], what: str, *, within_s: float = WITHIN_S, every_s: float = POLL_S
) -> T:
    """Do the same where no event loop runs: the rig starts its processes with it."""
    deadline = time.monotonic() + within_s
    while True:
        late = time.monotonic() > deadline
        found = probe()
        if found:
            return found
        if late:
            raise ConditionTimeoutError(f"not within {within_s} s: {what} (last seen: {found!r})")
        time.sleep(every_s)
