"""Topics as they are now, and the consumer groups that read them, with their lag."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, IncompatibleBrokerVersion
from msgspec import Struct

from bridge.core.group_dead_letter import RETRY_SUFFIX, retry_topic_of
from bridge.core.progress import Progress
from bridge.core.record import timestamp
from bridge.io.kafka.client import kafka_options
from bridge.operations.kafka_admin import ClusterInfo, describe_cluster
from bridge.operations.offset_store import GroupOffsetStore
from bridge.operations.replay.attempt_counter import ATTEMPTS_SUFFIX, REPLAY_GROUP
from bridge.operations.replay.redrive import dead_letter_topic_of, redrive_progress_group
from bridge.settings.settings import Settings

_GROUPS_MAX = 200
_GROUPS_AT_ONCE = 20
_NEWEST_TIMEOUT_S = 3.0
_POLL_MS = 250
_NO_LIST = "this broker lists no consumer groups (the embedded Kafka of `vod-bridge dev` does not)"


class TopicState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One topic. ``records`` is how many are kept at most; ``newest`` when the newest was written."""

    name: str
    exists: bool
    partitions: int = 0
    replication: int = 0
    records: int = 0
    newest: str = ""


class GroupState(Struct, frozen=True, kw_only=True):
    """A consumer group on the topics of this bridge; ``lag`` by topic: records that it has not committed.

    ``dead_letters`` are kept on its dead-letter topic, ``dead_letters_pending`` of them were not redriven.
    """

    name: str
    lag: Mapping[str, int]
    total_lag: int
    dead_letters: int = 0
    dead_letters_pending: int = 0


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
    """Return the groups with offsets on this bridge's topics, or with dead letters.

    Raises KafkaError or OSError.
    """
    options = kafka_options(settings.kafka)
    cluster = await describe_cluster(options)
    by_group = _dead_letter_topics(settings, cluster)
    topics = settings.routing().topics(sorted(settings.applications()))
    retry_topics = [retry_topic_of(topic) for topic in by_group.values()]
    read_by_groups = set(_partitions_of([*topics, *retry_topics], cluster))
    dead_letters = _partitions_of(list(by_group.values()), cluster)
    partitions = [*read_by_groups, *dead_letters]
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(partitions)
        end = await consumer.end_offsets(partitions) if partitions else {}
        first = await consumer.beginning_offsets(dead_letters) if dead_letters else {}
        committed = (await committed_offsets(options)).by_group
    finally:
        await consumer.stop()
    found = []
    for name in sorted({*committed, *by_group} - {REPLAY_GROUP + ATTEMPTS_SUFFIX}):
        lag: dict[str, int] = {}
        for one, offset in committed.get(name, {}).items():
            if one in read_by_groups:
                lag[one.topic] = lag.get(one.topic, 0) + max(0, end[one] - offset)
        own = {one: (first[one], end[one]) for one in dead_letters if one.topic == by_group.get(name)}
        if lag or own:
            found.append(
                GroupState(
                    name=name,
                    lag=dict(sorted(lag.items())),
                    total_lag=sum(lag.values()),
                    dead_letters=sum(last - begin for begin, last in own.values()),
                    dead_letters_pending=await _pending(options, name, own),
                )
            )
    return found


class CommittedOffsets(Struct, frozen=True):
    """What each group has committed; ``left_out`` groups were not asked."""

    by_group: Mapping[str, Mapping[TopicPartition, int]]
    left_out: int = 0


async def committed_offsets(options: Mapping[str, Any]) -> CommittedOffsets:
    """Return what each group has committed, of at most 200 groups. Raises KafkaError or OSError."""
    admin = AIOKafkaAdminClient(**options)
    try:
        await admin.start()
        try:
            all_names = sorted({str(group[0]) for group in await admin.list_consumer_groups()})
        except IncompatibleBrokerVersion as error:
            raise IncompatibleBrokerVersion(_NO_LIST) from error
        names = all_names[:_GROUPS_MAX]
        limit = asyncio.Semaphore(_GROUPS_AT_ONCE)

        async def ask(name: str) -> dict[TopicPartition, int]:
            async with limit:
                found = await admin.list_consumer_group_offsets(name)
            return {one: position.offset for one, position in found.items() if position.offset >= 0}

        found = await asyncio.gather(*map(ask, names))
        return CommittedOffsets(dict(zip(names, found, strict=True)), len(all_names) - len(names))
    finally:
        await admin.close()


async def _pending(
    options: Mapping[str, Any], group: str, own: Mapping[TopicPartition, tuple[int, int]]
) -> int:
    """Count a group's dead letters that were not redriven; ``own`` are the offsets of its partitions."""
    if not own:
        return 0
    try:
        stored = await GroupOffsetStore(options, redrive_progress_group(REPLAY_GROUP, group)).read(own)
    except GroupAuthorizationFailedError:  # who may not read it has redriven none
        stored = {}
    pending = 0
    for one, (begin, end) in own.items():
        progress = stored.get(one, Progress())
        if progress.high_watermark > end:  # of an earlier topic of this name
            progress = Progress()
        progress = progress.trim_before(begin)
        pending += end - progress.high_watermark + sum(last - start for start, last in progress.gaps)
    return pending


def _dead_letter_topics(settings: Settings, cluster: ClusterInfo) -> dict[str, str]:
    """Return the topic of each group's dead letters, by the group."""
    begin = dead_letter_topic_of(settings, "")
    return {
        name.removeprefix(begin): name
        for name in cluster.topics
        if name.startswith(begin) and name != begin and not name.endswith(RETRY_SUFFIX)
    }


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
