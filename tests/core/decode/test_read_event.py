"""Bodies read: which sibling is the payload, what is refused and why, what becomes of a legacy one."""

import json
from typing import Any

import msgspec
import pytest

from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DecodedEvent
from bridge.core.outcome import RejectedError

TRANSCODE = {"TaskId": "t", "FileId": "f", "ErrCode": 0}
EDIT = {"TaskId": "t", "Status": "FINISH", "ErrCode": 0}


def read(body: Any) -> DecodedEvent:  # noqa: ANN401 - any JSON value, or bytes
    return read_event(open_envelope(body if isinstance(body, bytes) else json.dumps(body).encode()))


def original(event: DecodedEvent) -> Any:  # noqa: ANN401 - any JSON value
    return msgspec.json.decode(event.original) if isinstance(event.original, msgspec.Raw) else None


def rejection(body: Any) -> str:  # noqa: ANN401 - any JSON value, or bytes
    with pytest.raises(RejectedError) as caught:
        read(body)
    return caught.value.reason


# which format, which type


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"EventType": 5, "TranscodeCompleteEvent": TRANSCODE}, "not_an_event"),
        ({"EventType": ["NewFileUpload"], "eventType": "NewFileUpload", "data": {}}, "not_an_event"),
        ({"eventType": {}, "data": {}}, "not_an_event"),
        ({}, "not_an_event"),
        ({"EventType": "", "eventType": None}, "not_an_event"),
        ({"TranscodeCompleteEvent": TRANSCODE, "PullCompleteEvent": EDIT}, "not_an_event"),
        ({"Unknown": TRANSCODE}, "not_an_event"),
        ({"TranscodeCompleteEvent": [TRANSCODE]}, "not_an_event"),
        ({"EventType": "TranscodeComplete"}, "no_payload"),
        ({"EventType": "TranscodeComplete", "TranscodeCompleteEvent": None}, "no_payload"),
        ({"EventType": "TranscodeComplete", "Status": "success", "StreamInfos": [{}]}, "no_payload"),
        ({"EventType": "TranscodeComplete", "Some": {"Foreign": 1}}, "no_payload"),
        ({"EventType": "TranscodeComplete", "Some": TRANSCODE, "Other": TRANSCODE}, "no_payload"),
        ({"EventType": "TranscodeComplete", "PullCompleteEvent": EDIT}, "conflict"),
        ({"EventType": "TranscodeComplete", "PullCompleteEvent": EDIT, "Some": TRANSCODE}, "conflict"),
        ({"EventType": "New"}, "no_payload"),
        ({"EventType": "New", "A": {}, "B": {}}, "no_payload"),
        ({"eventType": "PullComplete"}, "no_payload"),
        ({"eventType": "PullComplete", "data": []}, "no_payload"),
        ({"eventType": "PullComplete", "data": None}, "no_payload"),
    ],
)
def test_what_cannot_be_an_event_is_refused_with_its_reason(body: dict[str, Any], reason: str) -> None:
    assert rejection(body) == reason


@pytest.mark.parametrize(
    ("body", "event_type", "repairs"),
    [
        ({"EventType": "EditMediaComplete", "EditMediaCompleteEvent": EDIT}, "EditMediaComplete", ()),
        (
            {"EventType": "EditMediaComplete", "EditMediaComplete": EDIT},
            "EditMediaComplete",
            ("EditMediaComplete: alias of EditMediaCompleteEvent",),
        ),
        (
            {"EventType": "RemoveWatermarkComplete", "RemoveWatermarkCompleteEvent": EDIT},
            "RemoveWatermark",
            ("RemoveWatermarkComplete: alias of RemoveWatermark",),
        ),
        (
            {"EventType": "RestoreCompleteEvent", "RestoreCompleteEvent": {"FileId": "f"}},
            "RestoreMediaComplete",
            (
                "RestoreCompleteEvent: alias of RestoreMediaComplete",
                "RestoreCompleteEvent: alias of RestoreMediaCompleteEvent",
            ),
        ),
        (
            {"EventType": None, "EditMediaComplete": EDIT, "PullCompleteEvent": None},
            "EditMediaComplete",
            ("EventType: missing", "EditMediaComplete: alias of EditMediaCompleteEvent"),
        ),
        (
            {
                "EventType": "TranscodeComplete",
                "Transcode": {**TRANSCODE, "PlayInfoSet": []},
                "TranscodeCompleteEvent": None,
            },
            "TranscodeComplete",
            ("Transcode: read as TranscodeCompleteEvent",),
        ),
        (
            {"EventType": "RestoreMediaComplete", "Restore": {"fileId": "f", "RestoreTier": "Bulk"}},
            "RestoreMediaComplete",
            ("Restore: read as RestoreMediaCompleteEvent", "fileId: to FileId"),
        ),
    ],
)
def test_the_payload_is_found_by_name_then_alias_then_likeness(
    body: dict[str, Any], event_type: str, repairs: tuple[str, ...]
) -> None:
    event = read(body)
    assert (event.type, event.known, event.repairs) == (event_type, True, repairs)
    assert event.conformance == ("repaired" if repairs else "conforming")
    assert original(event) == (body if repairs else None)


def test_other_siblings_go_to_the_original_and_change_the_digest() -> None:
    body = {"EventType": "TranscodeComplete", "TranscodeCompleteEvent": TRANSCODE}
    alone, beside = read(body), read({**body, "PullCompleteEvent": EDIT, "Flag": False})
    assert beside.conformance == "conforming"
    assert original(beside) == {**body, "PullCompleteEvent": EDIT, "Flag": False}
    assert beside.identity.digest != alone.identity.digest
    assert beside.identity.key == alone.identity.key
    nulls = read({**body, "PullCompleteEvent": None})
    assert (nulls.original, nulls.identity) == (msgspec.UNSET, alone.identity)


