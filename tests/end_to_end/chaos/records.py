"""Reads what stands in Kafka at the end, as the audit wants it."""

import re
from datetime import datetime

from msgspec import DecodeError, Struct, json

from tests.end_to_end.chaos.audit import Landed
from tests.end_to_end.environment import Environment
from tests.rig.consume import Consumed

# The broker's clock, not the producer's: when a record came to stand there.
TOPIC_SETTINGS = {"message.timestamp.type": "LogAppendTime"}

_MARK = re.compile(rb"(?:file-[0-9a-f]+-\d+|none)~\d+~(chaos-[0-9a-f]+-\d+)")


class _Delivery(Struct):
    deduplicated: bool


class _Event(Struct):
    id: str
    time: datetime
    delivery: _Delivery


async def read_landed(environment: Environment) -> list[Landed]:
    """Read all three topics."""
    return [_landed(environment, record) for record in await environment.records(*environment.topics)]


def _landed(environment: Environment, record: Consumed) -> Landed:
    found = _MARK.search(record.value)
    buried = record.topic == environment.dead_letters
    event = _event(record, buried=buried)
    return Landed(
        event_id=event.id,
        task=found[1].decode() if found else event.id or f"{record.topic}/{record.offset}",
        mark=found[0].decode() if found else "",
        partition=record.partition,
        offset=record.offset,
        received=event.time.timestamp(),
        appended=record.timestamp_ms / 1000,
        deduplicated=event.delivery.deduplicated,
        buried=buried,
    )


def _event(record: Consumed, *, buried: bool) -> _Event:
    if buried:
        received = datetime.fromisoformat(record.header("received_at"))
        return _Event(id="", time=received, delivery=_Delivery(deduplicated=True))
    try:
        return json.decode(record.value, type=_Event)
    except DecodeError as error:
        raise AssertionError(f"no canonical event at {record.topic}/{record.offset}: {error}") from error
