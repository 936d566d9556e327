"""Which topics are missing, with what settings they are created, and their creation."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka.errors import KafkaError
from msgspec import Struct

from bridge.operations.kafka_admin import (
    ClusterInfo,
    CreateFailure,
    NewTopic,
    create_topics,
    describe_cluster,
)
from bridge.operations.topic_creation import CreationReport, create_with_fallbacks
from bridge.settings.settings import Settings

PARTITIONS = 4
DEAD_LETTER_RETENTION_DAYS = 30
_TARGET_REPLICATION = 3
_MS_PER_DAY = 86_400_000
_LISTED_WITHIN_S = 10.0
_LISTED_POLL_S = 0.1


class TopicDefaults(Struct, frozen=True, kw_only=True):
    """The settings of new topics. ``replication`` 0: as the brokers allow. ``retention_ms`` None: theirs."""

    partitions: int = PARTITIONS
    replication: int = 0
    retention_ms: int | None = None
    dead_letter_retention_ms: int = DEAD_LETTER_RETENTION_DAYS * _MS_PER_DAY


def missing_topics(settings: Settings, cluster: ClusterInfo, defaults: TopicDefaults) -> list[NewTopic]:
    """Return the topics that the bridge writes to and the cluster does not list, as they would be created."""
    expected = settings.routing().topics(sorted(settings.applications()))
    return [_new_topic(name, cluster, settings, defaults) for name in expected if name not in cluster.topics]


async def create_missing(
    wanted: Sequence[NewTopic], cluster: ClusterInfo, options: Mapping[str, Any]
) -> CreationReport:
    """Create topics, and wait until they are listed. Raises KafkaError, OSError or TimeoutError."""

    async def create_on_controller(
        topics: Sequence[NewTopic], *, validate_only: bool
    ) -> Mapping[str, CreateFailure | None]:
        return await create_topics(cluster.controller_address, options, topics, validate_only=validate_only)

    report = await create_with_fallbacks(wanted, create_on_controller)
    if not report.failures:
        await _wait_until_listed([topic.name for topic in wanted], options)
    return report


def creation_remedy(failures: Mapping[str, CreateFailure]) -> str:
    """Return what to do about topics that were not created."""
    if any("AUTHORIZATION" in failure.code for failure in failures.values()):
        return "the user needs Create on the cluster or topics"
    return "see what Kafka says of each, and the options --partitions, --replication, --retention"


def describe_new_topic(topic: NewTopic) -> str:
    """Return the line of a topic that would be created."""
    values = ", ".join(f"{key}={value}" for key, value in topic.settings.items())
    return f"{topic.name}: partitions={topic.partitions}, replication={topic.replication}, {values}"


def _new_topic(name: str, cluster: ClusterInfo, settings: Settings, defaults: TopicDefaults) -> NewTopic:
    replication = defaults.replication or min(len(cluster.brokers), _TARGET_REPLICATION)
    max_bytes = int(settings.kafka.topic_max_message_bytes)
    values = {"cleanup.policy": "delete", "max.message.bytes": str(max_bytes)}
    if replication >= _TARGET_REPLICATION:
        values["min.insync.replicas"] = "2"
    is_dead_letter = name == settings.kafka.topic_dead_letter
    retention_ms = defaults.dead_letter_retention_ms if is_dead_letter else defaults.retention_ms
    if retention_ms is not None:
        values["retention.ms"] = str(retention_ms)
    return NewTopic(name=name, partitions=defaults.partitions, replication=replication, settings=values)


async def _wait_until_listed(names: Collection[str], options: Mapping[str, Any]) -> None:
    """Wait until a broker lists the topics: it learns of them a moment after the controller made them.

    Else `check` or `serve` right behind this command could miss them. Not for long: who may create topics may
    still not be allowed to see them.
    """
    with suppress(TimeoutError, KafkaError, OSError):
        async with asyncio.timeout(_LISTED_WITHIN_S):
            while True:
                listed = (await describe_cluster(options)).topics
                if all(name in listed for name in names):
                    return
                await asyncio.sleep(_LISTED_POLL_S)
