"""Finds the records of one file, task, event or session over all topics, the newest first.

A file id is the key of its events: one partition of each topic is read. Any other id may stand in any
partition. The dead-letter topic is always read whole: its key is the application.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from msgspec import Struct
from msgspec.structs import replace

from bridge.core.catalogue import BY_NAME
from bridge.core.partition import hash_key, partition_for
from bridge.core.plural import counted
from bridge.core.record import timestamp
from bridge.io.kafka.client import kafka_options
from bridge.operations.found_record import (
    FoundRecord,
    GroupDistance,
    found_record,
    has_id,
    json_forms,
    summary_of,
)
from bridge.operations.replay.attempt_counter import REPLAY_GROUP
from bridge.operations.start_offsets import Offsets
from bridge.operations.topic_lag import committed_offsets
from bridge.operations.topic_range import TimeRange, TopicRangeReader, open_range
from bridge.settings.settings import Settings

TEXT_MAX = 512
FOUND_MAX = 500
DEFAULT_DAYS = 7
_GROUPS_WITHIN_S = 5.0
_DAY_MS = 86_400_000
# How far back each window reaches, in ms: the newest is read first, and what is found in it is shown then.
_WINDOWS_MS = (
    *(minutes * 60_000 for minutes in (1, 15, 60, 6 * 60)),
    *(days * _DAY_MS for days in (1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 90, 135, 200, 300)),
)
_FILE_ID = re.compile("[0-9]{6,20}")


class FindRequest(Struct, frozen=True, kw_only=True):
    """What is looked for. ``since_ms`` and ``now_ms`` are unix milliseconds.

    ``everywhere`` reads all partitions for a file id, too: also events that name the file without being keyed
    by it. ``ids_only`` finds a text only where it is an id: payloads that are masked cannot be
    guessed.
    """

    text: str
    since_ms: int
    now_ms: int
    everywhere: bool = False
    ids_only: bool = False


class FindProgress(Struct, frozen=True, kw_only=True):
    """How far it has looked: ``records_read`` of about ``records_total``, back to ``looked_back_to``.

    ``topics`` and ``partitions`` are how many are read. ``by_key``: one partition of each topic.
    ``is_whole`` once everything in the time asked for was read, ``is_full`` where there are more records
    than are shown.
    """

    records_read: int
    records_total: int
    looked_back_to: str
    topics: int
    partitions: int
    by_key: bool
    is_whole: bool = False
    is_full: bool = False


class GroupOffset(Struct, frozen=True, kw_only=True):
    """What a consumer group has committed in a partition: the offset of the record that it reads next."""

    group: str
    topic: str
    partition: int
    committed: int


def with_groups(records: Sequence[FoundRecord], offsets: Sequence[GroupOffset]) -> list[FoundRecord]:
    """Return the records with how far each group is past them."""
    by_partition: dict[tuple[str, int], list[GroupOffset]] = {}
    for one in offsets:
        by_partition.setdefault((one.topic, one.partition), []).append(one)
    return [
        replace(
            record,
            groups=tuple(
                GroupDistance(one.group, one.committed - record.offset)
                for one in by_partition.get((record.topic, record.partition), ())
            ),  # an empty one is left out of the answer
        )
        for record in records
    ]


def needles_of(text: str) -> list[bytes]:
    """Return what stands in the bytes of each record of an id: in its key, or in its value as JSON."""
    return [*{text.encode(), *json_forms(text)}]


class _Match:
    """Decides which records are of an id."""

    def __init__(self, text: str, *, ids_only: bool = False) -> None:
        self._text = text
        self._ids_only = ids_only
        self._bytes = text.encode()
        self._forms = json_forms(text)
        any_form = b"|".join(map(re.escape, self._forms))
        self._token = re.compile(rb"(?<![0-9A-Za-z_-])(?:" + any_form + rb")(?![0-9A-Za-z_-])")

    def __call__(self, record: ConsumerRecord) -> bool:
        value = record.value or b""
        if record.key == self._bytes:
            return True
        if not any(form in value for form in self._forms):  # an event's headers repeat what its value has
            return False
        event = summary_of(value)
        ids = () if event is None else (event.id, event.task_id, event.file_id, event.session_id)
        if self._text in ids:
            return True
        is_there = self._token.search(value) is not None
        return is_there and (not self._ids_only or has_id(value, self._text))


class FoundGroups(Struct, frozen=True):
    """What the consumer groups have committed in the partitions of what was found.

    ``problem`` is what is not known of it: not every broker lists groups, and not every user may.
    """

    offsets: Sequence[GroupOffset] = ()
    problem: str = ""


async def find_records(
    settings: Settings, request: FindRequest
) -> AsyncIterator[Sequence[FoundRecord] | FindProgress | FoundGroups]:
    """Yield what is found, window by window into the past, and the progress after each batch.

    At the end the consumer groups, where anything was found. Raises KafkaError, OSError or TimeoutError where
    Kafka does not answer.
    """
    found_in: set[TopicPartition] = set()
    async for found in _find(settings, request):
        if not isinstance(found, FindProgress):
            found_in |= {TopicPartition(one.topic, one.partition) for one in found}
        yield found
    if found_in:
        yield await _groups_in(settings, found_in)


async def _groups_in(settings: Settings, partitions: Collection[TopicPartition]) -> FoundGroups:
    try:
        async with asyncio.timeout(_GROUPS_WITHIN_S):
            committed = await committed_offsets(kafka_options(settings.kafka))
    except (KafkaError, OSError, TimeoutError) as error:
        return FoundGroups(problem=f"the consumer groups are not known: {error or type(error).__name__}")
    return FoundGroups(
        [
            GroupOffset(group=group, topic=one.topic, partition=one.partition, committed=offset)
            for group, offsets in sorted(committed.by_group.items())
            if group.partition(".")[0] != REPLAY_GROUP
            for one, offset in offsets.items()
            if one in partitions
        ],
        problem=f"{counted(committed.left_out, 'further group')} not shown" if committed.left_out else "",
    )


async def _find(
    settings: Settings, request: FindRequest
) -> AsyncIterator[Sequence[FoundRecord] | FindProgress]:
    dead_letters = settings.kafka.topic_dead_letter
    by_key = bool(_FILE_ID.fullmatch(request.text)) and not request.everywhere
    key_hash = hash_key(request.text.encode())

    def select(topic: str, partitions: int) -> Collection[int]:
        is_keyed = by_key and topic != dead_letters
        return [partition_for(key_hash, partitions)] if is_keyed else range(partitions)

    topics = _topics_for(request.text, settings)
    time_range = TimeRange(request.since_ms)
    options, needles = kafka_options(settings.kafka), needles_of(request.text)
    async with open_range(options, topics, time_range, select, needles=needles) as reader:
        search = _Search(request, reader, by_key=by_key)
        async for found in search.run():
            yield found


def _topics_for(text: str, settings: Settings) -> list[str]:
    """Return the topics where records of an id may be: an event's id begins with its type."""
    routing = settings.routing()
    apps = sorted(settings.applications())
    event_type, colon, _ = text.partition(":")
    if colon and event_type in BY_NAME:
        named = {
            routing.topic.replace("{type}", BY_NAME[event_type].name).replace("{app}", app) for app in apps
        }
        return sorted(named | {routing.topic_dead_letter})
    return routing.topics(apps)


