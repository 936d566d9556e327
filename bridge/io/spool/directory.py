"""The spool's folder: its lock, its files by name, and the operations on them. It knows no records.

A segment is `<number>-<salt>.log` and, beside it, `.ack`; damaged bytes are kept in `.<offset>.damaged` and
`.ack.damaged`. Any other file in the folder is not ours and is left alone.
"""

import errno
import fcntl
import os
import re
import stat
from collections import defaultdict
from contextlib import suppress
from mmap import mmap
from pathlib import Path

import structlog

from bridge.io.spool.frames import ACK_BYTES

log: structlog.stdlib.BoundLogger = structlog.get_logger()

LOG, ACK = "log", "ack"

_SEGMENT_FILE = re.compile(r"(\d{16}-[0-9a-f]{16})\.(log|ack)")
_QUARANTINED_FILE = re.compile(r"(\d{16})-[0-9a-f]{16}\.(\d+|ack)\.damaged")
_PAGE_BYTES = 4096
_PROBE = "probe"
_PROBE_BYTES = 64 * 1024
_USUAL_SEGMENT_BYTES = 32 * 1024 * 1024  # 16 MiB and the largest record
_BLOCK_BYTES = 512  # of st_blocks
_EXPOSED_REMEDY = "records are not authenticated: give the folder to the bridge's user alone (chmod 700)"


class SpoolLockedError(Exception):
    """Another process has the folder."""


