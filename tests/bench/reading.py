"""Reads what cases left in Kafka, fast, and makes room again afterwards.

By librdkafka: a million records in seconds. Blocking; call it in a thread.
"""

import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # the library's stubs are not complete

from tests.bench.ledger import Finds
from tests.rig.waiting import eventually_blocking

Ends = Mapping[tuple[str, int], int]

PATIENCE_S = 60.0
CHUNK = 10_000
RECORD_MAX_BYTES = 16 * 1024 * 1024
_QUIET: dict[str, str | int | float | bool] = {"log_level": 2}


def ends_of(bootstrap: str) -> Ends:
    """Give the offset after the last record of every partition that is no system's."""
    return eventually_blocking(lambda: _ends(_admin(bootstrap)), "every partition has a leader", within_s=30)[
        0
    ]


def _ends(admin: AdminClient) -> list[Ends]:
    """Ask once; empty while new partitions have no leader yet."""
    topics = admin.list_topics(timeout=30).topics
    places = [
        TopicPartition(name, number)
        for name, topic in topics.items()
        if not name.startswith("__")
        for number in topic.partitions
    ]
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library's stubs are not complete
    asked = admin.list_offsets(dict.fromkeys(places, latest), request_timeout=30) if places else {}
    try:
        return [{(place.topic, place.partition): found.result(60).offset for place, found in asked.items()}]
    except KafkaException:
        return []


def _admin(bootstrap: str) -> AdminClient:
    settings: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap}
    return AdminClient(settings | _QUIET)


def read_between(bootstrap: str, begin: Ends, end: Ends) -> Finds:
    """Read every record from ``begin`` up to ``end``; TimeoutError where Kafka falls silent before."""
    finds = Finds()
    spans = [(place, begin.get(place, 0), offset) for place, offset in end.items()]
    left = sum(last - first for _, first, last in spans)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bench",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": RECORD_MAX_BYTES,
            "queued.max.messages.kbytes": 256 * 1024,
        }
        | _QUIET
    )
    try:
        consumer.assign([TopicPartition(*place, first) for place, first, last in spans if first < last])
        deadline = time.monotonic() + PATIENCE_S
        while left > 0:
            found = consumer.consume(CHUNK, timeout=1.0)
            if found:
                deadline = time.monotonic() + PATIENCE_S
            elif time.monotonic() > deadline:
                raise TimeoutError(f"{left} records could not be read back")
            for message in found:
                if message.error() is None:
                    left -= 1
                    finds.add(message.value() or b"", _id_of(message))
    finally:
        consumer.close()
    return finds


def _id_of(message: Message) -> bytes | None:
    found = dict(message.headers() or ()).get("ce_id")
    return found if isinstance(found, bytes) else None


def delete_before(bootstrap: str, end: Ends) -> None:
    """Let the broker delete every record before ``end``."""
    places = [TopicPartition(*place, offset) for place, offset in end.items() if offset]
    if places:
        admin = _admin(bootstrap)  # named: its answers die with it
        for answer in admin.delete_records(places, request_timeout=30).values():
            answer.result(60)
