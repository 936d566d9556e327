"""The spool: keeps what Kafka cannot take now, on disk, in order, until it is acknowledged.

Here stands what others may ask of it. How records lie on disk is told in `frames` and `folder`, how they
get there in `commits` and `writer`, what a start makes of them in `recovery`. Nothing here knows Kafka.
"""

import asyncio
import errno
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from bridge.core.event import Record
from bridge.core.partition import hash_of
from bridge.io.spool.commits import Commits
from bridge.io.spool.entry import Entry
from bridge.io.spool.folder import Folder, InUse
from bridge.io.spool.frames import ACK_BYTES, HEAD_BYTES, Damaged, Mark, body_bound, body_of, frame_of
from bridge.io.spool.ledger import Pick, Skip
from bridge.io.spool.recovery import Damage, Recovery
from bridge.io.spool.room import Limits, Room
from bridge.io.spool.segment import PENDING, READY, Segment
from bridge.io.spool.writer import Place, Writer, load
from bridge.telemetry import Telemetry
from bridge.tending import tended

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_BESIDE = HEAD_BYTES + 3 * ACK_BYTES  # what a record takes beside its body, where it begins a segment
_ABOUT = 512  # more than a topic's name, and the lengths of the parts, take
_STOP_S = 5.0
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR, errno.EAGAIN})
_WHOLE_LOG = -1
_READS = 5  # so often a block that gives an error is asked for
_STALLED = "the disk does not answer"
_NORMAL = frozenset({"tail", "ack"})  # what a death may leave behind


