"""The notification that an event was made of is found again: it makes the same event."""

import json
import zlib
from pathlib import Path

import msgspec
import pytest

from bridge.core.decode.envelope import open_envelope, read_event
from bridge.operations.delivered_body import delivered_body, inflated
from tests.rig.parts import ROOT

EVENTS = sorted((ROOT / "schemas" / "examples").glob("*/*.out.json"))


@pytest.mark.parametrize("file", EVENTS, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_the_body_of_an_event_makes_this_event(file: Path) -> None:
    value = file.read_bytes()
    event = json.loads(value)
    if event["outcome"] == "rejected":
        pytest.skip("it became no event")
    again = read_event(open_envelope(delivered_body(value, event["type"])))
    assert (again.type, again.format) == (event["type"], event["delivery"]["format"])
    assert msgspec.json.decode(again.payload) == event["payload"]


def test_what_is_no_event_is_returned_as_it_is() -> None:
    for value in (b"", b"no json", b"[]", b'{"payload"'):
        assert delivered_body(value, "X") == value
    assert (
        delivered_body(b'{"payload":{"a":1}}', "Unheard") == b'{"EventType":"Unheard","UnheardEvent":{"a":1}}'
    )


def test_a_compressed_dead_letter_is_inflated_where_that_can_be_done() -> None:
    assert inflated(zlib.compress(b"body"), "deflate", 100) == b"body"
    assert inflated(b"body", "", 100) == inflated(b"body", "br", 100) == b"body"
    assert inflated(b"broken", "gzip", 100) == b"broken"
