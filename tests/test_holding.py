"""What is not durable yet: how long it is kept silent, and what becomes of its send."""

import asyncio

import msgspec
import pytest

from bridge.core.outcome import Ending, Reason, Rejected, Unavailable
from bridge.holding import Holding, Patience, settled
from bridge.running import begin
from bridge.telling import Told
from tests.deliveries import RULE, Rig, edited
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


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


async def test_a_second_try_is_waited_for_until_the_hold_is_over_and_no_longer() -> None:
    rig = Rig(msgspec.structs.replace(RULE, hold_s=1.5, slow_s=1.25))
    rig.writer.fates = [..., ...]
    loop = asyncio.get_running_loop()
    started = loop.time()
    post = rig.deliver(edited())
    await eventually(lambda: rig.writer.tickets and loop.time() > started + 1, "most of the time is over")
    rig.writer.end(rig.writer.tickets[0], Unavailable("not written"))
    assert (await post).ending is Ending.DEFERRED
    assert len(rig.writer.tickets) == 2
    assert 1.5 <= loop.time() - started < 1.5 + 1.25
    await rig.pipeline.stop(0)


async def test_without_holding_the_answer_comes_once_patience_is_over() -> None:
    rig = Rig(Holding(hold_s=0, patience_s=0.05, retry_s=0.02))
    rig.writer.fates = ["waits"]
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    await rig.pipeline.stop(0)


async def test_a_record_that_only_waited_is_withdrawn_and_its_claim_let_go(rig: Rig) -> None:
    rig.writer.fates = ["waits"]
    rig.writer.flowing = False
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    with pytest.raises(Unavailable):
        rig.writer.tickets[0].durable.result()
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


async def test_a_journey_given_up_while_its_own_delivery_waits_is_as_unknown_as_before() -> None:
    rig = Rig(msgspec.structs.replace(RULE, hold_s=0.6, unknown_s=0.1))
    rig.pipeline.start()
    rig.writer.fates = [...]
    outcome = await rig.deliver(edited())
    assert (outcome.ending, outcome.detail[:6]) == (Ending.DEFERRED, "Kafka ")
    rig.writer.end(rig.writer.tickets[0])
    await rig.pipeline.stop(0.1)


async def test_only_so_many_are_held_and_the_rest_stay_silent_all_the_same() -> None:
    rig = Rig(msgspec.structs.replace(RULE, most=1))
    rig.writer.fates, rig.writer.flowing = ["waits", "waits"], False
    started = asyncio.get_running_loop().time()
    held, let_go = rig.deliver(edited("a")), rig.deliver(edited("b"))
    await eventually(lambda: len(rig.writer.tickets) == 2, "both are on their way")
    await eventually(rig.writer.tickets[1].durable.done, "there is no room for the second")
    assert not rig.writer.tickets[0].durable.done()
    assert {(await held).ending, (await let_go).ending} == {Ending.DEFERRED}
    assert asyncio.get_running_loop().time() - started >= RULE.hold_s
    await rig.pipeline.stop(0)


async def test_an_event_too_large_found_out_late_lets_its_claim_go(rig: Rig) -> None:
    rig.writer.fates = [...]
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    rig.writer.end(rig.writer.tickets[0], Rejected(Reason.TOO_LARGE, "the topic refuses it"))

    async def published() -> bool:
        return (await rig.deliver(edited())).ending is Ending.PUBLISHED

    await eventually(published, "the next one is published")


async def test_without_a_memory_events_are_held_where_that_is_set() -> None:
    rig = Rig(msgspec.structs.replace(RULE, publish_unchecked=False))
    rig.memory.away = True
    assert (await rig.deliver(edited())).ending is Ending.DEFERRED
    rig.memory.away = False
    assert (await rig.deliver(edited())).ending is Ending.PUBLISHED


async def test_stopping_waits_for_what_is_under_way(rig: Rig) -> None:
    rig.writer.fates = [...]
    post = rig.deliver(edited())
    await eventually(lambda: rig.writer.tickets, "its record is on its way")
    stopping = asyncio.ensure_future(rig.pipeline.stop(5))
    await asyncio.sleep(0)
    rig.writer.end(rig.writer.tickets[0])
    await stopping
    assert (await post).ending is Ending.PUBLISHED


async def test_what_is_done_is_not_waited_for() -> None:
    done = Told[Ending]()
    done.tell(Ending.PUBLISHED)
    await Patience(60).over(done)
    assert await begin(settled(done, 60))


async def test_patience_ends_for_each_in_its_turn_and_ends_nothing_else() -> None:
    patience = Patience(0.05)
    words = [Told[Ending]() for _ in range(3)]
    waits = [patience.over(word) for word in words]
    words[1].tell(Ending.PUBLISHED)
    assert [over.done() for over in waits] == [False, True, False]
    await asyncio.gather(*waits)
    assert [word.done() for word in words] == [False, True, False]
    await asyncio.gather(*(patience.over(word) for word in words))
    assert not words[0].done()


async def test_waits_that_are_over_are_not_kept() -> None:
    patience = Patience(60)
    for _ in range(3):
        word = Told[Ending]()
        asyncio.get_running_loop().call_soon(word.tell, Ending.PUBLISHED)
        await patience.over(word)
        assert word.done()


async def test_a_wait_ends_when_it_is_told_or_the_time_is_over() -> None:
    word = Told[Ending]()
    assert not await begin(settled(word, 0))
    assert not await begin(settled(word, 0.01))
    asyncio.get_running_loop().call_soon(word.tell, Ending.SPOOLED)
    assert await begin(settled(word, 60))
