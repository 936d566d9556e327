"""What the runs must find: each mend of the order per key, taken out again.

Each is a set of patches, named by what then happens.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from bridge.core.claim import Claim, ClaimStatus
from bridge.delivery.drain import Drain
from bridge.delivery.key_order import KeyOrder
from bridge.delivery.retry_order import RetryOrder
from bridge.io.kafka.accumulator import RecordAccumulator
from bridge.io.kafka.pending import PendingRecord, divert, drop_indeterminate
from tests.fakes import FakeDedupStore

Mutation = Callable[[pytest.MonkeyPatch], None]


def a_drained_record_that_is_returned_is_passed(patch: pytest.MonkeyPatch) -> None:
    """Let a pass read on where a record that it sent came back to the spool."""
    patch.setattr(Drain, "_epoch", lambda drain: (drain.publisher.availability_epoch, 0))


def what_waits_is_spooled_before_what_was_in_flight(patch: pytest.MonkeyPatch) -> None:
    """Ask what waits behind a lost producer's batch before that is back in its queue."""

    def reclaim(accumulator: RecordAccumulator) -> None:
        for partition_queue in tuple(accumulator._queues.values()):  # noqa: SLF001 - as the mended one
            partition_queue.batch, partition_queue.stalled, partition_queue.broker_alive_at = None, False, 0.0
            pending_records, partition_queue.in_flight = partition_queue.in_flight, []
            batch = dict.fromkeys(pending_records)
            for pending_record in pending_records:
                pending_record.queue = batch
            kept = _without_lost(batch)
            if len(kept) < len(pending_records):
                divert(partition_queue.pending)
            accumulator._requeue(partition_queue, kept)  # noqa: SLF001
        for queue in (
            *[partition_queue.pending for partition_queue in accumulator._queues.values()],  # noqa: SLF001
            *accumulator.unassigned.values(),
        ):
            drop_indeterminate(queue)
        accumulator.availability_epoch += 1

    patch.setattr(RecordAccumulator, "requeue_in_flight", reclaim)


def _without_lost(batch: dict[PendingRecord, None]) -> list[PendingRecord]:
    kept = []
    for pending_record in batch:
        if pending_record.callbacks.on_indeterminate():
            pending_record.release()
        else:
            kept.append(pending_record)
    return kept


def what_was_requeued_from_an_earlier_producer_is_not_notified(patch: pytest.MonkeyPatch) -> None:
    """Ask only the batch under way whether it is kept elsewhere when its producer is lost."""

    def reclaim(accumulator: RecordAccumulator) -> None:
        for partition_queue in tuple(accumulator._queues.values()):  # noqa: SLF001
            partition_queue.batch, partition_queue.stalled, partition_queue.broker_alive_at = None, False, 0.0
            pending_records, partition_queue.in_flight = partition_queue.in_flight, []
            lost = [
                pending_record
                for pending_record in pending_records
                if pending_record.callbacks.on_indeterminate()
            ]
            for pending_record in lost:
                pending_record.release()
            kept = [pending_record for pending_record in pending_records if pending_record not in lost]
            accumulator._requeue(partition_queue, kept)  # noqa: SLF001
            if lost:
                divert(partition_queue.pending)
        accumulator.availability_epoch += 1

    patch.setattr(RecordAccumulator, "requeue_in_flight", reclaim)


def what_the_spool_did_not_accept_is_passed_by_what_it_accepts(patch: pytest.MonkeyPatch) -> None:
    """Spool a record although an earlier one of its key is in the producer alone."""
    patch.setattr(KeyOrder, "is_behind_unspooled", lambda *_: False)


def a_missing_topics_batch_is_not_notified(patch: pytest.MonkeyPatch) -> None:
    """Spool what waits for a topic that went missing before what is in its last batch."""

    def divert_missing(accumulator: RecordAccumulator, topic: str) -> None:
        divert(accumulator.unassigned.get(topic, ()))

    patch.setattr(RecordAccumulator, "_divert_missing", divert_missing)


def a_revision_is_claimed_by_a_second_call(patch: pytest.MonkeyPatch) -> None:
    """Claim a revision by a second call, in which the next event of its file passes it."""
    claim = FakeDedupStore._claim  # noqa: SLF001

    def answer(store: FakeDedupStore, request: Claim) -> Claim:
        return claim(store, request) if not store.unavailable else _unavailable(request)

    patch.setattr(FakeDedupStore, "_claim_or_revise", answer)


def _unavailable(request: Claim) -> Claim:
    return replace(request, status=ClaimStatus.UNAVAILABLE)


def a_retry_is_passed_by_later_events(patch: pytest.MonkeyPatch) -> None:
    """Let what came later pass a delivery that is tried again."""
    patch.setattr(RetryOrder, "wait_for_earlier", lambda *_: None)


MUTATIONS: dict[str, Mutation] = {
    "a": a_drained_record_that_is_returned_is_passed,
    "b": what_waits_is_spooled_before_what_was_in_flight,
    "c": what_was_requeued_from_an_earlier_producer_is_not_notified,
    "d": what_the_spool_did_not_accept_is_passed_by_what_it_accepts,
    "e": a_missing_topics_batch_is_not_notified,
    "revision": a_revision_is_claimed_by_a_second_call,
    "retry": a_retry_is_passed_by_later_events,
}
