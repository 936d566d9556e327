"""What the runs must find: each mend of the order per key, taken out again.

Each is a set of patches, named by what then happens.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bridge.core.claim import Answer, Claim
from bridge.core.event import Record
from bridge.drain import Drain
from bridge.io.publisher.lanes import Lanes
from bridge.io.publisher.tickets import Ticket, divert, drop_lost
from bridge.io.spool import Spool
from bridge.key_order import KeyOrder
from bridge.retry_order import RetryOrder
from tests.fakes import FakeMemory

Mutation = Callable[[pytest.MonkeyPatch], None]


def a_drained_record_that_comes_back_is_passed(patch: pytest.MonkeyPatch) -> None:
    """Let a pass read on where a record that it sent came back to the spool."""
    patch.setattr(Drain, "_epoch", lambda drain: (drain.producer.era, 0))


def what_waits_is_spooled_before_what_was_under_way(patch: pytest.MonkeyPatch) -> None:
    """Ask what waits behind a lost producer's batch before that is back in its queue."""

    def reclaim(lanes: Lanes) -> None:
        for lane in tuple(lanes._lanes.values()):  # noqa: SLF001 - as the mended one
            lane.batch, lane.stuck, lane.met_at = None, False, 0.0
            tickets, lane.under_way = lane.under_way, []
            batch = dict.fromkeys(tickets)
            for ticket in tickets:
                ticket.queue = batch
            kept = _without_lost(batch)
            if len(kept) < len(tickets):
                divert(lane.waiting)
            lanes._return(lane, kept)  # noqa: SLF001
        for queue in (*[lane.waiting for lane in lanes._lanes.values()], *lanes.homeless.values()):  # noqa: SLF001
            drop_lost(queue)
        lanes.era += 1

    patch.setattr(Lanes, "reclaim", reclaim)


def _without_lost(batch: dict[Ticket, None]) -> list[Ticket]:
    kept = []
    for ticket in batch:
        if ticket.owner.lost():
            ticket.end()
        else:
            kept.append(ticket)
    return kept


def what_came_back_from_an_earlier_producer_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    """Ask only the batch under way whether it is kept elsewhere when its producer is lost."""

    def reclaim(lanes: Lanes) -> None:
        for lane in tuple(lanes._lanes.values()):  # noqa: SLF001
            lane.batch, lane.stuck, lane.met_at = None, False, 0.0
            tickets, lane.under_way = lane.under_way, []
            lost = [ticket for ticket in tickets if ticket.owner.lost()]
            for ticket in lost:
                ticket.end()
            lanes._return(lane, [ticket for ticket in tickets if ticket not in lost])  # noqa: SLF001
            if lost:
                divert(lane.waiting)
        lanes.era += 1

    patch.setattr(Lanes, "reclaim", reclaim)


def what_the_spool_did_not_take_is_passed_by_what_it_takes(patch: pytest.MonkeyPatch) -> None:
    """Spool a record although an earlier one of its key is in the producer alone."""
    patch.setattr(KeyOrder, "is_behind_unkept", lambda *_: False)


def a_missing_topics_batch_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    """Spool what waits for a topic that went missing before what is in its last batch."""

    def divert_missing(lanes: Lanes, topic: str) -> None:
        divert(lanes.homeless.get(topic, ()))

    patch.setattr(Lanes, "_divert_missing", divert_missing)


def a_revision_asks_again(patch: pytest.MonkeyPatch) -> None:
    """Claim a revision by a second call, in which the next event of its file passes it."""
    claim = FakeMemory._claim  # noqa: SLF001

    def answer(store: FakeMemory, asked: Claim) -> Claim:
        return claim(store, asked) if not store.away else _away(asked)

    patch.setattr(FakeMemory, "_answer", answer)


def _away(asked: Claim) -> Claim:
    return replace(asked, answer=Answer.AWAY)


def a_retry_keeps_no_place(patch: pytest.MonkeyPatch) -> None:
    """Let what came later pass a delivery that is tried again."""
    patch.setattr(RetryOrder, "ahead_of", lambda *_: None)


def the_spool_refuses_what_it_would_have_taken(patch: pytest.MonkeyPatch) -> None:
    """Let the spool say at its brim that it takes a record, and then not take it."""

    def accepts(spool: Spool, record: Record) -> bool:
        return spool.takes(len(record.value) + len(record.key) - 512)

    patch.setattr(Spool, "accepts", accepts)


MUTATIONS: dict[str, Mutation] = {
    "a": a_drained_record_that_comes_back_is_passed,
    "b": what_waits_is_spooled_before_what_was_under_way,
    "c": what_came_back_from_an_earlier_producer_is_not_asked,
    "d": what_the_spool_did_not_take_is_passed_by_what_it_takes,
    "e": a_missing_topics_batch_is_not_asked,
    "revision": a_revision_asks_again,
    "retry": a_retry_keeps_no_place,
}
