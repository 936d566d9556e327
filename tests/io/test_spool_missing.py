"""A log of the spool that is gone, and a folder that is gone as a whole: each costs no more than its own."""

from pathlib import Path

from tests.io.spools import (
    SMALL,
    append_durably,
    counted_corruptions,
    log_files,
    number_of,
    numbers_after_restart,
    numbers_in,
    read_all,
    spool_in,
)
from tests.rig.waiting import eventually


async def test_a_log_that_is_gone_costs_its_own_records_and_delays_no_others(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, SMALL)
    await append_durably(spool, range(100))
    assert len(log_files(tmp_path)) > 2
    gone = log_files(tmp_path)[0]
    missing = gone.read_bytes()
    gone.unlink()
    taken: list[int] = []

    async def rest() -> bool:
        taken.extend([number_of(found) for _, found in await read_all(spool)])
        return bool(taken) and taken[-1] == 99

    await eventually(rest, "the others are read")
    lost = taken[0]
    assert taken == list(range(lost, 100))
    assert counted_corruptions(spool) == {"unreadable": lost}
    assert spool.unavailable_reason == ""
    await spool.stop()
    gone.write_bytes(missing)  # as a volume does whose server is back
    assert (await numbers_after_restart(tmp_path))[:lost] == list(range(lost))


async def test_a_folder_that_is_gone_as_a_whole_costs_nothing_when_it_is_back(tmp_path: Path) -> None:
    spool = spool_in(tmp_path / "spool")
    await append_durably(spool, range(10))
    (tmp_path / "spool").rename(tmp_path / "unmounted")
    for _ in range(20):
        assert await read_all(spool) == []
        await eventually(spool.wake.is_set, "it says that it may be tried again")
        spool.wake.clear()
    (tmp_path / "unmounted").rename(tmp_path / "spool")

    async def all_read() -> bool:
        return await numbers_in(spool) == list(range(10))

    await eventually(all_read, "all are read")
    assert counted_corruptions(spool) == {}
    await spool.stop()
