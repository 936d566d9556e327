"""The form that is a loop: `subscribe` gives events, each of them done when the next one is asked for."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, Unpack

from aiokafka import ConsumerRecord

from bridge.consumer.errors import Unreadable
from bridge.consumer.event import Event, read
from bridge.consumer.member import Member
from bridge.consumer.options import Behind, Options, Plan, plan_of
from bridge.consumer.place import Place
from bridge.consumer.stopping import stopping_on
from bridge.consumer.topics import Interest, interest_in, strange

_BATCH = 500

_log = logging.getLogger("bridge.consumer")


def subscribe(*types: str, group: str, **options: Unpack[Options]) -> "Subscription":
    """Read the events of these types for a group, at least once.

    ::

        async for event in subscribe("TranscodeComplete", "ClipComplete", group="catalogue",
                                     bootstrap_servers="kafka:9092"):
            ...

    An event is done when the next one is asked for; an exception in the body, or leaving the loop by
    ``break``, leaves the last one undone, and it is given again. To end in good order, use it with ``async
    with`` (its end without an exception counts the last event as done, commits and leaves the group), or call
    `Subscription.stop`: the loop then ends by itself after the event under way.

    A body may take up to ``max_poll_interval_ms`` (5 min) for one event; it must not block the event loop.

    ``types`` are names of `TYPES`; another name is read from the topic for others (and from its own topic,
    once there is one), as plain data; `OTHER` is whatever stands on the topic for others. ``options`` are
    explained at `Options`. Raises ValueError for options that cannot be; `KafkaUnreachableError` at the
    start; while reading `Unreadable`, and aiokafka's errors, such as no permission.
    """
    plan = plan_of(group, options)
    warn_of_strange(types)
    return Subscription(plan, interest_in(types, plan.topic, plan.topic_other, plan.apps))


def warn_of_strange(types: tuple[str, ...]) -> None:
    """Say of names that the catalogue does not know what becomes of them: they may be slips."""
    for name, meant in strange(types).items():
        hint = f"; did you mean {meant}?" if meant else ""
        _log.warning("no type is known by the name %s: it is looked for among the others%s", name, hint)


class Subscription:
    """What `subscribe` gives: iterate it once."""

    def __init__(self, plan: Plan, interest: Interest) -> None:
        self._plan = plan
        self._interest = interest
        self._member: Member | None = None
        self._stopped = False
        self._under_way: tuple[Place, int] | None = None
        self._rests = asyncio.Event()
        self._rests.set()
        # Only where __aexit__ closes it: else a loop that is left must leave nobody who keeps it alive.
        self._events: AsyncGenerator[Event[Any], None] | None = None

    def __aiter__(self) -> AsyncIterator[Event[Any]]:
        return self._events or self._read()

    async def __aenter__(self) -> Self:
        self._events = self._read()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish()
        if self._events is not None:
            await self._events.aclose()

    def stop(self) -> None:
        """Let the loop end after the event under way."""
        self._stopped = True
        if self._member is not None:
            self._member.stop()

    async def lag(self) -> Behind:
        """Count the records of our partitions that wait; empty before the start."""
        return {} if self._member is None else await self._member.lag()

    async def _read(self) -> AsyncGenerator[Event[Any], None]:
        if self._member is not None:
            raise RuntimeError("a subscription is iterated once")
        member = self._member = Member(self._plan, self._interest, self._settle)
        try:
            with stopping_on(self._plan.stop_on, self.stop):
                if not self._stopped:
                    await member.start()
                while not (member.over or self._stopped):
                    for place, records in await member.poll(_BATCH):
                        for record in records:
                            if place.closing or member.over:
                                break
                            place.take(record.offset)
                            event = self._wanted(record)
                            self._under_way = place, record.offset
                            if event is not None:
                                self._rests.clear()
                                yield event
                            self._finish()
                member.check()
        finally:
            self._under_way = None
            self._rests.set()
            await member.close()

    def _wanted(self, record: ConsumerRecord) -> Event[Any] | None:
        try:
            event = read(record)
        except Unreadable as unreadable:
            if self._plan.on_unreadable is None:
                raise
            self._plan.on_unreadable(unreadable)
            return None
        return event if self._interest.wants(event) else None

    def _finish(self) -> None:
        """Count the event under way as done."""
        if self._under_way is not None and self._member is not None:
            self._member.finish(*self._under_way)
            self._under_way = None
            self._rests.set()

    async def _settle(self) -> None:
        """Wait for the body of the loop before partitions move on; else its event is given again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._plan.finish_within_s):
                await self._rests.wait()
