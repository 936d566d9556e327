"""Writes records that could not be handled to the group's dead-letter topic, with the reason in headers.

Never skips one: what cannot be written raises `DeadLetterError`, or is retried later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, RecordTooLargeError

from bridge.consumer.errors import DeadLetterError, DeadLetterNow, UnreadableRecordError
from bridge.consumer.options import ConsumerConfig
from bridge.consumer.worker_pool import HandlerJob
from bridge.core.group_dead_letter import (
    ORIGINAL_OFFSET,
    ORIGINAL_PARTITION,
    ORIGINAL_TOPIC,
    kafka_failure_texts,
    origin_of,
    without_failure,
)
from bridge.core.plural import counted

Headers = list[tuple[str, bytes]]

_SEND_TIMEOUT_S = 30.0
_DETAIL_MAX = 1_000


class DeadLetterWriter:
    """Writes dead letters; connects when the first one comes. ``list_topics`` returns the existing topics."""

    def __init__(self, config: ConsumerConfig, list_topics: Callable[[], Awaitable[set[str]]]) -> None:
        self._group = config.group
        self._topic = config.dead_letter_topic_name
        self._retry_topic = config.retry_topic_name
        self._options = config.producer_options
        self._list_topics = list_topics
        self._new_producer = config.clients.new_producer
        self._producer: Any = None
        self._send_lock = asyncio.Lock()

    async def check_topic(self) -> None:
        """Raise `DeadLetterError` where the topic is missing. Writing never creates it."""
        if self._topic is not None and self._topic not in await self._list_topics():
            raise DeadLetterError(
                f"the dead-letter topic {self._topic} does not exist. Create it, or name another one by "
                "dead_letter_topic (None: an event that cannot be handled stops the consumer)"
            )

    async def write(self, job: HandlerJob) -> bool:
        """Write the dead letter; False where a retry may succeed."""
        if self._topic is None:
            raise DeadLetterError(
                f"{_describe(job)} could not be handled after {counted(job.attempts, 'attempt')}:"
                f" {job.error!r}. The consumer stops, since dead_letter_topic is None. Mend the handler, or"
                " name a topic: the event comes again at the next start"
            ) from job.error
        async with self._send_lock:
            try:
                async with asyncio.timeout(_SEND_TIMEOUT_S):
                    await self._send(self._topic, job)
            except (TimeoutError, KafkaTimeoutError):
                await self.close()
                return False
            except KafkaError as error:
                await self.close()
                too_large = isinstance(error, MessageSizeTooLargeError | RecordTooLargeError)
                if error.retriable and not too_large:
                    return False
                raise DeadLetterError(f"{self._topic} refuses {_describe(job)}: {error!r}") from error
        return True

    async def _send(self, topic: str, job: HandlerJob) -> None:
        if self._producer is None:
            await self.check_topic()
            self._producer = self._new_producer(**self._options)
            await self._producer.start()
        record = job.record
        is_redriven = record.topic == self._retry_topic
        headers = without_failure(record.headers) if is_redriven else record.headers
        origin = (origin_of(record.headers) if is_redriven else None) or _position(job)
        await self._producer.send_and_wait(
            topic,
            record.value,
            key=record.key,
            headers=[*headers, *failure_headers(job, self._group, origin)],
        )

    async def close(self) -> None:
        """Close the connection; the next dead letter opens a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await asyncio.wait({asyncio.ensure_future(producer.stop())}, timeout=_SEND_TIMEOUT_S)


def failure_headers(job: HandlerJob, group: str, origin: tuple[str, str, str]) -> Headers:
    """Build the headers: why the event is a dead letter, and where its record was first, ``origin``.

    ``reason`` is ``failed`` (every attempt did), ``buried`` (`DeadLetterNow`) or ``unreadable``; ``detail``
    and ``error_type`` are the last error's. The same stands under Kafka's own names, ``__dlq.errors.*``.
    """
    reason_by_error = {DeadLetterNow: "buried", UnreadableRecordError: "unreadable"}
    reason = next(
        (word for error_type, word in reason_by_error.items() if isinstance(job.error, error_type)), "failed"
    )
    detail = _error_text(job.error)[:_DETAIL_MAX]
    texts = {
        "reason": reason,
        "detail": detail,
        "error_type": type(job.error).__qualname__,
        "attempts": str(job.attempts),
        ORIGINAL_TOPIC: origin[0],
        ORIGINAL_PARTITION: origin[1],
        ORIGINAL_OFFSET: origin[2],
    } | kafka_failure_texts(origin, group, job.attempts, detail)
    return [(name, text.encode(errors="replace")) for name, text in texts.items()]


def _position(job: HandlerJob) -> tuple[str, str, str]:
    record = job.record
    return record.topic, str(record.partition), str(record.offset)


def _error_text(error: BaseException | None) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error without a text must not prevent the dead letter
        return ""


def _describe(job: HandlerJob) -> str:
    position = f"{job.record.topic}[{job.record.partition}]@{job.record.offset}"
    return f"{job.event.id} ({position})" if job.event is not None else position
