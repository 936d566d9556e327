"""Batches without what is looked for are left out of fetched bytes; a reader still gets to their end."""

import pytest
from aiokafka.codec import has_lz4
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from bridge.operations.record_batches import batches_with

GZIP = 1
CODECS = (0, GZIP, *((2, 3, 4) if has_lz4() else ()))  # one package has all three
VALUES = st.lists(
    st.lists(st.sampled_from([b"aaa", b"needle", b"b" * 50]), min_size=1, max_size=4), max_size=6
)


def batch(base_offset: int, values: list[bytes], compression: int = 0) -> bytes:
    """Write a batch as a producer and a broker do."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, 0, 1_000_000)
    for offset, value in enumerate(values):
        builder.append(offset, 1_763_700_000_000, b"key", value, [])
    built = builder.build()
    return base_offset.to_bytes(8, "big") + bytes(built[8:])


def read(fetched: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Read as aiokafka does: the records with their offsets, and where the next fetch begins."""
    records, found, next_offset = MemoryRecords(fetched), [], -1
    while records.has_next():
        one = records.next_batch()
        assert one is not None
        assert one.validate_crc()
        found += [(record.offset, record.value) for record in one]
        next_offset = one.next_offset
    return found, next_offset


@given(VALUES, st.sampled_from(CODECS), st.integers(0, 40))
def test_no_record_with_the_needle_is_lost_and_the_end_is_that_of_all(
    batches: list[list[bytes]], compression: int, cut: int
) -> None:
    fetched, offset = b"", 0
    for values in batches:
        fetched += batch(offset, values, compression)
        offset += len(values)
    whole = fetched + batch(offset, [b"needle"])[:cut]  # a broker cuts the last one where it may
    all_records, end = read(fetched)
    found, found_end = read(batches_with(whole, [b"needle"]))
    wanted = [one for one in all_records if one[1] == b"needle"]
    assert [one for one in found if one[1] == b"needle"] == wanted
    assert found_end == end
    if not wanted:
        assert found == []


@pytest.mark.parametrize("compression", CODECS)
def test_only_the_batches_that_hold_one_of_the_needles_are_decoded(compression: int) -> None:
    fetched = b"".join(
        batch(offset, [value, b"aaa"], compression)
        for offset, value in ((0, b"one"), (2, b"bbb"), (4, b"two"), (6, b"bbb"), (8, b"one"), (10, b"bbb"))
    )
    found, end = read(batches_with(fetched, [b"one", b"two"]))
    assert [offset for offset, _ in found] == [0, 1, 4, 5, 8, 9]
    assert end == 12


def test_a_batch_that_is_emptied_is_not_compressed() -> None:
    emptied = batches_with(batch(0, [b"aaa"], GZIP), [b"needle"])
    assert (len(emptied), emptied[22]) == (61, 0)  # the attributes: no decoder but gzip's takes an empty text
    assert read(emptied) == ([], 1)


def test_what_cannot_be_decompressed_is_kept_and_fails_where_it_is_decoded() -> None:
    damaged = bytearray(batch(0, [b"aaa"], GZIP))
    damaged[70:80] = bytes(10)
    assert batches_with(bytes(damaged), [b"needle"]) == damaged
    unknown = bytearray(batch(0, [b"aaa"]))
    unknown[22] |= 7
    assert batches_with(bytes(unknown), [b"needle"]) == unknown


def test_bytes_without_a_whole_batch_and_of_an_unknown_format_are_kept() -> None:
    whole = batch(5, [b"aaa"])
    assert batches_with(whole[:40], [b"needle"]) == whole[:40]
    assert batches_with(b"", [b"needle"]) == b""
    assert batches_with(b"\xff" * 80, [b"needle"]) == b"\xff" * 80
    other_magic = whole[:16] + b"\x01" + whole[17:]
    assert batches_with(other_magic, [b"needle"]) == other_magic
