"""Which partition queues are overdue or stalled. Arithmetic: nothing is sent or called back."""

from collections.abc import Iterable

from bridge.io.kafka.pending import PartitionQueue

_MAX_STALL_COUNT = 5


def overdue(queues: Iterable[PartitionQueue], now: float, after_s: float) -> list[PartitionQueue]:
    """List the queues whose batch in flight, or whose oldest waiting record, is older than ``after_s``."""
    return [
        queue
        for queue in queues
        if (queue.in_flight and now - queue.sent_at > after_s)
        or (queue.pending and now - next(iter(queue.pending)).enqueued_at > after_s)
    ]


def note_broker_alive(queues: Iterable[PartitionQueue], now: float) -> None:
    """Note in each stalled queue that the broker answered another request, if it is the first since."""
    for queue in queues:
        if queue.stalled and not queue.broker_alive_at:
            queue.broker_alive_at = now


def is_producer_stalled(queues: Iterable[PartitionQueue], now: float, after_s: float) -> bool:
    """Whether a queue has waited for ``after_s`` while the broker answered other requests.

    The time doubles with each producer that was replaced in a row because of that queue.
    """
    silent = [
        queue
        for queue in queues
        if queue.broker_alive_at and now - queue.broker_alive_at > after_s * 2**queue.stall_count
    ]
    for queue in silent:
        queue.stall_count = min(queue.stall_count + 1, _MAX_STALL_COUNT)
    return bool(silent)
