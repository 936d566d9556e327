"""What is known of Kafka's topics: which exist, which have no leader, which refuse what is sent to them.

No connection lives here, and no record.
"""

from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata

from bridge.core.partition import partition_for
from bridge.io.kafka.topic_backoff import TopicBackoff

TopicPartition = tuple[str, int]
"""A topic and a partition of it."""


def read_cluster(cluster: ClusterMetadata) -> tuple[dict[str, int], list[TopicPartition]]:
    """Return the number of partitions of each topic that has any, and the partitions without a leader."""
    found = {topic: cluster.partitions_for_topic(topic) or set() for topic in cluster.topics()}
    leaderless = [
        (topic, partition)
        for topic, partitions in found.items()
        for partition in partitions - (cluster.available_partitions_for_topic(topic) or set())
    ]
    return {topic: len(partitions) for topic, partitions in found.items() if partitions}, leaderless


class TopicMetadata:
    """The last full listing. ``unknown_topics`` are topics of records that are not in it."""

    def __init__(self) -> None:
        self.partitions: dict[str, int] = {}
        self.leaderless: frozenset[TopicPartition] = frozenset()
        self.unknown_topics: set[str] = set()
        self.backoff = TopicBackoff()

    @property
    def needs_refresh(self) -> bool:
        """Whether a topic or a leader is missing that a new listing may have."""
        return bool(self.unknown_topics or self.leaderless)

    def partition_for(self, topic: str, key_hash: int) -> TopicPartition | None:
        """Return the partition of a topic and key hash; None if the topic is missing."""
        partitions = self.partitions.get(topic)
        if partitions is None:
            self.unknown_topics.add(topic)
            return None
        return topic, partition_for(key_hash, partitions)

    def has_partition(self, topic_partition: TopicPartition) -> bool:
        """Whether the last listing has that partition."""
        return topic_partition[1] < self.partitions.get(topic_partition[0], 0)

    def sendable_partition_for(self, topic: str, key_hash: int) -> TopicPartition | None:
        """Return the partition of a topic and key hash if it may be sent to now; else None."""
        partitions = self.partitions.get(topic)
        if partitions is None:
            self.unknown_topics.add(topic)
            return None
        topic_partition = topic, partition_for(key_hash, partitions)
        is_blocked = topic in self.backoff.blocked_until or topic_partition in self.leaderless
        return None if is_blocked else topic_partition

    def is_blocked(self, topic_partition: TopicPartition) -> bool:
        """Whether nothing is to be sent there for now."""
        return topic_partition[0] in self.backoff.blocked_until or topic_partition in self.leaderless

    def update(self, partitions: Mapping[str, int], leaderless: Iterable[TopicPartition]) -> bool:
        """Apply a listing. Returns whether more may be sent than before."""
        leaderless_now = frozenset(leaderless)
        allows_more = bool(self.leaderless - leaderless_now or partitions.keys() - self.partitions.keys())
        self.partitions, self.leaderless = dict(partitions), leaderless_now
        self.unknown_topics -= partitions.keys()
        return allows_more
