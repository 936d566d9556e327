"""The lanes without a Kafka: what waits where, and who is told."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidTimestampError, TopicAuthorizationFailedError

from bridge.core.partition import hash_key, partition_for
from bridge.io.kafka.accumulator import RecordAccumulator
from bridge.io.kafka.limits import BufferLimits
from bridge.io.kafka.metadata import TopicMetadata
from bridge.io.kafka.pending import PartitionQueue, RecordBatch
from bridge.io.kafka.topic_backoff import describe_batch_error, is_topic_error
from tests.delivery_contracts import RecordingCallbacks
from tests.io.kafka_helpers import record

pytestmark = pytest.mark.asyncio


async def test_records_of_a_deleted_topic_stay_queued_until_it_returns() -> None:
    limits = BufferLimits(max_bytes=10_000, max_records=10)
    accumulator = RecordAccumulator(limits, TopicMetadata(), on_ack=lambda: None, on_error=lambda: None)
    callbacks = RecordingCallbacks()
    accumulator.update_metadata({"t": 4})
    first = accumulator.send(record("t", "a"), 1, callbacks)
    accumulator.update_metadata({})
    assert callbacks.calls == ["stalled"]
    assert accumulator.needs_metadata
    second = accumulator.send(record("t", "a"), 1, RecordingCallbacks())
    assert list(accumulator.unassigned["t"]) == [first, second]
    accumulator.ready_event.clear()
    accumulator.update_metadata({"t": 1})
    assert accumulator.ready_event.is_set()
    assert not accumulator.unassigned
    assert first.withdraw()
    assert second.withdraw()


async def test_the_callbacks_of_a_stalled_batch_are_notified_again_and_again() -> None:
    accumulator = RecordAccumulator(
        BufferLimits(max_bytes=10_000, max_records=10), TopicMetadata(), lambda: None, lambda: None
    )
    accumulator.update_metadata({"t": 1})
    callbacks = RecordingCallbacks()
    accumulator.send(record("t", "a"), 1, callbacks)
    accumulator.mark_all_stalled()
    accumulator.mark_all_stalled()
    assert callbacks.calls == ["stalled", "stalled"]


async def test_records_of_a_deleted_partition_go_to_another() -> None:
    accumulator = RecordAccumulator(
        BufferLimits(max_bytes=10_000, max_records=10), TopicMetadata(), lambda: None, lambda: None
    )
    accumulator.update_metadata({"t": 4})
    key = next(key for key in "abcdefgh" if partition_for(hash_key(key.encode()), 4) == 3)
    before = [
        accumulator.send(record("t", key), hash_key(key.encode()), RecordingCallbacks()) for _ in range(2)
    ]
    accumulator.update_metadata({"t": 2})
    after = accumulator.send(record("t", key), hash_key(key.encode()), RecordingCallbacks())
    assert list(after.queue or ()) == [*before, after]


@pytest.mark.parametrize("partitions", [1, 2])  # in one batch, or in one each
async def test_a_bug_in_one_callback_does_not_stop_the_others(partitions: int) -> None:
    bugs: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: bugs.append(context["exception"]))
    accumulator = RecordAccumulator(
        BufferLimits(max_bytes=10_000, max_records=10), TopicMetadata(), lambda: None, lambda: None
    )
    accumulator.update_metadata({"t": partitions})
    sender, failing, callbacks = RecordingSender(), _FailingCallbacks(), RecordingCallbacks()
    for key_hash, one in enumerate((failing, callbacks)):
        accumulator.send(record("t", "k"), key_hash, one)
    await accumulator.send_ready(sender)
    accumulator.on_batches_done([(batch, None) for batch in sender.batches])
    assert callbacks.calls == ["delivered"]
    assert [str(one) for one in bugs] == ["a bug"]


async def test_the_result_of_a_batch_that_was_requeued_is_ignored() -> None:
    accumulator = RecordAccumulator(
        BufferLimits(max_bytes=10_000, max_records=10), TopicMetadata(), lambda: None, lambda: None
    )
    accumulator.update_metadata({"t": 1})
    sender, callbacks = RecordingSender(), RecordingCallbacks()
    accumulator.send(record("t", "k"), 0, callbacks)
    await accumulator.send_ready(sender)
    accumulator.requeue_in_flight()
    accumulator.on_batches_done([(sender.batches[0], None)])
    assert callbacks.calls == []
    await accumulator.send_ready(sender)
    accumulator.on_batches_done([(sender.batches[1], None)])
    assert callbacks.calls == ["delivered"]


class _FailingCallbacks(RecordingCallbacks):
    def on_delivered(self) -> None:
        raise RuntimeError("a bug")


class RecordingSender:
    """Lets everything in, and remembers it."""

    name = "open"

    def __init__(self) -> None:
        self.producer = AIOKafkaProducer()
        self.producer._closed = True  # noqa: SLF001 - it was never started, and would complain of its end
        self.producer.client.cluster.leader_for_partition = lambda _partition: 1
        self.batches: list[RecordBatch] = []

    def new_batch(self, queue: PartitionQueue) -> RecordBatch:
        self.batches.append(RecordBatch(queue, lambda *_: True))
        return self.batches[-1]

    async def submit(self) -> None:
        """Let in what was opened."""


async def test_a_time_that_the_broker_refuses_blocks_the_topic_at_once_and_names_the_clock() -> None:
    assert is_topic_error(InvalidTimestampError())
    description = describe_batch_error(InvalidTimestampError())
    assert "the time of this machine, 20" in description
    assert "set the clock" in description
    assert describe_batch_error(TopicAuthorizationFailedError()) == "TopicAuthorizationFailedError"
