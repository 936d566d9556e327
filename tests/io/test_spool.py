"""The spool in fair weather: what is put is kept, in order, read once, and gone when it is removed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from bridge.core.outcome import UnavailableError
from bridge.core.partition import murmur2
from bridge.io.spool import Spool, SpoolEntry, SpoolLimits, SpoolLockedError
from bridge.io.spool import directory as folder_module
from bridge.observability.telemetry import Telemetry
from tests.delivery_contracts import SpoolContract
from tests.io.spools import (
    LIMITS,
    NOW_MS,
    SMALL,
    append_durably,
    file_names,
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
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio


class TestSpool(SpoolContract):
    """The store's suite, on a real folder."""

    @pytest.fixture(autouse=True)
    async def _given(self, tmp_path: Path) -> AsyncIterator[None]:
        spool = spool_in(tmp_path)
        self.spool = spool
        yield
        await spool.stop()


async def test_what_is_appended_is_read_as_it_was_and_in_order(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, SMALL)
    await append_durably(spool, range(300))
    assert len(log_files(tmp_path)) > 1
    assert [found for _, found in await read_all(spool, 1_000)] == [record(number) for number in range(300)]
    await spool.stop()


async def test_a_restart_finds_all_that_was_durable_and_nothing_that_was_removed(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, SMALL)
    entries = await append_durably(spool, range(100))
    for entry in entries[::2]:
        entry.remove()
    await spool.stop()
    assert await numbers_after_restart(tmp_path, SMALL) == list(range(1, 100, 2))


async def test_an_empty_spool_leaves_no_segment(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, SMALL)
    await append_durably(spool, range(100))
    for entry, _ in await read_all(spool):
        entry.remove()
    await eventually(lambda: spool.bytes == 0, "all is given back")
    assert file_names(tmp_path) == ["lock"]
    assert (spool.records, spool.oldest_ms) == (0, 0)
    await spool.stop()


async def test_many_appends_share_few_commits(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(2_000))
    histogram = next(iter(spool._telemetry.spool_commit_seconds.collect()))  # noqa: SLF001 - the test's own
    commits = next(sample.value for sample in histogram.samples if sample.name.endswith("_count"))
    assert commits < 20
    await spool.stop()


async def test_a_pending_record_counts_for_its_key_but_is_not_read_until_made_available(
    tmp_path: Path,
) -> None:
    spool = spool_in(tmp_path)
    entry = spool.append(record(1), pending=True)
    assert spool.has_pending(record(1))
    await entry.durable
    assert not await read_all(spool)
    assert not spool.wake.is_set()
    entry.make_available()
    assert spool.wake.is_set()
    assert await numbers_in(spool) == [1]
    await spool.stop()


async def test_what_was_read_is_read_again_only_when_made_available(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(3))
    taken = await read_all(spool)
    spool.rewind()
    assert not await read_all(spool)
    taken[1][0].make_available()
    spool.rewind()
    assert [number_of(found) for _, found in await read_all(spool)] == [1]
    await spool.stop()


