"""The value of a canonical event is enough to rebuild the record that publishes it."""

import json
from pathlib import Path

import pytest

from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification
from bridge.core.record import Routing, event_record
from bridge.core.record_from_value import record_from_value
from tests.end_to_end.notifications import expected, published_payloads

ROUTING = Routing(topic="t.{app}.{type}", schema_base_uri="https://schemas.example/")


GOOD = [example for example in published_payloads() if "id" in expected(example)]


@pytest.mark.parametrize("example", GOOD, ids=lambda path: path.parent.name)
def test_an_events_record_is_the_one_it_was_published_by(example: Path) -> None:
    body = example.read_bytes()
    event = read_event(open_envelope(body))
    notification = Notification(
        application=Application(name="my-shop", sub_app_id=7), body=body, received_ms=1_700_000_000_123
    )
    record = event_record(event, DedupStamp(id=event.identity.key + "@1"), notification, ROUTING)
    assert record_from_value(record.value, ROUTING) == record


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"EventType":"X"}', b"\xff", b'{"id":"a","type":"b"}'])
def test_other_bytes_are_none(value: bytes) -> None:
    assert record_from_value(value, ROUTING) is None


def test_a_type_that_is_only_another_spelling_goes_where_unknown_types_go() -> None:
    value = json.dumps(
        {
            "id": "X:1",
            "type": "SceneAigcImageComplete",
            "app": "a",
            "time": "2026-11-21T12:30:45.678Z",
            "outcome": "unknown",
            "delivery": {"format": "v3"},
            "conformance": "conforming",
            "payload": {"CastId": 5.5},
        }
    ).encode()
    record = record_from_value(value, Routing())
    assert record is not None
    assert (record.topic, record.key) == ("vod.other", b"a")
    assert record_from_value(value.replace(b"5.5", b'"\xff"'), Routing()) is None  # JSON is UTF-8 throughout
