"""Times and milliseconds since 1970 are turned into each other without rounding."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.core.unix_time import from_unix_ms, unix_ms, whole_ms

TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(2026, 11, 28, 18, 0, 0, 123_000, UTC), 1_795_888_800_123),
        (datetime(2026, 11, 29, 3, 0, 0, 123_999, TOKYO), 1_795_888_800_123),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), -1_000),
    ],
)
def test_a_time_is_whole_milliseconds_and_these_are_that_time(at: datetime, expected: int) -> None:
    assert unix_ms(at) == expected
    assert timedelta() <= at - from_unix_ms(expected) < timedelta(milliseconds=1)


def test_what_is_less_than_a_millisecond_of_a_span_is_cut_off() -> None:
    assert whole_ms(timedelta(seconds=2, microseconds=1_999)) == 2_001
