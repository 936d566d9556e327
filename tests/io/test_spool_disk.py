"""The spool and what lies beneath it: a process that is killed, a disk that is full or read-only."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.core.outcome import UnavailableError
from bridge.io.spool import SpoolLimits, writer
from bridge.io.spool.directory import SpoolDirectory, open_regular
from tests.io.spools import (
    SMALL,
    append_durably,
    counted_corruptions,
    fill_volume,
    kill,
    log_files,
    number_of,
    numbers_after_restart,
    numbers_in,
    read_all,
    record,
    spool_in,
    total_bytes,
)
from tests.rig.parts import MissingPartError
from tests.rig.reaper import watch_mount
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio


async def test_after_a_kill_at_any_moment_all_that_was_durable_is_there(tmp_path: Path) -> None:
    script = """if True:
        import asyncio, sys
        from pathlib import Path
        from tests.io.spools import SMALL, record, spool_in
        async def append() -> None:
            spool = spool_in(Path(sys.argv[1]), SMALL)
            for first in range(0, 1_000_000, 10):
                entries = [spool.append(record(number)) for number in range(first, first + 10)]
                for entry in entries:
                    await entry.durable
                    print("durable", flush=True)
        asyncio.run(append())"""
    for lines in (1, 57, 300):
        folder = tmp_path / str(lines)
        command = [sys.executable, "-c", script, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:  # noqa: ASYNC220, S603 - it is ours
            assert child.stdout is not None
            for _ in range(lines):
                assert child.stdout.readline()
            child.send_signal(signal.SIGKILL)
            durable = lines + len(child.stdout.readlines())
        found = await numbers_after_restart(folder, SMALL)
        assert found == list(range(len(found)))
        assert len(found) >= durable


@pytest.fixture
def tiny_volume(tmp_path: Path) -> Iterator[Path]:
    """Give a volume of 1 MiB."""
    volume = tmp_path / "volume"
    volume.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(volume)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603 - the system's own
        raise MissingPartError("volume", "no small volume can be mounted: it takes root with CAP_SYS_ADMIN")
    watch_mount(volume)
    yield volume
    subprocess.run(["umount", "-l", str(volume)], check=True)  # noqa: S603, S607 - the system's own


async def test_a_full_disk_refuses_and_recovers_by_itself(tiny_volume: Path) -> None:
    spool = spool_in(tiny_volume / "spool")
    await append_durably(spool, range(10))
    ballast = fill_volume(tiny_volume)  # the spool's last look saw a free disk
    refused = [spool.append(record(number, 100_000)) for number in range(10, 12)]
    for entry in refused:
        with pytest.raises(UnavailableError, match=r"No space|disk floor"):
            await entry.durable
    assert not spool.accepts_size(100)
    assert spool.unavailable_reason
    ballast.unlink()
    await eventually(lambda: spool.accepts_size(100), "the disk takes records again")
    await append_durably(spool, range(20, 30))
    assert await numbers_in(spool) == [*range(10), *range(20, 30)]
    kill(spool)
    assert await numbers_after_restart(tiny_volume / "spool") == [*range(10), *range(20, 30)]


async def test_a_volume_turned_read_only_refuses_and_recovers_by_itself(tiny_volume: Path) -> None:
    spool = spool_in(tiny_volume / "spool")
    await append_durably(spool, range(3))
    spool._group_commit._active = None  # noqa: SLF001 - the next record begins a segment
    # A log that is open for writing keeps a volume writable.
    await spool._loop.run_in_executor(spool._group_commit._thread, spool._group_commit._writer.close)  # noqa: SLF001
    spool._directory.unlock()  # noqa: SLF001 - as does the lock
    remount(tiny_volume, "ro")
    with pytest.raises(UnavailableError, match="Read-only file system"):
        await spool.append(record(3)).durable
    assert "Read-only file system" in spool.unavailable_reason
    remount(tiny_volume, "rw")
    await eventually(lambda: not spool.unavailable_reason, "the disk takes records again")
    await append_durably(spool, range(4, 6))
    assert await numbers_in(spool) == [0, 1, 2, 4, 5]
    assert total_bytes(tiny_volume / "spool") <= spool.bytes + 16
    await spool.stop()


def remount(volume: Path, how: str) -> None:
    """Change how a volume may be used."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(volume)], check=True)  # noqa: S603, S607


async def test_a_failed_commit_refuses_all_that_came_meanwhile_and_the_next_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(3))
    refusing = True

    def create(folder: SpoolDirectory, segment: str) -> int:
        if refusing:
            raise OSError(28, "No space left on device")
        return real(folder, segment)

    real = SpoolDirectory.create
    monkeypatch.setattr(SpoolDirectory, "create", create)
    spool._group_commit._active = None  # noqa: SLF001 - the next record begins a segment
    entries = [spool.append(record(number)) for number in (3, 4)]
    refused = await asyncio.gather(*(entry.durable for entry in entries), return_exceptions=True)
    assert [str(error) for error in refused] == ["spool: [Errno 28] No space left on device"] * 2
    assert (spool.records, spool.has_pending(record(3)), spool.accepts_size(1)) == (3, False, False)
    refusing = False
    await eventually(lambda: not spool.unavailable_reason, "the disk is tried again")
    await append_durably(spool, range(5, 6))
    assert await numbers_in(spool) == [0, 1, 2, 5]
    await spool.stop()
    assert await numbers_after_restart(tmp_path) == [0, 1, 2, 5]