async def test_a_record_removed_before_it_is_durable_never_comes_back(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    early, late = spool.append(record(1)), spool.append(record(2))
    early.remove()
    early.remove()
    await late.durable
    assert not spool.has_pending(record(1))
    assert await numbers_in(spool) == [2]
    await spool.stop()
    assert await numbers_after_restart(tmp_path) == [2]


async def test_an_acknowledgement_survives_a_death_soon_after(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    entries = await append_durably(spool, range(10))
    entries[4].remove()
    (log,) = log_files(tmp_path)
    await eventually(lambda: log.with_suffix(".ack").stat().st_size == 8, "the acknowledgement is written")
    kill(spool)
    assert await numbers_after_restart(tmp_path) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


async def test_a_skip_passes_over_keys_and_the_rest_is_read(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(10))
    odd = {murmur2(record(number).key) for number in range(1, 10, 2)}
    taken = await spool.read(1 << 20, lambda topic, key: topic == "vod.NewFileUpload" and key in odd)
    assert [number_of(found) for _, found in taken] == [0, 2, 4, 6, 8]
    await spool.stop()


async def test_a_read_takes_at_least_one_record_and_at_most_so_many_bytes(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(10), size=1_000)
    assert len(await spool.read(1, lambda _topic, _key: False)) == 1
    assert len(await spool.read(5_000, lambda _topic, _key: False)) == 4
    await spool.stop()


async def test_the_cap_is_never_passed_on_disk_and_space_is_freed_again(tmp_path: Path) -> None:
    limits = replace(LIMITS, max_bytes=1 << 20)
    spool = spool_in(tmp_path, limits)
    entries: list[SpoolEntry] = []
    while spool.accepts_size(3_000):
        entries.append(spool.append(record(len(entries), 3_000)))
        await entries[-1].durable
        assert total_bytes(tmp_path) <= spool.bytes + 16 <= 1 << 20
    with pytest.raises(UnavailableError, match="full"):
        await spool.append(record(0, 3_000)).durable
    assert spool.unavailable_reason.startswith("full: ")
    for entry in entries:
        entry.remove()
        assert total_bytes(tmp_path) <= 1 << 20
    await eventually(
        lambda: spool.accepts_size(3_000) and not spool.unavailable_reason, "there is room again"
    )
    await spool.stop()


async def test_a_volume_at_its_floor_accepts_nothing(tmp_path: Path) -> None:
    spool = spool_in(tmp_path, SpoolLimits(free_min_bytes=1 << 60))
    assert spool.unavailable_reason.startswith("disk floor: ")
    assert not spool.accepts_size(1)
    with pytest.raises(UnavailableError, match="disk floor"):
        await spool.append(record(1)).durable
    await spool.stop()


async def test_no_bytes_at_all_is_no_spool(tmp_path: Path) -> None:
    spool = spool_in(tmp_path / "none", SpoolLimits(max_bytes=0))
    with pytest.raises(UnavailableError, match="there is no spool"):
        await spool.append(record(1)).durable
    assert (spool.accepts_size(1), spool.has_pending(record(1)), await read_all(spool)) == (False, False, [])
    await spool.stop()
    assert not (tmp_path / "none").exists()


async def test_a_second_spool_on_one_folder_refuses_to_start(tmp_path: Path) -> None:
    first = spool_in(tmp_path)
    with pytest.raises(SpoolLockedError, match=str(tmp_path)):
        spool_in(tmp_path)
    await first.stop()
    await spool_in(tmp_path).stop()


async def test_files_are_for_their_owner_only_and_others_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "spool"
    spool = spool_in(folder)
    await append_durably(spool, range(3))
    (folder / "notes.txt").write_text("mine")
    await spool.stop()
    assert await numbers_after_restart(folder) == [0, 1, 2]
    assert (folder / "notes.txt").read_text() == "mine"
    assert folder.stat().st_mode & 0o777 == 0o700
    ours = [file for file in folder.iterdir() if file.name != "notes.txt"]
    assert {file.stat().st_mode & 0o777 for file in ours} == {0o600}


async def test_a_folder_that_cannot_be_made_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    spool = spool_in(tmp_path / "file" / "spool")
    assert "Not a directory" in spool.unavailable_reason
    (tmp_path / "file").unlink()
    await eventually(lambda: not spool.unavailable_reason, "the spool opens by itself")
    await append_durably(spool, range(3))
    assert await numbers_in(spool) == [0, 1, 2]
    await spool.stop()


async def test_a_spool_that_was_stopped_accepts_nothing(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    durable = spool.append(record(1)).durable
    await spool.stop()
    await durable
    with pytest.raises(UnavailableError, match="stopped"):
        await spool.append(record(2)).durable
    assert await numbers_after_restart(tmp_path) == [1]


async def test_the_age_of_the_oldest_record_is_reported(tmp_path: Path) -> None:
    now = [NOW_MS]
    spool = Spool(tmp_path, LIMITS, Telemetry(), lambda: now[0])
    spool.start()
    (first,) = await append_durably(spool, range(1))
    now[0] += 1_000
    await append_durably(spool, range(1, 2))
    assert spool.oldest_ms == NOW_MS
    first.remove()
    assert spool.oldest_ms == NOW_MS + 1_000
    await spool.stop()


async def test_a_hundred_thousand_records_take_few_bytes_of_memory_each(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(1_000))
    (segment,) = spool._index.segments.values()  # noqa: SLF001 - what memory it takes is nobody else's business
    columns = (segment.offsets, segment.lengths, segment.key_hashes, segment.topics, segment.put_ms)
    assert sum(column.itemsize for column in columns) + 1 <= 25
    calls = 0

    def skip(_topic: str, _key: int) -> bool:
        nonlocal calls
        calls += 1
        return True

    assert await spool.read(1, skip) == []
    assert await spool.read(1, skip) == []
    assert calls == 1_000
    await spool.stop()


async def test_the_name_of_every_folder_that_was_made_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    real = folder_module._sync  # noqa: SLF001 - what the disk was asked for is seen nowhere else

    def sync(path: Path) -> None:
        synced.append(path)
        real(path)

    monkeypatch.setattr(folder_module, "_sync", sync)
    spool = spool_in(tmp_path / "a" / "b" / "spool")
    await spool.stop()
    assert synced[:3] == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
