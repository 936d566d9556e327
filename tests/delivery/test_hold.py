"""What is not durable yet: how long it is kept silent, and what becomes of its send."""

import asyncio
from math import inf

import msgspec
import pytest

from bridge.aio.inline_task import start_inline
from bridge.aio.promise import Promise
from bridge.core.outcome import DeliveryOutcome, Reason, RejectedError, UnavailableError
from bridge.delivery.hold import HoldPolicy, TimeoutQueue, wait_for
from tests.deliveries import POLICY, Rig, edited
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


async def test_what_was_not_written_is_tried_again_while_it_is_held(rig: Rig) -> None:
    rig.writer.scripted_results = [UnavailableError("no"), UnavailableError("no")]
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED


async def test_what_nothing_takes_is_deferred_not_before_the_hold_is_over(rig: Rig) -> None:
    rig.writer.full = True
    started = asyncio.get_running_loop().time()
    result = await rig.deliver(edited())
    assert asyncio.get_running_loop().time() - started == pytest.approx(POLICY.hold_s)
    assert (result.outcome, result.event_type) == (DeliveryOutcome.DEFERRED, "EditMediaComplete")
    rig.writer.full = False
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED


async def test_a_second_try_is_waited_for_until_the_hold_is_over_and_no_longer() -> None:
    rig = Rig(msgspec.structs.replace(POLICY, hold_s=1.5, slow_after_s=1.25))
    rig.writer.scripted_results = [..., ...]
    loop = asyncio.get_running_loop()
    started = loop.time()
    post = rig.deliver(edited())
    await eventually(lambda: rig.writer.writes and loop.time() > started + 1, "most of the time is over")
    rig.writer.finish(rig.writer.writes[0], UnavailableError("not written"))
    assert (await post).outcome is DeliveryOutcome.DEFERRED
    assert len(rig.writer.writes) == 2
    assert loop.time() - started == pytest.approx(1.5)
    await rig.pipeline.stop(0)


async def test_without_holding_the_result_comes_after_the_wait_without_hold() -> None:
    rig = Rig(HoldPolicy(hold_s=0, wait_without_hold_s=0.05, initial_backoff_s=0.02))
    rig.writer.scripted_results = ["waits"]
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    await rig.pipeline.stop(0)


async def test_a_record_that_only_waited_is_withdrawn_and_its_claim_released(rig: Rig) -> None:
    rig.writer.scripted_results = ["waits"]
    rig.writer.accepting = False
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    with pytest.raises(UnavailableError):
        rig.writer.writes[0].durable.result()
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED


