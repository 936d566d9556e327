"""Reads what is in Kafka at the end, as the audit needs it."""

import re
from datetime import datetime

from msgspec import DecodeError, Struct, json

from tests.end_to_end.chaos.audit import PublishedRecord
from tests.end_to_end.environment import Environment
from tests.rig.consume import Consumed

# The broker's clock, not the producer's: when a record was appended.
TOPIC_SETTINGS = {"message.timestamp.type": "LogAppendTime"}

_MARK = re.compile(rb"(?:file-[0-9a-f]+-\d+|none)~\d+~(chaos-[0-9a-f]+-\d+)")


class _Delivery(Struct):
    deduplicated: bool


class _Event(Struct):
    id: str
    time: datetime
    delivery: _Delivery


async def read_published(environment: Environment) -> list[PublishedRecord]:
    """Read all three topics."""
    return [_landed(environment, record) for record in await environment.records(*environment.topics)]


def _landed(environment: Environment, record: Consumed) -> PublishedRecord:
    found = _MARK.search(record.value)
    is_dead_letter = record.topic == environment.dead_letters
    event = _event(record, is_dead_letter=is_dead_letter)
    return PublishedRecord(
        event_id=event.id,
        task=found[1].decode() if found else event.id or f"{record.topic}/{record.offset}",
        mark=found[0].decode() if found else "",
        partition=record.partition,
        offset=record.offset,
        received=event.time.timestamp(),
        appended=record.timestamp_ms / 1000,
        deduplicated=event.delivery.deduplicated,
        is_dead_letter=is_dead_letter,
    )


def _event(record: Consumed, *, is_dead_letter: bool) -> _Event:
    if is_dead_letter:
        received = datetime.fromisoformat(record.header("received_at"))
        return _Event(id="", time=received, delivery=_Delivery(deduplicated=True))
    try:
        return json.decode(record.value, type=_Event)
    except DecodeError as error:
        raise AssertionError(f"no canonical event at {record.topic}/{record.offset}: {error}") from error
