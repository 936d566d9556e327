"""Which records leave for the disk together, and that none of them is missing there."""

import asyncio
import gc
import os
import sys
import threading
from pathlib import Path

import pytest

from bridge.core.outcome import UnavailableError
from bridge.io.spool import SpoolEntry
from bridge.io.spool.writer import SegmentWriter, WriteJob, WriteResult
from tests.io.spools import append_durably, numbers_after_restart, record, spool_in
from tests.rig.waiting import WITHIN_S, eventually

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(("commit_s", "commits"), [(0.0, 3), (1e9, 2)])
async def test_those_who_append_at_once_leave_together_unless_that_takes_longer_than_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit_s: float, commits: int
) -> None:
    execute, sizes = SegmentWriter.execute, list[int]()

    def execute_for(writer: SegmentWriter, job: WriteJob) -> WriteResult:
        if job.batch is not None:
            sizes.append(len(job.batch.entries))
        result = execute(writer, job)
        result.commit_s = commit_s
        return result

    monkeypatch.setattr(SegmentWriter, "execute", execute_for)
    spool = spool_in(tmp_path)

    followers: list[SpoolEntry] = []
    for number in range(40):
        spool.append(record(number)).on_durable(lambda _: followers.append(spool.append(record(40))))
    await eventually(lambda: len(followers) == 40, "the first are durable")
    await asyncio.wait([entry.durable for entry in followers])
    await spool.stop()
    assert len(sizes) == commits
    assert (sizes[0], sum(sizes[1:])) == (40, 40)
    assert len(await numbers_after_restart(tmp_path)) == 80


async def test_those_who_gather_for_longer_than_a_commit_leave_in_two_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute, sizes, intervals_s = SegmentWriter.execute, list[int](), list[float]()

    def execute_at_once(writer: SegmentWriter, job: WriteJob) -> WriteResult:
        if job.batch is not None:
            sizes.append(len(job.batch.entries))
        result = execute(writer, job)
        result.commit_s = 0.0
        return result

    monkeypatch.setattr(SegmentWriter, "execute", execute_at_once)
    spool, usual_s = spool_in(tmp_path), sys.getswitchinterval()

    def append_again(number: int) -> None:
        intervals_s.append(sys.getswitchinterval())
        if number < 1_280:
            spool.append(record(number)).on_durable(lambda _: append_again(number + 256))

    for number in range(256):
        append_again(number)
    await eventually(lambda: len(intervals_s) == 6 * 256, "all are durable")
    await spool.stop()
    assert sizes == [256] + [128] * 8
    # While one half is written the thread that does it gets the interpreter soon; else nothing is changed.
    assert (sys.getswitchinterval(), intervals_s[0], min(intervals_s) < usual_s) == (usual_s, usual_s, True)


@pytest.mark.parametrize("written_at_most", [1, 1_000])
async def test_a_write_that_the_kernel_cuts_short_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written_at_most: int
) -> None:
    pwritev = os.pwritev
    monkeypatch.setattr(
        os, "pwritev", lambda file, parts, offset: pwritev(file, [b"".join(parts)[:written_at_most]], offset)
    )
    spool = spool_in(tmp_path)
    entries = [spool.append(record(number)) for number in range(2_000)]
    await asyncio.wait([entry.durable for entry in entries])
    await spool.stop()
    assert await numbers_after_restart(tmp_path) == list(range(2_000))


async def test_a_bug_in_who_waits_for_one_record_keeps_no_other_from_the_disk(tmp_path: Path) -> None:
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    spool, followers = spool_in(tmp_path), list[SpoolEntry]()

    def append_and_fail(_: object) -> None:
        followers.append(spool.append(record(40)))
        raise ValueError("a bug")

    entries = [spool.append(record(number)) for number in range(40)]
    entries[0].on_durable(append_and_fail)
    await asyncio.wait_for(asyncio.gather(*(entry.durable for entry in entries)), WITHIN_S)
    followers.append(spool.append(record(41)))
    await asyncio.wait_for(asyncio.gather(*(entry.durable for entry in followers)), WITHIN_S)
    assert [str(one["exception"]) for one in reported] == ["a bug"]
    await spool.stop()
    assert len(await numbers_after_restart(tmp_path)) == 42


async def test_a_disk_that_answers_after_the_end_is_given_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute, hangs, goes_on = SegmentWriter.execute, threading.Event(), threading.Event()

    def execute_late(writer: SegmentWriter, job: WriteJob) -> WriteResult:
        if job.batch is not None and len(job.batch.entries) == 2:
            hangs.set()
            goes_on.wait(WITHIN_S)
        return execute(writer, job)

    monkeypatch.setattr(SegmentWriter, "execute", execute_late)
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    spool = spool_in(tmp_path)
    (first, kept) = await append_durably(spool, range(1)) + await append_durably(spool, range(1, 2))
    late = [spool.append(record(number)) for number in (2, 3)]
    await asyncio.to_thread(hangs.wait, WITHIN_S)
    first.remove()  # its acknowledgement waits behind the job
    await spool.stop(0.05)
    assert [str(entry.error) for entry in late] == ["spool: it was stopped"] * 2
    goes_on.set()
    await eventually(lambda: spool._group_commit._task is None, "the last job has ended")  # noqa: SLF001
    gc.collect()
    assert (reported, kept.error) == ([], None)


async def test_where_no_thread_starts_records_fail_until_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, may_start = threading.Thread.start, list[bool]()

    def start_if_possible(thread: threading.Thread) -> None:
        if thread.name == "spool-writer" and not may_start:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_if_possible)
    spool = spool_in(tmp_path)
    with pytest.raises(UnavailableError, match="can't start new thread"):
        await asyncio.wait_for(spool.append(record(0)).durable, WITHIN_S)
    assert "can't start" in spool.unavailable_reason
    may_start.append(True)
    await eventually(lambda: not spool.unavailable_reason, "it takes records again")
    await append_durably(spool, range(1, 2))
    await spool.stop()
    assert await numbers_after_restart(tmp_path) == [1]
