"""What a legacy notification becomes, rule by rule."""

import copy
from typing import Any

import pytest
from msgspec import Raw

from bridge.core.decode.legacy import Translation, translate


def subtask(kind: object, **keys: object) -> Translation:
    return translate("ProcedureStateChanged", {"processTaskList": [{"taskType": kind, **keys}]})


def element_of(translation: Translation) -> dict[str, Any]:
    element: dict[str, Any] = translation.payload["MediaProcessResultSet"][0]
    return element


# where two keys lead to one place


def test_the_exact_duration_wins_over_the_whole_seconds_and_metadata_over_the_flat_variant() -> None:
    data = {"duration": 1, "fileSize": 2, "metaData": {"duration": 3, "floatDuration": 3.5, "size": 4}}
    translation = translate("NewFileUpload", data)
    assert translation.payload == {"MetaData": {"Duration": 3.5, "Size": 4}}
    assert translation.unknown_paths == ()


def test_the_flat_variant_fills_what_the_metadata_lacks() -> None:
    translation = translate("NewFileUpload", {"width": 640, "metaData": {"height": 480, "width": None}})
    assert translation.payload == {"MetaData": {"Height": 480, "Width": 640}}


@pytest.mark.parametrize(
    ("kind", "side", "newer", "older", "to"),
    [
        ("SnapshotByTimeOffset", "input", "timeOffset", "TimeOffsetList", "TimeOffsetSet"),
        ("ImageSprites", "output", "urlList", "imageUrls", "ImageUrlSet"),
    ],
)
def test_the_newer_spelling_of_a_list_wins(kind: str, side: str, newer: str, older: str, to: str) -> None:
    task = {"SnapshotByTimeOffset": "SnapshotByTimeOffsetTask", "ImageSprites": "ImageSpriteTask"}[kind]
    both = subtask(kind, **{side: {older: [1], newer: [2]}})
    assert element_of(both)[task] == {side.capitalize(): {to: [2]}}
    assert both.unknown_paths == ()
    assert element_of(subtask(kind, **{side: {older: [1]}}))[task] == {side.capitalize(): {to: [1]}}


def test_pictures_are_read_and_checked_under_both_spellings() -> None:
    both = subtask(
        "SnapshotByTimeOffset", output={"picInfoList": [{"url": "old", "x": 1}], "imgInfo": [{"url": "new"}]}
    )
    assert element_of(both)["SnapshotByTimeOffsetTask"] == {"Output": {"PicInfoSet": [{"Url": "new"}]}}
    assert both.unknown_paths == ("data.processTaskList[0].output.picInfoList[0].x",)


# names that are 3.0 already


def test_3_0_names_pass_and_win() -> None:
    data = {"TaskId": "new", "vodTaskId": "old", "MediaBasicInfo": {"Name": "n"}, "ErrCode": 0}
    translation = translate("PullComplete", data)
    assert translation.payload == {
        "TaskId": "new",
        "MediaBasicInfo": {"Name": "n"},
        "ErrCode": 0,
        "Status": "FINISH",
    }
    assert translation.unknown_paths == ()


def test_an_empty_or_null_3_0_value_does_not_win() -> None:
    translation = translate(
        "TranscodeComplete", {"TaskId": "", "vodTaskId": "t", "FileId": None, "fileId": "f"}
    )
    assert translation.payload == {"TaskId": "t", "FileId": "f"}


def test_a_3_0_status_stays_beside_the_implied_one() -> None:
    assert translate("PullComplete", {"Status": "PROCESSING"}).payload == {"Status": "PROCESSING"}


def test_3_0_names_pass_at_every_depth() -> None:
    data = {
        "MetaData": {"Size": 1},
        "metaData": {"size": 2, "Width": 3, "videoStreamList": [{"Codec": "h264", "codec": "x"}]},
    }
    translation = translate("NewFileUpload", data)
    assert translation.payload == {
        "MetaData": {"Size": 1, "Width": 3, "VideoStreamSet": [{"Codec": "h264"}]},
    }


