"""How often each dead letter was replayed in vain: from a limit on it is set aside, so that no replay loops.

Kafka keeps the counts as the metadata of a group of their own, beside that of the progress, which is all that
an earlier release reads.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError

from bridge.core.failed_attempts import decode_attempts, encode_attempts
from bridge.operations.offset_store import GroupOffsetStore, StoredOffset
from bridge.operations.start_offsets import Offsets

REPLAY_GROUP = "vod-bridge-replay"
"""The consumer group in which Kafka keeps what was replayed; also the default of ``replay --group``."""
ATTEMPTS_SUFFIX = ".attempts"
MAX_ATTEMPTS = 5
"""Replays in vain after which a dead letter is set aside."""
SET_ASIDE = "set aside"


def set_aside_reason(max_attempts: int) -> str:
    """Return why a dead letter is left: its name among what a summary counts as left."""
    return f"{SET_ASIDE} after {max_attempts} failed replays"


class AttemptCounter:
    """The failed replays of each dead letter, for the replays whose progress ``group`` has.

    ``problem`` is why they are not counted; empty where they are.
    """

    def __init__(
        self, options: Mapping[str, Any], group: str, *, store: GroupOffsetStore | None = None
    ) -> None:
        self._group = f"{group}{ATTEMPTS_SUFFIX}"
        self._store = store or GroupOffsetStore(options, self._group)
        self._counts: dict[TopicPartition, dict[int, int]] = {}
        self._end: Offsets = {}
        self.problem = ""

    async def load(self, begin: Offsets, end: Offsets) -> None:
        """Read the counts of all that the partitions still have. Raises KafkaError or OSError."""
        self._end = dict(end)
        try:
            stored = await self._store.read_stored(begin)
        except GroupAuthorizationFailedError:
            self.problem = (
                f"failed replays are not counted: this user may not read the group {self._group};"
                " allow Read on it, and dead letters that always fail are set aside"
            )
            return
        for one, found in stored.items():
            # Of an earlier topic of this name, where it reaches further.
            if found.offset <= end[one]:
                self._counts[one] = decode_attempts(found.metadata, begin[one], end[one])

    def count_of(self, topic_partition: TopicPartition, offset: int) -> int:
        """Return how often a dead letter was replayed in vain."""
        return self._counts.get(topic_partition, {}).get(offset, 0)

    def add_failure(self, topic_partition: TopicPartition, offset: int) -> None:
        """Count a replay in vain."""
        counts = self._counts.setdefault(topic_partition, {})
        counts[offset] = counts.get(offset, 0) + 1

    def remove(self, topic_partition: TopicPartition, offset: int) -> None:
        """Forget one that is published."""
        self._counts.get(topic_partition, {}).pop(offset, None)

    async def save(self) -> None:
        """Store the counts. Raises KafkaError or OSError."""
        if not self.problem:
            await self._store.write_stored(
                {
                    one: StoredOffset(self._end[one], encode_attempts(counts))
                    for one, counts in self._counts.items()
                }
            )
