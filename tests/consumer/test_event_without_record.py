"""An event that a person made, as in the test of a handler."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from bridge.consumer import Delivery, Event, Failure, NoRecordError
from bridge.consumer.event import read
from bridge.core.payloads import TranscodeTask2017
from tests.consumer.records import consumed, record_of, transcoded


def _event(**fields: Any) -> Event[TranscodeTask2017]:  # noqa: ANN401 - any field
    own: dict[str, Any] = {
        "id": "TranscodeComplete:t",
        "type": "TranscodeComplete",
        "app": "shop",
        "time": datetime(2026, 1, 1, tzinfo=UTC),
        "outcome": "failed",
        "delivery": Delivery(format="v3", mode="push"),
        "conformance": "conforming",
        "payload": TranscodeTask2017(TaskId="t"),
    }
    return Event(**own | fields)


def test_raw_is_what_was_given() -> None:
    event = _event(file_id="f", errors=(Failure(code=7),))
    assert event.raw == {
        "id": "TranscodeComplete:t",
        "type": "TranscodeComplete",
        "app": "shop",
        "time": "2026-01-01T00:00:00Z",
        "outcome": "failed",
        "delivery": {"format": "v3", "mode": "push", "deduplicated": True, "revision": False},
        "conformance": "conforming",
        "payload": {"TaskId": "t"},
        "file_id": "f",
        "errors": [{"code": 7}],
    }
    assert event.original is None


def test_the_key_is_the_file_else_the_task_else_the_application() -> None:
    assert _event(file_id="f", task_id="t").key == "f"
    assert _event(task_id="t").key == "t"
    assert _event().key == "shop"


@pytest.mark.parametrize("name", ["topic", "partition", "offset", "headers"])
def test_what_only_a_record_knows_raises_an_error_with_the_remedy(name: str) -> None:
    with pytest.raises(
        NoRecordError,
        match=rf"made without its record, so it has no {name}; give it one: Event\(..., record=",
    ):
        getattr(_event(), name)


def test_with_a_record_it_is_as_it_was_read() -> None:
    record = consumed(record_of(transcoded("t", "f")), offset=5)
    event = replace(read(record), record=None)
    assert event.key == read(record).key
    given = replace(event, record=record)
    assert (given.topic, given.offset, given.headers["ce_subject"]) == ("vod.TranscodeComplete", 5, "f")
