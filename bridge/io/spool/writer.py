"""What the writer thread does, one job at a time: commit, quarantine, acknowledge, delete. It knows no loop.

A job is made, and its result applied, on the event loop; in between only this thread touches it. Of a segment
only what never changes is read here: its name and its salt.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from operator import attrgetter

from msgspec import Struct, field

from bridge.core.event import Record
from bridge.io.spool.directory import LOG, SpoolDirectory, open_regular, write
from bridge.io.spool.entry import SpoolEntry
from bridge.io.spool.frames import (
    ACK_BYTES,
    CorruptFrameError,
    decode_frame,
    encode_ack,
    encode_done,
    encode_seal,
)
from bridge.io.spool.segment import Segment

_FREE_INTERVAL_S = 0.02  # between two looks at the free bytes: each gives the interpreter away
_PARTS_MAX = 1024  # of one call, as Linux and macOS have it


class CommitBatch(Struct):
    """Frames that become durable together: consecutive records of one segment, from index ``first`` on.

    ``parts`` are the bytes of the frames, one behind the other; ``queued_at`` is monotonic seconds.
    ``entries`` are resolved on the event loop, not here.
    """

    segment: Segment
    first: int
    offset: int
    queued_at: float
    parts: list[bytes] = field(default_factory=list)
    entries: list[SpoolEntry] = field(default_factory=list)
    size: int = 0

    @property
    def disk_bytes(self) -> int:
        """What it takes on disk, with its acknowledgements."""
        return self.size + ACK_BYTES * len(self.entries)


class FramePosition(Struct, frozen=True):
    """The position of a frame: its index in the segment; offset and length in the log, in bytes."""

    segment: Segment
    index: int
    offset: int
    length: int


def position_of(segment: Segment, index: int) -> FramePosition:
    """Return the position of a record."""
    return FramePosition(segment, index, segment.offsets[index], segment.lengths[index])


class WriteJob(Struct):
    """One turn of the writer's work."""

    batch: CommitBatch | None = None
    to_quarantine: Sequence[FramePosition] = ()
    acks: Sequence[tuple[Segment, list[int]]] = ()
    obsolete: Sequence[Segment] = ()


class WriteResult(Struct):
    """How a job went.

    ``error`` is why the batch is not durable; ``partial_write_left`` whether its bytes could not be cut off
    again; ``failed_acks`` are to be retried; ``free_bytes`` are those of the volume, None if it was asked for
    them a moment ago.
    """

    error: str = ""
    partial_write_left: bool = False
    commit_s: float = 0.0
    quarantined: list[tuple[FramePosition, str]] = field(default_factory=list)
    failed_acks: list[tuple[Segment, list[int]]] = field(default_factory=list)
    deleted: list[Segment] = field(default_factory=list)
    free_bytes: int | None = None


