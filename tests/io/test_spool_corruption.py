"""The spool in foul weather: whatever happens to its files, only what was hit is missing, and it is told."""

import random
import shutil
from pathlib import Path

import pytest
from crc32c import crc32c
from msgspec import msgpack
from msgspec.structs import replace

from bridge.io.spool import SpoolLimits
from bridge.io.spool.frames import decode_acks, encode_ack, encode_seal
from tests.examples import examples
from tests.io.spools import (
    LIMITS,
    SMALL,
    acks_file,
    append_durably,
    counted_corruptions,
    file_names,
    flip_byte,
    log_files,
    number_of,
    numbers_after_restart,
    numbers_in,
    quarantined_files,
    read_all,
    record,
    spool_in,
)
from tests.rig.waiting import eventually

pytestmark = pytest.mark.asyncio

MANY = 10_000


async def fill_spool(folder: Path, count: int, limits: SpoolLimits = LIMITS) -> None:
    """Leave a folder with so many records."""
    spool = spool_in(folder, limits)
    await append_durably(spool, range(count))
    await spool.stop()


async def test_a_flipped_byte_anywhere_costs_one_of_ten_thousand_records_at_most(tmp_path: Path) -> None:
    pristine = tmp_path / "pristine"
    await fill_spool(pristine, MANY, replace(LIMITS, segment_bytes=200_000))
    files = sorted(file for file in pristine.iterdir() if file.stat().st_size)
    positions = [(file.name, at) for file in files for at in range(file.stat().st_size)]
    whole = set(range(MANY))
    for name, at in random.Random(4).sample(positions, examples(15, full=100)):  # noqa: S311 - places, not secrets
        folder = tmp_path / "hit"
        shutil.copytree(pristine, folder)
        flip_byte(folder / name, at)
        spool = spool_in(folder)
        found = await numbers_in(spool)
        corruptions = counted_corruptions(spool)
        await spool.stop()
        missing = whole - set(found)
        assert found == sorted(found)
        assert len(missing) <= 1
        assert bool(corruptions) == (name != "lock")
        if missing:
            assert corruptions == {"record": 1}
            (quarantined,) = quarantined_files(folder)
            written = frame_at(pristine, quarantined)
            assert sum(byte != written[at] for at, byte in enumerate(quarantined.read_bytes())) == 1
        shutil.rmtree(folder)


def frame_at(pristine: Path, quarantined: Path) -> bytes:
    """Give the undamaged bytes of what was kept aside."""
    segment, offset, _ = quarantined.name.split(".")
    return (pristine / f"{segment}.log").read_bytes()[int(offset) :][: quarantined.stat().st_size]


async def test_a_cut_file_loses_only_its_end_and_keeps_the_torn_bytes(tmp_path: Path) -> None:
    await fill_spool(tmp_path, 10)
    (log,) = log_files(tmp_path)
    size = log.stat().st_size // 10
    with log.open("r+b") as file:
        file.truncate(size * 7 + 9)
    spool = spool_in(tmp_path)
    assert await numbers_in(spool) == list(range(7))
    assert counted_corruptions(spool) == {"torn_tail": 1, "truncated": 1}
    assert [file.stat().st_size for file in quarantined_files(tmp_path)] == [9]
    await spool.stop()


async def test_a_cut_between_two_records_is_reported_as_well(tmp_path: Path) -> None:
    await fill_spool(tmp_path, 10)
    (log,) = log_files(tmp_path)
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size // 10 * 7)
    spool = spool_in(tmp_path)
    assert await numbers_in(spool) == list(range(7))
    assert counted_corruptions(spool) == {"truncated": 1}
    await spool.stop()


async def test_a_missing_segment_is_reported_once(tmp_path: Path) -> None:
    await fill_spool(tmp_path, 300, SMALL)
    gone = log_files(tmp_path)[1]
    count = gone.read_bytes().count(bytes.fromhex(gone.stem[17:]))
    gone.unlink()
    spool = spool_in(tmp_path)
    assert len(await numbers_in(spool)) == 300 - count
    assert counted_corruptions(spool) == {"segment": 1}
    await spool.stop()
    spool = spool_in(tmp_path)
    assert counted_corruptions(spool) == {}
    await spool.stop()


