"""`Consumer` calls a handler for each event, several at once, with retries and a dead-letter topic."""

import asyncio
import logging
import random
import signal
from contextlib import ExitStack
from inspect import isawaitable
from typing import Any, Unpack

from aiokafka import ConsumerRecord

from bridge.consumer.dead_letters import DeadLetterWriter
from bridge.consumer.errors import DeadLetterNow, InProgressError, UnreadableRecordError
from bridge.consumer.event import Event, read
from bridge.consumer.group_member import GroupMember
from bridge.consumer.offset_tracker import OffsetTracker
from bridge.consumer.options import ConsumerConfig, ConsumerOptions, Lag, config_from
from bridge.consumer.overloads import Handler, HandlerRegistry, Register
from bridge.consumer.signals import stop_on_signals
from bridge.consumer.subscription import warn_unknown_types
from bridge.consumer.topics import OTHER, TopicFilter, build_topic_filter
from bridge.consumer.worker_pool import HandlerJob, WorkerPool, is_cancelling
from bridge.core.catalogue import BY_NAME
from bridge.core.plural import counted

_DOUBLINGS_MAX = 32  # of a pause, which has long been the longest by then

_log = logging.getLogger("bridge.consumer")


class Consumer(HandlerRegistry):
    """Handlers for types of events, run by a member of a group, at least once.

    ``concurrency`` handlers (16) work at once, never two for one key. A handler that raises is tried again,
    up to ``attempts`` times (5) in all, after growing pauses in which other keys go on. Then the record
    goes, as it is and with its reason in headers, to the group's dead-letter topic
    ``vod.dead-letter.<group>``, which must exist. `DeadLetterNow` sends it there at once. No event is
    skipped silently: where the dead letter cannot be written, `run` raises `DeadLetterError`. Dead letters
    that an operator redrives (``vod-bridge replay --dead-letters-of``, or the console) come back by
    ``vod.dead-letter.<group>.retry``, to this group alone.

    ``options`` are explained at `ConsumerOptions`. SIGTERM and Ctrl-C stop it cleanly (``stop_on``); a second
    Ctrl-C waits for nothing.
    """

    def __init__(self, *, group: str, **options: Unpack[ConsumerOptions]) -> None:
        self._config = config_from(group, {"stop_on": (signal.SIGTERM, signal.SIGINT), **options})
        self._handlers: dict[str, Handler[Any]] = {}
        self._current_run: _ConsumerRun | None = None

    def _register(self, types: tuple[str, ...]) -> Register[Any]:
        if not types:
            raise ValueError("name at least one type; `*TYPES, OTHER` are all there are")

        def register(handle: Handler[Any]) -> Handler[Any]:
            warn_unknown_types(types)
            for given_name in types:
                name = BY_NAME[given_name].name if given_name in BY_NAME else given_name
                if name in self._handlers:
                    raise ValueError(f"{name} has a handler already")
                self._handlers[name] = handle
            return handle

        return register

    async def run(self) -> None:
        """Read and handle events until `stop`. Runs once at a time.

        Raises `DeadLetterError`, `KafkaUnreachableError` at the start, and aiokafka's errors, such as no
        permission. Where it is cancelled, events in progress are abandoned and delivered again.
        """
        if self._current_run is not None:
            raise RuntimeError("it runs already")
        config = self._config
        topic_filter = build_topic_filter(
            self._handlers,
            config.topic,
            config.topic_other,
            config.apps,
            retry_topic=config.retry_topic_name,
        )
        with stop_on_signals(config.stop_on, self.stop):
            self._current_run = _ConsumerRun(config, topic_filter, self._handlers)
            try:
                await self._current_run.run()
            finally:
                self._current_run = None

    def stop(self) -> None:
        """Start no further event; `run` ends when those in progress are done, or after ``drain_timeout_s``.

        While Kafka is unavailable, commit and LeaveGroup are given up after 15 s more.
        """
        if self._current_run is not None:
            self._current_run.stop()

    async def lag(self) -> Lag:
        """Count the records of our partitions that are not done; empty while it does not run."""
        return {} if self._current_run is None else await self._current_run.member.lag()


