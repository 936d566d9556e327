"""Deliveries of one occurrence: who publishes, who waits, what is a revision."""

import asyncio

import msgspec
import pytest

from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, UnavailableError
from bridge.core.record import Routing
from bridge.delivery.pipeline import Pipeline
from bridge.observability.telemetry import Telemetry
from tests.contracts import NOW_MS
from tests.deliveries import APP, POLICY, Rig, cast, deleted, edited
from tests.fakes import FakeWriter
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


async def test_many_at_once_get_the_first_ones_outcome() -> None:
    policy = msgspec.structs.replace(POLICY, hold_s=60)  # 200 at once take their time on a busy machine
    async with Rig(policy) as rig:
        rig.writer.scripted_results = [...]
        posts = [rig.deliver(edited()) for _ in range(200)]
        await eventually(lambda: rig.writer.writes, "the first one's record is on its way")
        rig.writer.finish(rig.writer.writes[0])
        endings = [outcome.outcome for outcome in await asyncio.gather(*posts)]
    assert endings == [DeliveryOutcome.PUBLISHED, *[DeliveryOutcome.DUPLICATE] * 199]
    assert len(rig.writer.writes) == 1


async def test_a_waiting_delivery_takes_over_from_one_that_failed(rig: Rig) -> None:
    rig.writer.scripted_results = [...]
    first = rig.deliver(edited())
    await eventually(lambda: rig.writer.writes, "the first one's record is on its way")
    second = rig.deliver(edited())
    await asyncio.sleep(0)
    rig.writer.finish(rig.writer.writes[0], UnavailableError("not written"))
    endings = {(await first).outcome, (await second).outcome}
    assert endings == {DeliveryOutcome.PUBLISHED, DeliveryOutcome.DUPLICATE}
    assert len(rig.writer.records) == 1


async def test_a_revised_result_is_published_under_an_id_of_its_own(rig: Rig) -> None:
    await rig.deliver(edited())
    revised = await rig.deliver(edited(message="again"))
    assert revised.outcome is DeliveryOutcome.PUBLISHED
    assert revised.event_id.startswith("EditMediaComplete:t1:FINISH#")
    assert rig.values()[1]["delivery"] == {
        "format": "v3",
        "mode": "push",
        "deduplicated": True,
        "revision": True,
    }
    assert (await rig.deliver(edited(message="again"))).outcome is DeliveryOutcome.DUPLICATE
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DUPLICATE


async def test_a_revision_does_not_wait_for_the_first_content(rig: Rig) -> None:
    rig.writer.scripted_results = [...]
    first = rig.deliver(edited())
    await eventually(lambda: rig.writer.writes, "the first one's record is on its way")
    assert (await rig.deliver(edited(message="again"))).outcome is DeliveryOutcome.PUBLISHED
    rig.writer.finish(rig.writer.writes[0])
    assert (await first).outcome is DeliveryOutcome.PUBLISHED


async def test_the_other_formats_copy_waits_and_is_a_duplicate(rig: Rig) -> None:
    legacy = (
        b'{"version":"4.0","eventType":"TranscodeComplete","data":{"vodTaskId":"t9","status":0,"fileId":"f"}}'
    )
    v3 = (
        b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{"TaskId":"t9","ErrCode":0,"FileId":"f"}}'
    )
    rig.writer.scripted_results = [...]
    first = rig.deliver(v3)
    await eventually(lambda: rig.writer.writes, "the first one's record is on its way")
    second = rig.deliver(legacy)
    await asyncio.sleep(0)
    rig.writer.finish(rig.writer.writes[0])
    assert (await first).outcome is DeliveryOutcome.PUBLISHED
    assert (await second).outcome is DeliveryOutcome.DUPLICATE
    changed = legacy.replace(b'"status":0', b'"status":4')
    assert "#" in (await rig.deliver(changed)).event_id


async def test_what_another_process_holds_is_claimed_again_until_the_lease_is_ours(rig: Rig) -> None:
    other = Rig()
    other.pipeline = Pipeline(rig.dedup, other.writer, Routing(), Telemetry(), POLICY)
    other.writer.scripted_results = [...]
    theirs = other.deliver(edited())
    await eventually(lambda: other.writer.writes, "the other process holds it")
    ours = rig.deliver(edited())
    await asyncio.sleep(0)
    other.writer.finish(other.writer.writes[0], ZeroDivisionError())
    assert (await theirs).reason == "internal"
    assert (await ours).outcome is DeliveryOutcome.PUBLISHED


async def test_what_another_process_holds_for_too_long_is_deferred(rig: Rig) -> None:
    other = Pipeline(rig.dedup, writer := FakeWriter(), Routing(), Telemetry(), POLICY)
    writer.scripted_results = [...]
    theirs = asyncio.ensure_future(
        other.deliver(Notification(application=APP, body=edited(), received_ms=NOW_MS))
    )
    await eventually(lambda: writer.writes, "the other process holds it")
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    await theirs
    writer.finish(writer.writes[0])


async def test_without_dedup_events_are_published_and_marked_so(rig: Rig) -> None:
    rig.dedup.unavailable = True
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED
    assert rig.values()[0]["delivery"] == {"format": "v3", "mode": "push", "deduplicated": False}


async def test_a_recurring_events_redelivery_has_the_first_ones_id(rig: Rig) -> None:
    first = await rig.deliver(deleted())
    assert first.event_id.endswith(f"@{NOW_MS}")
    rig.clock.now_ms += 5_000
    assert (await rig.deliver(deleted())) == msgspec.structs.replace(first, outcome=DeliveryOutcome.DUPLICATE)
    rig.clock.now_ms += 60_000
    recurred = await rig.deliver(deleted())
    assert (recurred.outcome, recurred.event_id[-13:]) == (DeliveryOutcome.PUBLISHED, str(NOW_MS + 65_000))


async def test_only_a_repeat_of_a_casts_latest_status_is_a_duplicate(rig: Rig) -> None:
    for status, expected in (
        ("Working", "published"),
        ("Working", "duplicate"),
        ("Idle", "published"),
        ("Working", "published"),
    ):
        rig.clock.now_ms += 10
        assert (await rig.deliver(cast(status))).outcome == expected, status


async def test_a_cast_that_toggles_while_its_first_status_is_in_flight_is_published(rig: Rig) -> None:
    rig.writer.scripted_results = [..., ..., ...]
    posts = [rig.deliver(cast(status)) for status in ("Working", "Idle", "Working")]
    await eventually(lambda: len(rig.writer.writes) == 3, "all three are on their way")
    for write in rig.writer.writes:
        rig.writer.finish(write)
    assert [post.outcome for post in await asyncio.gather(*posts)] == ["published"] * 3
