"""Records as consumers see them: topics, keys, headers, and the canonical event key by key."""

import json
from typing import Any

import pytest

from bridge.core.application import Application
from bridge.core.catalogue import EVENT_TYPES
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification, Record
from bridge.core.record import (
    Routing,
    dead_letter,
    dead_letter_for_record,
    event_record,
    timestamp,
    topic_and_key,
)
from bridge.core.schema_ids import parse_schema_ids

BODY = {
    "EventType": "EditMediaComplete",
    "EditMediaCompleteEvent": {
        "TaskId": 5,
        "Status": "FINISH",
        "ErrCode": 1,
        "SessionId": "s",
        "SessionContext": "中",
        "Output": {"FileId": "f"},
    },
}


def recorded(body: Any, routing: Routing | None = None, **stamp: Any) -> Record:  # noqa: ANN401 - any JSON value
    text = json.dumps(body).encode()
    app = Application(name="live-eu", sub_app_id=1500000000)
    notification = Notification(application=app, body=text, received_ms=1_767_225_600_007, mode="pull")
    event = read_event(open_envelope(text))
    return event_record(event, DedupStamp(id="the-id", **stamp), notification, routing or Routing())


def test_the_canonical_event_has_the_contracts_order() -> None:
    value = json.loads(recorded(BODY).value)
    assert list(value.items()) == [
        ("id", "the-id"),
        ("type", "EditMediaComplete"),
        ("app", "live-eu"),
        ("sub_app_id", 1500000000),
        ("time", "2026-01-01T00:00:00.007Z"),
        ("task_id", "5"),
        ("file_id", "f"),
        ("status", "FINISH"),
        ("outcome", "failed"),
        ("errors", [{"path": "", "code": 1}]),
        ("session_id", "s"),
        ("session_context", "中"),
        ("delivery", {"format": "v3", "mode": "pull", "deduplicated": True}),
        ("conformance", "repaired"),
        ("repairs", ["TaskId: number to string"]),
        ("payload", {**BODY["EditMediaCompleteEvent"], "TaskId": "5"}),  # type: ignore[dict-item]
        ("original", BODY),
    ]


def test_what_does_not_apply_is_left_out() -> None:
    value = json.loads(recorded({"EventType": "New", "Some": {}}).value)
    assert list(value) == [
        "id",
        "type",
        "app",
        "sub_app_id",
        "time",
        "outcome",
        "delivery",
        "conformance",
        "payload",
    ]


def test_truncated_lists_are_followed_by_the_number_left_out() -> None:
    body = {
        "EventType": "ConcatComplete",
        "ConcatCompleteEvent": {"FileInfoSet": [{"ErrCode": 1, "FileId": 2}] * 150},
    }
    keys = list(value := json.loads(recorded(body).value))
    assert keys[keys.index("errors") + 1] == "errors_truncated"
    assert keys[keys.index("repairs") + 1] == "repairs_truncated"
    assert (value["errors_truncated"], value["repairs_truncated"]) == (50, 50)


def test_the_dedup_stamp_is_in_the_event() -> None:
    value = json.loads(recorded(BODY, deduplicated=False, revision=True).value)
    assert value["delivery"] == {"format": "v3", "mode": "pull", "deduplicated": False, "revision": True}


def test_the_headers_are_cloudevents() -> None:
    assert recorded(BODY).headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"the-id"),
        ("ce_source", b"/vod/live-eu"),
        ("ce_type", b"com.tencentcloud.vod.EditMediaComplete"),
        ("ce_time", b"2026-01-01T00:00:00.007Z"),
        ("ce_subject", b"f"),
        ("ce_dataschema", b"urn:vod-event-bridge:schemas:EditMediaComplete.v1"),
        ("content-type", b"application/json"),
        ("ce_outcome", b"failed"),
    ]


def test_an_unknown_type_has_its_topic_and_the_schema_of_others() -> None:
    record = recorded({"EventType": "New", "Some": {}}, Routing(schema_base_uri="https://schemas.example/"))
    assert record.topic == "vod.other"
    headers = dict(record.headers)
    assert headers["ce_type"] == b"com.tencentcloud.vod.New"
    assert headers["ce_dataschema"] == b"https://schemas.example/event.v1"
    assert "ce_subject" not in headers


def test_a_record_carries_the_schema_id_of_its_type_and_none_where_there_is_none() -> None:
    routing = Routing(schema_ids=parse_schema_ids(b'{"EditMediaComplete": 7, "event": 8}'))
    with_id, without = recorded(BODY, routing), recorded(BODY)
    assert with_id.headers == [*without.headers, ("__value_schema_id", b"\0\0\0\0\7")]
    assert with_id.value == without.value
    other = recorded({"EventType": "New", "Some": {}}, routing)
    assert dict(other.headers)["__value_schema_id"] == b"\0\0\0\0\x08"
    upload = {"EventType": "NewFileUpload", "FileUploadEvent": {"FileId": "f"}}
    assert recorded(upload, routing).headers == recorded(upload).headers


