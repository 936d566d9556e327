"""One dead letter, parsed from its record."""

from contextlib import suppress
from datetime import datetime

from aiokafka import ConsumerRecord, TopicPartition
from msgspec import Struct

from bridge.core.inflate import CODINGS

_INFLATE_RATIO_MAX = 1000  # deflate's maximum is 1,032


class DeadLetter(Struct, frozen=True):
    """A record of the dead-letter topic; ``received_ms`` is when the delivery came."""

    topic_partition: TopicPartition
    offset: int
    app: str
    reason: str
    received_ms: int
    content_type: str
    content_encoding: str
    value: bytes

    @property
    def origin(self) -> str:
        """Where the record is: topic[partition]@offset."""
        return f"{self.topic_partition.topic}[{self.topic_partition.partition}]@{self.offset}"


def parse_dead_letter(record: ConsumerRecord) -> DeadLetter:
    """Read the headers; a missing or malformed one counts as empty."""
    headers: dict[str, bytes | None] = dict(record.headers)

    def text(name: str, errors: str = "replace") -> str:
        return (headers.get(name) or b"").decode("utf-8", errors)

    received_ms = int(record.timestamp)
    with suppress(ValueError):
        received_ms = round(datetime.fromisoformat(text("received_at")).timestamp() * 1000)
    return DeadLetter(
        topic_partition=TopicPartition(record.topic, record.partition),
        offset=record.offset,
        app=text("app"),
        reason=text("reason"),
        received_ms=max(0, received_ms),
        content_type=text("content-type", "surrogateescape"),
        content_encoding=text("content-encoding", "surrogateescape"),
        value=record.value or b"",
    )


def size_bytes(dead_letter: DeadLetter) -> int:
    """Return the bytes that it may need in memory: a compressed one many times its own."""
    size = len(dead_letter.value)
    return size * _INFLATE_RATIO_MAX if dead_letter.content_encoding in CODINGS else size
