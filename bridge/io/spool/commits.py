"""Group commit: gathers what is to be written, has the writer do it, tells those who wait.

While one job is with the writer's thread the next one gathers here. All of this runs on the loop.
"""

import asyncio
import secrets
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import structlog

from bridge.io.spool.entry import Entry
from bridge.io.spool.frames import ACK_BYTES, SALT_BYTES
from bridge.io.spool.ledger import Ledger
from bridge.io.spool.recovery import Damage, Recovery, Tell
from bridge.io.spool.room import Room
from bridge.io.spool.segment import GONE, READY, Segment
from bridge.io.spool.writer import Batch, Done, Job, Place, Writer
from bridge.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_BATCH_BYTES = 8 * 1024 * 1024
_ACKS_WAIT_S = 0.02  # what a SIGKILL within it takes is repeated


class Commits:
    """What is on its way to disk, and what the disk has still to be told."""

    def __init__(self, writer: Writer, room: Room, telemetry: Telemetry, tell: Tell) -> None:
        self._writer = writer
        self._room = room
        self._telemetry = telemetry
        self._tell = tell
        self._loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._thread = ThreadPoolExecutor(1, "spool-writer")
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._active: Segment | None = None
        self._last = 0
        self._waiting: deque[Batch] = deque()
        self._under_way: list[Batch] = []
        self._busy_since = 0.0
        self._asides: list[Place] = []
        self._dirty: dict[Segment, None] = {}
        self._over: dict[Segment, None] = {}
        self._acks_refused = False
        self._stopped = False
        self.ledger = Ledger()
        self.wake = asyncio.Event()

    def stalled(self, seconds: float) -> bool:
        """Whether the disk is at one job, or something waits for it, for longer than that."""
        if not self._busy_since:
            return False
        oldest = (self._under_way or self._waiting or (None,))[0]
        since = self._busy_since if oldest is None else min(self._busy_since, oldest.since)
        return self._loop.time() - since > seconds

    def adopt(self, found: Recovery) -> None:
        """Go on from what a start found: no log of that is ever written to again."""
        self.ledger, self._last = found.ledger, found.last
        self._room.take(found.used)
        self._room.broken = ""
        self._room.look(self._writer.free(), 0)
        self._retry()
        if self.ledger.records:
            self.wake.set()

    def segment_for(self, size: int, most: int) -> Segment:
        """Choose the segment that takes the next frame."""
        segment = self._active
        if segment is None or segment.size + size > most:
            self._last += 1
            segment = self._active = Segment(self._last, secrets.token_bytes(SALT_BYTES))
            self.ledger.segments[segment.number] = segment
            self._room.take(segment.reserved)
        return segment

    def add(self, entry: Entry, segment: Segment, frame: bytes) -> None:
        """Write the frame of an entry, the last one of ``segment``, with the next commit."""
        batch = self._waiting[-1] if self._waiting else None
        if batch is None or batch.segment is not segment or batch.size > _BATCH_BYTES:
            batch = Batch(segment, entry.index, segment.offsets[entry.index], self._loop.time())
            self._waiting.append(batch)
            self._kick()
        size = len(frame)
        batch.frames.append(frame)
        batch.entries.append(entry)
        batch.size += size
        segment.reserved += size + ACK_BYTES
        self._room.take(size + ACK_BYTES)

    def acknowledge(self, segment: Segment, index: int) -> None:
        """Tell the disk soon that a durable record is gone."""
        segment.acks.append(segment.offsets[index])
        self._dirty[segment] = None
        if segment.over:
            self._retire(segment)
        elif self._timer is None:
            self._timer = self._loop.call_later(_ACKS_WAIT_S, self._kick)

    def keep_aside(self, place: Place) -> None:
        """Keep the bytes of a forgotten record; meanwhile, and where that fails, its log stays."""
        place.segment.pins += 1
        if place.length > self._room.left:
            self._not_kept_aside(place, "the spool is full")
        else:
            self._room.take(place.length)
            self._asides.append(place)
            self._kick()

    async def look(self) -> None:
        """Try a failing disk, see how much is free, and try again what was refused."""
        probe_bytes = max(self._room.left, 1) if self._room.broken else 0
        error, free = await self._loop.run_in_executor(self._thread, self._writer.look, probe_bytes)
        if probe_bytes:
            self._room.broken = error
        self._room.look(free, sum(batch.size for batch in (*self._under_way, *self._waiting)))
        self._room.tell()
        self._retry()

    async def stop(self, seconds: float) -> bool:
        """Commit and acknowledge what is here, or refuse it once ``seconds`` are over: False then."""
        self._kick()
        self._stopped = True
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=seconds)
        closed = self._task is None
        if closed:
            closing = self._loop.run_in_executor(self._thread, self._writer.close)
            closed = bool((await asyncio.wait((closing,), timeout=seconds))[0])
        self._refuse_all("it was stopped")
        self._thread.shutdown(wait=False)
        return closed

    def _kick(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None and not self._stopped:
            self._task = self._loop.create_task(self._work())

    async def _work(self) -> None:
        try:
            while (job := self._next()) is not None:
                done = Done(error="the writer failed", stray=True)
                self._busy_since = self._loop.time()
                try:
                    # A death while this waits: nobody was told yet that the batch is durable.
                    done = await self._loop.run_in_executor(self._thread, self._writer.carry, job)
                finally:
                    self._busy_since = 0.0
                    self._settle(job, done)
                if not self._waiting:
                    # Who was just told may put again at once: those records leave with the next commit.
                    await asyncio.sleep(0)
        finally:
            self._task = None

    def _next(self) -> Job | None:
        batch = None
        if self._waiting:
            self._under_way = [self._waiting.popleft()]
            batch = self._under_way[0]
        acks = [(segment, segment.acks) for segment in self._dirty if not segment.over]
        for segment in self._dirty:
            segment.acks = []
        job = Job(batch, self._asides, acks, list(self._over))
        self._asides, self._dirty, self._over = [], {}, {}
        return job if batch or job.asides or job.acks or job.over else None

    def _settle(self, job: Job, done: Done) -> None:
        if job.batch is not None:
            self._telemetry.spool_commit_seconds.observe(done.seconds)
            if done.error:
                self._room.broken = done.error
                self._refuse_all(done.error, stray=done.stray)
            elif self._under_way:  # else a stop has given it up
                self._committed(job.batch)
        for place, error in done.kept:
            self._kept_aside(place, error)
        self._take_back(done.refused)
        for segment in done.deleted:
            if self.ledger.segments.pop(segment.number, None) is not None:
                self._room.give(segment.reserved)
        self._room.look(done.free, sum(batch.size for batch in self._waiting))
        self._room.tell()

    def _committed(self, batch: Batch) -> None:
        segment = batch.segment
        segment.durable = batch.first + len(batch.frames)
        self._under_way = []
        index = batch.first - 1
        while (index := segment.states.find(GONE, index + 1, segment.durable)) >= 0:
            self.acknowledge(segment, index)  # removed before it was durable
        if segment.states.find(READY, batch.first, segment.durable) >= 0:
            self.wake.set()
        for entry in batch.entries:
            entry.settle()

    def _refuse_all(self, why: str, *, stray: bool = False) -> None:
        """Refuse the batch under way and all behind it: none may overtake another of its key."""
        refused, self._under_way = [*self._under_way, *self._waiting], []
        self._waiting.clear()
        self._active = None
        entries = [entry for batch in refused for entry in batch.entries]
        for entry in entries:
            if entry.segment is not None:
                self.ledger.forget(entry.segment, entry.index)
        # A segment may have several batches here: what is cut is the end, from the last one on.
        for batch in reversed(refused):
            batch.segment.cut(batch.first)
        for batch in refused:
            if not stray:  # only the first batch may have left bytes behind
                batch.segment.reserved -= batch.cost
                self._room.give(batch.cost)
            stray = False
            if batch.segment.over:
                self._retire(batch.segment)
        for entry in entries:
            entry.settle(why)

    def _retire(self, segment: Segment) -> None:
        """Delete a segment of which nothing is wanted any more; without it, its acknowledgements are void."""
        if segment is self._active:
            self._active = None
        self._dirty.pop(segment, None)
        segment.acks = []
        self._over[segment] = None
        self._kick()

    def _kept_aside(self, place: Place, error: str) -> None:
        if error:
            self._room.give(place.length)
            self._not_kept_aside(place, error)
        else:
            # Only now: its bytes stand in a file of their own.
            place.segment.pins -= 1
            self.acknowledge(place.segment, place.index)

    def _not_kept_aside(self, place: Place, error: str) -> None:
        name = f"{place.segment.name}.log"
        self._tell(Damage("not_kept_aside", name, place.offset, place.length, error))

    def _take_back(self, refused: list[tuple[Segment, list[int]]]) -> None:
        for segment, offsets in refused:
            if not segment.over:
                segment.acks = offsets + segment.acks
        if bool(refused) != self._acks_refused:
            self._acks_refused = bool(refused)
            log.warning("spool_acks_refused" if refused else "spool_acks_written", segments=len(refused))

    def _retry(self) -> None:
        for segment in self.ledger.segments.values():
            if segment.over:
                self._over[segment] = None
            elif segment.acks:
                self._dirty[segment] = None
        if self._over or self._dirty:
            self._kick()