def test_the_key_is_the_file_else_the_task_else_the_cast_else_the_application() -> None:
    def key(payload: dict[str, Any]) -> bytes:
        return recorded({"EventType": "New", "Some": payload}).key

    assert key({"FileId": "f", "TaskId": "t", "CastId": "c"}) == b"f"
    assert key({"TaskId": "t", "CastId": "c"}) == b"t"
    assert key({"CastId": "中"}) == "中".encode()
    assert key({"TaskId": ""}) == b"live-eu"
    subjects = dict(recorded({"EventType": "New", "Some": {"TaskId": "t"}}).headers)
    assert subjects["ce_subject"] == b"t"


@pytest.mark.parametrize(
    ("body", "template"),
    [
        (BODY, "{app}.vod.{type}"),
        ({"EventType": "New", "Some": {"FileId": "f", "TaskId": "t"}}, "vod.{type}"),
        ({"EventType": "New", "Some": {"TaskId": "t"}}, "{app}"),
        ({"EventType": "New", "Some": {"CastId": "c"}}, "vod.{type}"),
        ({"EventType": "New", "Some": {}}, "vod.{type}"),
    ],
)
def test_topic_and_key_are_known_without_the_record(body: Any, template: str) -> None:  # noqa: ANN401 - any JSON value
    routing = Routing(topic=template)
    event = read_event(open_envelope(json.dumps(body).encode()))
    record = recorded(body, routing)
    assert topic_and_key(event, "live-eu", routing) == (record.topic, record.key)


def test_the_topic_is_filled_in_from_the_template() -> None:
    routing = Routing(topic="{app}.vod.{type}")
    assert recorded(BODY, routing).topic == "live-eu.vod.EditMediaComplete"


def test_every_topic_that_may_be_written_is_listed() -> None:
    assert len(Routing().topics(["a", "b"])) == len(EVENT_TYPES) + 2
    listed = Routing(topic="{app}.{type}", topic_other="o", topic_dead_letter="d").topics(["a", "b"])
    assert len(listed) == 2 * len(EVENT_TYPES) + 2
    assert listed == sorted(listed)
    assert {"o", "d", "a.FileDeleted", "b.FileDeleted"} <= set(listed)


def test_a_dead_letter_keeps_the_bytes_and_the_reason() -> None:
    app = Application(name="default")
    notification = Notification(application=app, body=b"\xff", received_ms=999, content_type="text/plain")
    record = dead_letter(notification, "malformed", "not UTF-8", Routing())
    assert (record.topic, record.key, record.value) == ("vod.dead-letter", b"default", b"\xff")
    assert record.headers == [
        ("reason", b"malformed"),
        ("detail", b"not UTF-8"),
        ("app", b"default"),
        ("mode", b"push"),
        ("received_at", b"1970-01-01T00:00:00.999Z"),
        ("content-type", b"text/plain"),
    ]
    odd = Notification(application=app, body=b"", received_ms=0, content_type="text/\udcff")
    assert dict(dead_letter(odd, "r", "", Routing()).headers)["content-type"] == b"text/\xff"
    unnamed = Notification(application=app, body=b"", received_ms=0)
    assert (
        dict(dead_letter(unnamed, "r", "", Routing()).headers)["content-type"] == b"application/octet-stream"
    )


def test_a_dead_letter_of_a_compressed_body_is_as_it_came_with_its_encoding() -> None:
    app = Application(name="default")
    notification = Notification(
        application=app, body=b" " * 99, received_ms=0, content_encoding="gzip", received=b"\x1f\x8b"
    )
    record = dead_letter(notification, "malformed", "not JSON", Routing())
    assert record.value == b"\x1f\x8b"
    assert record.headers[-1] == ("content-encoding", b"gzip")
    odd = Notification(application=app, body=b"x", received_ms=0, content_encoding="br\udcff")
    assert dead_letter(odd, "r", "", Routing()).value == b"x"
    assert dict(dead_letter(odd, "r", "", Routing()).headers)["content-encoding"] == b"br\xff"


def test_times_have_their_milliseconds() -> None:
    assert timestamp(1_700_000_000_000) == "2023-11-14T22:13:20.000Z"
    assert timestamp(-1) == "1969-12-31T23:59:59.999Z"


def test_an_event_that_its_topic_refuses_late_is_a_dead_letter_with_all_of_the_event() -> None:
    event = recorded(BODY)
    letter = dead_letter_for_record(event, "too_large", "no topic takes it", Routing())
    assert letter is not None
    assert (letter.topic, letter.key, letter.value) == ("vod.dead-letter", b"live-eu", event.value)
    assert letter.headers == [
        ("reason", b"too_large"),
        ("detail", b"no topic takes it"),
        ("app", b"live-eu"),
        ("mode", b"pull"),
        ("received_at", b"2026-01-01T00:00:00.007Z"),
        ("content-type", b"application/json"),
    ]


def test_of_what_is_a_dead_letter_itself_none_is_made() -> None:
    event = recorded(BODY)
    assert dead_letter_for_record(event, "too_large", "", Routing(topic_dead_letter=event.topic)) is None
    old = Record(topic="letters-of-old", key=b"shop", value=b"no JSON", headers=[])
    assert dead_letter_for_record(old, "too_large", "", Routing()) is None
