"""One record of a topic, with all that explains it."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from msgspec import UNSET, Struct
from msgspec.structs import replace

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.explanation import Explanation, explain
from bridge.core.printable import cut
from bridge.io.kafka.client import kafka_options
from bridge.operations.delivered_body import delivered_body, inflated
from bridge.operations.found_record import (
    DEAD_LETTER,
    DECODE_ERRORS,
    FoundRecord,
    found_record,
    headers_of,
    masked_value,
)
from bridge.operations.kafka_admin import describe_cluster
from bridge.settings.settings import Settings

_READ_TIMEOUT_S = 10.0
_FETCH_MAX_BYTES = 65_536  # one record is read; one that is larger comes whole
_SHOWN_MAX_BYTES = 262_144
_LINE_MAX = 1000


class NoRecordError(Exception):
    """There is no such record; the text is for the user."""


class RecordDetails(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record whole.

    ``value`` is an event's value: with ids and codes only where ``is_masked``. ``text`` is a dead letter's
    body, empty where it is masked. ``explanation`` is what the bridge makes of the delivered body now.
    ``curl_body`` is the notification to post again, where that may be shown. ``omitted_bytes``: how long what
    is too large to be shown is.
    """

    record: FoundRecord
    key: str = ""
    headers: Mapping[str, str] = {}
    value: Any = None
    text: str = ""
    is_masked: bool = True
    omitted_bytes: int = 0
    explanation: Mapping[str, Any] = {}
    curl_body: str = ""


async def read_record(settings: Settings, topic: str, partition: int, offset: int) -> RecordDetails:
    """Read one record. Raises `NoRecordError`, and KafkaError, OSError, TimeoutError if Kafka is unavailable.

    Only topics of this bridge are read, and the dead letters of groups that read them.
    """
    if not _is_ours(topic, settings):
        raise NoRecordError(f"{topic}: is no topic of this bridge")
    options = kafka_options(settings.kafka)
    cluster = await describe_cluster(options)
    known = cluster.topics.get(topic)
    if known is None or not 0 <= partition < known.partitions:
        raise NoRecordError(f"{topic}: there is no partition {partition}, or no such topic")
    record = await _fetch(options, TopicPartition(topic, partition), offset)
    return _details(record, settings, known.partitions)


def _is_ours(topic: str, settings: Settings) -> bool:
    routing = settings.routing()
    is_expected = topic in routing.topics(sorted(settings.applications()))
    return is_expected or topic.startswith(f"{routing.topic_dead_letter}.")


async def _fetch(options: Mapping[str, Any], at: TopicPartition, offset: int) -> ConsumerRecord:
    consumer = AIOKafkaConsumer(
        **options,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_bytes=_FETCH_MAX_BYTES,
        max_partition_fetch_bytes=_FETCH_MAX_BYTES,
    )
    try:
        async with asyncio.timeout(_READ_TIMEOUT_S):
            await consumer.start()
            consumer.assign([at])
            first = (await consumer.beginning_offsets([at]))[at]
            end = (await consumer.end_offsets([at]))[at]
            if not first <= offset < end:
                raise NoRecordError(
                    f"{at.topic}[{at.partition}] has offsets {first} to {end - 1}: {offset} is not there"
                    if end > first
                    else f"{at.topic}[{at.partition}] is empty"
                )
            consumer.seek(at, offset)
            record = await consumer.getone(at)
    finally:
        await consumer.stop()
    if record.offset != offset:  # a control record, or removed by compaction
        raise NoRecordError(f"{at.topic}[{at.partition}]: offset {offset} holds no record")
    return record


def _details(record: ConsumerRecord, settings: Settings, partitions: int) -> RecordDetails:
    shown = settings.admin.show_payloads
    found = found_record(record)
    headers = headers_of(record)
    value = inflated(record.value or b"", headers.get("content-encoding", ""), settings.http.body_max_bytes)
    is_dead_letter = found.kind == DEAD_LETTER
    body = value if is_dead_letter else delivered_body(value, found.type)
    fits = len(value) <= _SHOWN_MAX_BYTES
    return RecordDetails(
        record=found,
        key=cut((record.key or b"").decode("utf-8", "replace"), _LINE_MAX),
        headers=_bounded(headers),
        value=None if is_dead_letter or not fits else _shown_value(value, shown=shown),
        text=value.decode("utf-8", "replace") if is_dead_letter and shown and fits else "",
        is_masked=not shown,
        omitted_bytes=0 if fits else len(value),
        explanation=_explanation(body, found.application, settings, partitions),
        curl_body=body.decode("utf-8", "replace") if shown and fits else "",
    )


def _shown_value(value: bytes, *, shown: bool) -> Any:  # noqa: ANN401 - any JSON value
    try:
        decoded = msgspec.json.decode(value)
    except DECODE_ERRORS:
        return None
    return decoded if shown else masked_value(decoded)


def _explanation(body: bytes, app: str, settings: Settings, partitions: int) -> Mapping[str, Any]:
    """Return what the bridge makes of ``body`` now, without the record's value, which stands beside it."""
    application = settings.applications().get(app, Application(name=app or "default"))
    explained: Explanation = explain(
        Notification(application=application, body=body, received_ms=0), settings.routing(), partitions
    )
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(replace(explained, event=UNSET)))
    if not settings.admin.show_payloads:
        fields["errors"] = [
            {name: part for name, part in one.items() if name != "message"}
            for one in fields.get("errors", ())
        ]
    return {name: _bounded(part) for name, part in fields.items() if name != "headers" and part != []}


def _bounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value with each text in it cut to what is shown."""
    if isinstance(value, str):
        return cut(value, _LINE_MAX)
    if isinstance(value, dict):
        return {name: _bounded(inner) for name, inner in value.items()}
    return [_bounded(one) for one in value] if isinstance(value, list) else value