async def test_a_block_that_cannot_be_read_costs_its_record_until_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(10))
    length = log_files(tmp_path)[0].stat().st_size // 10
    real = os.pread

    def pread(file: int, size: int, at: int) -> bytes:
        if at <= 4 * length < at + size:
            raise OSError(5, "Input/output error")
        return real(file, size, at)

    monkeypatch.setattr(os, "pread", pread)
    taken = await read_all(spool)
    assert [number_of(found) for _, found in taken] == [0, 1, 2, 3]
    assert "cannot be read" in spool.unavailable_reason

    async def rest() -> bool:
        taken.extend(await read_all(spool))
        return len(taken) == 9

    await eventually(rest, "the others are read")
    assert [number_of(found) for _, found in taken[4:]] == [5, 6, 7, 8, 9]
    assert spool.unavailable_reason == ""
    assert (counted_corruptions(spool), spool.records) == ({"unreadable": 1}, 9)
    for entry, _ in taken:
        entry.remove()
    await spool.stop()
    monkeypatch.undo()
    assert await numbers_after_restart(tmp_path) == [4]


async def test_a_disk_that_cannot_be_read_for_a_while_keeps_everything_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(10))

    def refused(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(writer, "open_regular", refused)
    for _ in range(20):
        assert await read_all(spool) == []
        await eventually(spool.wake.is_set, "it says that it may be tried again")
        spool.wake.clear()
    assert "Too many open files" in spool.unavailable_reason
    assert (spool.records, spool.has_pending(record(3))) == (10, True)
    monkeypatch.setattr(writer, "open_regular", open_regular)

    async def all_read() -> bool:
        return await numbers_in(spool) == list(range(10))

    await eventually(all_read, "all are read")
    assert spool.unavailable_reason == ""
    await spool.stop()


async def test_a_failed_commit_leaves_nothing_of_the_batches_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(3))
    before = spool.bytes
    at_disk, goes_on, real = threading.Event(), threading.Event(), os.fdatasync

    def fails_late(file: int) -> None:
        if goes_on.is_set():
            real(file)
        else:
            at_disk.set()
            goes_on.wait(WITHIN_S)
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fails_late)
    first = spool.append(record(3))
    await eventually(at_disk.is_set, "the first is at the disk")
    second = spool.append(record(4))
    pending: list[bool] = []
    for entry in (first, second):
        entry.on_durable(lambda _: pending.append(spool.has_pending(record(4))))
    goes_on.set()
    refused = await asyncio.gather(first.durable, second.durable, return_exceptions=True)
    assert [type(error) for error in refused] == [UnavailableError, UnavailableError]
    assert pending == [False, False]  # in that moment already
    assert (spool.records, spool.bytes, spool.has_pending(record(4))) == (3, before, False)
    await eventually(lambda: spool.accepts_size(1), "the disk is tried again")
    await append_durably(spool, range(5, 6))
    assert await numbers_in(spool) == [0, 1, 2, 5]
    await spool.stop()
    assert await numbers_after_restart(tmp_path) == [0, 1, 2, 5]


async def test_a_page_that_a_start_cannot_read_costs_its_records_until_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(100), size=500)
    await spool.stop()
    real = os.preadv

    def preadv(file: int, buffers: list[memoryview], at: int) -> int:
        if at <= 9_000 < at + len(buffers[0]):
            raise OSError(5, "Input/output error")
        return real(file, buffers, at)

    monkeypatch.setattr(os, "preadv", preadv)
    spool = spool_in(tmp_path)
    found = await numbers_in(spool)
    assert (85 < len(found) < 99, found == sorted(found), counted_corruptions(spool)) == (
        True,
        True,
        {"unreadable": 1},
    )
    await spool.stop()
    monkeypatch.undo()
    assert await numbers_after_restart(tmp_path) == list(range(100))


async def test_a_disk_that_does_not_answer_accepts_nothing_until_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = spool_in(tmp_path, SpoolLimits(free_min_bytes=0, retry_s=0.02, stalled_s=0.05))
    answers, fdatasync = threading.Event(), os.fdatasync

    def slow(file: int) -> None:
        answers.wait(WITHIN_S)
        fdatasync(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    waiting = spool.append(record(1))
    await eventually(lambda: not spool.accepts_size(0), "the spool takes nothing")
    assert spool.unavailable_reason == "the disk does not answer"
    with pytest.raises(UnavailableError):
        await spool.append(record(2)).durable
    assert not waiting.durable.done()
    answers.set()
    await waiting.durable
    await eventually(lambda: spool.accepts_size(0), "the spool takes records again")
    assert await numbers_in(spool) == [1]
    await spool.stop()
