"""Subtasks of a legacy body that have no 3.0 field count towards the outcome (vod-domain §4)."""

import json
from typing import Any

import msgspec
import pytest

from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.legacy import translate
from bridge.core.decode.legacy.unmapped import SEARCH_DEPTH_MAX
from bridge.core.event import DecodedEvent

GOOD = {"taskType": "Transcode", "status": "SUCCESS", "errCode": 0, "output": {"url": "u"}}
BAD = {"status": "FAIL", "errCode": 30009, "message": "source"}
PROCEDURE = {"vodTaskId": "p", "status": "FINISH", "errCode": 0, "fileId": "7"}


def event_of(event_type: str, **data: Any) -> DecodedEvent:  # noqa: ANN401 - any JSON value
    return read_event(open_envelope(json.dumps({"eventType": event_type, "data": data}).encode()))


def procedure(**data: Any) -> DecodedEvent:  # noqa: ANN401 - any JSON value
    return event_of("ProcedureStateChanged", **PROCEDURE, **data)


def failures(event: DecodedEvent) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(failure) for failure in event.failures]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("AdaptiveDynamicStreaming", "MediaProcessResultSet[1].AdaptiveDynamicStreamingTask"),
        ("SmartErase", "MediaProcessResultSet[1]"),
        (7, "MediaProcessResultSet[1]"),
        ("PullFile", "MediaProcessResultSet[1]"),
    ],
)
def test_a_failed_subtask_of_an_unknown_kind_counts_at_its_position(kind: object, path: str) -> None:
    event = procedure(processTaskList=[GOOD, {"taskType": kind, **BAD, "input": {}, "output": {}}])
    assert event.outcome == "partial"
    assert failures(event) == [{"path": path, "code": 30009, "message": "source"}]
    assert event.conformance != "conforming"


@pytest.mark.parametrize(
    ("lists", "path"),
    [
        (
            {"contentReviewList": [{"taskType": "Terrorism", **BAD}]},
            "AiContentReviewResultSet[0].TerrorismTask",
        ),
        (
            {"contentReviewList": [{"taskType": "Porn.Asr", **BAD}]},
            "AiContentReviewResultSet[0].PornAsrTask",
        ),
        ({"aIAnalysisList": [{"taskType": "Cover", **BAD}]}, "AiAnalysisResultSet[0].CoverTask"),
        ({"aiReview": {"suggestion": "block", "tasks": [BAD]}}, "data.aiReview.tasks[0]"),
        ({"aiReview": BAD}, "data.aiReview"),
        ({"drm": {"tracks": [{"list": [BAD]}]}}, "data.drm.tracks[0].list[0]"),
        ({"aiRecognitionList": [{"taskType": "Face", **BAD}]}, "data.aiRecognitionList[0]"),
        (
            {"newList": [{"Type": "X", "XTask": {"Status": "FAIL", "ErrCode": 30009}}]},
            "data.newList[0].XTask",
        ),
        ({"newList": [{"status": 30009}]}, "data.newList[0]"),
        ({"newList": [{"status": "30009"}]}, "data.newList[0]"),
        ({"processTaskList": [{**GOOD, "more": [BAD]}]}, "data.processTaskList[0].more[0]"),
        ({"metaData": {"size": 1, "checks": [BAD]}}, "data.metaData.checks[0]"),
    ],
)
def test_a_failed_subtask_counts_in_whatever_list_it_is(lists: dict[str, Any], path: str) -> None:
    event = procedure(**lists)
    assert event.outcome in ("failed", "partial")
    assert [one["path"] for one in failures(event)] == [path]
    assert failures(event)[0]["code"] in (30009, "30009")
    assert event.conformance != "conforming"


def test_a_successful_unmapped_subtask_is_a_success_and_conforms() -> None:
    event = procedure(processTaskList=[{"taskType": "PullFile", "status": "SUCCESS", "errCode": 0}])
    assert (event.outcome, event.conformance) == ("succeeded", "conforming")
    event = procedure(
        aiReview={"suggestion": "pass", "tasks": [{"status": "SUCCESS"}]}, drm={"definition": 1}
    )
    assert (event.outcome, event.conformance) == ("succeeded", "conforming")


def test_a_subtask_that_was_aborted_is_a_failure_and_one_under_way_is_not_counted() -> None:
    event = procedure(processTaskList=[GOOD], newList=[{"status": "ABORTED"}, {"status": "PROCESSING"}])
    assert event.outcome == "partial"
    assert failures(event) == [{"path": "data.newList[0]", "code": "ABORTED"}]


def test_while_the_task_is_under_way_its_failures_are_listed() -> None:
    event = event_of("ProcedureStateChanged", vodTaskId="p", status="PROCESSING", newList=[BAD])
    assert event.outcome == "in_progress"
    assert [one["path"] for one in failures(event)] == ["data.newList[0]"]


