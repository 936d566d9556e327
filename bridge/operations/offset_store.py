"""Progress of a replay, kept by Kafka: a group's committed offsets, with what is still open as metadata.

Kafka removes the offsets of an inactive group after a week; each commit requests a longer retention than that
of any dead letter. A broker that ignores the request removes them all the same: then all is open again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from msgspec import Struct

from bridge.core.progress import Progress, decode_progress
from bridge.diagnostics.kafka import Address, addresses_of
from bridge.operations.kafka_admin import connection

_RETENTION_MS = 366 * 24 * 60 * 60 * 1000
_COORDINATOR_TYPE_GROUP = 0  # the coordinator type, by Kafka's number
_NO_GENERATION, _NO_MEMBER = -1, ""  # commits without being a member of the group
_RETRIABLE_CODES = frozenset({14, 15, 16})  # the coordinator is loading, not available or has moved
_MAX_ATTEMPTS = 20
_RETRY_DELAY_S = 0.25

T = TypeVar("T")


class StoredOffset(Struct, frozen=True):
    """A committed offset with its metadata."""

    offset: int
    metadata: str


class GroupOffsetStore:
    """The committed offsets of ``group``. All methods raise KafkaError or OSError."""

    def __init__(self, options: Mapping[str, Any], group: str) -> None:
        self._options = options
        self._group = group

    async def read(self, topic_partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Progress]:
        """Return the progress of each partition; those without one are left out."""
        stored = await self.read_stored(topic_partitions)
        return {one: decode_progress(found.offset, found.metadata) for one, found in stored.items()}

    async def read_stored(
        self, topic_partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, StoredOffset]:
        """Return what is committed for each partition; those without a commit are left out."""
        requested: dict[str, list[int]] = {}
        for topic_partition in topic_partitions:
            requested.setdefault(topic_partition.topic, []).append(topic_partition.partition)

        async def call(coordinator: Address) -> dict[TopicPartition, StoredOffset]:
            async with connection(coordinator, self._options) as conn:
                response = await conn.send(OffsetFetchRequest(self._group, list(requested.items())))
            _raise_for_code(getattr(response, "error_code", 0))
            found: dict[TopicPartition, StoredOffset] = {}
            for topic, partitions in response.topics:
                for partition, offset, metadata, code in partitions:
                    _raise_for_code(code)
                    if offset >= 0:
                        found[TopicPartition(topic, partition)] = StoredOffset(offset, metadata or "")
            return found

        return await self._with_coordinator(call)

    async def write(self, progress: Mapping[TopicPartition, Progress]) -> None:
        """Commit the progress of each partition."""
        await self.write_stored(
            {one: StoredOffset(done.high_watermark, done.encode()) for one, done in progress.items()}
        )

    async def write_stored(self, offsets: Mapping[TopicPartition, StoredOffset]) -> None:
        """Commit an offset with its metadata for each partition."""
        commits: dict[str, list[tuple[int, int, str]]] = {}
        for topic_partition, stored in offsets.items():
            commits.setdefault(topic_partition.topic, []).append(
                (topic_partition.partition, stored.offset, stored.metadata)
            )
        if not commits:
            return
        request = OffsetCommitRequest(
            self._group, _NO_GENERATION, _NO_MEMBER, _RETENTION_MS, list(commits.items())
        )

        async def commit(coordinator: Address) -> None:
            async with connection(coordinator, self._options) as conn:
                response = await conn.send(request)
            for _, partitions in response.topics:
                for _, code in partitions:
                    _raise_for_code(code)

        await self._with_coordinator(commit)

    async def _with_coordinator(self, call: Callable[[Address], Awaitable[T]]) -> T:
        """Send a request to the group's coordinator; retry while the coordinator of a new group is chosen."""
        attempts = 0
        while True:
            attempts += 1
            try:
                return await call(await self._find_coordinator())
            except KafkaError as error:
                if error.errno not in _RETRIABLE_CODES or attempts == _MAX_ATTEMPTS:
                    raise
            await asyncio.sleep(_RETRY_DELAY_S)

    async def _find_coordinator(self) -> Address:
        failure: Exception = OSError("no address")
        for address in addresses_of(self._options["bootstrap_servers"]):
            try:
                async with connection(address, self._options) as conn:
                    response = await conn.send(FindCoordinatorRequest(self._group, _COORDINATOR_TYPE_GROUP))
            except (KafkaError, OSError) as error:
                failure = error
                continue
            _raise_for_code(response.error_code)
            return response.host, response.port
        raise failure


def _raise_for_code(code: int) -> None:
    if code:
        raise for_code(code)