async def test_what_is_written_in_time_is_answered_once_its_claim_is_committed_even_after_the_hold(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.writer.scripted_results, committing = [...], Promise[bool]()
    monkeypatch.setattr(rig.dedup, "commit", lambda _: committing)
    loop = asyncio.get_running_loop()
    started = loop.time()
    post = rig.deliver(edited())
    await eventually(lambda: rig.writer.writes, "it is being written")
    rig.writer.finish(rig.writer.writes[0])
    await eventually(lambda: loop.time() > started + POLICY.hold_s + 0.1, "its time is over")
    assert not post.done()
    committing.set_result(True)
    assert (await post).outcome is DeliveryOutcome.PUBLISHED


async def test_an_indeterminate_send_is_joined_by_redeliveries_and_ends_by_itself(rig: Rig) -> None:
    rig.writer.scripted_results = [...]
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    again = rig.deliver(edited())
    await eventually(lambda: rig.dedup.renewed, "the claim is kept")
    rig.writer.finish(rig.writer.writes[0])
    assert (await again).outcome is DeliveryOutcome.DUPLICATE
    assert len(rig.writer.writes) == 1


async def test_an_indeterminate_send_that_fails_lets_the_redelivery_take_over(rig: Rig) -> None:
    rig.writer.scripted_results = [...]
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    again = rig.deliver(edited())
    await asyncio.sleep(0)
    rig.writer.finish(rig.writer.writes[0], UnavailableError("refused after all"))
    assert (await again).outcome is DeliveryOutcome.PUBLISHED


async def test_a_redelivery_of_what_is_still_indeterminate_is_deferred_too(rig: Rig) -> None:
    rig.writer.scripted_results = [...]
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    assert len(rig.writer.writes) == 1


async def test_an_indeterminate_send_keeps_its_claim_for_its_ttl_only() -> None:
    async with Rig(msgspec.structs.replace(POLICY, indeterminate_ttl_s=0.4)) as rig:
        rig.writer.scripted_results = [...]
        assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
        rig.dedup.flush()

        async def published() -> bool:
            return (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED

        await eventually(published, "a redelivery is published at last")
        rig.writer.finish(rig.writer.writes[0])
    assert len(rig.writer.records) == 2  # the price of not keeping a claim for ever


async def test_an_event_abandoned_while_its_own_delivery_waits_is_as_indeterminate_as_before() -> None:
    async with Rig(msgspec.structs.replace(POLICY, hold_s=0.6, indeterminate_ttl_s=0.1)) as rig:
        rig.writer.scripted_results = [...]
        result = await rig.deliver(edited())
        assert (result.outcome, result.detail[:6]) == (DeliveryOutcome.DEFERRED, "Kafka ")
        rig.writer.finish(rig.writer.writes[0])


async def test_only_so_many_are_held_and_the_rest_stay_silent_all_the_same() -> None:
    rig = Rig(msgspec.structs.replace(POLICY, max_held=1))
    rig.writer.scripted_results, rig.writer.accepting = ["waits", "waits"], False
    started = asyncio.get_running_loop().time()
    held, let_go = rig.deliver(edited("a")), rig.deliver(edited("b"))
    await eventually(lambda: len(rig.writer.writes) == 2, "both are on their way")
    await eventually(rig.writer.writes[1].durable.done, "there is no room for the second")
    assert not rig.writer.writes[0].durable.done()
    assert {(await held).outcome, (await let_go).outcome} == {DeliveryOutcome.DEFERRED}
    assert asyncio.get_running_loop().time() - started == pytest.approx(POLICY.hold_s)
    await rig.pipeline.stop(0)


async def test_an_event_too_large_found_out_late_releases_its_claim(rig: Rig) -> None:
    rig.writer.scripted_results = [...]
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    rig.writer.finish(rig.writer.writes[0], RejectedError(Reason.TOO_LARGE, "the topic refuses it"))

    async def published() -> bool:
        return (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED

    await eventually(published, "the next one is published")


async def test_without_dedup_events_are_held_where_that_is_set() -> None:
    rig = Rig(msgspec.structs.replace(POLICY, fail_open=False))
    rig.dedup.unavailable = True
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.DEFERRED
    rig.dedup.unavailable = False
    assert (await rig.deliver(edited())).outcome is DeliveryOutcome.PUBLISHED


async def test_stopping_waits_for_what_is_in_flight(rig: Rig) -> None:
    rig.writer.scripted_results = [...]
    post = rig.deliver(edited())
    await eventually(lambda: rig.writer.writes, "its record is on its way")
    stopping = asyncio.ensure_future(rig.pipeline.stop(5))
    await asyncio.sleep(0)
    rig.writer.finish(rig.writer.writes[0])
    await stopping
    assert (await post).outcome is DeliveryOutcome.PUBLISHED


async def test_what_is_done_is_not_waited_for() -> None:
    done = Promise[DeliveryOutcome]()
    done.set_result(DeliveryOutcome.PUBLISHED)
    await TimeoutQueue(60).with_timeout(done, inf)
    assert await start_inline(wait_for(done, 60))


async def test_each_timeout_fires_in_its_turn_and_resolves_nothing_else() -> None:
    queue = TimeoutQueue(0.05)
    promises = [Promise[DeliveryOutcome]() for _ in range(3)]
    timeouts = [queue.with_timeout(promise, inf) for promise in promises]
    promises[1].set_result(DeliveryOutcome.PUBLISHED)
    assert [timeout.done() for timeout in timeouts] == [False, True, False]
    await asyncio.gather(*timeouts)
    assert [promise.done() for promise in promises] == [False, True, False]
    await asyncio.gather(*(queue.with_timeout(promise, inf) for promise in promises))
    assert not promises[0].done()


async def test_entries_that_are_done_are_not_kept() -> None:
    queue = TimeoutQueue(60)
    for _ in range(3):
        promise = Promise[DeliveryOutcome]()
        asyncio.get_running_loop().call_soon(promise.set_result, DeliveryOutcome.PUBLISHED)
        await queue.with_timeout(promise, inf)
        assert promise.done()


async def test_a_wait_ends_with_the_result_or_at_the_timeout() -> None:
    promise = Promise[DeliveryOutcome]()
    assert not await start_inline(wait_for(promise, 0))
    assert not await start_inline(wait_for(promise, 0.01))
    asyncio.get_running_loop().call_soon(promise.set_result, DeliveryOutcome.SPOOLED)
    assert await start_inline(wait_for(promise, 60))
