"""How records and responses are rendered."""

import json

import msgspec
import pytest

from bridge.cli.support.render import ShownRecord, render_full, render_json, render_line, render_response
from bridge.core.printable import printable

HEADERS = {
    "ce_id": "TranscodeComplete:t",
    "ce_source": "/vod/my-shop",
    "ce_type": "com.tencentcloud.vod.TranscodeComplete",
}


def _event(**members: object) -> ShownRecord:
    value = {
        "id": "TranscodeComplete:t",
        "type": "TranscodeComplete",
        "app": "my-shop",
        "time": "2026-11-21T12:30:45.678Z",
        "outcome": "failed",
        **members,
    }
    return ShownRecord(
        topic="vod.TranscodeComplete", key=b"f", headers=HEADERS, value=msgspec.json.encode(value)
    )


def test_an_event_is_one_line_of_time_type_app_outcome_subject_and_errors() -> None:
    errors = [{"path": "PlayInfoSet[0]", "code": 40000, "message": "no"}, *({"code": "FAIL"},) * 4]
    line = render_line(
        _event(file_id="f", task_id="t", errors=errors, errors_truncated=7, conformance="repaired")
    )
    assert line.plain == (
        "12:30:45.678  TranscodeComplete  my-shop  failed  file f task t  repaired"
        "  PlayInfoSet[0] 40000 no  FAIL  FAIL  and 9 more"
    )


def test_an_events_application_and_type_are_known_from_its_headers() -> None:
    record = _event()
    assert (record.app, record.type, record.reason) == ("my-shop", "TranscodeComplete", "")


def test_a_dead_letter_shows_its_reason() -> None:
    headers = {
        "reason": "malformed",
        "detail": "not JSON",
        "app": "a",
        "received_at": "2026-11-21T12:30:45.678Z",
    }
    record = ShownRecord(topic="vod.dead-letter", headers=headers, value=b"{")
    assert render_line(record).plain == "12:30:45.678  dead letter  a  malformed  not JSON  1 byte kept"
    assert (record.app, record.reason, record.type) == ("a", "malformed", "")
    assert "the 1 byte as they came" in render_full(record).plain


def test_what_a_sender_wrote_does_not_steer_the_terminal() -> None:
    record = _event(
        type="T\x1b[2J", app="\x9b31m", file_id="\x07bell", errors=[{"message": "\r\x1b]0;t\x07"}]
    )
    for text in (render_line(record).plain, render_full(record).plain.replace("\n", "")):
        assert all(char.isprintable() for char in text)
    answer = msgspec.json.encode({"outcome": "rejected", "detail": "\x1b[31m"})
    assert all(char.isprintable() for char in render_response(422, answer).plain)


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b"\xff", b'{"errors":7}'])
def test_a_foreign_value_is_called_so(value: bytes) -> None:
    record = ShownRecord(topic="vod.other", headers=HEADERS, value=value)
    assert render_line(record).plain == "vod.other a value that is no event of this bridge"
    assert render_full(record).plain.startswith("vod.other")


def test_of_a_large_object_the_keys_alone_are_shown() -> None:
    lines = render_full(_event(payload={"TaskId": "t", "Long": "x" * 200})).plain
    assert "payload: { TaskId, Long }" in lines


def test_as_json_a_value_is_the_same_json_and_bytes_that_are_none_are_text() -> None:
    record = ShownRecord(
        topic="t", partition=1, offset=2, key=b"k", headers={}, value=b'{"big": 123456789012345678901}'
    )
    assert render_json(record) == (
        '{"topic":"t","partition":1,"offset":2,"key":"k","headers":{},"value":{"big": 123456789012345678901}}'
    )
    assert render_json(ShownRecord(topic="t", headers={}, value=b"{\xff")).endswith('"value":"{\ufffd"}')
    assert "\n" not in render_json(ShownRecord(topic="t", headers={}, value=b'{\n"a": 1\n}'))


def test_an_error_response_is_shown_with_its_text() -> None:
    assert render_response(404, b'{"error":"not found"}').plain == "404 refused  not found"
    assert render_response(502, b"<html>").plain == "502 refused"


@pytest.mark.parametrize("value", [b"{", b"\xff", b'{"id":"\xff"}', b'{"id":' + b"[" * 100_000])
def test_whatever_a_value_is_it_is_a_line(value: bytes) -> None:
    record = ShownRecord(topic="vod.ClipComplete", headers=HEADERS, value=value)
    assert render_line(record).plain == "vod.ClipComplete a value that is no event of this bridge"


def test_json_of_a_record_has_no_raw_line_end_and_no_control_character() -> None:
    value = '{"a":\r1,\r\n"b":"\u2028\x9b\x7f\u202e"}'
    record = ShownRecord(topic="t\x9b", key=b"\x1b", headers={"x": "\u2029"}, value=value.encode())
    line = render_json(record)
    assert printable(line) == line
    assert json.loads(line)["value"] == {"a": 1, "b": "\u2028\x9b\x7f\u202e"}


@pytest.mark.parametrize("hostile", ["\x1b]52;c;aGk=\x07", "\x9b2J", "\u202e", "a\rb", "\u2028"])
def test_nothing_of_a_foreign_record_steers_the_terminal(hostile: str) -> None:
    names = ("id", "type", "app", "time", "outcome", "task_id", "file_id", "conformance")
    errors = [dict.fromkeys(("path", "code", "code_ext", "message"), hostile)]
    event = _event(**dict.fromkeys(names, hostile), errors=errors)
    headers = dict.fromkeys(("reason", "detail", "app", "received_at", hostile), hostile)
    dead_letter = ShownRecord(topic=hostile, key=hostile.encode(), headers=headers, value=b"{")
    no_json = ShownRecord(topic=hostile, headers=HEADERS, value=b"{")
    for record in (event, dead_letter, no_json):
        for text in (
            render_line(record, with_date=True).plain,
            render_full(record).plain,
            render_json(record),
        ):
            assert printable(text, multiline=True) == text
    answer = msgspec.json.encode(dict.fromkeys(("outcome", "event_id", "topic", "reason", "error"), hostile))
    assert printable(render_response(200, answer).plain) == render_response(200, answer).plain
