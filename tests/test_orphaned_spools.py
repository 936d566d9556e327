"""What becomes of spool folders that others left behind: drained, removed, or left alone for good reason."""

import asyncio
import threading
from pathlib import Path

from bridge.core.event import Record
from bridge.delivery.drain import Drain, DrainLimits
from bridge.io.spool import Spool
from bridge.io.spool.folders import SpoolFolders
from bridge.observability.telemetry import Telemetry
from bridge.orphaned_spools import OrphanedSpools
from tests.delivery_fakes import FakePublisher
from tests.io.spools import LIMITS, NOW_MS, append_durably, spool_in
from tests.rig.waiting import WITHIN_S, eventually

MAX_BYTES = 8 << 20
INTERVAL_S = 0.01


def _no_dead_letter(_record: Record, _error: Exception) -> None:
    return None


class Parts:
    """The drains of what lies in ``root``, for one process alone, or for worker 1 of ``workers``."""

    def __init__(self, root: Path, workers: int = 1, folders: SpoolFolders | None = None) -> None:
        self.publisher = FakePublisher()
        self.publisher.acks_at_once = True
        self.built: list[Path] = []
        self.scans = 0
        own = root if workers == 1 else root / "1"
        number = 0 if workers == 1 else 1
        folders = folders or SpoolFolders(root, number, workers, MAX_BYTES)
        self.orphans = OrphanedSpools(folders, own, self._build, self._count, scan_interval_s=INTERVAL_S)
        self.task = asyncio.create_task(self.orphans.run())

    def _build(self, folder: Path) -> tuple[Spool, Drain]:
        self.built.append(folder)
        spool = Spool(folder, LIMITS, Telemetry(), lambda: NOW_MS)
        return spool, Drain(self.publisher, spool, _no_dead_letter, Telemetry(), DrainLimits(pause_s=0.001))

    def _count(self, _limit_bytes: int) -> None:
        self.scans += 1

    async def some_scans(self) -> None:
        """Wait until a few more scans have ended."""
        enough = self.scans + 5
        await eventually(lambda: self.scans >= enough, "it looks again")

    async def stop(self) -> None:
        self.task.cancel()
        await self.orphans.stop_draining()
        await self.orphans.stop(1)


async def leave_records(folder: Path, count: int) -> None:
    spool = spool_in(folder)
    await append_durably(spool, range(count))
    await spool.stop()


async def test_a_folder_left_behind_is_drained_and_removed_and_then_the_search_ends(tmp_path: Path) -> None:
    await leave_records(tmp_path / "2", 3)
    parts = Parts(tmp_path)
    await asyncio.wait_for(parts.task, 60)

    assert len(parts.publisher.written) == 3
    assert not (tmp_path / "2").exists()
    await parts.stop()


async def test_a_root_that_cannot_be_read_or_is_not_there_is_searched_once_it_can(tmp_path: Path) -> None:
    root, whole = tmp_path / "root", tmp_path / "whole"
    await leave_records(whole / "2", 3)
    root.symlink_to("x" * 300)  # longer than a name may be: each look at it fails
    parts = Parts(root)
    await parts.some_scans()
    assert not parts.task.done()
    root.unlink()
    await parts.some_scans()
    assert not parts.task.done()  # what is not there now, as a volume that is mounted anew, may have records
    root.symlink_to(whole)
    await asyncio.wait_for(parts.task, 60)

    assert len(parts.publisher.written) == 3
    await parts.stop()


def test_a_disk_that_does_not_answer_holds_up_no_end(tmp_path: Path) -> None:
    asked, answers = threading.Event(), threading.Event()

    class Unresponsive(SpoolFolders, frozen=True):
        def left_behind(self, own: Path) -> list[Path]:
            asked.set()
            answers.wait()
            return super().left_behind(own)

    async def program() -> None:
        parts = Parts(tmp_path, folders=Unresponsive(tmp_path, 0, 1, MAX_BYTES))
        await eventually(asked.is_set, "it looks into the folder")
        await parts.stop()

    ended = threading.Event()

    def run() -> None:
        with asyncio.Runner() as runner:
            runner.run(program())
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    in_time = ended.wait(WITHIN_S)
    answers.set()
    thread.join()
    assert in_time


async def test_a_folder_that_can_never_be_emptied_is_read_again_only_once_it_changes(tmp_path: Path) -> None:
    root, made = tmp_path / "root", tmp_path / "made"
    await leave_records(made, 3)
    unreadable = root / "2" / f"{1:016}-{'a' * 16}.log"
    unreadable.mkdir(parents=True)
    parts = Parts(root, workers=2)
    await eventually(lambda: parts.built, "it is adopted")
    await parts.some_scans()
    assert parts.built == [root / "2"]

    # Moved there: to write there would need the lock, which a scan may hold.
    (segment,) = made.glob("*.log")
    segment.rename(root / "2" / segment.name)
    unreadable.rmdir()
    await eventually(lambda: not (root / "2").exists(), "it is drained and removed")
    assert len(parts.publisher.written) == 3
    await parts.stop()
