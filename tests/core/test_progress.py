"""How far a partition was worked off is kept exactly, or on the safe side where there is no room for that."""

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.progress import TEXT_MAX, Progress, progress_of

OFFSETS = st.sets(st.integers(0, 120), max_size=80)
STEPS = st.lists(st.tuples(st.integers(0, 120), OFFSETS), max_size=6)


def _worked_off(steps: list[tuple[int, set[int]]]) -> tuple[Progress, set[int]]:
    """Go the steps, and beside them keep the plain set of what is done."""
    progress, done, seen = Progress(), set[int](), 0
    for reached, more in steps:
        seen = max(seen, reached)
        below = {offset for offset in more if offset < seen}
        progress = progress.after(reached, below)
        done |= below
    return progress, done


@given(STEPS)
def test_exactly_what_is_not_done_is_wanted(steps: list[tuple[int, set[int]]]) -> None:
    progress, done = _worked_off(steps)
    assert {offset for offset in range(130) if not progress.wants(offset)} == done
    assert progress.first == min(set(range(130)) - done)


@given(STEPS)
def test_what_is_written_is_read_again(steps: list[tuple[int, set[int]]]) -> None:
    progress, _ = _worked_off(steps)
    assert progress_of(progress.seen, progress.text()) == progress


@given(STEPS, st.integers(8, 60))
def test_where_there_is_little_room_done_ones_are_opened_and_open_ones_never_closed(
    steps: list[tuple[int, set[int]]], most: int
) -> None:
    progress, _ = _worked_off(steps)
    text = progress.text(most)
    coarse = progress_of(progress.seen, text)
    assert len(text) <= max(most, len("1 120+120"))
    assert all(coarse.wants(offset) for offset in range(130) if progress.wants(offset))
    assert coarse.seen == progress.seen


@given(STEPS, st.integers(0, 130))
def test_what_a_topic_no_longer_holds_is_forgotten(steps: list[tuple[int, set[int]]], beginning: int) -> None:
    progress, done = _worked_off(steps)
    later = progress.since(beginning)
    assert later.first >= beginning
    assert all(later.wants(offset) == (offset not in done) for offset in range(beginning, 130))


def test_a_great_many_stretches_find_room() -> None:
    progress = Progress().after(200_000, range(0, 200_000, 2))
    text = progress.text()
    assert len(text) <= TEXT_MAX
    assert progress_of(200_000, text) == progress


def test_stretches_far_apart_are_kept_exactly_in_little_room() -> None:
    wide = [offset for offset in range(60_000) if offset // 300 % 2]
    progress = Progress().after(60_000, wide)
    text = progress.text(500)
    assert text.startswith("2 ")  # written small
    assert progress_of(60_000, text) == progress


def test_thousands_in_no_order_are_kept_exactly() -> None:
    done = [offset for offset in range(15_000) if blake2b(b"%d" % offset).digest()[0] < 128]
    progress = Progress().after(15_000, done)
    assert len(progress.open) > 3_000
    assert progress_of(15_000, progress.text()) == progress


@given(st.integers(1_000, 5_000), st.integers(0, 255))
def test_where_there_is_no_room_at_all_open_ones_stay_open(count: int, salt: int) -> None:
    done = [at for at in range(0, count, 7) if blake2b(b"%d %d" % (salt, at)).digest()[0] < 128]
    progress = Progress().after(count, done)
    text = progress.text(60)
    assert len(text) <= 60
    coarse = progress_of(count, text)
    assert all(coarse.wants(at) for at in range(0, count, 7) if progress.wants(at))


@pytest.mark.parametrize(
    ("text", "first"),
    [("", 7), ("from someone else", 7), ("1 x", 0), ("1 ", 7), ("2 x", 0), ("2 }", 0)],
)
def test_a_text_that_tells_nothing_opens_nothing_and_a_damaged_one_all(text: str, first: int) -> None:
    assert progress_of(7, text).first == first
