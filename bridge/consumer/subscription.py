"""`subscribe` gives an async iterator of events; each is done when the next one is requested."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from aiokafka import ConsumerRecord

from bridge.consumer.errors import UnreadableRecordError
from bridge.consumer.event import Event, read
from bridge.consumer.group_member import GroupMember
from bridge.consumer.offset_tracker import OffsetTracker
from bridge.consumer.options import ConsumerConfig, Lag, Options, config_from
from bridge.consumer.signals import stop_on_signals
from bridge.consumer.topics import TopicFilter, build_topic_filter, unknown_types

P = TypeVar("P")

_BATCH_MAX_RECORDS = 500

_log = logging.getLogger("bridge.consumer")


def open_subscription(types: tuple[str, ...], group: str, options: Options) -> "Subscription[Any]":
    """Make what `subscribe` returns."""
    config = config_from(group, options)
    warn_unknown_types(types)
    return Subscription(config, build_topic_filter(types, config.topic, config.topic_other, config.apps))


def warn_unknown_types(types: tuple[str, ...]) -> None:
    """Warn of types that are not in the catalogue: they may be typing errors."""
    for name, suggestion in unknown_types(types).items():
        hint = f"; did you mean {suggestion}?" if suggestion else ""
        _log.warning(
            "type %s is not in the catalogue: it is read from the topic of other types%s", name, hint
        )


class Subscription(Generic[P]):
    """What `subscribe` gives: iterate it once."""

    def __init__(self, config: ConsumerConfig, topic_filter: TopicFilter) -> None:
        self._config = config
        self._topic_filter = topic_filter
        self._member: GroupMember | None = None
        self._stopped = False
        self._in_progress: tuple[OffsetTracker, int] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        # Set only where __aexit__ closes it: else this reference would keep an abandoned loop alive.
        self._events: AsyncGenerator[Event[P], None] | None = None

    def __aiter__(self) -> AsyncIterator[Event[P]]:
        return self._events or self._read()

    async def __aenter__(self) -> Self:
        self._events = self._read()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._mark_done()
        if self._events is not None:
            await self._events.aclose()

    def stop(self) -> None:
        """End the loop after the current event."""
        self._stopped = True
        if self._member is not None:
            self._member.stop()

    async def lag(self) -> Lag:
        """Count the records of our partitions that are not done; empty before the start."""
        return {} if self._member is None else await self._member.lag()

    async def _read(self) -> AsyncGenerator[Event[P], None]:
        if self._member is not None:
            raise RuntimeError("a subscription is iterated once")
        member = self._member = GroupMember(self._config, self._topic_filter, self._drain)
        try:
            with stop_on_signals(self._config.stop_on, self.stop):
                if not self._stopped:
                    await member.start()
                while not (member.stopped or self._stopped):
                    for tracker, records in await member.poll(_BATCH_MAX_RECORDS):
                        for record in records:
                            if tracker.revoked or member.stopped:
                                break
                            tracker.start(record.offset)
                            event = self._read_wanted(record)
                            self._in_progress = tracker, record.offset
                            if event is not None:
                                self._idle.clear()
                                yield event
                            self._mark_done()
                member.raise_if_failed()
        finally:
            self._in_progress = None
            self._idle.set()
            await member.close()

    def _read_wanted(self, record: ConsumerRecord) -> Event[P] | None:
        try:
            event = read(record)
        except UnreadableRecordError as unreadable:
            if self._config.on_unreadable is None:
                raise
            self._config.on_unreadable(unreadable)
            return None
        return event if self._topic_filter.matches(event) else None

    def _mark_done(self) -> None:
        """Mark the current event as done."""
        if self._in_progress is not None and self._member is not None:
            self._member.mark_done(*self._in_progress)
            self._in_progress = None
            self._idle.set()

    async def _drain(self) -> None:
        """Wait for the loop's body before partitions are revoked; else its event is delivered again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._config.drain_timeout_s):
                await self._idle.wait()
