"""Succeeded, failed, partial: the votes of a payload's results."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from bridge.core.catalogue import BY_NAME, EVENT_TYPES, UNKNOWN_TYPE
from bridge.core.decode.normalize import normalize
from bridge.core.result import ResultSummary, TopLevelCode, evaluate_result


def evaluated(name: str, payload: dict[str, Any], top_level: TopLevelCode | None = None) -> ResultSummary:
    row = BY_NAME.get(name, UNKNOWN_TYPE)
    return evaluate_result(
        normalize(Raw(msgspec.json.encode(payload)), row).value, row, top_level or TopLevelCode()
    )


def failures_of(summary: ResultSummary) -> list[dict[str, Any]]:
    return [msgspec.to_builtins(failure) for failure in summary.failures]


def task(**keys: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    return {"Type": "Transcode", "TranscodeTask": keys}


FAILED = {"Status": "FAIL", "ErrCode": 9}
WITH_FILES = {"Status": "SUCCESS", "Output": {"OutputFiles": [FAILED]}}
GOOD, BAD = task(Status="SUCCESS", ErrCode=0), task(Status="FAIL", ErrCode=40000, Message="no")


@pytest.mark.parametrize(
    ("name", "payload", "outcome"),
    [
        # in progress
        ("EditMediaComplete", {"Status": "PROCESSING", "ErrCode": 0}, "in_progress"),
        ("EditMediaComplete", {"Status": "WAITING", "ErrCode": 1}, "in_progress"),
        ("ProcedureStateChanged", {"Status": "PROCESSING", "MediaProcessResultSet": [BAD]}, "in_progress"),
        ("RestoreMediaComplete", {"Status": "PROCESSING"}, "in_progress"),
        ("New", {"Status": "WAITING"}, "in_progress"),
        # the payload's own codes
        ("EditMediaComplete", {"Status": "FINISH", "ErrCode": 0}, "succeeded"),
        ("EditMediaComplete", {"Status": "FINISH", "ErrCode": 70000}, "failed"),
        ("EditMediaComplete", {"Status": "FINISH", "ErrCode": 0, "ErrCodeExt": "TaskTimeout"}, "failed"),
        ("EditMediaComplete", {"Status": "FINISH"}, "unknown"),
        ("EditMediaComplete", {"Status": "FAIL"}, "failed"),
        ("DescribeFileAttributesComplete", {"Status": "SUCCESS"}, "succeeded"),
        ("ReviewAudioVideoComplete", {"Status": "FINISH", "ErrCodeExt": ""}, "succeeded"),
        ("ReviewAudioVideoComplete", {"Status": "FINISH", "ErrCodeExt": "SUCCESS"}, "succeeded"),
        ("ReviewAudioVideoComplete", {"Status": "FINISH", "ErrCodeExt": None}, "unknown"),
        ("TranscodeComplete", {"ErrCode": "0"}, "succeeded"),
        ("TranscodeComplete", {"ErrCode": 0.0}, "succeeded"),
        ("TranscodeComplete", {"ErrCode": False}, "failed"),
        ("TranscodeComplete", {"ErrCode": []}, "failed"),
        # a Status that says the task ended otherwise, or an unknown one
        ("EditMediaComplete", {"Status": "ABORTED", "ErrCode": 0}, "failed"),
        ("EditMediaComplete", {"Status": "CANCELLED"}, "failed"),
        ("EditMediaComplete", {"Status": "SUSPENDED", "ErrCode": 0}, "unknown"),
        ("EditMediaComplete", {"Status": "SUSPENDED", "ErrCode": 1}, "failed"),
        ("EditMediaComplete", {"Status": "SUSPENDED", "ErrCode": 0, "NewKey": 1}, "unknown"),
        ("EditMediaComplete", {"Status": "", "ErrCode": 0}, "succeeded"),
        ("EditMediaComplete", {"Status": ["ABORTED"], "ErrCode": 0}, "succeeded"),
        ("ProcedureStateChanged", {"Status": "ABORTED", "MediaProcessResultSet": [GOOD]}, "failed"),
        ("ProcedureStateChanged", {"Status": "PAUSED", "MediaProcessResultSet": [GOOD]}, "unknown"),
        ("ProcedureStateChanged", {"Status": "PAUSED", "MediaProcessResultSet": [GOOD, BAD]}, "partial"),
        ("ProcedureStateChanged", {"MediaProcessResultSet": [task(Status="ABORTED"), GOOD]}, "partial"),
        ("New", {"Status": "ABORTED"}, "failed"),
        ("New", {"Status": "aborted"}, "failed"),
        ("ProcedureStateChanged", {"MediaProcessResultSet": [task(Status="fail")]}, "failed"),
        ("ProcedureStateChanged", {"MediaProcessResultSet": [task(Status="Failed", ErrCode=0)]}, "failed"),
        ("New", {"Status": "DONE", "ErrCode": 0}, "unknown"),
        # the types' own result fields
        ("WechatPublishComplete", {"Status": "FINISH", "ErrCode": 0, "WechatStatus": "SUCCESS"}, "succeeded"),
        ("WechatPublishComplete", {"Status": "FINISH", "WechatStatus": "SUCCESS"}, "succeeded"),
        ("WechatPublishComplete", {"ErrCode": 0, "WechatStatus": "NOTTRIGGERED"}, "failed"),
        ("WechatPublishComplete", {"ErrCode": 0, "WechatStatus": ""}, "succeeded"),
        ("WechatPublishComplete", {"Status": "FINISH", "WechatStatus": ""}, "unknown"),
        ("WechatPublishComplete", {"ErrCode": 0, "WechatStatus": "0"}, "succeeded"),
        ("WechatMiniProgramPublishComplete", {"PublishResult": "Pass"}, "succeeded"),
        ("WechatMiniProgramPublishComplete", {"PublishResult": "SUCCESS"}, "succeeded"),
        ("WechatMiniProgramPublishComplete", {"ErrCode": 0, "PublishResult": "Rejected"}, "failed"),
        ("RestoreMediaComplete", {"Status": 0}, "succeeded"),
        ("RestoreMediaComplete", {"Status": 5}, "failed"),
        ("RestoreMediaComplete", {"status": -1}, "failed"),
        ("RestoreMediaComplete", {"Status": "FINISH"}, "unknown"),
        ("RestoreMediaComplete", {"Status": "FAIL"}, "failed"),
        ("RestoreMediaComplete", {"FileId": "f"}, "unknown"),
        ("MediaCastStatusChanged", {"CastId": "c", "Status": "Idle"}, "unknown"),
        # facts
        ("NewFileUpload", {"FileId": "f", "ErrCode": 5}, "succeeded"),
        ("FileDeleted", {}, "succeeded"),
        ("PersistenceComplete", {"FileId": "f"}, "succeeded"),
        # result sets
        ("ClipComplete", {"FileInfo": {"ErrCode": 0}}, "succeeded"),
        ("ClipComplete", {"FileInfo": {"ErrCode": 5}}, "failed"),
        ("ClipComplete", {"FileInfo": {"ErrCode": 5, "NewKey": 1}}, "failed"),
        ("ClipComplete", {"FileInfo": "x"}, "unknown"),
        ("ConcatComplete", {"FileInfoSet": [{"ErrCode": 0}, {"ErrCode": 4}]}, "partial"),
        ("ConcatComplete", {"FileInfoSet": [{"ErrCode": 4}, {"FileId": "f"}]}, "failed"),
        ("ConcatComplete", {"FileInfoSet": []}, "unknown"),
        ("CreateSnapshotByTimeOffsetComplete", {"SnapshotInfoSet": [{"ErrCode": 0}]}, "succeeded"),
        (
            "ProcessMediaByMPSComplete",
            {"ErrCode": 0, "SubTaskSet": [{"ErrCode": "0", "Status": "SUCCESS"}]},
            "succeeded",
        ),
        ("ProcessMediaByMPSComplete", {"ErrCode": 0, "SubTaskSet": [{"ErrCode": "30010"}]}, "failed"),
        ("ProcedureStateChanged", {"ErrCode": 0, "MediaProcessResultSet": [GOOD, GOOD]}, "succeeded"),
        ("ProcedureStateChanged", {"ErrCode": 0, "MediaProcessResultSet": [GOOD, BAD]}, "partial"),
        ("ProcedureStateChanged", {"ErrCode": 0, "MediaProcessResultSet": [BAD]}, "failed"),
        ("ProcedureStateChanged", {"ErrCode": 5, "MediaProcessResultSet": [GOOD]}, "failed"),
        ("ProcedureStateChanged", {"MediaProcessResultSet": [{"Type": "Transcode"}, None, "x"]}, "unknown"),
        # what the catalogue does not know
        ("ProcedureStateChanged", {"MediaProcessResultSet": [{"NewTask": {"ErrCode": 9}}, GOOD]}, "partial"),
        (
            "ProcedureStateChanged",
            {"ErrCode": 0, "NewResultSet": [{"NewTask": {"Status": "FAIL"}}]},
            "failed",
        ),
        ("TranscodeComplete", {"ErrCode": 0, "PlayInfoSet": [{"ErrCode": 9}]}, "succeeded"),
        # sets inside elements, and in place of an element or an object
        ("ProcedureStateChanged", {"ErrCode": 0, "MediaProcessResultSet": [[BAD]]}, "failed"),
        ("ProcedureStateChanged", {"MediaProcessResultSet": [GOOD, [[BAD, GOOD]]]}, "partial"),
        ("ProcedureStateChanged", {"MediaProcessResultSet": [{"TranscodeTask": [FAILED]}, GOOD]}, "partial"),
        (
            "ProcedureStateChanged",
            {"MediaProcessResultSet": [task(Status="SUCCESS", ErrCode=0, SubTaskSet=[FAILED])]},
            "partial",
        ),
        ("ProcedureStateChanged", {"NewSet": [{"NewTask": {"ErrCode": 0, "Parts": [FAILED]}}]}, "partial"),
        ("ComposeMediaComplete", {"ErrCode": 0, "NewSet": [{"Parts": [[FAILED]]}]}, "failed"),
        ("New", {"Set": [{"ErrCode": 0, "Parts": [1, {"Task": FAILED}]}]}, "partial"),
        ("New", {"Set": [[[[[FAILED]]]]]}, "failed"),
        ("New", {"Set": [[[[[[FAILED]]]]]]}, "unknown"),  # too deep to be a result
        # an array of the catalogue that reports no results, read as a struct and as a dict
        ("ProcessMediaByMPSComplete", {"SubTaskSet": [WITH_FILES]}, "succeeded"),
        ("ProcessMediaByMPSComplete", {"SubTaskSet": [WITH_FILES], "NewKey": 1}, "succeeded"),
        ("New", {"ErrCode": 0}, "succeeded"),
        ("New", {"Set": [{"ErrCode": 0}, {"Task": {"Status": "FAIL"}}]}, "partial"),
        ("New", {"Task": {"ErrCode": 1}}, "unknown"),
    ],
)
def test_the_results_vote(name: str, payload: dict[str, Any], outcome: str) -> None:
    assert evaluated(name, payload).outcome == outcome


@pytest.mark.parametrize(
    ("name", "payload", "failures"),
    [
        (
            "EditMediaComplete",
            {"ErrCode": 70000, "ErrCodeExt": "InternalError", "Message": "m"},
            [{"path": "", "code": 70000, "code_ext": "InternalError", "message": "m"}],
        ),
        (
            "EditMediaComplete",
            {"ErrCode": 0, "ErrCodeExt": "X", "Message": ""},
            [{"path": "", "code_ext": "X"}],
        ),
        (
            "EditMediaComplete",
            {"ErrCode": 0, "Status": "FAIL", "Message": 5.5},
            [{"path": "", "code": "FAIL"}],
        ),
        ("EditMediaComplete", {"ErrCode": 1.5}, [{"path": ""}]),
        ("EditMediaComplete", {"ErrCode": "text"}, [{"path": "", "code": "text"}]),
        ("EditMediaComplete", {"ErrCode": 1, "ErrCodeExt": {}}, [{"path": "", "code": 1}]),
        ("New", {"Set": [{"ErrCodeExt": 7}]}, [{"path": "Set[0]", "code_ext": "7"}]),
        (
            "WechatPublishComplete",
            {"ErrCode": 0, "WechatStatus": "NOTTRIGGERED", "Message": "m"},
            [{"path": "", "code": "NOTTRIGGERED", "message": "m"}],
        ),
        ("WechatPublishComplete", {"ErrCode": 3, "WechatStatus": "FAIL"}, [{"path": "", "code": 3}]),
        ("RestoreMediaComplete", {"Status": 5}, [{"path": "", "code": 5}]),
        ("ClipComplete", {"FileInfo": {"ErrCode": 5}}, [{"path": "FileInfo", "code": 5}]),
        (
            "ProcedureStateChanged",
            {
                "Status": "PROCESSING",
                "ErrCode": 1,
                "AiAnalysisResultSet": [{"TagTask": {"Status": "FAIL"}}],
                "MediaProcessResultSet": [
                    GOOD,
                    {**BAD, "ImageSpriteTask": {"ErrCode": 2}, "ATask": {"ErrCode": 3}},
                ],
                "ZSet": [{"ErrCode": 5}],
                "ASet": [{"ErrCode": 4}],
            },
            [
                {"path": "", "code": 1},
                {"path": "MediaProcessResultSet[1].ATask", "code": 3},
                {"path": "MediaProcessResultSet[1].ImageSpriteTask", "code": 2},
                {"path": "MediaProcessResultSet[1].TranscodeTask", "code": 40000, "message": "no"},
                {"path": "AiAnalysisResultSet[0].TagTask", "code": "FAIL"},
                {"path": "ASet[0]", "code": 4},
                {"path": "ZSet[0]", "code": 5},
            ],
        ),
        ("NewFileUpload", {"ErrCode": 5}, []),
        (
            "ProcedureStateChanged",
            {
                "MediaProcessResultSet": [
                    {"ATask": {"Parts": [FAILED]}, "TranscodeTask": [FAILED], "ErrCode": 3},
                    [BAD],
                ],
            },
            [
                {"path": "MediaProcessResultSet[0]", "code": 3},
                {"path": "MediaProcessResultSet[0].ATask.Parts[0]", "code": 9},
                {"path": "MediaProcessResultSet[0].TranscodeTask[0]", "code": 9},
                {"path": "MediaProcessResultSet[1][0].TranscodeTask", "code": 40000, "message": "no"},
            ],
        ),
    ],
)
def test_each_failure_has_its_path_and_code(
    name: str, payload: dict[str, Any], failures: list[dict[str, Any]]
) -> None:
    assert failures_of(evaluated(name, payload)) == failures


def test_a_legacy_top_level_code_votes_as_the_payloads_own() -> None:
    elements = {"FileInfoSet": [{"ErrCode": 0}]}
    summary = evaluated("ConcatComplete", elements, TopLevelCode(-1, "broken"))
    assert summary.outcome == "failed"
    assert failures_of(summary) == [{"path": "", "code": -1, "message": "broken"}]
    assert evaluated("ConcatComplete", {}, TopLevelCode(0)).outcome == "succeeded"
    assert evaluated("FileDeleted", {}, TopLevelCode(5)).outcome == "succeeded"


def test_of_very_many_failures_a_hundred_are_listed() -> None:
    summary = evaluated("ConcatComplete", {"FileInfoSet": [{"ErrCode": 1}] * 130})
    assert (len(summary.failures), summary.failures_more) == (100, 30)


@pytest.mark.parametrize("row", EVENT_TYPES, ids=lambda row: row.name)
def test_every_type_can_fail_unless_it_states_a_fact(row: Any) -> None:  # noqa: ANN401 - a row
    payload: dict[str, Any] = {"ErrCode": 70000}
    expected = "succeeded" if row.always_succeeds else "failed"
    assert evaluated(row.name, payload).outcome == expected


def test_very_many_different_failures_are_all_counted() -> None:
    results = [task(ErrCode=1 + n % 150, Message=f"m{n % 150}") for n in range(400)]
    found = evaluated("ProcedureStateChanged", {"MediaProcessResultSet": results})
    assert (found.outcome, len(found.failures), found.failures_more) == ("failed", 100, 300)
    assert [(one.code, one.message) for one in found.failures] == [(1 + n, f"m{n}") for n in range(100)]
