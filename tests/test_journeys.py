"""Deliveries of one occurrence: who publishes, who waits, what is a revision."""

import asyncio

import msgspec
import pytest

from bridge.core.event import Notification
from bridge.core.outcome import Ending, Unavailable
from bridge.core.record import Routing
from bridge.pipeline import Pipeline
from bridge.telemetry import Telemetry
from tests.contracts import NOW_MS
from tests.deliveries import APP, RULE, Rig, cast, deleted, edited
from tests.fakes import FakeWriter
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


async def test_many_at_once_get_the_first_ones_ending(rig: Rig) -> None:
    rig.writer.fates = [...]
    posts = [rig.deliver(edited()) for _ in range(200)]
    await eventually(lambda: rig.writer.tickets, "the first one's record is on its way")
    rig.writer.end(rig.writer.tickets[0])
    endings = [outcome.ending for outcome in await asyncio.gather(*posts)]
    assert endings == [Ending.PUBLISHED, *[Ending.DUPLICATE] * 199]
    assert len(rig.writer.tickets) == 1


async def test_a_waiting_delivery_takes_over_from_one_that_failed(rig: Rig) -> None:
    rig.writer.fates = [...]
    first = rig.deliver(edited())
    await eventually(lambda: rig.writer.tickets, "the first one's record is on its way")
    second = rig.deliver(edited())
    await asyncio.sleep(0)
    rig.writer.end(rig.writer.tickets[0], Unavailable("not written"))
    endings = {(await first).ending, (await second).ending}
    assert endings == {Ending.PUBLISHED, Ending.DUPLICATE}
    assert len(rig.writer.records) == 1


async def test_a_revised_result_is_published_under_an_id_of_its_own(rig: Rig) -> None:
    await rig.deliver(edited())
    revised = await rig.deliver(edited(message="again"))
    assert revised.ending is Ending.PUBLISHED
    assert revised.event_id.startswith("EditMediaComplete:t1:FINISH#")
    assert rig.values()[1]["delivery"] == {
        "format": "v3",
        "mode": "push",
        "deduplicated": True,
        "revision": True,
    }
    assert (await rig.deliver(edited(message="again"))).ending is Ending.DUPLICATE
    assert (await rig.deliver(edited())).ending is Ending.DUPLICATE


async def test_a_revision_does_not_wait_for_the_first_content(rig: Rig) -> None:
    rig.writer.fates = [...]
    first = rig.deliver(edited())
    await eventually(lambda: rig.writer.tickets, "the first one's record is on its way")
    assert (await rig.deliver(edited(message="again"))).ending is Ending.PUBLISHED
    rig.writer.end(rig.writer.tickets[0])
    assert (await first).ending is Ending.PUBLISHED


async def test_the_other_formats_copy_waits_and_is_a_duplicate(rig: Rig) -> None:
    legacy = (
        b'{"version":"4.0","eventType":"TranscodeComplete","data":{"vodTaskId":"t9","status":0,"fileId":"f"}}'
    )
    v3 = (
        b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{"TaskId":"t9","ErrCode":0,"FileId":"f"}}'
    )
    rig.writer.fates = [...]
    first = rig.deliver(v3)
    await eventually(lambda: rig.writer.tickets, "the first one's record is on its way")
    second = rig.deliver(legacy)
    await asyncio.sleep(0)
    rig.writer.end(rig.writer.tickets[0])
    assert (await first).ending is Ending.PUBLISHED
    assert (await second).ending is Ending.DUPLICATE
    changed = legacy.replace(b'"status":0', b'"status":4')
    assert "#" in (await rig.deliver(changed)).event_id


async def test_what_another_process_holds_is_asked_for_again_until_it_is_ours(rig: Rig) -> None:
    other = Rig()
    other.pipeline = Pipeline(rig.memory, other.writer, Routing(), Telemetry(), RULE)
    other.writer.fates = [...]
    theirs = other.deliver(edited())
    await eventually(lambda: other.writer.tickets, "the other process holds it")
    ours = rig.deliver(edited())
    await asyncio.sleep(0)
    other.writer.end(other.writer.tickets[0], ZeroDivisionError())
    assert (await theirs).reason == "internal"
    assert (await ours).ending is Ending.PUBLISHED


async def test_what_another_process_holds_for_too_long_is_deferred(rig: Rig) -> None:
    other = Pipeline(rig.memory, writer := FakeWriter(), Routing(), Telemetry(), RULE)
    writer.fates = [...]
    theirs = asyncio.ensure_future(
        other.deliver(Notification(application=APP, body=edited(), received_ms=NOW_MS))
    )
    await eventually(lambda: writer.tickets, "the other process holds it")
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    await theirs
    writer.end(writer.tickets[0])


async def test_without_a_memory_events_are_published_and_say_so(rig: Rig) -> None:
    rig.memory.away = True
    assert (await rig.deliver(edited())).ending is Ending.PUBLISHED
    assert rig.values()[0]["delivery"] == {"format": "v3", "mode": "push", "deduplicated": False}


async def test_a_recurring_events_redelivery_is_told_the_first_ones_id(rig: Rig) -> None:
    first = await rig.deliver(deleted())
    assert first.event_id.endswith(f"@{NOW_MS}")
    rig.clock.now_ms += 5_000
    assert (await rig.deliver(deleted())) == msgspec.structs.replace(first, ending=Ending.DUPLICATE)
    rig.clock.now_ms += 60_000
    recurred = await rig.deliver(deleted())
    assert (recurred.ending, recurred.event_id[-13:]) == (Ending.PUBLISHED, str(NOW_MS + 65_000))


async def test_only_a_repeat_of_a_casts_latest_status_is_a_duplicate(rig: Rig) -> None:
    for status, expected in (
        ("Working", "published"),
        ("Working", "duplicate"),
        ("Idle", "published"),
        ("Working", "published"),
    ):
        rig.clock.now_ms += 10
        assert (await rig.deliver(cast(status))).ending == expected, status


async def test_a_cast_that_toggles_while_its_first_status_is_under_way_is_news(rig: Rig) -> None:
    rig.writer.fates = [..., ..., ...]
    posts = [rig.deliver(cast(status)) for status in ("Working", "Idle", "Working")]
    await eventually(lambda: len(rig.writer.tickets) == 3, "all three are on their way")
    for ticket in rig.writer.tickets:
        rig.writer.end(ticket)
    assert [post.ending for post in await asyncio.gather(*posts)] == ["published"] * 3
