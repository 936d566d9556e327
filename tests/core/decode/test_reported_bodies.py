"""Bodies like those in public reports about the vendor's notifications, and others of each one's kind.

The files stand beside this module, in `reported`; ids, URLs and keys in them are replaced.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DecodedEvent
from bridge.core.outcome import RejectedError

REPORTED = Path(__file__).parent / "reported"
BOM = b"\xef\xbb\xbf"
FAILED: dict[str, Any] = {"status": "FAIL", "errCode": 30009, "message": "source"}
ACCEPTED: dict[str, tuple[str, str, str, list[str]]] = {
    "legacy-adaptive-streaming-fail": (
        "partial",
        "repaired",
        "777",
        ["MediaProcessResultSet[1].AdaptiveDynamicStreamingTask"],
    ),
    "legacy-aireview-fail": ("failed", "repaired", "777", ["data.aiReview.tasks[0]"]),
    "v3-unknown-kind-fail": ("failed", "conforming", "777", ["MediaProcessResultSet[0].SmartSubtitlesTask"]),
    "chinese-text": ("failed", "conforming", "\u6587\u4ef61", [""]),
    "bom-body": ("succeeded", "conforming", "5285890000000000021", []),
    "aigc-video-ok": ("succeeded", "conforming", "", []),
    "huge-int-in-float-field": ("succeeded", "nonconforming", "1", []),
    "huge-int-legacy": ("succeeded", "nonconforming", "1", []),
}
REJECTED = {"filedeleted-all-null": "no_payload", "trtc-recording": "not_an_event"}


def event_of(body: bytes) -> DecodedEvent:
    return read_event(open_envelope(body))


def procedure(**data: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    return {"eventType": "ProcedureStateChanged", "data": {"vodTaskId": "p", "fileId": "7", **data}}


def upload(members: str) -> bytes:
    return b'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"1",%s}}' % members.encode()


def test_no_file_is_forgotten() -> None:
    assert {file.stem for file in REPORTED.iterdir()} == {*ACCEPTED, *REJECTED}


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_reported_body_is_read_as_it_was_meant(name: str) -> None:
    event = event_of((REPORTED / f"{name}.json").read_bytes())
    failures = [str(failure.path) for failure in event.failures]
    assert (event.outcome, event.conformance, event.file_id, failures) == ACCEPTED[name]


@pytest.mark.parametrize("name", REJECTED)
def test_a_reported_body_that_is_no_event_is_rejected(name: str) -> None:
    with pytest.raises(RejectedError) as rejected:
        event_of((REPORTED / f"{name}.json").read_bytes())
    assert rejected.value.reason == REJECTED[name]


@pytest.mark.parametrize(
    ("body", "outcome", "path"),
    [
        (procedure(status="FINISH", smartEraseList=[FAILED, {}]), "failed", "data.smartEraseList[0]"),
        (
            procedure(processTaskList=[{"taskType": "New", "errCode": "5"}]),
            "failed",
            "MediaProcessResultSet[0]",
        ),
        (
            procedure(processTaskList=[{"taskType": "New", "status": "ABORTED", "errCode": 0}]),
            "failed",
            "MediaProcessResultSet[0]",
        ),
        (procedure(later={"more": [{"tasks": [FAILED]}]}), "failed", "data.later.more[0].tasks[0]"),
        (
            {"eventType": "EditMediaComplete", "data": {"vodTaskId": "e", "extra": [FAILED]}},
            "failed",
            "data.extra[0]",
        ),
    ],
)
def test_a_subtask_that_the_3_0_shape_does_not_have_votes_and_is_never_conforming(
    body: dict[str, Any], outcome: str, path: str
) -> None:
    event = event_of(json.dumps(body).encode())
    assert [str(failure.path) for failure in event.failures] == [path]
    assert event.outcome == outcome
    assert event.conformance != "conforming"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("ABORTED", "failed"), ("CANCELLED", "failed"), ("SLEEPING", "unknown"), ("FINISH", "unknown")],
)
def test_a_status_that_is_no_success_is_none(status: str, outcome: str) -> None:
    body = {"EventType": "EditMediaComplete", "EditMediaCompleteEvent": {"TaskId": "t", "Status": status}}
    assert event_of(json.dumps(body).encode()).outcome == outcome


@pytest.mark.parametrize(
    ("body", "conformance"),
    [
        (upload('"MetaData":{"Duration":1e999}'), "nonconforming"),
        (upload(f'"MetaData":{{"Size":{"9" * 5000}}}'), "nonconforming"),
        (upload(f'"Unknown":{"9" * 5000}'), "conforming"),
        (BOM + b" \r\n" + upload('"Unknown":1'), "conforming"),
        (BOM + b'{"eventType":"NewFileUpload","data":{"fileId":"1"}}', "conforming"),
    ],
    ids=["1e999", "5,000 digits", "5,000 digits in an unknown key", "a BOM and blanks", "a BOM, legacy"],
)
def test_an_odd_number_or_a_byte_order_mark_loses_no_event(body: bytes, conformance: str) -> None:
    event = event_of(body)
    assert (event.type, event.file_id, event.conformance) == ("NewFileUpload", "1", conformance)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (BOM + BOM + upload('"Unknown":1'), "malformed"),
        (upload('"Unknown":1').decode().encode("utf-16"), "malformed"),
        (b'{"eventType":"FileDeleted","data":null}', "no_payload"),
        (b'{"EventType":"NewFileUpload","FileUploadEvent":null,"PullCompleteEvent":null}', "no_payload"),
        (
            b'{"EventType":"TranscodeComplete","VideoId":"4","Status":"success","StreamInfos":[]}',
            "no_payload",
        ),
        (
            b'{"EventType":"TranscodeComplete","Extend":{"Status":"x","Message":"m","FileId":"1"}}',
            "no_payload",
        ),
        (b'{"event_type":1,"appid":1,"stream_id":"live","sign":"s","t":1}', "not_an_event"),
    ],
)
def test_what_is_no_event_of_this_vendors_product_is_rejected(body: bytes, reason: str) -> None:
    with pytest.raises(RejectedError) as rejected:
        event_of(body)
    assert rejected.value.reason == reason