class Spool:
    """A folder of segments. ``now_ms`` is the wall clock in unix milliseconds."""

    def __init__(self, path: Path, limits: Limits, telemetry: Telemetry, now_ms: Callable[[], int]) -> None:
        self._limits = limits
        self._telemetry = telemetry
        self._now_ms = now_ms
        self._segment_bytes = limits.segment
        self._folder = Folder(path, limits.segment)
        self._room = Room(limits)
        self._commits = Commits(Writer(self._folder), self._room, telemetry, self._tell)
        self._ledger = self._commits.ledger
        self._held = self._ledger.held
        self._loop = asyncio.get_running_loop()
        self._reader = ThreadPoolExecutor(1, "spool-reader")
        self._watch: asyncio.Task[None] | None = None
        self._open = False
        self._unreadable = ""
        self._read_again = 0.0
        self._misses: Counter[tuple[int, int]] = Counter()
        self._kept: asyncio.Future[None] = self._loop.create_future()
        self._kept.set_result(None)
        self.wake = self._commits.wake

    @property
    def trouble(self) -> str:
        """Why no record is taken now, for people; empty where they are."""
        stalled = _STALLED if self._commits.stalled(self._limits.stalled_s) else ""
        return self._room.trouble or stalled or self._unreadable

    @property
    def records(self) -> int:
        """How many are not acknowledged, those not durable yet included."""
        return self._ledger.records

    @property
    def bytes(self) -> int:
        """What all of it takes on disk, once what is buffered is written."""
        return self._room.used

    @property
    def oldest_ms(self) -> int:
        """When the oldest record was put, 0 where there is none."""
        return self._ledger.oldest_ms

    @property
    def opened(self) -> bool:
        """Whether the folder could be read: before that it is not known what is in it."""
        return self._open

    def start(self) -> None:
        """Read what is there and begin to take records. Raises `InUse`; any other trouble is tried again."""
        if not self._limits.max_bytes:
            return
        try:
            self._adopt(self._recover())
        except OSError as error:
            self._room.broken = str(error)
        self._room.tell()
        self._telemetry.spool_records.set_function(lambda: self.records)
        self._telemetry.spool_bytes.set_function(lambda: self.bytes)
        self._telemetry.spool_oldest.set_function(self._oldest_s)
        self._telemetry.spool_failing.set_function(lambda: bool(self.trouble))
        self._watch = self._loop.create_task(tended(self._keep_watch, self._telemetry))

    async def stop(self, seconds: float = _STOP_S) -> None:
        """Commit and acknowledge what is here, let go of the folder; within ``seconds`` for each of these."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait((self._watch,), timeout=seconds)
        self._room.close()
        if await self._commits.stop(seconds):  # else the lock goes with the process, after the last write
            self._folder.leave()
        self._reader.shutdown(wait=False)

    def takes(self, size: int) -> bool:
        """Whether a record of about ``size`` bytes would be tried now."""
        return not self._refuses(size + _BESIDE + _ABOUT)

    def accepts(self, record: Record) -> bool:
        """Whether `put` would try ``record`` now: never True where it would refuse it."""
        return not self._refuses(body_bound(record) + _BESIDE)

    def holds(self, record: Record) -> bool:
        """Whether anything of the record's topic and key is here, durable or not: it must queue behind."""
        if not self._held:
            return False
        return self._ledger.holds(record.topic, hash_of(record.key))

    def put(self, record: Record, *, pending: bool = False) -> Entry:
        """Keep ``record``; `Entry.kept` tells when it is. ``pending``: not to be read before it is freed."""
        entry = Entry(self, self._loop.create_future())
        body = body_of(record)
        why = self._refuses(len(body) + _BESIDE)
        if why:
            entry.settle(why)
            self._room.tell()
            return entry
        key_hash, now_ms, size = hash_of(record.key), self._now_ms(), HEAD_BYTES + len(body)
        entry.segment = segment = self._commits.segment_for(size, self._segment_bytes)
        mark = Mark(segment.size, size, key_hash, now_ms, record.topic)
        entry.index = self._ledger.add(segment, mark, PENDING if pending else READY)
        self._commits.add(entry, segment, frame_of(body, segment.salt, key_hash, now_ms))
        return entry

    def free(self, entry: Entry) -> None:
        """Let an entry be read, for the first time or again."""
        if entry.segment is not None:
            self._ledger.free(entry.segment, entry.index)
            if entry.index < entry.segment.durable:
                self.wake.set()

    def remove(self, entry: Entry) -> None:
        """Let an entry leave: it is in Kafka, or no longer wanted."""
        segment, entry.segment = entry.segment, None
        if segment is not None:
            self._ledger.forget(segment, entry.index)
            if entry.index < segment.durable:  # else its commit acknowledges it
                self._commits.acknowledge(segment, entry.index)

    def set_aside(self, entry: Entry, why: str) -> None:
        """Let an entry leave for a file of damaged records."""
        segment = entry.segment
        if segment is not None and entry.index >= segment.durable:
            entry.kept.add_done_callback(lambda _: self.set_aside(entry, why))
        elif segment is not None:
            entry.segment = None
            self._leave_aside(_place(segment, entry.index), why)

    async def read(self, most_bytes: int, skip: Skip) -> list[tuple[Entry, Record]]:
        """Take the next records that are ready, durable and not skipped; none at the end. For one reader.

        None also for a while after the disk refused to be read: what it holds stays where it is.
        """
        while self._loop.time() >= self._read_again:
            pick = Pick(most_bytes, skip)
            try:
                while self._ledger.pick(pick):  # noqa: ASYNC110 - it waits for nothing, it lets others work
                    await asyncio.sleep(0)
                places = [_place(*taken) for taken in pick.places]
                if not places:
                    return []
                found = await self._loop.run_in_executor(self._reader, load, self._folder, places)
            except BaseException:
                pick.give_back()
                raise
            read = self._sorted(places, found)
            if read:
                return read
        return []

    def rewind(self) -> None:
        """Let `read` begin again with the oldest."""
        self._ledger.rewind()

    def _refuses(self, size: int) -> str:
        # Behind a job that does not end, what is put would gather in memory for as long as that lasts.
        return _STALLED if self._commits.stalled(self._limits.stalled_s) else self._room.refuses(size)

    def _sorted(
        self, places: list[Place], found: list[Record | Damaged | OSError]
    ) -> list[tuple[Entry, Record]]:
        read: list[tuple[Entry, Record]] = []
        for at, (place, record) in enumerate(zip(places, found, strict=True)):
            if isinstance(record, Record):
                read.append((Entry(self, self._kept, place.segment, place.index), record))
            elif isinstance(record, Damaged):
                self._leave_aside(place, str(record))
            elif not self._is_lost(place, record):
                self._wait_for_the_disk(places[at:], record)
                return read
        if self._unreadable:
            log.warning("spool_can_be_read", was=self._unreadable)
        self._unreadable = ""
        return read

    def _is_lost(self, place: Place, error: OSError) -> bool:
        """Whether these bytes were asked for often enough: then they stay on disk for the next start.

        A bad block costs its record. A log that is gone, or may not be read, costs its own records and no
        others. Our own want of descriptors or memory, or a folder that is gone as a whole, costs nothing.
        """
        if error.errno in _OURS or not self._folder.is_there():
            return False
        where = (place.segment.number, place.index if error.errno == errno.EIO else _WHOLE_LOG)
        self._misses[where] += 1
        if self._misses[where] < _READS:
            return False
        if error.errno == errno.EIO:
            del self._misses[where]
        place.segment.pins += 1
        self._ledger.forget(place.segment, place.index)
        self._tell(_damage("unreadable", place, str(error)))
        return True

    def _wait_for_the_disk(self, places: list[Place], error: OSError) -> None:
        """Give back what cannot be read now, and all behind it, and read nothing for a while."""
        for place in places:
            self._ledger.free(place.segment, place.index)
        self._ledger.rewind()
        self._read_again = self._loop.time() + self._limits.retry_s
        if not self._unreadable:
            log.error("spool_cannot_be_read", error=str(error))
        self._unreadable = f"it cannot be read: {error}"
        self._loop.call_later(self._limits.retry_s, self.wake.set)

    def _leave_aside(self, place: Place, why: str) -> None:
        self._tell(_damage("record", place, why))
        self._ledger.forget(place.segment, place.index)
        self._commits.keep_aside(place)

    def _recover(self) -> Recovery:
        self._folder.enter()
        try:
            recovery = Recovery(self._folder, self._tell)
            recovery.run(self._room.left)
        except OSError:
            self._folder.leave()
            raise
        return recovery

    def _adopt(self, found: Recovery) -> None:
        self._commits.adopt(found)
        self._ledger = self._commits.ledger
        self._held = self._ledger.held
        self._open = True
        if self.records:
            log.info("spool_found", records=self.records, bytes=self.bytes)

    async def _keep_watch(self) -> None:
        while True:
            await asyncio.sleep(self._limits.retry_s)
            if self._open:
                await self._commits.look()
                continue
            try:
                self._adopt(await self._loop.run_in_executor(self._reader, self._recover))
            except (OSError, InUse) as error:
                self._room.broken = str(error)
            self._room.tell()

    def _oldest_s(self) -> float:
        oldest_ms = self.oldest_ms
        return max(self._now_ms() - oldest_ms, 0) / 1000 if oldest_ms else 0

    def _tell(self, damage: Damage) -> None:
        """Log and count a damage. A start that is tried again calls this from another thread."""
        self._telemetry.spool_damaged.labels(damage.what).inc(damage.records)
        write = log.warning if damage.what in _NORMAL else log.error
        write("spool_damaged", **damage._asdict())


def _place(segment: Segment, index: int) -> Place:
    return Place(segment, index, segment.offsets[index], segment.lengths[index])


def _damage(what: str, place: Place, detail: str) -> Damage:
    return Damage(what, f"{place.segment.name}.log", place.offset, place.length, detail)
