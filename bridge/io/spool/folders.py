"""The folders of the spool: which one a process writes to, and how those that others left behind are drained.

One process writes to the folder that the settings name. Of several workers each takes a folder of its own in
it, `1`, `2` and so on: the first that nobody has locked. Whatever lies in a folder that nobody has locked was
left behind, by more workers or by fewer, by a killed one or by one that was replaced: whoever locks it first
drains it and removes it. A folder in use is left alone.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from bridge.io.spool.directory import SpoolDirectory, SpoolLockedError
from bridge.io.spool.spool import Spool

SUPERVISOR_FOLDER = "supervisor"  # in it the supervisor's lock: two of them would share the limit
_LOCK_FILES = frozenset({"lock"})
_NUMBERS_MAX = 1_000


class SpoolFolders(Struct, frozen=True):
    """The folder ``root``, as seen by worker ``number`` of ``workers``; 0 of 1: one process alone."""

    root: Path
    number: int
    workers: int
    max_bytes: int

    def claim_own(self, build: Callable[[Path], Spool]) -> tuple[Path, Spool]:
        """Return the folder to write to, locked where that is possible, and its spool, made by ``build``.

        With several workers it is the first free one from our number on. Raises `SpoolLockedError` where a
        supervisor has the root. A folder that cannot be used is not passed over: its spool tries again.
        """
        if not (self.max_bytes and self.number):
            if self.max_bytes:
                self._refuse_supervisor()
            return self.root, build(self.root)
        for number in (self.number, *range(1, _NUMBERS_MAX)):
            folder = self.root / str(number)
            spool = build(folder)
            try:
                spool.lock()
            except SpoolLockedError:
                continue
            except OSError:
                pass
            return folder, spool
        raise SpoolLockedError(f"every folder in {self.root} is in use by another process")

    def _refuse_supervisor(self) -> None:
        folder = self.root / SUPERVISOR_FOLDER
        with suppress(OSError):  # the spool of a folder that cannot be used tries again, and reports it
            if folder.is_dir():
                lock_folder(folder).unlock()

    def left_behind(self, own: Path) -> list[Path]:
        """List the folders with records that are not ``own``, whether in use or not; remove empty ones.

        Raises OSError where the root cannot be read, or is not there now, as a volume that is mounted anew:
        what lies in it is not known then.
        """
        left = []
        for folder in (self.root, *_numbered(self.root)):
            if folder != own and has_segments(folder):
                left.append(folder)
            elif folder not in (own, self.root):
                remove_if_empty(folder)
        return left

    def limit_of(self, own: Path) -> int:
        """Return how many bytes ``own`` may have, so that all folders together stay within the limit.

        An equal share, less what is left behind and what others have above their share.
        """
        folders = all_folders(self.root)
        if self.workers == 1 and folders == [self.root]:
            return self.max_bytes
        used = sorted(used_bytes(folder) for folder in folders if folder != own)
        return share_of(self.max_bytes, self.workers, used)


def share_of(max_bytes: int, workers: int, used_by_others: Sequence[int]) -> int:
    """Return one worker's limit. Which of the other folders belong to living workers is not known.

    The smallest ones are taken to be theirs: they may grow to their share, so that is reserved for them.
    """
    share = max_bytes // workers
    others = sorted(used_by_others)
    reserved = sum(max(used, share) for used in others[: workers - 1])
    reserved += share * max(0, workers - 1 - len(others)) + sum(others[workers - 1 :])
    return max(0, min(share, max_bytes - reserved))


def all_folders(root: Path) -> list[Path]:
    """List every folder that may hold records: ``root`` and, as far as that can be read, those in it."""
    with suppress(OSError):
        return [root, *_numbered(root)]
    return [root]


def has_segments(folder: Path) -> bool:
    """Whether files of records are in a folder, as far as that can be read."""
    return any(_segments(folder))


def segment_changes(folder: Path) -> frozenset[tuple[str, int]]:
    """Return each file of records in a folder with when it last changed: its bytes, its owner or its mode.

    In nanoseconds of the volume's clock; what cannot be read is missing.
    """
    found = set[tuple[str, int]]()
    for file in _segments(folder):
        with suppress(OSError):
            found.add((file.name, file.lstat().st_ctime_ns))
    return frozenset(found)


def _segments(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from (file for file in folder.iterdir() if file.suffix == ".log")


def _numbered(root: Path) -> list[Path]:
    """List the folders of workers in ``root``. Raises OSError where it cannot be read or is not there now."""
    found = [folder for folder in root.iterdir() if folder.name.isdecimal() and folder.is_dir()]
    return sorted(found, key=lambda folder: int(folder.name))


def used_bytes(folder: Path) -> int:
    """Return the bytes of the files in a folder; files that vanish meanwhile are not counted."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    with suppress(OSError):
        for file in folder.iterdir():
            with suppress(OSError):
                if file.is_file():
                    yield file.stat().st_size


def lock_folder(path: Path) -> SpoolDirectory:
    """Lock a folder, made where it does not exist. Raises `SpoolLockedError`, OSError."""
    directory = SpoolDirectory(path)
    directory.lock()
    return directory


def remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing but its lock, and that nobody has locked."""
    with suppress(SpoolLockedError, OSError):
        if not _is_empty(folder):
            return
        directory = lock_folder(folder)
        try:
            if _is_empty(folder):
                (folder / "lock").unlink()
                folder.rmdir()
        finally:
            directory.unlock()


def _is_empty(folder: Path) -> bool:
    return {file.name for file in folder.iterdir()} <= _LOCK_FILES
