"""Which tasks have an event in Kafka: reads topics without a group, from a time up to their current end."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from msgspec import Struct

from bridge.core.record import SOURCE_PREFIX
from bridge.operations.kafka_admin import describe_cluster
from bridge.operations.start_offsets import find_start_offsets

_POLL_MS = 1000
_STALL_TIMEOUT_S = 30.0

OnProgress = Callable[[int, int], None]


class _TaskEvent(Struct):
    """The fields of a canonical event that an audit needs."""

    task_id: str = ""
    outcome: str = ""


_decode = msgspec.json.Decoder(_TaskEvent).decode


class AuditScan(Struct, frozen=True, kw_only=True):
    """What to read: ``app``'s events on ``topics`` from ``since_ms`` (unix milliseconds) on."""

    options: Mapping[str, Any]
    topics: Sequence[str]
    app: str
    since_ms: int


async def tasks_without_event(tasks: Collection[str], scan: AuditScan, on_progress: OnProgress) -> set[str]:
    """Return those of ``tasks`` without an event of their end.

    ``on_progress`` is called with the number of records read and the total. A missing topic counts as empty.
    """
    cluster = await describe_cluster(scan.options)
    topic_partitions = [
        TopicPartition(name, number)
        for name in scan.topics
        if (topic := cluster.topics.get(name))
        for number in range(topic.partitions)
    ]
    missing = set(tasks)
    if not topic_partitions or not missing:
        return missing
    consumer = AIOKafkaConsumer(**scan.options, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        consumer.assign(topic_partitions)
        # End offsets first: records written meanwhile lie behind them, whatever the start offsets are.
        end_offsets: dict[TopicPartition, int] = await consumer.end_offsets(topic_partitions)
        # Where a broker finds no offsets by time, all is read: an older record is of no harm.
        found = await find_start_offsets(consumer, topic_partitions, end_offsets, scan.since_ms)
        at = {
            topic_partition: offset
            for topic_partition, offset in found.start_offsets.items()
            if offset < end_offsets[topic_partition]
        }
        for topic_partition in topic_partitions:
            consumer.seek(topic_partition, at.get(topic_partition, end_offsets[topic_partition]))
        await _remove_found(missing, consumer, (at, end_offsets), scan.app, on_progress)
    finally:
        await consumer.stop()
    return missing


async def _remove_found(
    missing: set[str],
    consumer: AIOKafkaConsumer,
    offset_range: tuple[dict[TopicPartition, int], dict[TopicPartition, int]],
    app: str,
    on_progress: OnProgress,
) -> None:
    """Remove the tasks whose events are read, until none is left or the range ends."""
    at, end_offsets = offset_range
    clock = asyncio.get_running_loop().time
    total, source, progress_at = (
        sum(end_offsets[topic_partition] - at[topic_partition] for topic_partition in at),
        f"{SOURCE_PREFIX}{app}".encode(),
        clock(),
    )
    while at and missing:
        if clock() - progress_at > _STALL_TIMEOUT_S:
            raise TimeoutError(f"no record within {_STALL_TIMEOUT_S:.0f} s")
        for records in (await consumer.getmany(*at, timeout_ms=_POLL_MS)).values():
            missing -= {_finished_task_id(record) for record in records if _is_from_app(record, source)}
        positions = {topic_partition: await consumer.position(topic_partition) for topic_partition in at}
        if positions != at:
            progress_at = clock()
        at = {
            topic_partition: offset
            for topic_partition, offset in positions.items()
            if offset < end_offsets[topic_partition]
        }
        on_progress(
            total - sum(end_offsets[topic_partition] - offset for topic_partition, offset in at.items()),
            total,
        )


def _is_from_app(record: ConsumerRecord, source: bytes) -> bool:
    return ("ce_source", source) in record.headers


def _finished_task_id(record: ConsumerRecord) -> str:
    """Return the task whose end the event reports; "" where it has none, or the task is in progress."""
    try:
        value = _decode(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return "" if value.outcome == "in_progress" else value.task_id
