"""One delivery's journey, on a memory and a writer that do as the test says."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import md5

import msgspec
import pytest

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import Ending, Outcome, Reason, Rejected, Unavailable
from bridge.core.record import Routing
from bridge.holding import Holding
from bridge.pipeline import Pipeline
from bridge.telemetry import Telemetry
from tests.contracts import NOW_MS, Clock
from tests.fakes import FakeMemory, FakeWriter
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

RULE = Holding(hold_s=0.3, slow_s=0.05, retry_s=0.02, renew_s=0.02, unknown_s=5)
APP = Application(name="shop")


class Rig:
    """A pipeline and its two fakes."""

    def __init__(self, rule: Holding = RULE) -> None:
        self.clock = Clock()
        self.memory = FakeMemory(self.clock)
        self.writer = FakeWriter()
        self.pipeline = Pipeline(self.memory, self.writer, Routing(), Telemetry(), rule)

    def deliver(self, body: bytes, **changes: object) -> "asyncio.Task[Outcome]":
        """Deliver ``body`` now."""
        notification = Notification(application=APP, body=body, received_ms=self.clock())
        return asyncio.ensure_future(self.pipeline.deliver(msgspec.structs.replace(notification, **changes)))

    def values(self) -> list[dict[str, object]]:
        """Read what stands in Kafka."""
        return [msgspec.json.decode(record.value) for record in self.writer.records]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """Give a started pipeline."""
    rig = Rig()
    rig.pipeline.start()
    yield rig
    await rig.pipeline.stop(0.1)


def edited(task: str = "t1", message: str = "SUCCESS") -> bytes:
    payload = {"TaskId": task, "Status": "FINISH", "ErrCode": 0, "Message": message}
    return msgspec.json.encode({"EventType": "EditMediaComplete", "EditMediaCompleteEvent": payload})


def deleted() -> bytes:
    return b'{"EventType":"FileDeleted","FileDeleteEvent":{"FileIdSet":["f1"]}}'


def cast(status: str) -> bytes:
    payload = {"CastId": "c", "Status": status}
    return msgspec.json.encode(
        {"EventType": "MediaCastStatusChanged", "MediaCastStatusChangedEvent": payload}
    )


async def test_a_new_event_is_published_and_its_repeat_is_a_duplicate(rig: Rig) -> None:
    first = await rig.deliver(edited())
    assert first == Outcome(
        ending=Ending.PUBLISHED,
        event_id="EditMediaComplete:t1:FINISH",
        event_type="EditMediaComplete",
        topic="vod.EditMediaComplete",
    )
    again = await rig.deliver(edited())
    assert again == msgspec.structs.replace(first, ending=Ending.DUPLICATE)
    assert len(rig.writer.records) == 1


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


async def test_what_was_not_written_is_tried_again_while_it_is_held(rig: Rig) -> None:
    rig.writer.fates = [Unavailable("no"), Unavailable("no")]
    assert (await rig.deliver(edited())).ending is Ending.PUBLISHED


async def test_what_nothing_takes_is_deferred_not_before_the_hold_is_over(rig: Rig) -> None:
    rig.writer.full = True
    started = asyncio.get_running_loop().time()
    outcome = await rig.deliver(edited())
    assert asyncio.get_running_loop().time() - started >= RULE.hold_s
    assert (outcome.ending, outcome.event_type) == (Ending.DEFERRED, "EditMediaComplete")
    rig.writer.full = False
    assert (await rig.deliver(edited())).ending is Ending.PUBLISHED


async def test_without_holding_the_answer_comes_once_patience_is_over() -> None:
    rig = Rig(Holding(hold_s=0, patience_s=0.05, retry_s=0.02))
    rig.writer.fates = ["waits"]
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    await rig.pipeline.stop(0)


async def test_a_record_that_only_waited_is_withdrawn_and_its_claim_let_go(rig: Rig) -> None:
    rig.writer.fates = ["waits"]
    rig.writer.flowing = False
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    assert rig.writer.tickets[0].acknowledged.exception()
    assert (await rig.deliver(edited())).ending is Ending.PUBLISHED


async def test_a_send_of_unknown_outcome_is_joined_by_redeliveries_and_ends_by_itself(rig: Rig) -> None:
    rig.writer.fates = [...]
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    again = rig.deliver(edited())
    await eventually(lambda: rig.memory.renewed, "the claim is kept")
    rig.writer.end(rig.writer.tickets[0])
    assert (await again).ending is Ending.DUPLICATE
    assert len(rig.writer.tickets) == 1


async def test_a_send_of_unknown_outcome_that_fails_lets_the_redelivery_take_over(rig: Rig) -> None:
    rig.writer.fates = [...]
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    again = rig.deliver(edited())
    await asyncio.sleep(0)
    rig.writer.end(rig.writer.tickets[0], Unavailable("refused after all"))
    assert (await again).ending is Ending.PUBLISHED


async def test_a_redelivery_of_what_is_still_unknown_is_deferred_too(rig: Rig) -> None:
    rig.writer.fates = [...]
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    assert len(rig.writer.tickets) == 1


async def test_an_unknown_outcome_keeps_its_claim_for_so_long_only() -> None:
    rig = Rig(msgspec.structs.replace(RULE, unknown_s=0.4))
    rig.pipeline.start()
    rig.writer.fates = [...]
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    rig.memory.flush()

    async def published() -> bool:
        return (await rig.deliver(edited())).ending is Ending.PUBLISHED

    await eventually(published, "a redelivery is published at last")
    rig.writer.end(rig.writer.tickets[0])
    await rig.pipeline.stop(0.1)
    assert len(rig.writer.records) == 2  # the price of not keeping a claim for ever


async def test_only_so_many_are_held_and_the_rest_stay_silent_all_the_same() -> None:
    rig = Rig(msgspec.structs.replace(RULE, most=1))
    rig.writer.fates, rig.writer.flowing = ["waits", "waits"], False
    started = asyncio.get_running_loop().time()
    held, let_go = rig.deliver(edited("a")), rig.deliver(edited("b"))
    await eventually(lambda: len(rig.writer.tickets) == 2, "both are on their way")
    await eventually(rig.writer.tickets[1].acknowledged.done, "there is no room for the second")
    assert not rig.writer.tickets[0].acknowledged.done()
    assert {(await held).ending, (await let_go).ending} == {Ending.DEFERRED}
    assert asyncio.get_running_loop().time() - started >= RULE.hold_s
    await rig.pipeline.stop(0)


async def test_bytes_that_are_no_event_are_kept_and_told(rig: Rig) -> None:
    outcome = await rig.deliver(b"nonsense")
    assert (outcome.ending, outcome.reason, outcome.topic) == ("rejected", "malformed", "vod.dead-letter")
    assert rig.writer.records[0].value == b"nonsense"


async def test_damage_that_the_door_saw_is_malformed(rig: Rig) -> None:
    outcome = await rig.deliver(b"\x1f\x8b", damage="broken gzip")
    assert (outcome.reason, outcome.detail) == ("malformed", "broken gzip")


async def test_a_rejection_that_cannot_be_kept_is_deferred(rig: Rig) -> None:
    rig.writer.fates = [...]
    assert (await rig.deliver(b"nonsense")).ending is Ending.DEFERRED
    rig.writer.end(rig.writer.tickets[0])


async def test_an_event_too_large_for_its_topic_is_kept_as_it_came(rig: Rig) -> None:
    rig.writer.fates = [Rejected(Reason.TOO_LARGE, "the topic refuses it")]
    outcome = await rig.deliver(edited())
    assert (outcome.ending, outcome.reason) == (Ending.REJECTED, "too_large")
    assert [(r.topic, r.value) for r in rig.writer.records] == [("vod.dead-letter", edited())]
    assert (await rig.deliver(edited())).ending is Ending.PUBLISHED


async def test_an_event_too_large_found_out_late_lets_its_claim_go(rig: Rig) -> None:
    rig.writer.fates = [...]
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    rig.writer.end(rig.writer.tickets[0], Rejected(Reason.TOO_LARGE, "the topic refuses it"))

    async def published() -> bool:
        return (await rig.deliver(edited())).ending is Ending.PUBLISHED

    await eventually(published, "the next one is published")


async def test_a_bug_of_ours_is_rejected_as_internal_and_its_claim_let_go(rig: Rig) -> None:
    rig.writer.fates = [ZeroDivisionError()]
    outcome = await rig.deliver(edited())
    assert (outcome.ending, outcome.reason) == (Ending.REJECTED, "internal")
    assert (await rig.deliver(edited())).ending is Ending.PUBLISHED


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


async def test_without_a_memory_events_are_held_where_that_is_set() -> None:
    rig = Rig(msgspec.structs.replace(RULE, publish_unchecked=False))
    rig.memory.away = True
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    rig.memory.away = False
    assert (await rig.deliver(edited())).ending is Ending.PUBLISHED


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


async def test_a_signature_is_asked_for_where_the_application_has_keys(rig: Rig) -> None:
    app = Application(name="shop", sign_keys=("secret",))
    t = str(NOW_MS // 1000 + 600)
    sign = md5(f"secret{t}".encode()).hexdigest()  # noqa: S324 - the vendor's
    signed = edited()[:-1] + f',"Sign":"{sign}","T":{t}}}'.encode()
    assert (await rig.deliver(signed, application=app)).ending is Ending.PUBLISHED
    assert b"Sign" not in rig.writer.records[0].value
    assert (await rig.deliver(edited("t2"), application=app)) == Outcome(
        ending=Ending.UNAUTHORIZED, reason="missing"
    )
    assert (await rig.deliver(b"nonsense", application=app)).ending is Ending.UNAUTHORIZED
    by_query = await rig.deliver(b"nonsense", application=app, query_sign=sign, query_t=t)
    assert by_query.ending is Ending.REJECTED


async def test_stopping_waits_for_what_is_under_way(rig: Rig) -> None:
    rig.writer.fates = [...]
    post = rig.deliver(edited())
    await eventually(lambda: rig.writer.tickets, "its record is on its way")
    stopping = asyncio.ensure_future(rig.pipeline.stop(5))
    await asyncio.sleep(0)
    rig.writer.end(rig.writer.tickets[0])
    await stopping
    assert (await post).ending is Ending.PUBLISHED