@pytest.mark.parametrize(
    "value",
    [
        5,
        "FAIL",
        [],
        {},
        [None, 5, "FAIL", [], {}],
        {"message": "no result at all"},
        {"status": 30009},  # of an object that is no element this is no code
        [{"status": [1]}],
        [{"status": "0"}],
    ],
)
def test_what_reports_no_failure_changes_nothing(value: object) -> None:
    event = procedure(processTaskList=[GOOD], newKey=value, aiReview=value)
    assert (event.outcome, failures(event)) == ("succeeded", [])
    assert event.repairs == ("data.newKey: no 3.0 field",)


@pytest.mark.parametrize(
    ("lists", "path"),
    [
        ({"processTaskList": {"taskType": "Transcode", **BAD}}, "data.processTaskList"),
        ({"processTaskList": {"0": BAD}}, "data.processTaskList.0"),
        ({"processTaskList": [[BAD]]}, "data.processTaskList[0][0]"),
        ({"processTaskList": [GOOD, "x", [], [5, BAD]]}, "data.processTaskList[3][1]"),
        ({"contentReviewList": {"taskType": "Porn", **BAD}}, "data.contentReviewList"),
        ({"aIAnalysisList": {"taskType": "Tag", **BAD}}, "data.aIAnalysisList"),
        ({"metaData": [BAD]}, "data.metaData[0]"),
        (
            {"processTaskList": [{"taskType": "Transcode", "output": [BAD]}]},
            "data.processTaskList[0].output[0]",
        ),
    ],
)
def test_a_failed_subtask_counts_where_the_table_has_another_type(lists: dict[str, Any], path: str) -> None:
    event = procedure(**lists)
    assert event.outcome in ("failed", "partial")
    assert failures(event) == [{"path": path, "code": 30009, "message": "source"}]
    assert event.conformance == "nonconforming"


@pytest.mark.parametrize(
    ("event_type", "data", "outcome", "paths"),
    [
        ("ConcatComplete", {"fileInfo": {"status": 5}}, "failed", ["data.fileInfo"]),
        (
            "ConcatComplete",
            {"fileInfo": [[{"status": 5}], {"status": 0}]},
            "partial",
            ["data.fileInfo[0][0]"],
        ),
        ("ClipComplete", {"fileInfo": [{"status": 0}, {"status": 5}]}, "partial", ["data.fileInfo[1]"]),
        ("ClipComplete", {"fileInfo": [[{"status": 5}]]}, "failed", ["data.fileInfo[0][0]"]),
        ("CreateSnapshotByTimeOffsetComplete", {"picInfo": {"status": 5}}, "failed", ["data.picInfo"]),
        ("TranscodeComplete", {"status": 0, "playSet": {"url": "u"}}, "succeeded", []),
        ("FileDeleted", {"fileInfo": [[{"status": 5}]]}, "succeeded", []),
    ],
)
def test_a_code_counts_where_the_table_has_another_type(
    event_type: str, data: dict[str, Any], outcome: str, paths: list[str]
) -> None:
    event = event_of(event_type, vodTaskId="t", **data)
    assert (event.outcome, [one["path"] for one in failures(event)]) == (outcome, paths)
    assert event.conformance == "nonconforming"


@pytest.mark.parametrize(
    ("result_set", "outcome", "path"),
    [
        (
            [{"Type": "Transcode", "TranscodeTask": {"Status": "SUCCESS"}}],
            "partial",
            "data.processTaskList[0]",
        ),
        ([], "failed", "data.processTaskList[0]"),
        ("x", "failed", "data.processTaskList[0]"),
        ("", "failed", "MediaProcessResultSet[0].TranscodeTask"),
        (None, "failed", "MediaProcessResultSet[0].TranscodeTask"),
    ],
)
def test_a_list_whose_field_has_a_value_of_its_own_counts(
    result_set: object, outcome: str, path: str
) -> None:
    event = procedure(processTaskList=[{"taskType": "Transcode", **BAD}], MediaProcessResultSet=result_set)
    assert (event.outcome, [one["path"] for one in failures(event)]) == (outcome, [path])
    if type(result_set) is list:
        assert event.repairs == ("data.processTaskList[0]: no 3.0 field",)


def test_lists_of_types_without_a_successor_count_too() -> None:
    event = event_of("SomethingComplete", vodTaskId="t", status=0, parts=[{"status": 0}, BAD])
    assert event.outcome == "partial"
    assert failures(event) == [{"path": "data.parts[1]", "code": 30009, "message": "source"}]


def test_a_concatenation_with_another_list_votes_with_both() -> None:
    event = event_of("ConcatComplete", vodTaskId="t", status=0, fileInfo=[{"status": 0}], thumbs=[BAD])
    assert event.outcome == "partial"


def test_what_is_too_deep_to_be_a_subtask_is_not_counted() -> None:
    deep: object = [BAD]
    for _ in range(SEARCH_DEPTH_MAX):
        deep = [deep]
    assert translate("ProcedureStateChanged", {"newList": deep}).results == ()
