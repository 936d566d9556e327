"""How often each record failed is kept exactly, or as less where there is no room for that."""

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.failed_attempts import decode_attempts, encode_attempts
from bridge.core.progress import ENCODED_MAX

COUNTS = st.dictionaries(st.integers(0, 200), st.integers(0, 6), max_size=120)


@given(COUNTS, st.integers(0, 200), st.integers(0, 200))
def test_what_is_written_is_read_again_within_the_offsets_that_are_asked_for(
    counts: dict[int, int], first: int, end: int
) -> None:
    found = decode_attempts(encode_attempts(counts), first, end)
    assert found == {at: count for at, count in counts.items() if count and first <= at < end}


@given(COUNTS, st.integers(20, 60))
def test_a_short_text_forgets_the_lowest_counts_and_counts_none_too_high(
    counts: dict[int, int], max_chars: int
) -> None:
    text = encode_attempts(counts, max_chars)
    assert len(text) <= max_chars
    found = decode_attempts(text, 0, 201)
    assert all(counts[at] == count for at, count in found.items())
    forgotten = [count for at, count in counts.items() if at not in found]
    assert not found or max(forgotten, default=0) <= max(found.values())


def test_neighbours_that_failed_alike_are_one_run_and_a_record_that_never_failed_has_none() -> None:
    counts = {3: 2, 4: 2, 5: 0, 6: 1}
    text = encode_attempts(counts)
    assert len(text) < len(encode_attempts({3: 2, 4: 3, 5: 1, 6: 2}))
    assert decode_attempts(text, 0, 10) == {3: 2, 4: 2, 6: 1}


def test_of_many_counts_the_highest_are_kept_in_a_short_text() -> None:
    counts = {number * number * 7: 1 + number % 4 for number in range(16)}
    assert decode_attempts(encode_attempts(counts, 40), 0, 2_000) == {63: 4, 343: 4, 847: 4, 1575: 4}


def test_a_thousand_scattered_failures_fit() -> None:
    counts = {offset * 7: 1 + offset % 5 for offset in range(1_000)}
    text = encode_attempts(counts)
    assert len(text) <= ENCODED_MAX
    assert decode_attempts(text, 0, 7_000) == counts


def test_foreign_and_broken_texts_have_no_counts() -> None:
    assert encode_attempts({}, 4) == encode_attempts({})
    for text in ("", "2 abc", "1 \x00", "1 abc", "anything"):
        assert decode_attempts(text, 0, 100) == {}
