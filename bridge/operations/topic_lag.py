"""Topics as they are now, and the consumer groups that read them, with their lag."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct

from bridge.core.record import timestamp
from bridge.io.kafka.client import kafka_options
from bridge.operations.kafka_admin import ClusterInfo, describe_cluster
from bridge.settings.settings import Settings

_GROUPS_MAX = 200
_NEWEST_TIMEOUT_S = 3.0
_POLL_MS = 250


class TopicState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One topic. ``records`` is how many are kept at most; ``newest`` when the newest was written."""

    name: str
    exists: bool
    partitions: int = 0
    replication: int = 0
    records: int = 0
    newest: str = ""


class GroupState(Struct, frozen=True, kw_only=True):
    """A consumer group on the topics of this bridge; ``lag`` by topic: records that it has not committed."""

    name: str
    lag: Mapping[str, int]
    total_lag: int


async def topic_states(settings: Settings) -> list[TopicState]:
    """Return the topics that the bridge writes to, missing ones too. Raises KafkaError or OSError."""
    options = kafka_options(settings.kafka)
    expected = settings.routing().topics(sorted(settings.applications()))
    group_dead_letters = f"{settings.kafka.topic_dead_letter}."
    cluster = await describe_cluster(options)
    names = sorted({*expected, *(one for one in cluster.topics if one.startswith(group_dead_letters))})
    partitions = _partitions_of(names, cluster)
    if not partitions:  # aiokafka's stop() raises CancelledError where nothing was assigned
        return [TopicState(name=name, exists=False) for name in names]
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="latest")
    try:
        await consumer.start()
        consumer.assign(partitions)
        first = await consumer.beginning_offsets(partitions) if partitions else {}
        end = await consumer.end_offsets(partitions) if partitions else {}
        newest = await _newest_ms(consumer, {one: end[one] for one in partitions if end[one] > first[one]})
    finally:
        await consumer.stop()
    found = []
    for name in names:
        topic = cluster.topics.get(name)
        of_topic = [one for one in partitions if one.topic == name]
        found.append(
            TopicState(
                name=name,
                exists=topic is not None,
                partitions=topic.partitions if topic else 0,
                replication=topic.replication if topic else 0,
                records=sum(end[one] - first[one] for one in of_topic),
                newest=timestamp(newest[name]) if name in newest else "",
            )
        )
    return found


async def group_states(settings: Settings) -> list[GroupState]:
    """Return the groups with offsets on this bridge's topics. Raises KafkaError or OSError."""
    options = kafka_options(settings.kafka)
    cluster = await describe_cluster(options)
    partitions = _partitions_of(settings.routing().topics(sorted(settings.applications())), cluster)
    admin = AIOKafkaAdminClient(**options)
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
    try:
        await asyncio.gather(admin.start(), consumer.start())
        consumer.assign(partitions)
        end = await consumer.end_offsets(partitions) if partitions else {}
        names = sorted({str(group[0]) for group in await admin.list_consumer_groups()})[:_GROUPS_MAX]
        found = []
        for name in names:
            committed = await admin.list_consumer_group_offsets(name)
            lag: dict[str, int] = {}
            for one, position in committed.items():
                if one in end and position.offset >= 0:
                    lag[one.topic] = lag.get(one.topic, 0) + max(0, end[one] - position.offset)
            if lag:
                found.append(
                    GroupState(name=name, lag=dict(sorted(lag.items())), total_lag=sum(lag.values()))
                )
    finally:
        await asyncio.gather(admin.close(), consumer.stop())
    return found


def _partitions_of(names: Sequence[str], cluster: ClusterInfo) -> list[TopicPartition]:
    return [
        TopicPartition(name, number)
        for name in names
        if (topic := cluster.topics.get(name))
        for number in range(topic.partitions)
    ]


async def _newest_ms(consumer: AIOKafkaConsumer, end: Mapping[TopicPartition, int]) -> dict[str, int]:
    """Read the last record of each partition, within a few seconds; return the newest time of each topic."""
    newest: dict[str, int] = {}
    waiting: set[Any] = set(end)
    for one, offset in end.items():
        consumer.seek(one, offset - 1)
    clock = asyncio.get_running_loop().time
    give_up_at = clock() + _NEWEST_TIMEOUT_S
    while waiting and clock() < give_up_at:
        for one, records in (await consumer.getmany(*waiting, timeout_ms=_POLL_MS)).items():
            waiting.discard(one)
            newest[one.topic] = max(newest.get(one.topic, 0), *(record.timestamp for record in records))
    return newest
