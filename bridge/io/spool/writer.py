"""What the writer thread does, one job at a time: commit, keep aside, acknowledge, delete. It knows no loop.

A job is made and settled by the spool; in between nobody else touches it. Of a segment only what never
changes is read here: its name and its salt.
"""

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from operator import attrgetter

from msgspec import Struct, field

from bridge.core.event import Record
from bridge.io.spool.entry import Entry
from bridge.io.spool.folder import LOG, Folder, open_regular, write
from bridge.io.spool.frames import ACK_BYTES, Damaged, ack_of, done_of, record_of, seal_of
from bridge.io.spool.segment import Segment


class Batch(Struct):
    """Frames that become durable together: consecutive records of one segment, the first at ``first``.

    It gathers since ``since`` (monotonic).

    ``entries`` are for the loop, which tells them.
    """

    segment: Segment
    first: int
    offset: int
    since: float
    frames: list[bytes] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    size: int = 0

    @property
    def cost(self) -> int:
        """What it takes on disk, with its acknowledgements."""
        return self.size + ACK_BYTES * len(self.frames)


class Place(Struct, frozen=True):
    """Where one frame stands."""

    segment: Segment
    index: int
    offset: int
    length: int


class Job(Struct):
    """One turn of the writer's work."""

    batch: Batch | None = None
    asides: Sequence[Place] = ()
    acks: Sequence[tuple[Segment, list[int]]] = ()
    over: Sequence[Segment] = ()


class Done(Struct):
    """How a job went.

    ``error`` is why the batch is not durable, ``stray`` whether its bytes could not be cut off again;
    ``refused`` are the acknowledgements to be tried again.
    """

    error: str = ""
    stray: bool = False
    seconds: float = 0.0
    kept: list[tuple[Place, str]] = field(default_factory=list)
    refused: list[tuple[Segment, list[int]]] = field(default_factory=list)
    deleted: list[Segment] = field(default_factory=list)
    free: int = 0


class Writer:
    """The only one who writes to segments. It keeps the log open that it writes to."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._segment: Segment | None = None
        self._log = -1

    def carry(self, job: Job) -> Done:
        """Do all of a job that the disk lets us."""
        done = Done()
        if job.batch is not None:
            started = time.perf_counter()
            self._commit(job.batch, done)
            done.seconds = time.perf_counter() - started
        for place in job.asides:
            done.kept.append((place, self._keep_aside(place)))
        for segment, offsets in job.acks:
            if not self._acknowledge(segment, offsets):
                done.refused.append((segment, offsets))
        for segment in job.over:
            if self._delete(segment):
                done.deleted.append(segment)
        done.free = self.free()
        return done

    def free(self) -> int:
        """How many bytes the volume has left; where it does not say, nothing speaks against writing."""
        try:
            return self._folder.free()
        except OSError:
            return 1 << 62

    def look(self, probe_bytes: int) -> tuple[str, int]:
        """See whether the disk takes ``probe_bytes`` (0: not asked): why not, and how many bytes are free."""
        try:
            if probe_bytes:
                self._folder.probe(probe_bytes)
        except OSError as error:
            return str(error), self.free()
        return "", self.free()

    def close(self) -> None:
        """Write no more to the log that is open, and say where it ends."""
        if self._segment is None:
            return
        segment, self._segment = self._segment, None
        with suppress(OSError):
            seal = seal_of(segment.salt, os.fstat(self._log).st_size)
            self._folder.append_acks(segment.name, seal)
        os.close(self._log)

    def _commit(self, batch: Batch, done: Done) -> None:
        try:
            if self._segment is not batch.segment:
                self.close()
                self._log = self._folder.create(batch.segment.name)
                self._segment = batch.segment
            write(self._log, b"".join(batch.frames), batch.offset)
            # A death up to here leaves a torn tail, of which nobody was told that it is durable.
            os.fdatasync(self._log)
        except OSError as error:
            done.error = str(error)
            done.stray = not self._give_up(batch)

    def _give_up(self, batch: Batch) -> bool:
        """Leave this log for ever: what the kernel kept of a failed write is unknown. True where it is cut.

        What cannot be cut off may be found by the next start: a repeat, under the same ids.
        """
        if self._segment is not batch.segment:
            return True  # it could not even be created
        self._segment = None
        try:
            os.ftruncate(self._log, batch.offset)
        except OSError:
            return False
        finally:
            os.close(self._log)
        return True

    def _keep_aside(self, place: Place) -> str:
        try:
            self._folder.keep_aside(place.segment.name, place.offset, place.length, place.length)
        except OSError as error:
            return str(error)
        return ""

    def _acknowledge(self, segment: Segment, offsets: list[int]) -> bool:
        try:
            # No fsync: an acknowledgement that a power cut takes with it only repeats a record.
            self._folder.append_acks(segment.name, b"".join(ack_of(segment.salt, o) for o in offsets))
        except OSError:
            return False
        return True

    def _delete(self, segment: Segment) -> bool:
        if self._segment is segment:
            self._segment = None
            os.close(self._log)
        try:
            self._folder.delete(segment.name, done_of(segment.salt))
        except OSError:
            return False
        return True


def load(folder: Folder, places: Sequence[Place]) -> list[Record | Damaged | OSError]:
    """Read the frames at ``places``, which are in order. Done by the reader's thread, beside the writer's."""
    found: list[Record | Damaged | OSError] = []
    for segment, some in groupby(places, attrgetter("segment")):
        wanted = list(some)
        try:
            descriptor = open_regular(folder.file(segment.name, LOG), os.O_RDONLY)
            with os.fdopen(descriptor, "rb", buffering=0) as log:
                for run in _runs(wanted):
                    found += _load(log.fileno(), run)
        except OSError as error:  # the file itself does not open
            found += [error] * len(wanted)
    return found


def _load(log: int, run: list[Place]) -> list[Record | Damaged | OSError]:
    start = run[0].offset
    try:
        # One call for all that stand side by side: each hands the interpreter to somebody else.
        data = os.pread(log, run[-1].offset + run[-1].length - start, start)
    except OSError as error:
        # A block that cannot be read takes no neighbours with it.
        return [error] if len(run) == 1 else [found for place in run for found in _load(log, [place])]
    view = memoryview(data)
    return [_record(view[p.offset - start :][: p.length], p.segment.salt) for p in run]


def _runs(places: list[Place]) -> list[list[Place]]:
    runs: list[list[Place]] = []
    end = -1
    for place in places:
        if place.offset != end:
            runs.append([])
        runs[-1].append(place)
        end = place.offset + place.length
    return runs


def _record(frame: memoryview, salt: bytes) -> Record | Damaged:
    try:
        return record_of(frame, salt)
    except Damaged as damage:
        return damage
