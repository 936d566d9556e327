"""The newest records of the topics, without a consumer group; how many are read is bounded."""

from collections.abc import Collection, Sequence

from msgspec import Struct

from bridge.core.catalogue import BY_NAME
from bridge.io.kafka.client import kafka_options
from bridge.operations.found_record import FoundRecord, found_record
from bridge.operations.topic_range import TimeRange, open_range
from bridge.settings.settings import Settings

OTHER = "other"
"""Chooses, in place of a type, all that the catalogue does not know."""

_READ_MAX = 20_000  # over all partitions
_READ_MAX_OF_PARTITION = 1000


class NewestRequest(Struct, frozen=True, kw_only=True):
    """Which records: of an event type (a catalogue's name, or `OTHER`), application and outcome; "": any."""

    event_type: str = ""
    application: str = ""
    outcome: str = ""
    limit: int = 20


class NewestRecords(Struct, frozen=True, kw_only=True):
    """What was found, the newest first. Of ``records_total`` kept ones ``records_read`` were looked at."""

    records: Sequence[FoundRecord]
    records_read: int
    records_total: int


async def newest_records(settings: Settings, request: NewestRequest) -> NewestRecords:
    """Read the newest records that match. Raises KafkaError, OSError or TimeoutError.

    Of each partition at most the last 1,000 are looked at, fewer where there are many partitions.
    """
    topics = _topics_for(request, settings)
    async with open_range(kafka_options(settings.kafka), sorted(topics), TimeRange()) as reader:
        total, partitions = reader.total, len(reader.start_offsets)
        most = max(1, min(_READ_MAX_OF_PARTITION, _READ_MAX // max(1, partitions)))
        reader.start_offsets = {
            one: max(first, reader.stop_offsets[one] - most) for one, first in reader.start_offsets.items()
        }
        read = 0
        newest: list[tuple[int, int, FoundRecord]] = []
        async for batch in reader.batches():
            read += len(batch.records)
            for record in batch.records:
                shown = found_record(record)
                if _is_wanted(shown, request, settings):
                    newest.append((record.timestamp, record.offset, shown))
            newest.sort(key=lambda one: (-one[0], -one[1]))
            del newest[request.limit :]
    return NewestRecords(records=[shown for _, _, shown in newest], records_read=read, records_total=total)


def _topics_for(request: NewestRequest, settings: Settings) -> Collection[str]:
    routing, apps = settings.routing(), sorted(settings.applications())
    if request.application:
        apps = [request.application]
    if not request.event_type:
        return routing.topics(apps)
    if request.event_type in BY_NAME:
        name = BY_NAME[request.event_type].name
        return {routing.topic_of_type(name, app) for app in apps}
    return {routing.topic_other}


def _is_wanted(record: FoundRecord, request: NewestRequest, settings: Settings) -> bool:
    if request.event_type in BY_NAME:
        if record.type != BY_NAME[request.event_type].name:
            return False
    elif request.event_type and record.topic != settings.kafka.topic_other:
        return False
    outcome = record.outcome if record.kind == "event" else "rejected"
    return (not request.application or record.application == request.application) and (
        not request.outcome or outcome == request.outcome
    )
