"""Our member of the group: takes records, commits what is done, tells how far behind it is, and leaves well.

A position is committed only up to the first event that is not done (`Place`). Knows no event and no handler:
whoever uses it says by ``settle`` how what is under way is ended before partitions move on.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaError

from bridge.aiokafka_internals import close_client, ended_consumer_task, install_reset_safe_connections
from bridge.consumer.connecting import unreachable
from bridge.consumer.options import Behind, Plan
from bridge.consumer.place import Place
from bridge.consumer.topics import Interest

T = TypeVar("T")

_POLL_MS = 1_000
_REQUEST_WITHIN_S = 10.0
_LEAVE_WITHIN_S = 5.0
_MAX_POLL_INTERVAL_MS = 300_000  # the library's
# Asking for the records of nowhere takes none and tells the library that we are alive.
_NOWHERE = TopicPartition("", 0)

_log = logging.getLogger("bridge.consumer")


class Member:
    """One member of a consumer group. Made inside a running loop; `close` it."""

    def __init__(self, plan: Plan, interest: Interest, settle: Callable[[], Awaitable[None]]) -> None:
        self._plan = plan
        self._interest = interest
        self._settle = settle
        install_reset_safe_connections()
        self._consumer = AIOKafkaConsumer(group_id=plan.group, **plan.reading)
        self._places: dict[TopicPartition, Place] = {}
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._commit_now = asyncio.Event()
        self._uncommitted = 0
        self._alive = False
        self._alive_at = 0.0
        self._moving = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def over(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._over.done()

    def stop(self) -> None:
        """Begin nothing more."""
        if not self._over.done():
            self._over.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Begin nothing more, because of this; `check` raises it."""
        if not self._over.done():
            self._over.set_exception(error)
            self._over.exception()  # it is asked for by `check` only where nothing else is raised first

    def check(self) -> None:
        """Raise what made it fail."""
        if self._over.done():
            self._over.result()

    async def start(self) -> None:
        """Connect and join the group. Names topics that do not exist: they are read once they do."""
        self._consumer.subscribe(pattern=self._interest.pattern, listener=_Moves(self.revoked, self.assigned))
        try:
            await self.unless_over(self._consumer.start())
        except KafkaConnectionError:
            servers = self._plan.kafka.get("bootstrap_servers", "localhost")
            if error := await self.unless_over(unreachable(servers)):
                raise error from None
        if self.over:
            return
        for name in self._interest.missing(await self._consumer.topics()):
            _log.warning("topic %s does not exist yet; it will be read when it does", name)
        self._tasks = [asyncio.create_task(self._keep_committing())]
        if self._plan.on_lag is not None:
            self._tasks.append(asyncio.create_task(self._keep_telling(self._plan.on_lag)))

    async def topics(self) -> set[str]:
        """List the topics that there are; none is made by asking."""
        found: set[str] = await self._consumer.topics()
        return found

    async def poll(self, most: int) -> Sequence[tuple[Place, list[ConsumerRecord]]]:
        """Wait a while for at most so many records; nothing when all is over."""
        return await self.unless_over(self._fetch(most)) or ()

    async def unless_over(self, wait: Awaitable[T]) -> T | None:
        """Wait, but no longer than until all is over: None then."""
        task: asyncio.Future[T] = asyncio.ensure_future(wait)
        first: list[asyncio.Future[Any]] = [task, self._over]
        try:
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            found = task.result() if task.done() else None
            return None if self.over else found
        finally:
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _fetch(self, most: int) -> list[tuple[Place, list[ConsumerRecord]]]:
        found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=most)
        self._alive = True
        return [(self._place(where), records) for where, records in found.items()]

    def _place(self, where: TopicPartition) -> Place:
        place = self._places.get(where)
        if place is None:
            place = self._places[where] = Place(where)
        return place

    def finish(self, place: Place, offset: int) -> None:
        """Note that a record that was taken of the place is done."""
        place.finish(offset)
        self._alive = True
        self._uncommitted += 1
        if self._uncommitted >= self._plan.commit_every:
            self._commit_now.set()

    async def commit(self) -> None:
        """Commit what is done. What cannot be committed now is with the next call, or given out again."""
        self._uncommitted = 0
        places = [place for place in self._places.values() if place.position != place.committed]
        positions = {place.where: place.position for place in places}
        if not positions:
            return
        try:
            async with asyncio.timeout(_REQUEST_WITHIN_S):
                await self._consumer.commit(positions)
        except (CommitFailedError, IllegalStateError):
            _log.warning("the group moved on before a commit: some events will be given out again")
        except TimeoutError:
            _log.warning("Kafka took no commit within %s s; it is tried again", _REQUEST_WITHIN_S)
        else:
            for place in places:
                place.committed = positions[place.where]

    async def lag(self) -> Behind:
        """Count the records that wait, of each partition that is ours: from what is done to the end."""
        mine = list(self._consumer.assignment())
        if not mine:
            return {}
        async with asyncio.timeout(_REQUEST_WITHIN_S):
            ends = await self._consumer.end_offsets(mine)
            return {
                (where.topic, where.partition): max(0, end - await self._position(where))
                for where, end in ends.items()
            }

    async def _position(self, where: TopicPartition) -> int:
        place = self._places.get(where)
        if place is not None and place.position is not None:
            return place.position
        return int(await self._consumer.position(where))

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
        leaving = asyncio.ensure_future(self._consumer.stop())
        within_s = _LEAVE_WITHIN_S + (self._plan.finish_within_s if self._moving else 0)
        await asyncio.wait({leaving}, timeout=within_s)
        if leaving.cancelled():  # by itself: the library trips over a fetch that waits for its next try
            await close_client(self._consumer)  # which it then leaves open
        elif not leaving.done():
            leaving.cancel()
            _log.warning("Kafka did not take our leave in time; the group goes on without us by itself")
        elif (error := leaving.exception()) is not None:
            _log.warning("left the group with an error: %r", error)

    async def revoked(self) -> None:
        """End what is under way, commit, and let the partitions go."""
        self._moving = True
        for place in self._places.values():
            place.closing = True
        try:
            await self._settle()
            await self.commit()
        except Exception as error:  # noqa: BLE001 - the library would only log it: it has to stop us
            self.fail(error)
        finally:
            self._places = {}
            self._moving = False

    async def assigned(self, mine: Sequence[TopicPartition]) -> None:
        """Begin at the end of partitions where the group has no position yet, if so asked.

        That position is committed at once: else what comes before the first commit would be lost to a member
        that begins there after a crash.
        """
        if self._plan.start == "earliest" or not mine:
            return
        self._consumer.pause(*mine)
        try:
            known = await asyncio.gather(*(self._consumer.committed(where) for where in mine))
            fresh = [where for where, position in zip(mine, known, strict=True) if position is None]
            if fresh:
                ends = await self._consumer.end_offsets(fresh)
                for where, end in ends.items():
                    self._consumer.seek(where, end)
                with suppress(CommitFailedError, IllegalStateError):  # a new assignment comes, and this again
                    await self._consumer.commit(ends)
            self._consumer.resume(*mine)
        except Exception as error:  # noqa: BLE001 - the library would only log it: it has to stop us
            self.fail(error)

    async def _keep_committing(self) -> None:
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._plan.commit_interval_s):
                        await self._commit_now.wait()
                self._commit_now.clear()
                if task := ended_consumer_task(self._consumer):
                    self.fail(KafkaError(f"a background task of the Kafka client has ended: {task}"))
                    return
                await self.commit()
                if self._alive:
                    self._alive = False
                    self._alive_at = asyncio.get_running_loop().time()
                    await self._consumer.getmany(_NOWHERE)
                elif self._alive_at:
                    self._warn_of_long_work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end in silence
            self.fail(error)

    def _warn_of_long_work(self) -> None:
        """Say, once, that the work on one event takes longer than the group waits for a member."""
        limit_ms = int(self._plan.reading.get("max_poll_interval_ms", _MAX_POLL_INTERVAL_MS))
        if asyncio.get_running_loop().time() - self._alive_at > limit_ms / 1000:
            self._alive_at = 0.0  # until it goes on
            _log.warning(
                "no event was done within max_poll_interval_ms (%s): the group gives our partitions to "
                "others, and events that are not committed are given out again; raise max_poll_interval_ms",
                limit_ms,
            )

    async def _keep_telling(self, tell: Callable[[Behind], None]) -> None:
        while True:
            await asyncio.sleep(self._plan.lag_interval_s)
            try:
                tell(await self.lag())
            except (KafkaError, TimeoutError) as error:
                _log.warning("the lag is not known: %s", error or "no answer in time")
            except Exception:  # noqa: BLE001 - a gauge of theirs must not stop the work
                _log.exception("on_lag failed")


class _Moves(ConsumerRebalanceListener):  # type: ignore[misc] # the library asks for this base, and is untyped
    def __init__(
        self,
        revoked: Callable[[], Awaitable[None]],
        assigned: Callable[[Sequence[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Any) -> None:  # noqa: ANN401 - as the library's
        if revoked:
            await self._revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ANN401 - as the library's
        await self._assigned(list(assigned))
