"""A count of one has a singular noun."""

import pytest

from bridge.core.plural import counted


@pytest.mark.parametrize(
    ("number", "expected"), [(0, "0 records"), (1, "1 record"), (2, "2 records"), (20_000, "20000 records")]
)
def test_a_count_has_its_noun_in_the_right_number(number: int, expected: str) -> None:
    assert counted(number, "record") == expected


def test_an_irregular_plural_is_given() -> None:
    assert (counted(1, "entry", "entries"), counted(2, "entry", "entries")) == ("1 entry", "2 entries")