class _ConsumerRun:
    def __init__(
        self,
        config: ConsumerConfig,
        topic_filter: TopicFilter,
        handlers: dict[str, Handler[Any]],
    ) -> None:
        self._config = config
        self._topic_filter = topic_filter
        self._handlers = handlers
        self.member = GroupMember(config, topic_filter, self._drain)
        self._dead_letters = DeadLetterWriter(config, self.member.topics)
        self._pool = self._new_pool()

    def _new_pool(self) -> WorkerPool:
        return WorkerPool(self._config.concurrency, self._handle, self._finish, self.member.fail)

    def stop(self) -> None:
        """Start no further event."""
        self.member.stop()
        self._pool.drop_unstarted()

    async def run(self) -> None:
        """Fetch and handle events until the member is stopped."""
        timeout_s = 0.0  # cancelled or failed at the start: nothing is waited for
        try:
            await self.member.start()
            if not self.member.stopped:
                await self._dead_letters.check_topic()
            while not self.member.stopped:
                if await self.member.or_stopped(self._pool.wait_below(self._config.in_flight_max)):
                    for tracker, records in await self.member.poll(
                        self._config.in_flight_max - self._pool.jobs
                    ):
                        self._enqueue(tracker, records)
            timeout_s = self._config.drain_timeout_s
        finally:
            await self._pool.drain(timeout_s)
            await self.member.close()
            await self._dead_letters.close()
        self.member.raise_if_failed()

    def _enqueue(self, tracker: OffsetTracker, records: list[ConsumerRecord]) -> None:
        if tracker.revoked:  # fetched before the partition was revoked
            return
        for record in records:
            tracker.start(record.offset)
            try:
                event = read(record)
            except UnreadableRecordError as unreadable:
                self._on_unreadable(HandlerJob(tracker, record, None), unreadable)
                continue
            if self._topic_filter.matches(event):
                self._pool.add(HandlerJob(tracker, record, event))
            else:
                if record.topic == self._topic_filter.retry_topic:
                    _log.warning("%r was redriven and has no handler here: it counts as done", event)
                self.member.mark_done(tracker, record.offset)

    def _on_unreadable(self, job: HandlerJob, unreadable: UnreadableRecordError) -> None:
        if self._config.on_unreadable is not None:
            self._config.on_unreadable(unreadable)
            self._finish(job)
        else:
            job.error = unreadable
            self._pool.add(job)

    async def _handle(self, job: HandlerJob) -> float | None:
        """Try an event once, or write its dead letter: None when done, else the seconds to a retry."""
        if job.error is None and job.event is not None:
            handle = self._handlers.get(job.event.type) or self._handlers[OTHER]
            job.attempts += 1
            try:
                work = await self._call(handle, job.event)
            except (Exception, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and is_cancelling():
                    raise
                if isinstance(error, InProgressError):
                    return self._wait_for_other(job)
                if job.attempts < self._config.attempts and not isinstance(error, DeadLetterNow):
                    delay_s = self._backoff(job.attempts)
                    _log.warning(
                        "%s: attempt %d failed, next in %.1f s: %r",
                        job.event.id,
                        job.attempts,
                        delay_s,
                        error,
                    )
                    return delay_s
                job.error = error
            else:
                if not isawaitable(work):  # no fault of the event: the next one would fail in the same way
                    raise TypeError(f"a handler must be async: {handle!r} gave {work!r}")
                return None
        _log.error("not handled after %s: %r: %r", counted(job.attempts, "attempt"), job.event, job.error)
        return None if await self._dead_letters.write(job) else self._config.backoff_max_s

    async def _call(self, handle: Handler[Any], event: Event[Any]) -> object:
        """Call the handler within the middleware, and return what it gave.

        An error that a middleware suppresses is raised all the same, to those around it too: they watch, and
        decide nothing.
        """
        errors: list[BaseException] = []

        def keep(_: object, error: BaseException | None, __: object) -> bool:
            if error is not None:
                errors.append(error)
            return False

        def raise_suppressed(_: object, error: BaseException | None, __: object) -> bool:
            if error is None and errors:
                raise errors[-1]
            return False

        work: object = None
        with ExitStack() as stack:
            for middleware in self._config.middleware:
                stack.push(raise_suppressed)  # called after this one's exit
                stack.enter_context(middleware(event))
                stack.push(keep)  # called before this one's exit
            work = handle(event)
            if isawaitable(work):
                await work
        return work

    def _wait_for_other(self, job: HandlerJob) -> float:
        """Return the pause for another process that works on it; none of our attempts is spent."""
        job.attempts -= 1
        job.waits += 1
        return self._backoff(job.waits)

    def _backoff(self, attempts: int) -> float:
        doublings = min(attempts - 1, _DOUBLINGS_MAX)
        longest: float = min(self._config.backoff_max_s, self._config.backoff_s * 2**doublings)
        return longest * random.uniform(0.5, 1)  # noqa: S311 - spreads the load, guards no secret

    def _finish(self, job: HandlerJob) -> None:
        self.member.mark_done(job.tracker, job.record.offset)

    async def _drain(self) -> None:
        """Finish what is in progress before partitions are revoked."""
        await self._pool.drain(self._config.drain_timeout_s)
        self._pool = self._new_pool()