class SegmentWriter:
    """The only one who writes to segments. It keeps the log open that it writes to."""

    def __init__(self, directory: SpoolDirectory) -> None:
        self._directory = directory
        self._segment: Segment | None = None
        self._log_fd = -1
        self._measure_free_at_s = 0.0

    def execute(self, job: WriteJob) -> WriteResult:
        """Do all of a job that the disk lets us."""
        result = WriteResult()
        if job.batch is not None:
            started = time.perf_counter()
            self._commit(job.batch, result)
            result.commit_s = time.perf_counter() - started
        for position in job.to_quarantine:
            result.quarantined.append((position, self._quarantine(position)))
        for segment, offsets in job.acks:
            if not self._acknowledge(segment, offsets):
                result.failed_acks.append((segment, offsets))
        for segment in job.obsolete:
            if self._delete(segment):
                result.deleted.append(segment)
        ended_at_s = time.monotonic()
        if ended_at_s >= self._measure_free_at_s:
            self._measure_free_at_s = ended_at_s + _FREE_INTERVAL_S
            result.free_bytes = self.free_bytes()
        return result

    def free_bytes(self) -> int:
        """How many bytes the volume has left; a very large number if it does not tell."""
        try:
            return self._directory.free_bytes()
        except OSError:
            return 1 << 62

    def probe(self, probe_bytes: int) -> tuple[str, int]:
        """Test-write ``probe_bytes`` (0: do not). Returns the error's text or "", and the free bytes."""
        try:
            if probe_bytes:
                self._directory.probe(probe_bytes)
        except OSError as error:
            return str(error), self.free_bytes()
        return "", self.free_bytes()

    def close(self) -> None:
        """Close the open log and seal it: record its length."""
        if self._segment is None:
            return
        segment, self._segment = self._segment, None
        with suppress(OSError):
            seal = encode_seal(segment.salt, os.fstat(self._log_fd).st_size)
            self._directory.append_acks(segment.name, seal)
        os.close(self._log_fd)

    def _commit(self, batch: CommitBatch, result: WriteResult) -> None:
        try:
            if self._segment is not batch.segment:
                self.close()
                self._log_fd = self._directory.create(batch.segment.name)
                self._segment = batch.segment
            _write_parts(self._log_fd, batch)
            # A death up to here leaves a torn tail, of which nobody was told that it is durable.
            os.fdatasync(self._log_fd)
        except OSError as error:
            result.error = str(error)
            result.partial_write_left = not self._abandon_log(batch)

    def _abandon_log(self, batch: CommitBatch) -> bool:
        """Never write to this log again: what a failed write left is unknown. True if it is cut.

        What cannot be cut off may be found by the next start: a repeat, under the same ids.
        """
        if self._segment is not batch.segment:
            return True  # it could not even be created
        self._segment = None
        try:
            os.ftruncate(self._log_fd, batch.offset)
        except OSError:
            return False
        finally:
            os.close(self._log_fd)
        return True

    def _quarantine(self, position: FramePosition) -> str:
        try:
            self._directory.quarantine(
                position.segment.name, position.offset, position.length, position.length
            )
        except OSError as error:
            return str(error)
        return ""

    def _acknowledge(self, segment: Segment, offsets: list[int]) -> bool:
        try:
            # No fsync: an acknowledgement that a power cut takes with it only repeats a record.
            self._directory.append_acks(segment.name, b"".join(encode_ack(segment.salt, o) for o in offsets))
        except OSError:
            return False
        return True

    def _delete(self, segment: Segment) -> bool:
        if self._segment is segment:
            self._segment = None
            os.close(self._log_fd)
        try:
            self._directory.delete(segment.name, encode_done(segment.salt))
        except OSError:
            return False
        return True


def _write_parts(file: int, batch: CommitBatch) -> None:
    """Write all of a batch, one part behind the other, without joining them first."""
    parts, offset = batch.parts, batch.offset
    for start in range(0, len(parts), _PARTS_MAX):
        some = parts[start : start + _PARTS_MAX]
        # The event loop waits for the interpreter meanwhile: what is known is not counted.
        size = batch.size if len(some) == len(parts) else sum(map(len, some))
        written = os.pwritev(file, some, offset)
        if written < size:
            write(file, b"".join(some)[written:], offset + written)
        offset += size


def read_frames(
    directory: SpoolDirectory, positions: Sequence[FramePosition]
) -> list[Record | CorruptFrameError | OSError]:
    """Read the frames at ``positions``, in order. Runs in the reader's thread, beside the writer's."""
    found: list[Record | CorruptFrameError | OSError] = []
    for segment, group in groupby(positions, attrgetter("segment")):
        wanted = list(group)
        try:
            descriptor = open_regular(directory.file(segment.name, LOG), os.O_RDONLY)
            with os.fdopen(descriptor, "rb", buffering=0) as log:
                for run in _contiguous_ranges(wanted):
                    found += _read_range(log.fileno(), run)
        except OSError as error:  # the file itself does not open
            found += [error] * len(wanted)
    return found


def _read_range(log: int, positions: list[FramePosition]) -> list[Record | CorruptFrameError | OSError]:
    start = positions[0].offset
    try:
        # One call for all that stand side by side: each hands the interpreter to somebody else.
        data = os.pread(log, positions[-1].offset + positions[-1].length - start, start)
    except OSError as error:
        # A block that cannot be read takes no neighbours with it.
        return (
            [error]
            if len(positions) == 1
            else [found for position in positions for found in _read_range(log, [position])]
        )
    view = memoryview(data)
    return [_try_decode(view[p.offset - start :][: p.length], p.segment.salt) for p in positions]


def _contiguous_ranges(positions: list[FramePosition]) -> list[list[FramePosition]]:
    runs: list[list[FramePosition]] = []
    end = -1
    for position in positions:
        if position.offset != end:
            runs.append([])
        runs[-1].append(position)
        end = position.offset + position.length
    return runs


def _try_decode(frame: memoryview, salt: bytes) -> Record | CorruptFrameError:
    try:
        return decode_frame(frame, salt)
    except CorruptFrameError as error:
        return error
