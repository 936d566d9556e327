"""Group commit: gathers what is to be written, hands it to the writer's thread, resolves the entries.

While one job is with the writer's thread the next one gathers here. All of this runs on the event loop.
"""

import asyncio
import secrets
from collections import deque

import structlog

from bridge.aio.thread_executor import ThreadExecutor
from bridge.io.spool.entry import SpoolEntry
from bridge.io.spool.frames import SALT_BYTES
from bridge.io.spool.index import SpoolIndex
from bridge.io.spool.quota import DiskQuota
from bridge.io.spool.recovery import Corruption, OnCorruption, Recovery
from bridge.io.spool.resolving import Resolver
from bridge.io.spool.segment import ACKED, READY, Segment
from bridge.io.spool.writer import CommitBatch, FramePosition, SegmentWriter, WriteJob, WriteResult
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_MAX_BATCH_BYTES = 8 * 1024 * 1024
_ACK_DELAY_S = 0.02  # acknowledgements that a SIGKILL within it loses repeat their records


class GroupCommit:
    """Batches on their way to disk, and acknowledgements, deletions and quarantines still to be written."""

    def __init__(
        self, writer: SegmentWriter, quota: DiskQuota, telemetry: Telemetry, on_corruption: OnCorruption
    ) -> None:
        self._writer = writer
        self._quota = quota
        self._telemetry = telemetry
        self._on_corruption = on_corruption
        self._loop = asyncio.get_running_loop()  # asked once: asking costs a system call
        self._thread = ThreadExecutor("spool-writer")
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._active: Segment | None = None
        self._last_segment = 0
        self._queued: deque[CommitBatch] = deque()
        self._resolver = Resolver(self._queued, self._submit_next)
        self._in_flight: list[CommitBatch] = []
        self._submitted: tuple[WriteJob, asyncio.Future[WriteResult]] | None = None
        self._waits_since = 0.0  # since when a job, or its batch, waits for the disk; 0 without one
        self._to_quarantine: list[FramePosition] = []
        self._unacked_segments: dict[Segment, None] = {}
        self._obsolete: dict[Segment, None] = {}
        self._ack_writes_failing = False
        self._stopped = False
        self._is_thread_ended = False
        self.index = SpoolIndex()
        self.wake = asyncio.Event()

    def stalled(self, seconds: float) -> bool:
        """Whether one job, or a batch waiting behind it, has taken longer than ``seconds``."""
        # What is queued behind a job came later than the job's batch, or than a job without one began.
        return self._waits_since > 0 and self._loop.time() - self._waits_since > seconds

    def restore(self, recovery: Recovery) -> None:
        """Continue from what recovery found: its logs are never written to again."""
        self.index, self._last_segment = recovery.index, recovery.last_number
        self._quota.reserve(recovery.used_bytes)
        self._quota.disk_error = ""
        self._quota.update_free(self._writer.free_bytes(), 0)
        self._retry_failed()
        if self.index.records:
            self.wake.set()

    def batch_for(self, size: int, max_bytes: int) -> CommitBatch:
        """Return the batch that takes the next frame, of ``size`` bytes, at the end of its segment.

        A segment that would exceed ``max_bytes`` is followed by a new one. The bytes of the frame are
        reserved already; the caller adds it to the segment and to the batch at once.
        """
        segment = self._active
        if segment is None or segment.size + size > max_bytes:
            self._last_segment += 1
            segment = self._active = Segment(self._last_segment, secrets.token_bytes(SALT_BYTES))
            self.index.segments[segment.number] = segment
            self._quota.reserve(segment.reserved)
        batch = self._queued[-1] if self._queued else None
        if batch is None or batch.segment is not segment or batch.size > _MAX_BATCH_BYTES:
            batch = CommitBatch(segment, len(segment.states), segment.size, self._loop.time())
            self._queued.append(batch)
            self._start_worker()
        return batch

    def acknowledge(self, segment: Segment, index: int) -> None:
        """Record soon, on disk, that a durable record was removed."""
        segment.acks.append(segment.offsets[index])
        self._unacked_segments[segment] = None
        if segment.is_obsolete:
            self._schedule_delete(segment)
        elif self._timer is None:
            self._timer = self._loop.call_later(_ACK_DELAY_S, self._start_worker)

    def quarantine(self, position: FramePosition) -> None:
        """Copy the bytes of a removed record to a file of their own; until then its log is kept."""
        position.segment.pins += 1
        if position.length > self._quota.remaining:
            self._on_quarantine_failed(position, "the spool is full")
        else:
            self._quota.reserve(position.length)
            self._to_quarantine.append(position)
            self._start_worker()

    async def check_disk(self) -> None:
        """Probe a failing disk, update the free bytes, and retry what failed."""
        probe_bytes = max(self._quota.remaining, 1) if self._quota.disk_error else 0
        error, free = await self._loop.run_in_executor(self._thread, self._writer.probe, probe_bytes)
        if probe_bytes:
            self._quota.disk_error = error
        self._quota.update_free(free, sum(batch.size for batch in (*self._in_flight, *self._queued)))
        self._quota.log_change()
        self._retry_failed()

    async def stop(self, seconds: float) -> bool:
        """Commit and acknowledge what is buffered. After ``seconds`` the rest fails, and it returns False."""
        self._start_worker()
        self._stopped = True
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=seconds)
        closed = self._task is None
        if closed:
            closing = self._loop.run_in_executor(self._thread, self._writer.close)
            closed = bool((await asyncio.wait((closing,), timeout=seconds))[0])
        self._fail_all("it was stopped")
        self._is_thread_ended = True
        self._thread.shutdown(wait=False)
        return closed

    def _start_worker(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is None and not self._stopped:
            self._task = self._loop.create_task(self._work())

    async def _work(self) -> None:
        try:
            while (submitted := self._submit_next()) is not None:
                job, done = submitted
                result = WriteResult(error="the writer failed", partial_write_left=True)
                try:
                    # A death while this waits: nobody was told yet that the batch is durable.
                    result = await done
                finally:
                    self._submitted = None
                    self._waits_since = 0.0
                    self._apply(job, result)
                if self._submitted is None and not self._queued:
                    # Callbacks that just ran may append at once: those records leave with the next commit.
                    await asyncio.sleep(0)
        finally:
            self._task = None

    def _submit_next(self) -> tuple[WriteJob, asyncio.Future[WriteResult]] | None:
        """Hand the next job, if there is one, to the writer's thread, unless it has one or has ended."""
        job = None if self._submitted or self._is_thread_ended else self._next_job()
        if job is not None:
            self._waits_since = self._loop.time() if job.batch is None else job.batch.queued_at
            self._submitted = (job, self._execute(job))
        return self._submitted

    def _execute(self, job: WriteJob) -> asyncio.Future[WriteResult]:
        try:
            return self._loop.run_in_executor(self._thread, self._writer.execute, job)
        except RuntimeError as error:  # no thread can be started now
            failed = WriteResult(error=str(error), failed_acks=list(job.acks))
            failed.quarantined = [(position, str(error)) for position in job.to_quarantine]
            done: asyncio.Future[WriteResult] = self._loop.create_future()
            done.set_result(failed)
            return done

    def _next_job(self) -> WriteJob | None:
        batch = None
        if self._queued:
            self._in_flight = [self._queued.popleft()]
            batch = self._in_flight[0]
        acks = [(segment, segment.acks) for segment in self._unacked_segments if not segment.is_obsolete]
        for segment in self._unacked_segments:
            segment.acks = []
        job = WriteJob(batch, self._to_quarantine, acks, list(self._obsolete))
        self._to_quarantine, self._unacked_segments, self._obsolete = [], {}, {}
        return job if batch or job.to_quarantine or job.acks or job.obsolete else None

    def _apply(self, job: WriteJob, result: WriteResult) -> None:
        durable: list[SpoolEntry] = []
        if job.batch is not None:
            self._telemetry.spool_commit_seconds.observe(result.commit_s)
            if result.error:
                self._quota.disk_error = result.error
                self._fail_all(result.error, partial_write_left=result.partial_write_left)
            elif self._in_flight:  # else a stop has given it up
                self._on_committed(job.batch)
                durable = job.batch.entries
        for position, error in result.quarantined:
            self._on_quarantined(position, error)
        self._requeue_acks(result.failed_acks)
        for segment in result.deleted:
            if self.index.segments.pop(segment.number, None) is not None:
                self._quota.unreserve(segment.reserved)
        if result.free_bytes is not None:
            self._quota.update_free(result.free_bytes, sum(batch.size for batch in self._queued))
        self._quota.log_change()
        if durable:
            self._resolver.resolve(durable, result.commit_s)

    def _on_committed(self, batch: CommitBatch) -> None:
        segment = batch.segment
        segment.durable = batch.first + len(batch.entries)
        segment.reserved += batch.disk_bytes
        self._in_flight = []
        index = batch.first - 1
        while (index := segment.states.find(ACKED, index + 1, segment.durable)) >= 0:
            self.acknowledge(segment, index)  # removed before it was durable
        if segment.states.find(READY, batch.first, segment.durable) >= 0:
            self.wake.set()

    def _fail_all(self, reason: str, *, partial_write_left: bool = False) -> None:
        """Fail the batch in flight and all queued behind it: none may overtake another of its key."""
        failed, self._in_flight = [*self._in_flight, *self._queued], []
        self._queued.clear()
        self._active = None
        entries = [entry for batch in failed for entry in batch.entries]
        for entry in entries:
            if entry.segment is not None:
                self.index.remove(entry.segment, entry.index)
        # A segment may have several batches here: what is cut is the end, from the last one on.
        for batch in reversed(failed):
            batch.segment.truncate(batch.first)
        for batch in failed:
            if partial_write_left:  # only the first batch may have left bytes behind
                batch.segment.reserved += batch.disk_bytes
            else:
                self._quota.unreserve(batch.disk_bytes)
            partial_write_left = False
            if batch.segment.is_obsolete:
                self._schedule_delete(batch.segment)
        for entry in entries:
            entry.resolve(reason)

    def _schedule_delete(self, segment: Segment) -> None:
        """Delete an obsolete segment; its acknowledgements need not be written any more."""
        if segment is self._active:
            self._active = None
        self._unacked_segments.pop(segment, None)
        segment.acks = []
        self._obsolete[segment] = None
        self._start_worker()

    def _on_quarantined(self, position: FramePosition, error: str) -> None:
        if error:
            self._quota.unreserve(position.length)
            self._on_quarantine_failed(position, error)
        else:
            # Only now: its bytes stand in a file of their own.
            position.segment.pins -= 1
            self.acknowledge(position.segment, position.index)

    def _on_quarantine_failed(self, position: FramePosition, error: str) -> None:
        name = f"{position.segment.name}.log"
        self._on_corruption(Corruption("quarantine_failed", name, position.offset, position.length, error))

    def _requeue_acks(self, failed: list[tuple[Segment, list[int]]]) -> None:
        for segment, offsets in failed:
            if not segment.is_obsolete:
                segment.acks = offsets + segment.acks
        if bool(failed) != self._ack_writes_failing:
            self._ack_writes_failing = bool(failed)
            log.warning(
                "spool_ack_write_failed" if failed else "spool_ack_write_recovered", segments=len(failed)
            )

    def _retry_failed(self) -> None:
        for segment in self.index.segments.values():
            if segment.is_obsolete:
                self._obsolete[segment] = None
            elif segment.acks:
                self._unacked_segments[segment] = None
        if self._obsolete or self._unacked_segments:
            self._start_worker()
