"""Work that fails is told of, counted, and done again."""

import asyncio

import pytest

from bridge.telemetry import Telemetry
from bridge.tending import tended

pytestmark = pytest.mark.asyncio


async def test_work_that_fails_is_counted_and_begun_again_until_it_ends_well() -> None:
    telemetry, tries = Telemetry(), list[int]()

    async def work() -> None:
        tries.append(len(tries))
        if len(tries) < 3:
            raise ZeroDivisionError

    await tended(work, telemetry, 0)
    assert tries == [0, 1, 2]
    assert b"bridge_internal_errors_total 2.0" in telemetry.exposition()


async def test_work_that_is_cancelled_is_not_begun_again() -> None:
    task = asyncio.ensure_future(tended(asyncio.Event().wait, Telemetry()))  # type: ignore[arg-type] # no end
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
