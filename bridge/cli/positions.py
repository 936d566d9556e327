"""How far a group has worked topics off, kept by Kafka as a position and, beside it, what is open before it.

Kafka forgets the position of a group at rest after a week; here it is asked to keep it for longer than any
dead letter. A broker that does not listen to that forgets it all the same, and then all is open again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.structs import OffsetAndMetadata

from bridge.cli.kafka import connection
from bridge.core.progress import Progress, decode_progress
from bridge.diagnostics.kafka import Address, addresses_of

_KEPT_MS = 366 * 24 * 60 * 60 * 1000
_GROUP = 0  # the kind of coordinator, in Kafka's numbers
_OUTSIDE, _NOBODY = -1, ""  # whoever commits is no member of the group
_SOON = frozenset({14, 15, 16})  # the coordinator is loading, not there yet, or moved
_TRIES = 20
_PAUSE_S = 0.25

T = TypeVar("T")


class Positions:
    """The positions of ``group``. Everything raises KafkaError or OSError where Kafka does not take part."""

    def __init__(self, options: Mapping[str, Any], group: str) -> None:
        self._options = options
        self._group = group

    async def read(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, Progress]:
        """Give how far each of ``places`` is; those that were never worked on are left out."""
        asked: dict[str, list[int]] = {}
        for place in places:
            asked.setdefault(place.topic, []).append(place.partition)

        async def ask(coordinator: Address) -> dict[TopicPartition, OffsetAndMetadata]:
            async with connection(coordinator, self._options) as line:
                answer = await line.send(OffsetFetchRequest(self._group, list(asked.items())))
            _refuse(getattr(answer, "error_code", 0))
            found: dict[TopicPartition, OffsetAndMetadata] = {}
            for topic, partitions in answer.topics:
                for partition, offset, metadata, code in partitions:
                    _refuse(code)
                    found[TopicPartition(topic, partition)] = OffsetAndMetadata(offset, metadata or "")
            return found

        kept = await self._coordinated(ask)
        return {
            place: decode_progress(position.offset, position.metadata)
            for place, position in kept.items()
            if position.offset >= 0
        }

    async def keep(self, progress: Mapping[TopicPartition, Progress]) -> None:
        """Remember how far each partition is."""
        told: dict[str, list[tuple[int, int, str]]] = {}
        for place, how_far in progress.items():
            told.setdefault(place.topic, []).append(
                (place.partition, how_far.high_watermark, how_far.encode())
            )
        if not told:
            return
        request = OffsetCommitRequest(self._group, _OUTSIDE, _NOBODY, _KEPT_MS, list(told.items()))

        async def tell(coordinator: Address) -> None:
            async with connection(coordinator, self._options) as line:
                answer = await line.send(request)
            for _, partitions in answer.topics:
                for _, code in partitions:
                    _refuse(code)

        await self._coordinated(tell)

    async def _coordinated(self, ask: Callable[[Address], Awaitable[T]]) -> T:
        """Ask the broker that keeps this group's positions; a group's first one has to be found some time."""
        tries = 0
        while True:
            tries += 1
            try:
                return await ask(await self._coordinator())
            except KafkaError as error:
                if error.errno not in _SOON or tries == _TRIES:
                    raise
            await asyncio.sleep(_PAUSE_S)

    async def _coordinator(self) -> Address:
        failure: Exception = OSError("no address")
        for address in addresses_of(self._options["bootstrap_servers"]):
            try:
                async with connection(address, self._options) as line:
                    answer = await line.send(FindCoordinatorRequest(self._group, _GROUP))
            except (KafkaError, OSError) as error:
                failure = error
                continue
            _refuse(answer.error_code)
            return answer.host, answer.port
        raise failure


def _refuse(code: int) -> None:
    if code:
        raise for_code(code)
