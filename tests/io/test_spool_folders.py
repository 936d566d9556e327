"""Which folder of the spool a process writes to, and what becomes of folders that nobody uses."""

import asyncio
import threading
from pathlib import Path

import pytest

from bridge.core.event import Record
from bridge.io.spool import Spool, SpoolLockedError
from bridge.io.spool.folders import SUPERVISOR_FOLDER, SpoolFolders, lock_folder, remove_if_empty
from bridge.io.spool.recovery import Recovery
from bridge.observability.telemetry import Telemetry
from tests.io.spools import LIMITS, NOW_MS
from tests.rig.waiting import eventually

MAX_BYTES = 8 << 20


def build(folder: Path) -> Spool:
    return Spool(folder, LIMITS, Telemetry(), lambda: NOW_MS)


def names(root: Path) -> list[str]:
    return sorted(folder.name for folder in root.iterdir())


def folders(root: Path, number: int, workers: int = 2) -> SpoolFolders:
    return SpoolFolders(root, number, workers, MAX_BYTES)


async def test_one_process_alone_writes_to_the_root(tmp_path: Path) -> None:
    folder, spool = folders(tmp_path, 0, 1).claim_own(build)

    assert folder == tmp_path
    assert names(tmp_path) == []
    await spool.stop()


async def test_a_worker_takes_the_folder_of_its_number_or_the_first_that_is_free(tmp_path: Path) -> None:
    claimed = [folders(tmp_path, number).claim_own(build) for number in (1, 2, 2, 1)]

    assert [folder.name for folder, _ in claimed] == ["1", "2", "3", "4"]
    for _, spool in claimed:
        spool.start()
        await spool.stop()
    again, spool = folders(tmp_path, 2).claim_own(build)
    assert again.name == "2"
    await spool.stop()


async def test_one_process_alone_refuses_the_root_of_a_supervisor(tmp_path: Path) -> None:
    supervisor = lock_folder(tmp_path / SUPERVISOR_FOLDER)
    with pytest.raises(SpoolLockedError):
        folders(tmp_path, 0, 1).claim_own(build)
    supervisor.unlock()
    _, spool = folders(tmp_path, 0, 1).claim_own(build)
    await spool.stop()


async def test_empty_folders_are_removed_and_those_in_use_or_with_records_are_left(tmp_path: Path) -> None:
    own, spool = folders(tmp_path, 1).claim_own(build)
    used, other = folders(tmp_path, 2).claim_own(build)
    lock_folder(tmp_path / "3").unlock()
    left, orphan = folders(tmp_path, 4).claim_own(build)
    orphan.start()
    await orphan.append(Record(topic="t", key=b"k", value=b"v", headers=[])).durable
    await orphan.stop()

    assert folders(tmp_path, 1).left_behind(own) == [left]
    assert names(tmp_path) == ["1", "2", "4"]
    assert used.is_dir()
    remove_if_empty(left)
    assert left.is_dir()
    for each in (spool, other):
        await each.stop()


async def test_the_limit_is_lower_by_what_other_folders_hold(tmp_path: Path) -> None:
    own = tmp_path / "1"
    assert folders(tmp_path, 0, 1).limit_of(tmp_path) == MAX_BYTES
    assert folders(tmp_path, 1).limit_of(own) == MAX_BYTES // 2
    (tmp_path / f"{1:016}-{'a' * 16}.log").write_bytes(bytes(6 << 20))

    assert folders(tmp_path, 1).limit_of(own) == 2 << 20
    (tmp_path / "2").mkdir()
    assert folders(tmp_path, 1).limit_of(own) == 0


async def test_a_folder_that_cannot_be_read_stops_no_start_and_its_spool_tries_again(tmp_path: Path) -> None:
    root = tmp_path / ("x" * 300)  # longer than a name may be: each look at it fails
    for number, workers in ((0, 1), (1, 2)):
        mine = folders(root, number, workers)
        folder, spool = mine.claim_own(build)

        assert mine.limit_of(folder) == MAX_BYTES // workers
        spool.start()
        assert "too long" in spool.unavailable_reason
        await spool.stop()
        with pytest.raises(OSError, match="too long"):
            mine.left_behind(folder)


def test_in_a_folder_that_is_not_there_now_it_is_not_known_what_was_left(tmp_path: Path) -> None:
    root = tmp_path / "unmounted"
    for number, workers in ((0, 1), (1, 2)):
        with pytest.raises(FileNotFoundError):
            folders(root, number, workers).left_behind(root / "1" if number else root)


async def test_a_supervisors_folder_that_cannot_be_locked_stops_no_start(tmp_path: Path) -> None:
    (tmp_path / SUPERVISOR_FOLDER / "lock").mkdir(parents=True)
    folder, spool = folders(tmp_path, 0, 1).claim_own(build)

    assert folder == tmp_path
    await spool.stop()


async def test_a_folder_whose_recovery_goes_on_after_the_stop_stays_locked_until_that_ends(
    tmp_path: Path,
) -> None:
    reads, answers = threading.Event(), threading.Event()

    class SlowSpool(Spool):
        def _recover(self) -> Recovery:
            recovery = super()._recover()
            reads.set()
            answers.wait()
            return recovery

    spool = SlowSpool(tmp_path, LIMITS, Telemetry(), lambda: NOW_MS)
    opening = asyncio.create_task(spool.open())
    await eventually(reads.is_set, "it is read")
    opening.cancel()
    await spool.stop(0.05)
    try:
        with pytest.raises(SpoolLockedError):
            lock_folder(tmp_path)
    finally:
        answers.set()
    await eventually(lambda: can_be_locked(tmp_path), "it is unlocked")


def can_be_locked(folder: Path) -> bool:
    try:
        lock_folder(folder).unlock()
    except SpoolLockedError:
        return False
    return True
