"""The ids of a schema registry, as the header that its deserializers read."""

import pytest
from hypothesis import given, strategies

from bridge.core.schema_ids import SchemaIdsError, header_text, parse_schema_ids

GUID = "89791762-2336-186f-9674-299b90a8e2e8"
NAME = "__value_schema_id"


def test_an_id_is_written_after_a_zero_and_a_guid_after_a_one() -> None:
    ids = parse_schema_ids(f'\ufeff{{"ClipComplete": 258, "event": "{GUID}"}}\n'.encode())
    assert ids.header("ClipComplete") == (NAME, b"\0\0\0\1\2")
    assert ids.header("event") == (NAME, b"\1" + bytes.fromhex(GUID.replace("-", "")))
    assert ids.header("PullComplete") is None


def test_the_list_of_a_later_release_is_read() -> None:
    assert parse_schema_ids(b'{"TypeOfTomorrow": 1}').header("TypeOfTomorrow") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        '{"event": true}',
        '{"event": null}',
        '{"event": "7"}',
        '{"event": -1}',
        '{"event": 2147483648}',
    ],
)
def test_what_is_no_list_of_ids_is_refused_with_its_form(text: str) -> None:
    with pytest.raises(SchemaIdsError, match=r'^must be JSON like \{"TranscodeComplete": 7\}'):
        parse_schema_ids(text.encode())
    with pytest.raises(SchemaIdsError, match="must be JSON"):
        parse_schema_ids(b'{"event": "\xff"}')


def test_people_are_shown_a_number_or_a_guid() -> None:
    ids = parse_schema_ids(f'{{"ClipComplete": 2147483647, "event": "{GUID}"}}'.encode())
    assert header_text(*(ids.header("ClipComplete") or ("", b""))) == "2147483647"
    assert header_text(*(ids.header("event") or ("", b""))) == GUID
    assert header_text(NAME, b"\1" + b"x" * 15) == "\1" + "x" * 15  # cut short: it is no GUID


@given(strategies.binary(max_size=20))
def test_any_header_is_a_text(value: bytes) -> None:
    assert isinstance(header_text(NAME, value), str)
    assert header_text("ce_id", value) == value.decode(errors="replace")