def test_3_0_names_pass_in_subtasks_at_the_old_level_and_at_the_new_one() -> None:
    old = subtask(
        "Transcode", ErrCodeExt="X", Input={"Definition": 5}, input={"definition": 6, "watermark": 1}
    )
    assert element_of(old) == {
        "Type": "Transcode",
        "TranscodeTask": {"ErrCodeExt": "X", "Input": {"Definition": 5}},
    }
    new = translate(
        "ProcedureStateChanged",
        {"processTaskList": [{"Type": "Transcode", "TranscodeTask": {"Status": "FAIL"}, "errCode": 1}]},
    )
    assert element_of(new) == {"Type": "Transcode", "TranscodeTask": {"Status": "FAIL", "ErrCode": 1}}
    assert old.unknown_paths == new.unknown_paths == ()


def test_a_3_0_name_of_another_object_is_unmapped() -> None:
    translation = translate("FileDeleted", {"TaskId": "t", "FileIdSet": ["f"]})
    assert translation.payload == {"FileIdSet": ["f"]}
    assert translation.unknown_paths == ("data.TaskId",)


# keys without a row


def test_keys_without_a_row_are_named_by_their_path() -> None:
    data = {"foo": 1, "playSet": [{"url": "u"}, {"foo": {"deep": 1}, "bar": None}]}
    translation = translate("TranscodeComplete", data)
    assert translation.payload == {"PlayInfoSet": [{"Url": "u"}, {}]}
    assert translation.unknown_paths == ("data.playSet[1].foo", "data.foo")
    assert not translation.nonconforming


def test_null_is_absent() -> None:
    translation = translate("ClipComplete", {"vodTaskId": None, "fileInfo": None, "foo": None})
    assert translation == Translation(type="ClipComplete", known=True, payload={})


def test_a_documented_key_that_no_row_names_is_unmapped() -> None:
    translation = subtask("Transcode", input={"disableHigherBitrate": 0})
    assert translation.unknown_paths == ("data.processTaskList[0].input.disableHigherBitrate",)


# subtasks by kind


def test_the_older_name_of_image_sprites_becomes_the_newer() -> None:
    translation = subtask("ImageSprite", status="SUCCESS", output={"imageUrls": ["u"]})
    assert element_of(translation) == {
        "Type": "ImageSprites",
        "ImageSpriteTask": {"Status": "SUCCESS", "Output": {"ImageUrlSet": ["u"]}},
    }


def test_an_unknown_kind_keeps_its_position_and_its_type() -> None:
    data = {
        "contentReviewList": [
            {"taskType": "Terrorism", "status": "SUCCESS", "errCode": 0},
            {"taskType": "Porn", "output": {"suggestion": "pass"}},
            {"errCode": 0},
        ]
    }
    translation = translate("ProcedureStateChanged", data)
    assert translation.payload["AiContentReviewResultSet"] == [
        {"Type": "Terrorism"},
        {"Type": "Porn", "PornTask": {"Output": {"Suggestion": "pass"}}},
        {},
    ]
    assert translation.unknown_paths == (
        "data.contentReviewList[0].status",
        "data.contentReviewList[0].errCode",
        "data.contentReviewList[2].errCode",
    )
    assert not translation.nonconforming


def test_a_pull_of_a_file_keeps_its_position_without_a_task_and_nothing_of_it_is_unmapped() -> None:
    translation = subtask("PullFile", status="SUCCESS", input={"url": "u"}, anything=[1])
    assert element_of(translation) == {"Type": "PullFile"}
    assert translation.unknown_paths == ()


@pytest.mark.parametrize("kind", [5, ["Transcode"], {"a": 1}, True])
def test_a_kind_that_is_no_text_is_unknown(kind: object) -> None:
    assert element_of(subtask(kind)) == {"Type": kind}


# the named conversions


@pytest.mark.parametrize(
    ("legacy", "v3"), [("ClientUpload", "Upload"), ("ServerUpload", "Upload"), ("Record", "Record"), (7, 7)]
)
def test_the_two_ways_of_uploading_become_one(legacy: object, v3: object) -> None:
    translation = translate("NewFileUpload", {"sourceType": legacy})
    assert translation.payload == {"MediaBasicInfo": {"SourceInfo": {"SourceType": v3}}}