async def test_without_its_acknowledgements_a_segment_repeats(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    entries = await append_durably(spool, range(10))
    entries[3].remove()
    await spool.stop()
    (log,) = log_files(tmp_path)
    log.with_suffix(".ack").unlink()
    spool = spool_in(tmp_path)
    assert await numbers_in(spool) == list(range(10))
    assert counted_corruptions(spool) == {"ack": 1}
    await spool.stop()


@pytest.mark.parametrize("bit", range(8))
async def test_a_corrupt_acknowledgement_acknowledges_nothing(tmp_path: Path, bit: int) -> None:
    spool = spool_in(tmp_path)
    entries = await append_durably(spool, range(10))
    entries[3].remove()
    await spool.stop()
    ack = acks_file(tmp_path)
    flip_byte(ack, bit, 1 << bit)
    spool = spool_in(tmp_path)
    assert await numbers_in(spool) == list(range(10))
    assert counted_corruptions(spool) == {"ack": 1}
    await spool.stop()


async def test_behind_a_torn_acknowledgement_the_next_ones_count(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    entries = await append_durably(spool, range(10))
    entries[3].remove()
    await spool.stop()
    ack = acks_file(tmp_path)
    with ack.open("ab") as file:
        file.write(b"torn!")
    spool = spool_in(tmp_path)
    for entry, found in await read_all(spool):
        if number_of(found) == 5:
            entry.remove()
    await spool.stop()
    assert await numbers_after_restart(tmp_path) == [0, 1, 2, 4, 6, 7, 8, 9]


async def test_a_deletion_that_a_death_interrupted_is_finished(tmp_path: Path) -> None:
    await fill_spool(tmp_path, 10)
    (log,) = log_files(tmp_path)
    salt = bytes.fromhex(log.stem[17:])
    with log.with_suffix(".ack").open("ab") as file:
        file.write(encode_ack(salt, 0xFFFFFFFF))
    ack = log.with_suffix(".ack").read_bytes()
    spool = spool_in(tmp_path)
    assert (await numbers_in(spool), counted_corruptions(spool)) == ([], {})
    await spool.stop()
    log.with_suffix(".ack").write_bytes(ack)
    spool = spool_in(tmp_path)
    assert (await numbers_in(spool), counted_corruptions(spool)) == ([], {})
    await spool.stop()
    assert file_names(tmp_path) == ["lock"]


async def test_corruption_found_on_read_is_quarantined_and_the_rest_goes_on(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(10))
    (log,) = log_files(tmp_path)
    length = log.stat().st_size // 10
    flip_byte(log, 4 * length + 40)
    taken = await read_all(spool)
    assert [number_of(found) for _, found in taken] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert counted_corruptions(spool) == {"record": 1}
    for entry, _ in taken:
        entry.remove()
    await eventually(lambda: not log_files(tmp_path), "the segment goes once its damage is kept")
    (quarantined,) = quarantined_files(tmp_path)
    assert quarantined.stat().st_size == length
    await eventually(lambda: spool.bytes == length, "what went is given back")
    await spool.stop()


async def test_a_record_can_be_quarantined(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    entries = [spool.append(record(number)) for number in range(3)]
    entries[1].quarantine("nobody can read it")
    await entries[2].durable
    await eventually(
        lambda: any(b"%d" % 1 in file.read_bytes() for file in quarantined_files(tmp_path)),
        "its bytes are kept",
    )
    assert not spool.has_pending(record(1))
    await spool.stop()
    assert await numbers_after_restart(tmp_path) == [0, 2]


async def test_corruption_that_cannot_be_quarantined_stays_where_it_is(tmp_path: Path) -> None:
    limits = replace(LIMITS, max_bytes=1 << 20)
    spool = spool_in(tmp_path, limits)
    for number in range(7):
        await spool.append(record(number, 140_000)).durable
    await spool.stop()
    flip_byte(log_files(tmp_path)[2], 1_000)
    spool = spool_in(tmp_path, limits)
    for entry, _ in await read_all(spool, 1 << 24):
        entry.remove()
    await eventually(lambda: len(log_files(tmp_path)) == 1, "what is acknowledged goes")
    assert counted_corruptions(spool) == {"record": 1, "quarantine_failed": 1}
    await spool.stop()
    spool = spool_in(tmp_path, limits)
    await eventually(lambda: not log_files(tmp_path), "now there is room")
    assert [file.stat().st_size > 140_000 for file in quarantined_files(tmp_path)] == [True]
    await spool.stop()


async def test_bytes_in_an_event_never_pass_for_a_frame(tmp_path: Path) -> None:
    spool = spool_in(tmp_path)
    await append_durably(spool, range(1))
    (log,) = log_files(tmp_path)
    frame = log.read_bytes()
    await spool.stop()
    other = tmp_path / "other"
    spool = spool_in(other)
    await spool.append(
        record(7).__replace__(value=frame) if hasattr(record(7), "__replace__") else record(7)
    ).durable
    await spool.stop()
    flip_byte(log_files(other)[0], 30)
    assert await numbers_after_restart(other) == []


async def test_a_later_releases_records_are_read(tmp_path: Path) -> None:
    await fill_spool(tmp_path, 1)
    (log,) = log_files(tmp_path)
    salt = bytes.fromhex(log.stem[17:])
    later = msgpack.encode(("vod.X", b"9", b"value", [("h", b"1")], {"new": 1}))
    checked = len(later).to_bytes(4, "little") + bytes([2]) + bytes(12) + later
    with log.open("ab") as file:
        file.write(salt + crc32c(checked).to_bytes(4, "little") + checked)
    spool = spool_in(tmp_path)
    found = [found for _, found in await read_all(spool)]
    assert [(r.topic, r.key, r.value, r.headers) for r in found[1:]] == [
        ("vod.X", b"9", b"value", [("h", b"1")])
    ]
    await spool.stop()


async def test_no_acknowledgement_passes_for_a_seal_nor_for_another_segments() -> None:
    here, there = b"01234567", b"76543210"
    acks = decode_acks(encode_ack(here, 5) + encode_ack(there, 6) + encode_seal(here, 7) + b"torn", here)
    assert (acks.offsets, acks.sealed_length, acks.corrupt_entries, acks.is_done) == ({5}, 7, 1, False)
