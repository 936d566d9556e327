"""A member of a consumer group: fetches records, commits what is done, reports its lag, leaves cleanly.

An offset is committed only up to the first event that is not done (`OffsetTracker`). It knows no event and no
handler: the caller's ``drain`` finishes what is in progress before partitions are revoked.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaError

from bridge.aiokafka_internals import close_client, ended_consumer_task, install_reset_safe_connections
from bridge.consumer.diagnostics import explain_unreachable
from bridge.consumer.offset_tracker import OffsetTracker
from bridge.consumer.options import ConsumerConfig, Lag
from bridge.consumer.topics import TopicFilter

T = TypeVar("T")

_POLL_MS = 1_000
_REQUEST_TIMEOUT_S = 10.0
_LEAVE_TIMEOUT_S = 5.0
_MAX_POLL_INTERVAL_MS = 300_000  # the library's
# getmany() of a partition that does not exist returns nothing, and counts as a poll.
_KEEPALIVE_PARTITION = TopicPartition("", 0)

_log = logging.getLogger("bridge.consumer")


class GroupMember:
    """One member of a consumer group. Create it inside a running loop; `close` it."""

    def __init__(
        self, config: ConsumerConfig, topic_filter: TopicFilter, drain: Callable[[], Awaitable[None]]
    ) -> None:
        self._config = config
        self._topic_filter = topic_filter
        self._drain = drain
        install_reset_safe_connections()
        self._consumer = config.clients.new_consumer(group_id=config.group, **config.consumer_options)
        self._trackers: dict[TopicPartition, OffsetTracker] = {}
        self._stop_future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._commit_now = asyncio.Event()
        self._uncommitted = 0
        self._polled = False
        self._polled_at = 0.0
        self._rebalancing = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def stopped(self) -> bool:
        """Whether no further event may be started."""
        return self._stop_future.done()

    def stop(self) -> None:
        """Start no further event."""
        if not self._stop_future.done():
            self._stop_future.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Stop because of ``error``; `raise_if_failed` raises it."""
        if not self._stop_future.done():
            self._stop_future.set_exception(error)
            self._stop_future.exception()  # retrieved: `raise_if_failed` may never be called

    def raise_if_failed(self) -> None:
        """Raise the error that was given to `fail`, if any."""
        if self._stop_future.done():
            self._stop_future.result()

    async def start(self) -> None:
        """Connect and join the group. Warns of topics that do not exist: they are read once they do."""
        self._consumer.subscribe(
            pattern=self._topic_filter.pattern, listener=_RebalanceListener(self.on_revoked, self.on_assigned)
        )
        try:
            await self.or_stopped(self._consumer.start())
        except KafkaConnectionError:
            servers = self._config.kafka.get("bootstrap_servers", "localhost")
            if error := await self.or_stopped(explain_unreachable(servers)):
                raise error from None
        if self.stopped:
            return
        for name in self._topic_filter.missing(await self._consumer.topics()):
            _log.warning("topic %s does not exist yet; it will be read when it does", name)
        self._tasks = [asyncio.create_task(self._commit_loop())]
        if self._config.on_lag is not None:
            self._tasks.append(asyncio.create_task(self._report_lag(self._config.on_lag)))

    async def topics(self) -> set[str]:
        """List the existing topics; asking creates none."""
        found: set[str] = await self._consumer.topics()
        return found

    async def poll(self, max_records: int) -> Sequence[tuple[OffsetTracker, list[ConsumerRecord]]]:
        """Wait up to 1 s for at most ``max_records``; empty once stopped."""
        return await self.or_stopped(self._fetch(max_records)) or ()

    async def or_stopped(self, awaitable: Awaitable[T]) -> T | None:
        """Await it, or return None (and cancel it) once the member is stopped."""
        task: asyncio.Future[T] = asyncio.ensure_future(awaitable)
        waits: list[asyncio.Future[Any]] = [task, self._stop_future]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            found = task.result() if task.done() else None
            return None if self.stopped else found
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _fetch(self, max_records: int) -> list[tuple[OffsetTracker, list[ConsumerRecord]]]:
        found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=max_records)
        self._polled = True
        return [(self._tracker(topic_partition), records) for topic_partition, records in found.items()]

    def _tracker(self, topic_partition: TopicPartition) -> OffsetTracker:
        tracker = self._trackers.get(topic_partition)
        if tracker is None:
            tracker = self._trackers[topic_partition] = OffsetTracker(topic_partition)
        return tracker

    def mark_done(self, tracker: OffsetTracker, offset: int) -> None:
        """Mark a record of this partition as done; may trigger a commit."""
        tracker.mark_done(offset)
        self._polled = True
        self._uncommitted += 1
        if self._uncommitted >= self._config.commit_every:
            self._commit_now.set()

    async def commit(self) -> None:
        """Commit what is done. What cannot be committed now is retried, or delivered again."""
        self._uncommitted = 0
        trackers = [tracker for tracker in self._trackers.values() if tracker.position != tracker.committed]
        positions = {tracker.topic_partition: tracker.position for tracker in trackers}
        if not positions:
            return
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                await self._consumer.commit(positions)
        except (CommitFailedError, IllegalStateError):
            _log.warning("the group was rebalanced before a commit: some events will be delivered again")
        except TimeoutError:
            _log.warning("Kafka accepted no commit within %s s; it is tried again", _REQUEST_TIMEOUT_S)
        else:
            for tracker in trackers:
                tracker.committed = positions[tracker.topic_partition]

    async def lag(self) -> Lag:
        """Count, for each assigned partition, the records from what is done to the end."""
        assigned_partitions = list(self._consumer.assignment())
        if not assigned_partitions:
            return {}
        async with asyncio.timeout(_REQUEST_TIMEOUT_S):
            end_offsets = await self._consumer.end_offsets(assigned_partitions)
            return {
                (topic_partition.topic, topic_partition.partition): max(
                    0, end - await self._position(topic_partition)
                )
                for topic_partition, end in end_offsets.items()
            }

    async def _position(self, topic_partition: TopicPartition) -> int:
        tracker = self._trackers.get(topic_partition)
        if tracker is not None and tracker.position is not None:
            return tracker.position
        return int(await self._consumer.position(topic_partition))

    async def close(self) -> None:
        """Commit what is done and leave the group, within limits."""
        self.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self.commit()
        except KafkaError as error:
            _log.warning("not committed at the end: %s", error)
        await self._leave()

    async def _leave(self) -> None:
        leave_task = asyncio.ensure_future(self._consumer.stop())
        timeout_s = _LEAVE_TIMEOUT_S + (self._config.drain_timeout_s if self._rebalancing else 0)
        await asyncio.wait({leave_task}, timeout=timeout_s)
        if leave_task.cancelled():  # by itself: aiokafka fails at a fetch that waits for its retry
            await close_client(self._consumer)  # which aiokafka then leaves open
        elif not leave_task.done():
            leave_task.cancel()
            _log.warning("LeaveGroup timed out; the group removes this member after session_timeout_ms")
        elif (error := leave_task.exception()) is not None:
            _log.warning("left the group with an error: %r", error)

    async def on_revoked(self) -> None:
        """Finish what is in progress, commit, and release the partitions."""
        self._rebalancing = True
        for tracker in self._trackers.values():
            tracker.revoked = True
        try:
            await self._drain()
            await self.commit()
        except Exception as error:  # noqa: BLE001 - the library would only log it: it has to stop us
            self.fail(error)
        finally:
            self._trackers = {}
            self._rebalancing = False

    async def on_assigned(self, assigned_partitions: Sequence[TopicPartition]) -> None:
        """With ``start="latest"``, seek to the end of partitions without a committed offset.

        That offset is committed at once: else a member that starts there after a crash would skip what came
        before the first commit. Redriven dead letters are all for us, whenever they were written.
        """
        fresh = [one for one in assigned_partitions if one.topic != self._topic_filter.retry_topic]
        if self._config.start == "earliest" or not fresh:
            return
        self._consumer.pause(*fresh)
        try:
            committed_positions = await asyncio.gather(
                *(self._consumer.committed(topic_partition) for topic_partition in fresh)
            )
            without_position = [
                topic_partition
                for topic_partition, position in zip(fresh, committed_positions, strict=True)
                if position is None
            ]
            if without_position:
                end_offsets = await self._consumer.end_offsets(without_position)
                for topic_partition, end in end_offsets.items():
                    self._consumer.seek(topic_partition, end)
                with suppress(CommitFailedError, IllegalStateError):  # a new assignment comes, and this again
                    await self._consumer.commit(end_offsets)
            self._consumer.resume(*fresh)
        except Exception as error:  # noqa: BLE001 - the library would only log it: it has to stop us
            self.fail(error)

    async def _commit_loop(self) -> None:
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._config.commit_interval_s):
                        await self._commit_now.wait()
                self._commit_now.clear()
                if task := ended_consumer_task(self._consumer):
                    self.fail(KafkaError(f"a background task of the Kafka client has ended: {task}"))
                    return
                await self.commit()
                if self._polled:
                    self._polled = False
                    self._polled_at = asyncio.get_running_loop().time()
                    await self._consumer.getmany(_KEEPALIVE_PARTITION)
                elif self._polled_at:
                    self._warn_poll_interval()
        except Exception as error:  # noqa: BLE001 - the loop must not end silently
            self.fail(error)

    def _warn_poll_interval(self) -> None:
        """Warn, once, that the work on one event takes longer than max_poll_interval_ms."""
        limit_ms = int(self._config.consumer_options.get("max_poll_interval_ms", _MAX_POLL_INTERVAL_MS))
        if asyncio.get_running_loop().time() - self._polled_at > limit_ms / 1000:
            self._polled_at = 0.0  # until the next poll
            _log.warning(
                "no event was done within max_poll_interval_ms (%s): the group gives our partitions to "
                "others, and events that are not committed are delivered again; raise max_poll_interval_ms",
                limit_ms,
            )

    async def _report_lag(self, on_lag: Callable[[Lag], None]) -> None:
        while True:
            await asyncio.sleep(self._config.lag_interval_s)
            try:
                on_lag(await self.lag())
            except (KafkaError, TimeoutError) as error:
                _log.warning("the lag is not known: %s", error or "no answer in time")
            except Exception:  # noqa: BLE001 - the user's callback must not stop the consumer
                _log.exception("on_lag failed")


class _RebalanceListener(ConsumerRebalanceListener):  # type: ignore[misc] # the library asks for this base, and is untyped
    def __init__(
        self,
        on_revoked: Callable[[], Awaitable[None]],
        on_assigned: Callable[[Sequence[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ANN401 - as the library's
        if revoked:
            await self._on_revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - as the library's
        await self._on_assigned(list(assigned))
