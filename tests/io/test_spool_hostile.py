"""The spool's folder is not trusted: no link is followed, no pipe waited for, no size believed."""

import asyncio
import os
import resource
from pathlib import Path

import pytest
import structlog

from bridge.io.spool.directory import describe_exposure
from tests.io.spools import LIMITS, append_durably, numbers_after_restart, numbers_in, spool_in
from tests.rig.waiting import WITHIN_S

SEGMENT = "0000000000000001-00000000000000aa"


@pytest.mark.parametrize("name", ["lock", "probe", f"{SEGMENT}.log", f"{SEGMENT}.ack"])
async def test_a_link_in_the_folder_touches_nothing_outside(tmp_path: Path, name: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "spool"
    outside.write_bytes(b"precious")
    folder.mkdir(0o700)
    (folder / name).symlink_to(outside)
    spool = spool_in(folder)
    reason = spool.unavailable_reason
    if not reason:
        await append_durably(spool, range(3))
    await spool.stop()
    assert outside.read_bytes() == b"precious"
    assert bool(reason) is (name == "lock")


@pytest.mark.parametrize("name", ["lock", "probe", f"{SEGMENT}.log", f"{SEGMENT}.ack"])
async def test_a_pipe_in_the_folder_blocks_nothing(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(0o700)
    os.mkfifo(folder / name)
    async with asyncio.timeout(WITHIN_S):
        spool = await asyncio.to_thread(asyncio.run, _append_and_read(folder)) if name != "lock" else None
    assert spool in (None, [0, 1, 2])


async def _append_and_read(folder: Path) -> list[int]:
    spool = spool_in(folder)
    await append_durably(spool, range(3))
    found = await numbers_in(spool)
    await spool.stop()
    return found


async def test_a_sparse_file_of_many_gigabytes_costs_neither_memory_nor_quota(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool = spool_in(folder)
    await append_durably(spool, range(3))
    await spool.stop()
    for kind in ("log", "ack"):
        (folder / f"{SEGMENT}.{kind}").touch()
        os.truncate(folder / f"{SEGMENT}.{kind}", 8 * 1024**3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert await numbers_after_restart(folder) == [0, 1, 2]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    again = spool_in(folder)
    assert again.bytes < 1_000_000
    assert not again.unavailable_reason
    await again.stop()
    assert (folder / f"{SEGMENT}.log").stat().st_size == 8 * 1024**3  # left for a person to look at


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o777, "everybody"), (0o702, "everybody"), (0o700, ""), (0o755, "")]
)
async def test_a_folder_that_others_may_write_into_is_warned_of(
    tmp_path: Path, mode: int, expected: str
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    folder.chmod(mode)
    with structlog.testing.capture_logs() as lines:
        spool = spool_in(folder, LIMITS)
    await spool.stop()
    reasons = [line["reason"] for line in lines if line["event"] == "spool_directory_insecure"]
    assert len(reasons) == bool(expected)
    assert all(expected in why for why in reasons)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_folder_of_another_user_or_group_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    os.chown(tmp_path / "a", 54321, 0)
    assert describe_exposure(tmp_path / "a") == "it belongs to another user (54321)"
    (tmp_path / "b").mkdir()
    os.chown(tmp_path / "b", 0, 54321)
    (tmp_path / "b").chmod(0o775)
    assert "group 54321" in describe_exposure(tmp_path / "b")
