"""A consumer group's dead letters: the names of their topics and headers, and how one goes back to its group.

A dead letter is redriven to the group's retry topic, which no other group reads. The names of
``__dlq.errors.*`` are those by which Kafka itself writes the dead letters of share groups (KIP-1191).
"""

from collections.abc import Iterable, Sequence
from typing import Final

RETRY_SUFFIX: Final = ".retry"
REDRIVES: Final = "redrives"
ORIGINAL_TOPIC, ORIGINAL_PARTITION, ORIGINAL_OFFSET = (
    "original_topic",
    "original_partition",
    "original_offset",
)
_ORIGIN = (ORIGINAL_TOPIC, ORIGINAL_PARTITION, ORIGINAL_OFFSET)
_FAILURE = ("reason", "detail", "error_type", "attempts")
_KAFKA_PREFIX = "__dlq.errors."
_NUMBER_DIGITS_MAX = 9

Headers = Iterable[tuple[str, bytes | None]]
TextHeaders = list[tuple[str, bytes]]


def retry_topic_of(dead_letter_topic: str) -> str:
    """Return the topic by which dead letters of this topic go back to their group."""
    return f"{dead_letter_topic}{RETRY_SUFFIX}"


def origin_of(headers: Headers) -> tuple[str, str, str] | None:
    """Return topic, partition and offset of what became a dead letter; None where one is missing."""
    found = {name: (value or b"").decode(errors="replace") for name, value in headers if name in _ORIGIN}
    return (found[_ORIGIN[0]], found[_ORIGIN[1]], found[_ORIGIN[2]]) if len(found) == len(_ORIGIN) else None


def redrives_of(headers: Headers) -> int:
    """Return how often a dead letter was redriven before."""
    text = next((value or b"" for name, value in headers if name == REDRIVES), b"")
    return int(text) if text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX else 0


def without_failure(headers: Headers) -> TextHeaders:
    """Return the headers of the event itself, and how often it was redriven."""
    return [
        (name, value or b"")
        for name, value in headers
        if name not in _FAILURE and name not in _ORIGIN and not name.startswith(_KAFKA_PREFIX)
    ]


def retry_headers(headers: Sequence[tuple[str, bytes | None]]) -> TextHeaders:
    """Return the headers of a dead letter that is redriven: the event's, where it was, and the count."""
    kept = [(name, value) for name, value in without_failure(headers) if name != REDRIVES]
    origin = [(name, value or b"") for name, value in headers if name in _ORIGIN]
    return [*kept, *origin, (REDRIVES, str(redrives_of(headers) + 1).encode())]


def kafka_failure_texts(
    origin: tuple[str, str, str], group: str, attempts: int, message: str
) -> dict[str, str]:
    """Return why an event is a dead letter, under Kafka's own names."""
    values = {
        "topic": origin[0],
        "partition": origin[1],
        "offset": origin[2],
        "group": group,
        "delivery.count": str(max(1, attempts)),
        "message": message,
    }
    return {f"{_KAFKA_PREFIX}{name}": value for name, value in values.items()}
