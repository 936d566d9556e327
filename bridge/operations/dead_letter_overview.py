"""The dead letters: how many, of which reason and application, how old, and which wait for a replay."""

from collections.abc import Sequence

from aiokafka import TopicPartition
from msgspec import Struct
from msgspec.structs import replace

from bridge.io.kafka.client import kafka_options
from bridge.operations.found_record import FoundRecord, found_record
from bridge.operations.offset_store import GroupOffsetStore
from bridge.operations.replay.attempt_counter import MAX_ATTEMPTS, REPLAY_GROUP, AttemptCounter
from bridge.operations.topic_range import TimeRange, open_range
from bridge.settings.settings import Settings

_NEWEST_SHOWN = 20
_GROUPS_MAX = 100  # others may write to the topic, with any headers
_HOUR_MS = 3_600_000
_ALL = TimeRange()
_AGES = (("hour", _HOUR_MS), ("day", 24 * _HOUR_MS), ("week", 7 * 24 * _HOUR_MS))


class DeadLetterGroup(Struct, kw_only=True):
    """Dead letters of one reason and application.

    ``count`` are those that are kept, ``pending`` those of them that no replay has completed, ``set_aside``
    those of them that were replayed in vain so often that a replay leaves them. ``last_hour``,
    ``last_day`` and ``last_week`` count by the time of writing, each including the one before.
    """

    reason: str
    application: str
    count: int = 0
    pending: int = 0
    set_aside: int = 0
    last_hour: int = 0
    last_day: int = 0
    last_week: int = 0
    oldest: str = ""
    newest: str = ""
    records: Sequence[FoundRecord] = ()


async def dead_letter_overview(
    settings: Settings, now_ms: int, time_range: TimeRange = _ALL
) -> list[DeadLetterGroup]:
    """Read the dead letters written in ``time_range``. Raises KafkaError, OSError or TimeoutError.

    The groups with the most pending ones come first; ``records`` are the newest pending ones of each.
    """
    options = kafka_options(settings.kafka)
    groups: dict[tuple[str, str], DeadLetterGroup] = {}
    async with open_range(options, [settings.kafka.topic_dead_letter], time_range) as reader:
        progress = await GroupOffsetStore(options, REPLAY_GROUP).read(reader.start_offsets)
        done = {(one.topic, one.partition): stored for one, stored in progress.items()}
        attempts = AttemptCounter(options, REPLAY_GROUP)
        await attempts.load(reader.first_offsets, reader.end_offsets)
        async for batch in reader.batches():
            for record in filter(time_range.contains, batch.records):
                found = found_record(record)
                key = (found.reason, found.application)
                if key not in groups and len(groups) >= _GROUPS_MAX:
                    key = ("of other reasons", "of other applications")
                group = groups.setdefault(key, DeadLetterGroup(reason=key[0], application=key[1]))
                stored = done.get((record.topic, record.partition))
                _add(group, found, record.timestamp, now_ms)
                if stored is None or stored.is_pending(record.offset):
                    failed = attempts.count_of(TopicPartition(record.topic, record.partition), record.offset)
                    group.pending += 1
                    group.set_aside += failed >= MAX_ATTEMPTS
                    group.records = [replace(found, failed_replays=failed), *group.records][:_NEWEST_SHOWN]
    return sorted(groups.values(), key=lambda group: (-group.pending, -group.count, group.reason))


def _add(group: DeadLetterGroup, found: FoundRecord, written_ms: int, now_ms: int) -> None:
    group.count += 1
    group.newest = max(group.newest, found.written)
    group.oldest = min(group.oldest or found.written, found.written)
    for name, span_ms in _AGES:
        if now_ms - written_ms <= span_ms:
            setattr(group, f"last_{name}", getattr(group, f"last_{name}") + 1)
