"""A legacy notification's own result and ids, where the 3.0 shape has no place for them."""

from typing import Any

import pytest

from bridge.core.decode.legacy import Translation, translate


def test_the_code_of_a_concatenation_is_its_own_and_goes_to_elements_without_one() -> None:
    data = {"status": -1, "message": "no", "fileInfo": [{"fileId": "a"}, {"fileId": "b", "status": 0}, 5]}
    translation = translate("ConcatComplete", data)
    assert translation.payload == {
        "FileInfoSet": [{"FileId": "a", "ErrCode": -1}, {"FileId": "b", "ErrCode": 0}, {"ErrCode": -1}]
    }
    assert (translation.top_level_code, translation.top_level_message) == (-1, "no")


def test_a_code_is_folded_only_into_objects_of_a_set() -> None:
    assert translate("ConcatComplete", {"status": 4, "FileInfoSet": "x"}).payload == {"FileInfoSet": "x"}
    assert translate("ConcatComplete", {"status": 4, "FileInfoSet": ["x"]}).payload == {"FileInfoSet": ["x"]}
    assert translate("ConcatComplete", {"status": 4}).payload == {}


def test_a_concatenations_code_of_a_wrong_kind_is_nonconforming() -> None:
    translation = translate("ConcatComplete", {"status": [1], "message": "m"})
    assert translation.nonconforming
    assert (translation.top_level_code, translation.top_level_message) == (None, "")


@pytest.mark.parametrize("event_type", ["ClipComplete", "CreateSnapshotByTimeOffsetComplete"])
def test_a_code_that_no_page_names_is_the_notifications_own(event_type: str) -> None:
    translation = translate(event_type, {"status": 30009, "message": ["m"]})
    assert (translation.top_level_code, translation.top_level_message) == (30009, "")
    assert translation.unknown_paths == ("data.status", "data.message")


def test_a_code_with_a_field_is_not_the_top_level_code() -> None:
    assert translate("TranscodeComplete", {"status": 1}).top_level_code is None
    assert translate("ProcedureStateChanged", {"status": 1, "errCode": 1}).top_level_code is None


# types without a successor


def test_a_type_without_a_successor_keeps_its_name_and_its_data() -> None:
    data = {"status": 7, "message": "m", "vodTaskId": "t", "fileId": "f", "new": None}
    translation = translate("PorncheckComplete", data)
    assert translation == Translation(
        type="PorncheckComplete",
        known=False,
        payload=data,
        task_id="t",
        file_id="f",
        top_level_code=7,
        top_level_message="m",
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"status": "12"}, "12"),
        ({"status": "FINISH", "errCode": -3}, -3),
        ({"status": "PROCESSING"}, None),
        ({"status": True}, None),
        ({"status": 0.0}, None),
        ({}, None),
    ],
)
def test_only_a_number_is_a_code(data: dict[str, Any], code: object) -> None:
    assert translate("TestEvent", data).top_level_code == code


@pytest.mark.parametrize(
    ("data", "task_id"),
    [
        ({"vodTaskId": "", "TaskId": "t"}, "t"),
        ({"vodTaskId": 2**60}, str(2**60)),
        ({"vodTaskId": True, "TaskId": ["t"]}, ""),
    ],
)
def test_an_id_is_a_text_or_an_integers_digits(data: dict[str, Any], task_id: str) -> None:
    assert translate("TestEvent", data).task_id == task_id
