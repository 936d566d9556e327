"""What is known of Kafka's topics: which there are, which have no leader, which refuse what is sent to them.

No connection lives here, and no record.
"""

from collections.abc import Iterable, Mapping

from bridge.core.partition import partition_of
from bridge.io.publisher.refusals import Refusals

Where = tuple[str, int]
"""A topic and a partition of it."""


class Topics:
    """The last full listing. ``wanted`` are topics that records are for and it does not hold."""

    def __init__(self) -> None:
        self.partitions: dict[str, int] = {}
        self.leaderless: frozenset[Where] = frozenset()
        self.wanted: set[str] = set()
        self.refusals = Refusals()

    @property
    def want_news(self) -> bool:
        """Whether something is missing that a new listing may hold."""
        return bool(self.wanted or self.leaderless)

    def find(self, topic: str, hashed: int) -> Where | None:
        """Tell where records of that topic and hash of a key belong; None where the topic is missing."""
        partitions = self.partitions.get(topic)
        if partitions is None:
            self.wanted.add(topic)
            return None
        return topic, partition_of(hashed, partitions)

    def has(self, where: Where) -> bool:
        """Whether the last listing holds that partition."""
        return where[1] < self.partitions.get(where[0], 0)

    def lead(self, topic: str, hashed: int) -> Where | None:
        """Tell where they belong if they may be sent there now; else None."""
        where = self.find(topic, hashed)
        return None if where is None or self.closed(where) else where

    def closed(self, where: Where) -> bool:
        """Whether nothing is to be sent there for now."""
        return where[0] in self.refusals.closed or where in self.leaderless

    def learn(self, partitions: Mapping[str, int], leaderless: Iterable[Where]) -> bool:
        """Take note of a listing. Tells whether more may be sent than before."""
        headless = frozenset(leaderless)
        news = bool(self.leaderless - headless or partitions.keys() - self.partitions.keys())
        self.partitions, self.leaderless = dict(partitions), headless
        self.wanted -= partitions.keys()
        return news