@pytest.mark.parametrize(("legacy", "v3"), [("u", "u"), (["u"], "u"), ([], []), (["u", "v"], ["u", "v"])])
def test_a_cover_is_a_text_or_an_array_of_one(legacy: object, v3: object) -> None:
    translation = subtask("CoverBySnapshot", output={"imageUrl": legacy})
    assert element_of(translation)["CoverBySnapshotTask"] == {"Output": {"CoverUrl": v3}}


def test_watermarks_become_objects() -> None:
    translation = subtask("SampleSnapshot", input={"definition": 1, "watermarkDefinition": [7, None, 8]})
    assert element_of(translation)["SampleSnapshotTask"] == {
        "Input": {"Definition": 1, "WatermarkSet": [{"Definition": 7}, {}, {"Definition": 8}]}
    }


def test_a_clip_is_an_object_or_an_array_of_one() -> None:
    clip = {"fileId": "f", "status": 0}
    for delivered in (clip, [clip]):
        translation = translate("ClipComplete", {"fileInfo": delivered})
        assert translation.payload == {"FileInfo": {"FileId": "f", "ErrCode": 0}}
        assert not translation.nonconforming
    for wrong in ([], [clip, clip], "f", [1]):
        translation = translate("ClipComplete", {"fileInfo": wrong})
        assert translation.payload == {}
        assert translation.nonconforming


def test_deleted_files_become_a_set_of_ids() -> None:
    data = {"fileInfo": [{"fileId": "a"}, {"fileId": None}, {"fileId": 2, "foo": 1}]}
    translation = translate("FileDeleted", data)
    assert translation.payload == {"FileIdSet": ["a", 2]}
    assert translation.unknown_paths == ("data.fileInfo[2].foo",)
    assert translate("DeleteFile", {"fileId": "a"}).payload == {"FileIdSet": ["a"]}
    assert translate("DeleteFile", {"fileId": "a"}).type == "FileDeleted"


# values of a wrong kind


@pytest.mark.parametrize("wrong", ["x", 1, True, {"a": 1}, 0.5, Raw(b"1e999")])
def test_an_array_that_is_none_is_nonconforming_and_its_field_stays_empty(wrong: object) -> None:
    translation = translate("TranscodeComplete", {"playSet": wrong, "vodTaskId": "t"})
    assert translation.payload == {"TaskId": "t"}
    assert translation.nonconforming


def test_watermarks_and_deleted_files_that_are_no_arrays_are_nonconforming_too() -> None:
    assert subtask("SampleSnapshot", input={"watermarkDefinition": 7}).nonconforming
    assert translate("FileDeleted", {"fileInfo": {"fileId": "a"}}).nonconforming


@pytest.mark.parametrize("wrong", ["x", 1, True, [], [{}]])
def test_an_object_that_is_none_is_nonconforming_and_its_field_stays_empty(wrong: object) -> None:
    translation = translate("NewFileUpload", {"metaData": wrong, "duration": 4})
    assert translation.payload == {"MetaData": {"Duration": 4}}
    assert translation.nonconforming


def test_an_element_that_is_no_object_keeps_its_position_with_nothing_in_it() -> None:
    translation = translate("CreateSnapshotByTimeOffsetComplete", {"picInfo": ["x", {"status": -1}]})
    assert translation.payload == {"SnapshotInfoSet": [{}, {"ErrCode": -1}]}
    assert translation.nonconforming
    translation = translate("CreateSnapshotByTimeOffsetComplete", {"picInfo": [None, {"status": -1}]})
    assert translation.payload == {"SnapshotInfoSet": [{}, {"ErrCode": -1}]}
    assert not translation.nonconforming


def test_a_plain_value_goes_to_its_field_whatever_its_kind() -> None:
    translation = translate("TranscodeComplete", {"status": "bad", "fileId": 2**70, "duration": [1]})
    assert translation.payload == {"ErrCode": "bad", "FileId": 2**70, "Duration": [1]}
    assert not translation.nonconforming  # the catalogue says so, with the path


def test_what_was_delivered_is_left_as_it_is() -> None:
    data = {
        "status": 1,
        "fileInfo": [{"fileId": "a"}],
        "FileInfoSet": [{"FileId": "b"}],
        "metaData": {"size": 1},
    }
    before = copy.deepcopy(data)
    translate("ConcatComplete", data)
    translate("NewFileUpload", data)
    assert data == before