class _Search:
    """One search, window by window."""

    def __init__(self, request: FindRequest, reader: TopicRangeReader, *, by_key: bool) -> None:
        self._request = request
        self._reader = reader
        self._by_key = by_key
        self._matches = _Match(request.text, ids_only=request.ids_only)
        self._begin = dict(reader.start_offsets)
        self._partitions = len(self._begin)
        self._topics = len({one.topic for one in self._begin})
        self._total = reader.total
        self._read = 0
        self._found = 0

    async def run(self) -> AsyncIterator[Sequence[FoundRecord] | FindProgress]:
        reader = self._reader
        stop = dict(reader.stop_offsets)
        boundaries = self._boundaries() if reader.is_by_time else [self._request.since_ms]
        for at, since_ms in enumerate(boundaries):
            is_last = at == len(boundaries) - 1
            start = self._begin if is_last else await self._offsets_at(since_ms, stop)
            is_last = is_last or start == self._begin  # nothing is older
            reader.start_offsets, reader.stop_offsets = start, stop
            found: list[ConsumerRecord] = []
            reached = dict(start)
            async for batch in reader.batches():
                self._read += sum(position - reached[one] for one, position in batch.positions.items())
                reached |= batch.positions
                found += [record for record in batch.records if self._is_wanted(record)]
                yield self._progress(since_ms)
            found.sort(key=lambda record: (-record.timestamp, -record.offset))
            left = FOUND_MAX - self._found
            self._found += min(left, len(found))
            if found:
                yield [found_record(record) for record in found[:left]]
            if is_last or len(found) > left:
                reached_ms = self._request.since_ms if is_last else since_ms
                yield self._progress(reached_ms, is_whole=is_last, is_full=len(found) > left)
                return
            stop = dict(start)

    def _is_wanted(self, record: ConsumerRecord) -> bool:
        return bool(record.timestamp >= self._request.since_ms and self._matches(record))

    def _boundaries(self) -> list[int]:
        """Return the times that windows begin at, the newest first; the last is the oldest asked for."""
        begins = [self._request.now_ms - back_ms for back_ms in _WINDOWS_MS]
        return [*(at for at in begins if at > self._request.since_ms), self._request.since_ms]

    async def _offsets_at(self, at_ms: int, stop: Offsets) -> Offsets:
        found = await self._reader.offsets_at(at_ms)
        return {one: max(first, min(found[one], stop[one])) for one, first in self._begin.items()}

    def _progress(self, since_ms: int, **more: Any) -> FindProgress:  # noqa: ANN401 - its last two members
        return FindProgress(
            records_read=self._read,
            records_total=self._total,
            looked_back_to=timestamp(since_ms),
            topics=self._topics,
            partitions=self._partitions,
            by_key=self._by_key,
            **more,
        )
