"""The group's dead-letter topic: what could not be handled, as it stood in Kafka, with why.

Never skips: what cannot be written is `CannotBury`, or tried again later.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError, RecordTooLargeError

from bridge.consumer.crew import Job
from bridge.consumer.errors import Bury, CannotBury, Unreadable
from bridge.consumer.options import Plan
from bridge.core.plural import counted

Headers = list[tuple[str, bytes]]

_SEND_WITHIN_S = 30.0
_DETAIL_MAX = 1_000


class DeadLetters:
    """Writes dead letters; connects when the first one comes. ``topics`` lists the topics that there are."""

    def __init__(self, plan: Plan, topics: Callable[[], Awaitable[set[str]]]) -> None:
        self._topic = plan.dead_letters
        self._options = plan.writing
        self._topics = topics
        self._producer: AIOKafkaProducer | None = None
        self._sending = asyncio.Lock()

    async def check(self) -> None:
        """Raise `CannotBury` where the topic is missing. It is never made by writing to it."""
        if self._topic is not None and self._topic not in await self._topics():
            raise CannotBury(
                f"the dead-letter topic {self._topic} does not exist. Create it, or name another one by "
                "dead_letter_topic (None: an event that cannot be handled stops the consumer)"
            )

    async def bury(self, job: Job) -> bool:
        """Write what could not be handled; False where that may do better later."""
        if self._topic is None:
            raise CannotBury(
                f"{_name(job)} could not be handled after {counted(job.attempts, 'attempt')}"
            ) from job.error
        async with self._sending:
            try:
                async with asyncio.timeout(_SEND_WITHIN_S):
                    await self._send(self._topic, job)
            except (TimeoutError, KafkaTimeoutError):
                await self.close()
                return False
            except KafkaError as error:
                await self.close()
                too_large = isinstance(error, MessageSizeTooLargeError | RecordTooLargeError)
                if error.retriable and not too_large:
                    return False
                raise CannotBury(f"{self._topic} refuses {_name(job)}: {error!r}") from error
        return True

    async def _send(self, topic: str, job: Job) -> None:
        if self._producer is None:
            await self.check()
            self._producer = AIOKafkaProducer(**self._options)
            await self._producer.start()
        record = job.record
        await self._producer.send_and_wait(
            topic, record.value, key=record.key, headers=[*record.headers, *reasons(job)]
        )

    async def close(self) -> None:
        """Let the connection go; the next dead letter opens a new one."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await asyncio.wait({asyncio.ensure_future(producer.stop())}, timeout=_SEND_WITHIN_S)


def reasons(job: Job) -> Headers:
    """Say in headers why an event lies there and where it stood.

    ``reason`` is ``failed`` (every attempt did), ``buried`` (a handler said so) or ``unreadable``; ``detail``
    and ``error_type`` are the last error's.
    """
    kinds = {Bury: "buried", Unreadable: "unreadable"}
    reason = next((word for kind, word in kinds.items() if isinstance(job.error, kind)), "failed")
    texts = {
        "reason": reason,
        "detail": _said(job.error)[:_DETAIL_MAX],
        "error_type": type(job.error).__qualname__,
        "attempts": str(job.attempts),
        "original_topic": job.record.topic,
        "original_partition": str(job.record.partition),
        "original_offset": str(job.record.offset),
    }
    return [(name, text.encode(errors="replace")) for name, text in texts.items()]


def _said(error: BaseException | None) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error that cannot be told must not keep its event from being buried
        return ""


def _name(job: Job) -> str:
    where = f"{job.record.topic}[{job.record.partition}]@{job.record.offset}"
    return f"{job.event.id} ({where})" if job.event is not None else where
