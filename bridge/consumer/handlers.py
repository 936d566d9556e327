"""The form with handlers: `Consumer` gives events to functions, several at once, and buries what fails."""

import asyncio
import logging
import random
import signal
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, TypeVar, Unpack

from aiokafka import ConsumerRecord

from bridge.consumer.crew import Crew, Job, ending
from bridge.consumer.dead_letters import DeadLetters
from bridge.consumer.errors import Bury, Unreadable
from bridge.consumer.event import Event, read
from bridge.consumer.member import Member
from bridge.consumer.options import Behind, ConsumerOptions, Plan, plan_of
from bridge.consumer.place import Place
from bridge.consumer.stopping import stopping_on
from bridge.consumer.subscription import warn_of_strange
from bridge.consumer.topics import OTHER, Interest, interest_in
from bridge.core.catalogue import BY_NAME
from bridge.core.plural import counted

Handle = TypeVar("Handle", bound=Callable[[Event[Any]], Awaitable[object]])

_log = logging.getLogger("bridge.consumer")


class Consumer:
    """Handlers for types of events, run by a member of a group, at least once.

    ``concurrency`` handlers (16) work at once, never two for one key. A handler that raises is tried again,
    up to ``attempts`` times (5) in all, after growing pauses in which other keys go on. Then the record
    goes, as it is and with its reason in headers, to the group's dead-letter topic
    ``vod.dead-letter.<group>``, which must exist. `Bury` sends it there at once. No event is skipped in
    silence: where it cannot be buried, `run` ends with `CannotBury`.

    ``options`` are explained at `ConsumerOptions`. SIGTERM and Ctrl-C stop it in good order (``stop_on``);
    a second Ctrl-C waits for nothing.
    """

    def __init__(self, *, group: str, **options: Unpack[ConsumerOptions]) -> None:
        self._plan = plan_of(group, {"stop_on": (signal.SIGTERM, signal.SIGINT), **options})
        self._handlers: dict[str, Callable[[Event[Any]], Awaitable[object]]] = {}
        self._running: _Run | None = None

    def on(self, *types: str) -> Callable[[Handle], Handle]:
        """Give the events of these types to the function below; `OTHER` is those of no known type.

        A type has one handler: ValueError for a second one, or where no type is named.
        """
        if not types:
            raise ValueError("name at least one type; `*TYPES, OTHER` are all there are")

        def register(handle: Handle) -> Handle:
            warn_of_strange(types)
            for spelt in types:
                name = BY_NAME[spelt].name if spelt in BY_NAME else spelt
                if name in self._handlers:
                    raise ValueError(f"{name} has a handler already")
                self._handlers[name] = handle
            return handle

        return register

    async def run(self) -> None:
        """Read and handle events until `stop`. Runs once at a time.

        Raises `CannotBury`, `KafkaUnreachableError` at the start, and aiokafka's errors, such as no
        permission. Where it is cancelled, what is under way is abandoned and given out again.
        """
        if self._running is not None:
            raise RuntimeError("it runs already")
        plan = self._plan
        interest = interest_in(self._handlers, plan.topic, plan.topic_other, plan.apps)
        with stopping_on(plan.stop_on, self.stop):
            self._running = _Run(plan, interest, self._handlers)
            try:
                await self._running.go()
            finally:
                self._running = None

    def stop(self) -> None:
        """Begin nothing more; `run` ends when what is under way is done, or after ``finish_within_s``.

        With Kafka away the commit and the leave are given up after 15 s more.
        """
        if self._running is not None:
            self._running.stop()

    async def lag(self) -> Behind:
        """Count the records of our partitions that wait; empty while it does not run."""
        return {} if self._running is None else await self._running.member.lag()


class _Run:
    def __init__(
        self, plan: Plan, interest: Interest, handlers: dict[str, Callable[[Event[Any]], Awaitable[object]]]
    ) -> None:
        self._plan = plan
        self._interest = interest
        self._handlers = handlers
        self.member = Member(plan, interest, self._settle)
        self._dead_letters = DeadLetters(plan, self.member.topics)
        self._crew = self._hire()

    def _hire(self) -> Crew:
        return Crew(self._plan.concurrency, self._handle, self._finish, self.member.fail)

    def stop(self) -> None:
        """Begin nothing more."""
        self.member.stop()
        self._crew.let_go()

    async def go(self) -> None:
        """Go on until the member is told to stop."""
        within_s = 0.0  # cancelled or failed at the start: nothing is waited for
        try:
            await self.member.start()
            if not self.member.over:
                await self._dead_letters.check()
            while not self.member.over:
                if await self.member.unless_over(self._crew.below(self._plan.in_flight_max)):
                    for place, records in await self.member.poll(self._plan.in_flight_max - self._crew.jobs):
                        self._take(place, records)
            within_s = self._plan.finish_within_s
        finally:
            await self._crew.settle(within_s)
            await self.member.close()
            await self._dead_letters.close()
        self.member.check()

    def _take(self, place: Place, records: list[ConsumerRecord]) -> None:
        if place.closing:  # fetched before the partition was called back
            return
        for record in records:
            place.take(record.offset)
            try:
                event = read(record)
            except Unreadable as unreadable:
                self._refuse(Job(place, record, None), unreadable)
                continue
            if self._interest.wants(event):
                self._crew.add(Job(place, record, event))
            else:
                self.member.finish(place, record.offset)

    def _refuse(self, job: Job, unreadable: Unreadable) -> None:
        if self._plan.on_unreadable is not None:
            self._plan.on_unreadable(unreadable)
            self._finish(job)
        else:
            job.error = unreadable
            self._crew.add(job)

    async def _handle(self, job: Job) -> float | None:
        """Try an event once, or bury it: None when it is done, else the seconds until the next time."""
        if job.error is None and job.event is not None:
            handle = self._handlers.get(job.event.type) or self._handlers[OTHER]
            job.attempts += 1
            try:
                work = handle(job.event)
                if isawaitable(work):
                    await work
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and ending():
                    raise
                if job.attempts < self._plan.attempts and not isinstance(error, Bury):
                    pause = self._pause(job.attempts)
                    _log.warning(
                        "%s: attempt %d failed, next in %.1f s: %r", job.event.id, job.attempts, pause, error
                    )
                    return pause
                job.error = error
            else:
                if not isawaitable(work):  # no fault of the event, and the next one would fare alike
                    raise TypeError(f"a handler must be async: {handle!r} gave {work!r}")
                return None
        _log.error(
            "to the dead letters after %s: %r: %r", counted(job.attempts, "attempt"), job.event, job.error
        )
        return None if await self._dead_letters.bury(job) else self._plan.backoff_max_s

    def _pause(self, attempts: int) -> float:
        longest: float = min(self._plan.backoff_max_s, self._plan.backoff_s * 2 ** (attempts - 1))
        return longest * random.uniform(0.5, 1)  # noqa: S311 - spreads the load, guards no secret

    def _finish(self, job: Job) -> None:
        self.member.finish(job.place, job.record.offset)

    async def _settle(self) -> None:
        """End what is under way before partitions move on."""
        await self._crew.settle(self._plan.finish_within_s)
        self._crew = self._hire()
