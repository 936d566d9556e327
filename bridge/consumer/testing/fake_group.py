"""The members of a `FakeKafka`'s groups: they share partitions, read them, and commit offsets."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError

from bridge.consumer.testing.fake_topics import FakeTopics


class FakeConsumer:
    """A member of a group."""

    def __init__(self, topics: FakeTopics, group: "FakeGroup") -> None:
        self._topics = topics
        self._group = group
        self._listener: Any = None
        self._positions: dict[TopicPartition, int] = {}
        self._paused: set[TopicPartition] = set()
        self.pattern = ""
        self.arrived = asyncio.Event()

    def subscribe(self, *, pattern: str, listener: Any) -> None:  # noqa: ANN401 - aiokafka's
        """Read the topics that match, also those made later."""
        self.pattern, self._listener = pattern, listener

    async def start(self) -> None:
        """Join the group."""
        self._group.join(self)
        await self._group.settled()

    async def stop(self) -> None:
        """Leave the group."""
        self._positions = {}
        self._group.leave(self)
        self.arrived.set()

    async def topics(self) -> set[str]:
        """Return the names of all topics."""
        return self._topics.names()

    def assignment(self) -> set[TopicPartition]:
        """Return our partitions."""
        return set(self._positions)

    async def revoke(self) -> None:
        """Give our partitions back, once the listener has done with them."""
        if self._positions:
            await self._listener.on_partitions_revoked(self.assignment())
        self._positions, self._paused = {}, set()

    async def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Take partitions, each from what the group has committed."""
        self._positions = {one: self._group.committed.get(one, 0) for one in sorted(partitions)}
        await self._listener.on_partitions_assigned(self.assignment())
        self.arrived.set()

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Return the next records of our partitions (of these); waits up to ``timeout_ms`` for the first."""
        found = self._next(partitions, max_records)
        if not found and timeout_ms:
            self.arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_ms / 1_000):
                    await self.arrived.wait()
            found = self._next(partitions, max_records)
        return found

    def _next(
        self, partitions: tuple[TopicPartition, ...], max_records: int | None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        left = max_records
        for one in partitions or tuple(self._positions):
            if one in self._paused or one not in self._positions or left == 0:
                continue
            records = self._topics.records_from(one, self._positions[one])[:left]
            if records:
                found[one] = records
                self._positions[one] += len(records)
                left = None if left is None else left - len(records)
        return found

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Commit offsets of our partitions. Raises aiokafka's `IllegalStateError` for others."""
        if lost := [one for one in offsets if one not in self._positions]:
            raise IllegalStateError(f"not assigned: {lost}")
        self._group.committed.update(offsets)

    async def committed(self, topic_partition: TopicPartition) -> int | None:
        """Return what the group has committed there."""
        return self._group.committed.get(topic_partition)

    async def position(self, topic_partition: TopicPartition) -> int:
        """Return the offset of the next record."""
        return self._positions[topic_partition]

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the offset behind the last record of each."""
        return self._topics.end_offsets(partitions)

    def seek(self, topic_partition: TopicPartition, offset: int) -> None:
        """Read on from an offset."""
        self._positions[topic_partition] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        """Return no records of these."""
        self._paused.update(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        """Return records of these again."""
        self._paused.difference_update(partitions)
        self.arrived.set()


class FakeGroup:
    """Members that share the partitions they subscribe to, and what was committed."""

    def __init__(self, topics: FakeTopics) -> None:
        self._topics = topics
        self.members: list[FakeConsumer] = []
        self.committed: dict[TopicPartition, int] = {}
        self._rebalancing: asyncio.Task[None] | None = None
        self._is_stale = False

    def join(self, member: FakeConsumer) -> None:
        """Add a member."""
        self.members.append(member)
        self.rebalance()

    def leave(self, member: FakeConsumer) -> None:
        """Remove a member, if it is one."""
        if member in self.members:
            self.members.remove(member)
            self.rebalance()

    def wake(self) -> None:
        """Have every member look for records."""
        for member in self.members:
            member.arrived.set()

    def rebalance(self) -> None:
        """Share the partitions anew, one rebalance after the other."""
        self._is_stale = True
        if self.members and self._rebalancing is None:
            self._rebalancing = asyncio.get_running_loop().create_task(self._rebalance())

    async def settled(self) -> None:
        """Wait until the members have their partitions."""
        if self._rebalancing is not None:
            await asyncio.shield(self._rebalancing)

    async def _rebalance(self) -> None:
        try:
            while self._is_stale:
                self._is_stale = False
                members = list(self.members)
                shares = self._shares(members)
                changed = [one for one in members if one.assignment() != shares[one]]
                for member in changed:
                    await member.revoke()
                for member in changed:
                    await member.assign(shares[member])
        finally:
            self._rebalancing = None

    def _shares(self, members: Iterable[FakeConsumer]) -> dict[FakeConsumer, set[TopicPartition]]:
        shares: dict[FakeConsumer, set[TopicPartition]] = {member: set() for member in members}
        for pattern in {member.pattern for member in shares}:
            sharing = [member for member in shares if member.pattern == pattern]
            for number, topic_partition in enumerate(self._topics.partitions(pattern)):
                shares[sharing[number % len(sharing)]].add(topic_partition)
        return shares