def test_both_spellings_of_the_type_are_v3() -> None:
    body = {"EventType": "TranscodeComplete", "eventType": "X", "TranscodeCompleteEvent": TRANSCODE}
    event = read(body)
    assert event.format == "v3"
    assert original(event) == body


def test_an_unknown_type_with_one_object_is_kept_as_it_came() -> None:
    payload = {"TaskId": 7, "FileId": "f", "Status": "FINISH", "Items": [{"ErrCode": 3}]}
    event = read({"EventType": "VideoDubbingComplete", "anything": payload})
    assert not event.known
    assert event.type == "VideoDubbingComplete"
    assert event.conformance == "conforming"
    assert (event.task_id, event.file_id, event.outcome) == ("7", "f", "failed")
    assert event.identity.key == "VideoDubbingComplete:7:FINISH"
    assert msgspec.json.decode(event.payload) == payload


def test_an_unknown_type_with_an_empty_object_is_named_by_its_content() -> None:
    event = read({"EventType": "New", "a": {}})
    assert event.identity.recurring
    assert event.identity.key == f"New#{event.identity.digest}"
    assert event.outcome == "unknown"


# the payload


def test_a_conforming_payload_is_passed_on_as_the_bytes_it_came_in() -> None:
    payload = b'{ "TaskId":"t",\n "Unknown":1.50, "ErrCode":0, "ErrCode":0 }'
    event = read(b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":  ' + payload + b"}")
    assert bytes(event.payload) == payload
    assert event.conformance == "conforming"


def test_numbers_beyond_any_type_are_kept_to_the_digit() -> None:
    invalid_values = b'"Duration":1e999,"ErrCode":' + b"9" * 5000 + b"}"
    envelope = b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":%b}'
    untouched = read(envelope % (b'{"TaskId":"t",' + invalid_values))
    assert (untouched.conformance, untouched.repairs) == ("nonconforming", ())
    assert bytes(untouched.payload) == b'{"TaskId":"t",' + invalid_values
    repaired = read(envelope % (b'{"TaskId":1,' + invalid_values))
    assert (repaired.conformance, repaired.repairs) == ("nonconforming", ("TaskId: number to string",))
    assert bytes(repaired.payload) == b'{"TaskId":"1",' + invalid_values


def test_an_ids_digits_stay_exact() -> None:
    body = b'{"EventType":"ComposeMediaComplete","ComposeMediaCompleteEvent":{"Output":{"FileId":%d}}}'
    event = read(body % 5285485487985271490)
    assert event.file_id == "5285485487985271490"
    assert event.repairs == ("Output.FileId: number to string",)
    assert b'"FileId":5285485487985271490' in bytes(msgspec.json.encode(event.original))


def test_the_session_of_the_caller_is_in_the_event() -> None:
    event = read(
        {
            "EventType": "EditMediaComplete",
            "EditMediaCompleteEvent": {**EDIT, "SessionId": "s", "SessionContext": "c"},
        }
    )
    assert (event.session_id, event.session_context) == ("s", "c")


def test_many_repairs_are_counted_and_a_hundred_listed() -> None:
    event = read(
        {"EventType": "FileDeleted", "FileDeleteEvent": {"FileIdSet": list(range(250))}, "X": "\ud800"}
    )
    assert len(event.repairs) == 100
    assert event.repairs[0] == "lone surrogate: to U+FFFD"
    assert event.repairs_more == 151


# legacy


def test_a_legacy_delivery_keeps_its_body_and_speaks_3_0() -> None:
    body = {
        "version": "4.0",
        "eventType": "PullComplete",
        "data": {"vodTaskId": "t", "fileId": "f", "status": 0},
    }
    event = read({**body, "Sign": "s", "T": 1})
    assert (event.format, event.type, event.conformance) == ("legacy", "PullComplete", "conforming")
    assert event.identity.key == "PullComplete:t:FINISH"
    assert msgspec.json.decode(event.payload)["ErrCode"] == 0
    assert original(event) == body


def test_a_legacy_key_without_a_row_is_listed_and_a_wrong_kind_is_nonconforming() -> None:
    repaired = read({"eventType": "PullComplete", "data": {"vodTaskId": "t", "novelty": 1}})
    assert repaired.conformance == "repaired"
    assert repaired.repairs == ("data.novelty: no 3.0 field",)
    assert read({"eventType": "PullComplete", "data": {"vodTaskId": []}}).conformance == "nonconforming"


def test_both_formats_of_one_occurrence_have_the_same_id() -> None:
    v3 = read({"EventType": "PullComplete", "PullCompleteEvent": {"TaskId": "t", "Status": "FINISH"}})
    legacy = read({"EventType": "", "eventType": "PullComplete", "data": {"vodTaskId": "t", "status": 0}})
    assert v3.identity.key == legacy.identity.key


def test_a_retired_legacy_type_keeps_its_name_and_data() -> None:
    data = {"vodTaskId": "t", "fileId": "f", "status": 7, "message": "no"}
    event = read({"eventType": "PorncheckComplete", "data": data})
    assert not event.known
    assert (event.task_id, event.file_id, event.outcome) == ("t", "f", "failed")
    assert msgspec.json.decode(event.payload) == data
    assert [(failure.code, failure.message) for failure in event.failures] == [(7, "no")]
