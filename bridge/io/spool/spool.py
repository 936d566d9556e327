"""The spool: keeps records that Kafka cannot take now, on disk, in order, until they are acknowledged.

This is its public interface. The format on disk is in `frames` and `directory`, how records get there in
`group_commit` and `writer`, what a start reads back in `recovery`. Nothing here knows Kafka.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from bridge.aio.supervisor import supervise
from bridge.core.event import Record
from bridge.core.partition import hash_key
from bridge.io.spool.directory import SpoolDirectory, SpoolLockedError
from bridge.io.spool.entry import EntryActions, SpoolEntry
from bridge.io.spool.frames import (
    FRAME_HEADER_BYTES,
    CorruptFrameError,
    body_bound,
    encode_body,
    encode_header,
)
from bridge.io.spool.group_commit import GroupCommit
from bridge.io.spool.index import ReadSelection, Skip
from bridge.io.spool.quota import RECORD_OVERHEAD_BYTES, DiskQuota, SpoolLimits
from bridge.io.spool.read_errors import ReadErrors
from bridge.io.spool.recovery import Corruption, Recovery
from bridge.io.spool.segment import PENDING, READY
from bridge.io.spool.writer import FramePosition, SegmentWriter, position_of, read_frames
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_BODY_OVERHEAD_BYTES = FRAME_HEADER_BYTES + RECORD_OVERHEAD_BYTES
_HEADERS_ESTIMATE = 512  # more than a topic's name, and the lengths of the parts, take
_STOP_S = 5.0
_STALLED_REASON = "the disk does not answer"
_EXPECTED_KINDS = frozenset({"torn_tail", "ack"})  # what a death may leave behind


class Spool:
    """A folder of segments, for the loop's thread. ``now_ms`` is the wall clock in unix milliseconds."""

    def __init__(
        self, path: Path, limits: SpoolLimits, telemetry: Telemetry, now_ms: Callable[[], int]
    ) -> None:
        self._limits = limits
        self._telemetry = telemetry
        self._now_ms = now_ms
        self._segment_bytes = limits.effective_segment_bytes
        self._directory = SpoolDirectory(path, self._segment_bytes)
        self._quota = DiskQuota(limits)
        self.set_limit = self._quota.set_limit
        self.lock = self._directory.lock  # for who must have the folder before the start
        self._group_commit = GroupCommit(SegmentWriter(self._directory), self._quota, telemetry, self._report)
        self._index = self._group_commit.index
        self._pending_by_key = self._index.pending_by_key
        self._loop = asyncio.get_running_loop()
        self._reader = ThreadPoolExecutor(1, "spool-reader")
        self._maintenance: asyncio.Task[None] | None = None
        self.opened = False  # whether the folder has been read: before that its records are not known
        self._read_error = ""
        self._read_again_at = 0.0
        self._read_errors = ReadErrors(self._directory)
        self._entry_actions = EntryActions(self.make_available, self.remove, self.quarantine)
        self.wake = self._group_commit.wake

    @property
    def unavailable_reason(self) -> str:
        """Why no record is accepted now, as text for people; empty if they are."""
        stalled = _STALLED_REASON if self._group_commit.stalled(self._limits.stalled_s) else ""
        return self._quota.unavailable_reason or stalled or self._read_error

    @property
    def records(self) -> int:
        """How many are not acknowledged, those not durable yet included."""
        return self._index.records

    @property
    def bytes(self) -> int:
        """How many bytes it takes on disk, once what is buffered is written."""
        return self._quota.used

    @property
    def oldest_ms(self) -> int:
        """When the oldest record was appended, in unix milliseconds; 0 if there is none."""
        return self._index.oldest_ms

    def start(self) -> None:
        """Recover what is on disk, start accepting. Raises `SpoolLockedError`; other errors are retried."""
        if not self._limits.max_bytes:
            return
        try:
            self._restore(self._recover())
        except OSError as error:
            self._quota.disk_error = str(error)
        self._quota.log_change()
        self._start_maintenance()

    async def open(self) -> None:
        """Recover what is on disk in a thread, to drain it. Raises `SpoolLockedError`, OSError."""
        self._restore(await self._loop.run_in_executor(self._reader, self._recover))
        self._start_maintenance()

    def _start_maintenance(self) -> None:
        self._maintenance = self._loop.create_task(supervise(self._maintenance_loop, self._telemetry))

    async def stop(self, seconds: float = _STOP_S) -> None:
        """Commit and acknowledge what is buffered and unlock the folder, each within ``seconds``."""
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.wait((self._maintenance,), timeout=seconds)
        self._quota.close()
        # Else the lock goes with the process, after the last write.
        if await self._group_commit.stop(seconds):  # and behind a recovery, which writes, too
            unlocking = self._loop.run_in_executor(self._reader, self._directory.unlock)
            await asyncio.wait((unlocking,), timeout=seconds)
        self._reader.shutdown(wait=False)

    def accepts_size(self, size: int) -> bool:
        """Whether a record of about ``size`` bytes would be tried now."""
        return not self._reason_to_refuse(size + _BODY_OVERHEAD_BYTES + _HEADERS_ESTIMATE)

    def accepts(self, record: Record) -> bool:
        """Whether `append` would try ``record`` now: never True if it would refuse it."""
        return not self._reason_to_refuse(body_bound(record) + _BODY_OVERHEAD_BYTES)

    def has_pending(self, record: Record) -> bool:
        """Whether records of its topic and key are here, durable or not: it must queue behind them."""
        if not self._pending_by_key:
            return False
        return self._index.has_pending(record.topic, hash_key(record.key))

    def append(self, record: Record, *, pending: bool = False) -> SpoolEntry:
        """Store ``record``. A ``pending`` one is not read until `SpoolEntry.make_available` is called."""
        body = encode_body(record)
        size, group_commit = FRAME_HEADER_BYTES + len(body), self._group_commit
        stalled = group_commit.stalled(self._limits.stalled_s)
        reason = _STALLED_REASON if stalled else self._quota.reserve_record(size)
        if reason:
            entry = SpoolEntry(self._entry_actions)
            entry.resolve(reason)
            self._quota.log_change()
            return entry
        key_hash, now_ms = hash_key(record.key), self._now_ms()
        batch = group_commit.batch_for(size, self._segment_bytes)
        segment = batch.segment
        frame = (segment.size, size, key_hash, now_ms, record.topic)
        index = self._index.add(segment, frame, PENDING if pending else READY)
        entry = SpoolEntry(self._entry_actions, segment, index)
        batch.parts += (encode_header(body, segment.salt, key_hash, now_ms), body)
        batch.entries.append(entry)
        batch.size += size
        return entry

    def make_available(self, entry: SpoolEntry) -> None:
        """Let an entry be read, for the first time or again."""
        if entry.segment is not None:
            self._index.make_available(entry.segment, entry.index)
            if entry.index < entry.segment.durable:
                self.wake.set()

    def remove(self, entry: SpoolEntry) -> None:
        """Let an entry leave: it is in Kafka, or no longer wanted."""
        segment, entry.segment = entry.segment, None
        if segment is not None:
            self._index.remove(segment, entry.index)
            if entry.index < segment.durable:  # else its commit acknowledges it
                self._group_commit.acknowledge(segment, entry.index)

    def quarantine(self, entry: SpoolEntry, reason: str) -> None:
        """Let an entry leave for a file of damaged records."""
        segment = entry.segment
        if segment is not None and entry.index >= segment.durable:
            entry.durable.add_done_callback(lambda _: self.quarantine(entry, reason))
        elif segment is not None:
            entry.segment = None
            self._quarantine(position_of(segment, entry.index), reason)

    async def read(self, max_bytes: int, skip: Skip) -> list[tuple[SpoolEntry, Record]]:
        """Lease the next records that are ready, durable and not skipped; empty at the end. For one reader.

        Empty also for ``retry_s`` after a read error: the records stay where they are.
        """
        while self._loop.time() >= self._read_again_at:
            selection = ReadSelection(max_bytes, skip)
            try:
                while self._index.select(selection):  # noqa: ASYNC110 - it waits for nothing, it lets others work
                    await asyncio.sleep(0)
                positions = [position_of(*leased) for leased in selection.positions]
                if not positions:
                    return []
                found = await self._loop.run_in_executor(
                    self._reader, read_frames, self._directory, positions
                )
            except BaseException:
                selection.release()
                raise
            read = self._classify(positions, found)
            if read:
                return read
        return []

    def rewind(self) -> None:
        """Let `read` start at the oldest record again."""
        self._index.rewind()

    def _reason_to_refuse(self, size: int) -> str:
        # Behind a job that does not end, appended records would gather in memory for as long as that lasts.
        stalled = self._group_commit.stalled(self._limits.stalled_s)
        return _STALLED_REASON if stalled else self._quota.reason_to_refuse(size)

    def _classify(
        self, positions: list[FramePosition], results: list[Record | CorruptFrameError | OSError]
    ) -> list[tuple[SpoolEntry, Record]]:
        read: list[tuple[SpoolEntry, Record]] = []
        for at, (position, record) in enumerate(zip(positions, results, strict=True)):
            if isinstance(record, Record):
                entry = SpoolEntry(self._entry_actions, position.segment, position.index, is_resolved=True)
                read.append((entry, record))
            elif isinstance(record, CorruptFrameError):
                self._quarantine(position, str(record))
            elif not self._give_up_reading(position, record):
                self._pause_reading(positions[at:], record)
                return read
        if self._read_error:
            log.warning("spool_read_recovered", previous=self._read_error)
        self._read_error = ""
        return read

    def _give_up_reading(self, position: FramePosition, error: OSError) -> bool:
        """Whether these bytes were asked for often enough: then they stay on disk for the next start."""
        if not self._read_errors.is_final(position, error):
            return False
        position.segment.pins += 1
        self._index.remove(position.segment, position.index)
        self._report(_corruption_at("unreadable", position, str(error)))
        return True

    def _pause_reading(self, positions: list[FramePosition], error: OSError) -> None:
        """Give back what cannot be read now, and all behind it, and read nothing for a while."""
        for position in positions:
            self._index.make_available(position.segment, position.index)
        self._index.rewind()
        self._read_again_at = self._loop.time() + self._limits.retry_s
        if not self._read_error:
            log.error("spool_read_failed", error=str(error))
        self._read_error = f"it cannot be read: {error}"
        self._loop.call_later(self._limits.retry_s, self.wake.set)

    def _quarantine(self, position: FramePosition, reason: str) -> None:
        self._report(_corruption_at("record", position, reason))
        self._index.remove(position.segment, position.index)
        self._group_commit.quarantine(position)

    def _recover(self) -> Recovery:
        self._directory.lock()
        try:
            recovery = Recovery(self._directory, self._report)
            recovery.run(self._quota.remaining)
        except OSError:
            self._directory.unlock()
            raise
        return recovery

    def _restore(self, recovery: Recovery) -> None:
        self._group_commit.restore(recovery)
        self._index = self._group_commit.index
        self._pending_by_key = self._index.pending_by_key
        self.opened = True
        if self.records:
            log.info("spool_recovered", records=self.records, bytes=self.bytes)

    async def _maintenance_loop(self) -> None:
        while True:
            await asyncio.sleep(self._limits.retry_s)
            if self.opened:
                await self._group_commit.check_disk()
                continue
            try:
                self._restore(await self._loop.run_in_executor(self._reader, self._recover))
            except (OSError, SpoolLockedError) as error:
                self._quota.disk_error = str(error)
            self._quota.log_change()

    def _report(self, corruption: Corruption) -> None:
        """Log and count a damage. A start that is tried again calls this from another thread."""
        self._telemetry.spool_corruptions.labels(corruption.kind).inc(corruption.records)
        log_event = log.warning if corruption.kind in _EXPECTED_KINDS else log.error
        log_event("spool_corruption", **corruption._asdict())


def _corruption_at(kind: str, position: FramePosition, detail: str) -> Corruption:
    return Corruption(kind, f"{position.segment.name}.log", position.offset, position.length, detail)
