"""Which tasks have an event in Kafka: topics read without a group, from a time on, to where they end now."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from msgspec import Struct

from bridge.cli.kafka import read_cluster

_POLL_MS = 1000
_SILENCE_S = 30.0

Told = Callable[[int, int], None]


class _Value(Struct):
    """What of a canonical event is looked at."""

    task_id: str = ""
    outcome: str = ""


_read = msgspec.json.Decoder(_Value).decode


class Reading(Struct, frozen=True, kw_only=True):
    """What to read: ``app``'s events on ``topics`` from ``since_ms`` (unix milliseconds) on."""

    options: Mapping[str, Any]
    topics: Sequence[str]
    app: str
    since_ms: int


async def without_event(tasks: Collection[str], reading: Reading, told: Told) -> set[str]:
    """Give those of ``tasks`` of which no event says that they are over.

    ``told`` hears how many records were read, and of how many. A topic that does not exist holds nothing.
    """
    cluster = await read_cluster(reading.options)
    places = [
        TopicPartition(name, number)
        for name in reading.topics
        if (topic := cluster.topics.get(name))
        for number in range(topic.partitions)
    ]
    missing = set(tasks)
    if not places or not missing:
        return missing
    consumer = AIOKafkaConsumer(**reading.options, enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        consumer.assign(places)
        # Ends first: what is written meanwhile lies behind them, wherever the beginning is found.
        ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
        begins = await consumer.offsets_for_times(dict.fromkeys(places, reading.since_ms))
        at = {place: found.offset for place, found in begins.items() if found}
        at = {place: offset for place, offset in at.items() if offset < ends[place]}
        for place in places:
            consumer.seek(place, at.get(place, ends[place]))
        await _strike(missing, consumer, (at, ends), reading.app, told)
    finally:
        await consumer.stop()
    return missing


async def _strike(
    missing: set[str],
    consumer: AIOKafkaConsumer,
    span: tuple[dict[TopicPartition, int], dict[TopicPartition, int]],
    app: str,
    told: Told,
) -> None:
    """Strike the tasks whose events come by, until all are struck or all is read."""
    at, ends = span
    clock = asyncio.get_running_loop().time
    total, source, moved_at = sum(ends[place] - at[place] for place in at), f"/vod/{app}".encode(), clock()
    while at and missing:
        if clock() - moved_at > _SILENCE_S:
            raise TimeoutError(f"no record within {_SILENCE_S:.0f} s")
        for records in (await consumer.getmany(*at, timeout_ms=_POLL_MS)).values():
            missing -= {_task_over(record) for record in records if _is_from(record, source)}
        seen = {place: await consumer.position(place) for place in at}
        if seen != at:
            moved_at = clock()
        at = {place: offset for place, offset in seen.items() if offset < ends[place]}
        told(total - sum(ends[place] - offset for place, offset in at.items()), total)


def _is_from(record: ConsumerRecord, source: bytes) -> bool:
    return ("ce_source", source) in record.headers


def _task_over(record: ConsumerRecord) -> str:
    """Give the task of which the event says how it ended, "" where it tells of none, or of one under way."""
    try:
        value = _read(record.value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return "" if value.outcome == "in_progress" else value.task_id
