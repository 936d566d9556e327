"""How far a partition was worked off is kept exactly, or on the safe side where there is no room for that."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.progress import ENCODED_MAX, Progress, decode_progress

OFFSETS = st.sets(st.integers(0, 120), max_size=80)
STEPS = st.lists(st.tuples(st.integers(0, 120), OFFSETS), max_size=6)


def _advanced(steps: list[tuple[int, set[int]]]) -> tuple[Progress, set[int]]:
    """Go the steps, and beside them keep the plain set of what is done."""
    progress, done, seen = Progress(), set[int](), 0
    for reached, more in steps:
        seen = max(seen, reached)
        below = {offset for offset in more if offset < seen}
        progress = progress.advance(reached, below)
        done |= below
    return progress, done


def test_done_offsets_split_a_gap_and_at_last_close_it() -> None:
    begun = Progress().advance(10, {0, 3, 4, 9})
    assert begun.gaps == ((1, 3), (5, 9))
    assert [at for at in range(12) if begun.is_pending(at)] == [1, 2, 5, 6, 7, 8, 10, 11]
    later = begun.advance(8, {1, 2, 4, 6, 20})
    assert (later.high_watermark, later.gaps) == (10, ((5, 6), (7, 9)))
    assert later.advance(12, {5, 7, 8, 10, 11}) == Progress(12)
    assert later.advance(12, {5}).gaps == ((7, 9), (10, 12))
    assert Progress(4, ((1, 3),)).advance(6, ()).gaps == ((1, 3), (4, 6))
    assert Progress(4, ((1, 4),)).advance(6, ()).gaps == ((1, 6),)


def test_gaps_before_the_beginning_of_the_partition_are_dropped() -> None:
    progress = Progress(20, ((1, 3), (5, 9), (12, 13)))
    assert progress.trim_before(7) == Progress(20, ((7, 9), (12, 13)))
    assert progress.trim_before(30) == Progress(30)


def test_in_a_short_text_the_nearest_gaps_become_one() -> None:
    progress = Progress(1_000, ((0, 1), (2, 3), (4, 5), (500, 501), (502, 503), (504, 505)))
    assert decode_progress(1_000, progress.encode(15)) == progress
    assert decode_progress(1_000, progress.encode(14)).gaps == ((0, 5), (500, 505))


@given(STEPS)
def test_exactly_what_is_not_done_is_wanted(steps: list[tuple[int, set[int]]]) -> None:
    progress, done = _advanced(steps)
    assert {offset for offset in range(130) if not progress.is_pending(offset)} == done
    assert progress.first_pending == min(set(range(130)) - done)


@given(STEPS)
def test_what_is_written_is_read_again(steps: list[tuple[int, set[int]]]) -> None:
    progress, _ = _advanced(steps)
    assert decode_progress(progress.high_watermark, progress.encode()) == progress


@given(STEPS, st.integers(8, 60))
def test_a_short_text_reopens_done_offsets_and_never_closes_open_ones(
    steps: list[tuple[int, set[int]]], max_chars: int
) -> None:
    progress, _ = _advanced(steps)
    text = progress.encode(max_chars)
    coarse = decode_progress(progress.high_watermark, text)
    assert len(text) <= max(max_chars, len("1 120+120"))
    assert all(coarse.is_pending(offset) for offset in range(130) if progress.is_pending(offset))
    assert coarse.high_watermark == progress.high_watermark


@given(STEPS, st.integers(0, 130))
def test_what_a_topic_no_longer_holds_is_forgotten(steps: list[tuple[int, set[int]]], beginning: int) -> None:
    progress, done = _advanced(steps)
    later = progress.trim_before(beginning)
    assert later.first_pending >= beginning
    assert all(later.is_pending(offset) == (offset not in done) for offset in range(beginning, 130))


def test_a_great_many_ranges_fit() -> None:
    progress = Progress().advance(200_000, range(0, 200_000, 2))
    text = progress.encode()
    assert len(text) <= ENCODED_MAX
    assert decode_progress(200_000, text) == progress


def test_ranges_far_apart_are_kept_exactly_in_a_short_text() -> None:
    wide = [offset for offset in range(60_000) if offset // 300 % 2]
    progress = Progress().advance(60_000, wide)
    text = progress.encode(500)
    assert text.startswith("2 ")  # written small
    assert decode_progress(60_000, text) == progress


def test_thousands_in_no_order_are_kept_exactly() -> None:
    done = [offset for offset in range(15_000) if blake2b(b"%d" % offset).digest()[0] < 128]
    progress = Progress().advance(15_000, done)
    assert len(progress.gaps) > 3_000
    assert decode_progress(15_000, progress.encode()) == progress


@given(st.integers(1_000, 5_000), st.integers(0, 255))
def test_without_any_space_open_offsets_stay_open(count: int, salt: int) -> None:
    done = [at for at in range(0, count, 7) if blake2b(b"%d %d" % (salt, at)).digest()[0] < 128]
    progress = Progress().advance(count, done)
    text = progress.encode(60)
    assert len(text) <= 60
    coarse = decode_progress(count, text)
    assert all(coarse.is_pending(at) for at in range(0, count, 7) if progress.is_pending(at))


@pytest.mark.parametrize(
    ("text", "first"),
    [("", 7), ("from someone else", 7), ("1 x", 0), ("1 ", 7), ("2 x", 0), ("2 }", 0)],
)
def test_a_foreign_text_opens_nothing_and_a_damaged_one_all(text: str, first: int) -> None:
    assert decode_progress(7, text).first_pending == first
