"""Large bodies, which a thread reads while the event loop serves others: in real time, with patience."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from bridge.core.outcome import DeliveryOutcome
from tests.body_shapes import SHAPES
from tests.deliveries import POLICY, Rig, edited
from tests.rig.waiting import WITHIN_S

pytestmark = pytest.mark.asyncio
IN_REAL_TIME = True


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Give a started pipeline that holds for as long as the thread takes."""
    async with Rig(msgspec.structs.replace(POLICY, hold_s=WITHIN_S)) as rig:
        yield rig


async def test_a_large_body_is_read_while_others_are_served(rig: Rig) -> None:
    many = b",".join([b"{}"] * 300_000)
    large = (
        b'{"EventType":"ProcedureStateChanged","ProcedureStateChangeEvent":{"TaskId":"big","Status":"FINISH",'
    )
    large += b'"MediaProcessResultSet":[' + many + b"]}}"
    first = rig.deliver(large)
    second = rig.deliver(edited())
    assert (await second).outcome is DeliveryOutcome.PUBLISHED
    assert not first.done()
    assert (await first).outcome is DeliveryOutcome.PUBLISHED
    assert (await rig.deliver(b"x" * 300_000)).reason == "malformed"


async def test_a_middling_body_of_very_many_parts_is_read_while_others_are_served(rig: Rig) -> None:
    body = b'{"version":"4.0","eventType":"ConcatComplete","data":{"vodTaskId":"big","fileInfo":[%b]}}'
    first = rig.deliver(body % b",".join([b"{}"] * 80_000))
    second = rig.deliver(edited())
    assert (await second).outcome is DeliveryOutcome.PUBLISHED
    assert not first.done()
    assert (await first).outcome is DeliveryOutcome.PUBLISHED


async def test_large_bodies_that_nobody_has_read_when_the_bridge_stops_are_deferred(rig: Rig) -> None:
    body = SHAPES["empty objects, then a code"](1024 * 1024)  # half a second each
    posts = [rig.deliver(body) for _ in range(3)]
    await asyncio.sleep(0)
    await rig.pipeline.stop(0)
    outcome = await posts[-1]
    assert (outcome.outcome, outcome.detail) == (
        DeliveryOutcome.DEFERRED,
        "the bridge stops, and has not read it",
    )
    late = await rig.deliver(body)
    assert (late.outcome, late.detail) == (DeliveryOutcome.DEFERRED, "the bridge stops, and has not read it")
    assert rig.telemetry.registry.get_sample_value("vod_bridge_internal_errors_total") == 0
