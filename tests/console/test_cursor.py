"""Where a reader of the deliveries is, as the API gives it and takes it back."""

import pytest

from bridge.console.cursor import NUMBER_MAX, TEXT_MAX, Cursor, parse_cursor


def test_one_process_alone_is_a_number() -> None:
    assert Cursor({"": 7}).encode() == 7
    assert parse_cursor("7") == Cursor({"": 7})


def test_several_processes_and_replicas_are_a_text_that_is_read_back() -> None:
    cursor = Cursor({"12": 3, "13": 4}, {"10.0.0.1:9090": 7, "[::1]:9090": "abc"})
    text = cursor.encode()
    assert isinstance(text, str)
    assert parse_cursor(text) == cursor


def test_what_would_be_too_long_for_a_request_is_left_without_the_other_replicas() -> None:
    text = Cursor({"12": 3}, {f"10.0.0.{number}:9090": "x" * 500 for number in range(9)}).encode()
    assert parse_cursor(str(text)) == Cursor({"12": 3})


@pytest.mark.parametrize("text", ["", "zz", "e30", "____", "bnVsbA", "eyJvd24iOnsiIjotMX19"])
def test_a_text_of_another_bridge_begins_anew(text: str) -> None:
    assert parse_cursor(text) == Cursor()


@pytest.mark.parametrize("text", ["a b", "1.5", "\u0661", "x" * (TEXT_MAX + 1)])
def test_what_is_no_position_is_refused(text: str) -> None:
    assert parse_cursor(text) is None


def test_a_number_that_is_too_large_is_the_largest() -> None:
    assert parse_cursor("9" * 100) == Cursor({"": NUMBER_MAX})