class SpoolDirectory:
    """One folder of segments. Every method may raise OSError."""

    def __init__(self, path: Path, segment_bytes: int = 0) -> None:
        self.path = path
        # A segment ends with the record that fills it; segments of an earlier, larger setting are read, too.
        self._file_max_bytes = 2 * max(segment_bytes, _USUAL_SEGMENT_BYTES)
        self._lock_fd = -1

    def lock(self) -> None:
        """Create the folder if it does not exist, and lock it, once. Raises `SpoolLockedError`."""
        if self._lock_fd >= 0:
            return
        if not self.path.is_dir():
            _make_directory(self.path)
        lock = open_regular(self.path / "lock", os.O_RDWR | os.O_CREAT)
        try:
            # Two processes would write the same names; the lock dies with its holder, however that dies.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if isinstance(error, BlockingIOError):
                raise SpoolLockedError(f"the spool {self.path} is in use by another process") from None
            raise
        if not _is_file_of(lock, self.path / "lock"):  # who drained the folder has removed it meanwhile
            os.close(lock)
            raise SpoolLockedError(f"the spool {self.path} is being removed by another process")
        self._lock_fd = lock
        with suppress(OSError):  # for people only; a full disk must not keep us from emptying it
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
            (self.path / _PROBE).unlink(missing_ok=True)
        if why := describe_exposure(self.path):
            log.warning("spool_directory_insecure", path=str(self.path), reason=why, remedy=_EXPOSED_REMEDY)

    def unlock(self) -> None:
        """Release the lock."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def has_lock_file(self) -> bool:
        """Whether this is still the folder that was locked: an unmounted volume has no lock file."""
        return (self.path / "lock").exists()

    def segments(self) -> dict[str, set[str]]:
        """Return the segments' names, oldest first, with the kinds of files each has."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for file in sorted(self.path.iterdir()):
            if match := _SEGMENT_FILE.fullmatch(file.name):
                found[match[1]].add(match[2])
        return found

    def quarantined_files(self) -> dict[str, int]:
        """Return the files of damaged bytes, with their sizes in bytes."""
        files = [file for file in self.path.iterdir() if _QUARANTINED_FILE.fullmatch(file.name)]
        return {file.name: file.lstat().st_size for file in files}

    def file(self, segment: str, kind: str) -> Path:
        """Return the path of one of a segment's files."""
        return self.path / f"{segment}.{kind}"

    def sync(self) -> None:
        """Make the names in the folder durable."""
        _sync(self.path)

    def create(self, segment: str) -> int:
        """Create a segment's files; the log's descriptor."""
        log = open_regular(self.file(segment, LOG), os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            # The log's name is durable before there is an .ack: an .ack alone always means a lost log.
            self.sync()
            os.close(open_regular(self.file(segment, ACK), os.O_WRONLY | os.O_CREAT))
            self.sync()
        except OSError:
            os.close(log)
            raise
        return log

    def read(self, segment: str, kind: str) -> tuple[mmap | bytes, bool]:
        """Read a file whole; where a page of it cannot be read there are zeros, and False."""
        descriptor = open_regular(self.file(segment, kind), os.O_RDONLY)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            size = os.fstat(descriptor).st_size
            if size > self._file_max_bytes:
                raise OSError(errno.EFBIG, "larger than any segment: it is not read", file.name)
            # Memory of its own goes back at once, the heap would keep it. (A mapped file kills who touches
            # a page that the disk does not give.)
            data = mmap(-1, size) if size else b""
            return data, not size or _read(descriptor, memoryview(data), 0)

    def append_acks(self, segment: str, entries: bytes, *, durable: bool = False) -> None:
        """Add to a segment's acknowledgements: all of ``entries`` or, as far as the disk lets us, none."""
        file = open_regular(self.file(segment, ACK), os.O_WRONLY | os.O_CREAT)
        try:
            # Behind the last whole entry: what a death tore is written over, and shifts nothing.
            end = os.fstat(file).st_size // ACK_BYTES * ACK_BYTES
            try:
                write(file, entries, end)
            except OSError:
                os.ftruncate(file, end)
                raise
            if durable:
                os.fdatasync(file)
        finally:
            os.close(file)

    def delete(self, segment: str, done_entry: bytes) -> None:
        """Delete a segment, all of which is acknowledged; ``done_entry`` is the ack that says so."""
        with suppress(OSError):  # a full disk: deleting frees space. A death before the last unlink raises a
            # false alarm then. Otherwise the entry lasts before the log goes: no loss can look like this.
            if _stat_regular(self.file(segment, ACK)):
                self.append_acks(segment, done_entry, durable=True)
        # A death here leaves both files, one a line later the .ack alone: either shows that it is done.
        self.file(segment, LOG).unlink(missing_ok=True)
        self.file(segment, ACK).unlink(missing_ok=True)

    def size(self, segment: str, kind: str) -> int:
        """Return the length of one of a segment's files in bytes, 0 if it does not exist."""
        found = _stat_regular(self.file(segment, kind))
        return found.st_size if found else 0

    def allocated_bytes(self, segment: str, kind: str) -> int:
        """Return the bytes that a file takes on the volume: for a sparse file less than its length."""
        found = _stat_regular(self.file(segment, kind))
        return min(found.st_size, found.st_blocks * _BLOCK_BYTES) if found else 0

    def quarantine(self, segment: str, offset: int, length: int, max_bytes: int) -> int:
        """Copy damaged bytes of a log to a file of their own. Returns by how many bytes the folder grew."""
        path = self.path / f"{segment}.{offset}.damaged"
        existing = _stat_regular(path)
        if existing is not None and existing.st_size == length:
            return 0  # an earlier start kept them
        if length > max_bytes:
            raise OSError(errno.EDQUOT, "the spool is full")
        source = open_regular(self.file(segment, LOG), os.O_RDONLY)
        try:
            data = os.pread(source, length, offset)
        finally:
            os.close(source)
        file = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        try:
            write(file, data, 0)
            # The log may be deleted once this returns: the bytes and their name must last before.
            os.fsync(file)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(file)
        self.sync()
        return len(data)

    def quarantine_acks(self, segment: str) -> None:
        """Rename the acknowledgements of a lost log, so that the loss is reported once."""
        self.file(segment, ACK).rename(self.path / f"{segment}.ack.damaged")

    def free_bytes(self) -> int:
        """Return how many bytes of the volume are free for this user."""
        volume = os.statvfs(self.path)
        return volume.f_bavail * volume.f_frsize

    def probe(self, max_bytes: int) -> None:
        """Test whether the disk accepts writes again, by writing ``max_bytes`` at most and deleting them."""
        path = self.path / _PROBE
        path.unlink(missing_ok=True)
        file = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            write(file, bytes(min(max_bytes, _PROBE_BYTES)), 0)
            os.fdatasync(file)
        finally:
            os.close(file)
            path.unlink()


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file: no link is followed, a pipe or a device is refused at once. Raises OSError."""
    # Not to block: opening a pipe would wait for its other end.
    file = os.open(path, flags & ~os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    try:
        if flags & os.O_TRUNC:
            os.ftruncate(file, 0)
    except OSError:
        os.close(file)
        raise
    return file


def describe_exposure(path: Path) -> str:
    """Return who else may write to the folder, whose records are published; empty if nobody may."""
    found = path.stat()
    if found.st_mode & stat.S_IWOTH:
        return "everybody may write into it"
    if found.st_mode & stat.S_IWGRP and found.st_gid not in {os.getegid(), *os.getgroups()}:
        return f"group {found.st_gid}, which is not ours, may write into it"
    if found.st_uid not in {os.geteuid(), 0}:
        return f"it belongs to another user ({found.st_uid})"
    return ""


def _is_file_of(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def write(file: int, data: bytes, offset: int) -> None:
    """Write all of ``data``: the kernel may write a part and report the error only at the next call."""
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def _stat_regular(path: Path) -> os.stat_result | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _read(file: int, data: memoryview, offset: int) -> bool:
    try:
        return os.preadv(file, [data], offset) == len(data)
    except OSError:
        if len(data) <= _PAGE_BYTES:
            return False
    complete = [
        _read(file, data[page : page + _PAGE_BYTES], offset + page)
        for page in range(0, len(data), _PAGE_BYTES)
    ]
    return all(complete)


def _make_directory(path: Path) -> None:
    """Make a folder and its missing parents; each name is durable."""
    if not path.parent.exists():
        _make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    _sync(path.parent)


def _sync(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
