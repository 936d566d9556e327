"""What fits the catalogue, what is repaired, what is passed on as it is although it fits nowhere."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from bridge.core.catalogue import BY_NAME
from bridge.core.decode.normalize import Normalized, normalize


def normalized(name: str, payload: Any) -> Normalized:  # noqa: ANN401 - any JSON value
    return normalize(
        Raw(payload if isinstance(payload, bytes) else msgspec.json.encode(payload)), BY_NAME[name]
    )


def payload_of(read: Normalized) -> Any:  # noqa: ANN401 - any JSON value
    return msgspec.json.decode(read.payload)


@pytest.mark.parametrize(
    "payload",
    [
        {"TaskId": None, "Status": "A_NEW_WORD", "Unknown": [{"x": 1}], "Progress": 2**64 - 1},
        {"Unknown": 10**40, "Output": {"FileId": "f", "Unknown": 1e300}},
        {"Progress": -(2**63), "Input": {"Tracks": []}},
        b'{"Unknown":1e999}',
        b'{"TaskId":5,"TaskId":"t"}',
    ],
)
def test_unknown_keys_words_and_nulls_are_conforming(payload: Any) -> None:  # noqa: ANN401 - any JSON value
    read = normalized("ComposeMediaComplete", payload)
    assert (read.repairs, read.nonconforming) == ((), False)


@pytest.mark.parametrize(
    "payload",
    [
        {"Progress": 2**64},
        {"Progress": -(2**63) - 1},
        {"Progress": "7"},
        {"Progress": 60.0},
        {"Progress": True},
        {"TaskId": 1.5},
        {"TaskId": False},
        {"TaskId": ["t"]},
        {"Output": "text"},
        {"Output": [{}]},
        {"Input": {"Tracks": {}}},
        {"Input": {"Tracks": [None]}},
        {"Input": {"Tracks": ["x"]}},
        {"MetaData": {"Duration": "60"}},
        {"MetaData": {"Duration": 2**64}},
        b'{"Progress":1e2}',
        b'{"MetaData":{"Duration":1e999}}',
    ],
)
def test_a_nonconforming_value_is_flagged_and_passed_on_unchanged(payload: Any) -> None:  # noqa: ANN401 - any JSON value
    read = normalized("ComposeMediaComplete", payload)
    assert read.nonconforming
    assert read.repairs == ()
    assert bytes(read.payload) == (payload if isinstance(payload, bytes) else msgspec.json.encode(payload))


def test_integers_become_texts_where_the_catalogue_has_texts_and_the_rest_stays() -> None:
    payload = {
        "FileIdSet": ["a", 2, 10**30],
        "FileDeleteResultInfo": [{"FileId": 7, "New": None}, {}],
        "New": 1,
    }
    read = normalized("FileDeleted", payload)
    assert payload_of(read) == {
        "FileIdSet": ["a", "2", str(10**30)],
        "FileDeleteResultInfo": [{"FileId": "7", "New": None}, {}],
        "New": 1,
    }
    assert read.repairs == (
        "FileIdSet[1]: number to string",
        "FileIdSet[2]: number to string",
        "FileDeleteResultInfo[0].FileId: number to string",
    )
    assert msgspec.json.decode(read.content)["FileIdSet"] == ["a", 2, 10**30]


def test_repairs_are_made_beside_nonconforming_values() -> None:
    read = normalized("ComposeMediaComplete", {"TaskId": 1, "Progress": "x"})
    assert read.nonconforming
    assert payload_of(read) == {"TaskId": "1", "Progress": "x"}


def test_nested_media_basic_info_is_unnested_and_the_inner_value_wins() -> None:
    nested = {
        "FileId": "f",
        "Name": "outer",
        "Vid": "v",
        "MediaBasicInfo": {"Name": "inner", "Vid": None, "Type": None, "MediaBasicInfo": {"ClassName": 3}},
    }
    read = normalized("PullComplete", {"MediaBasicInfo": nested})
    assert payload_of(read)["MediaBasicInfo"] == {
        "FileId": "f",
        "Name": "inner",
        "Vid": "v",
        "Type": None,
        "ClassName": "3",
    }
    assert read.repairs == (
        "MediaBasicInfo: unnested",
        "MediaBasicInfo: unnested",
        "MediaBasicInfo.ClassName: number to string",
    )


def test_media_basic_info_that_nests_no_object_is_left_alone() -> None:
    payload = {"MediaBasicInfo": {"Name": "n", "MediaBasicInfo": None}}
    assert normalized("PullComplete", payload).repairs == ()


def test_lower_camel_keys_are_raised_and_the_vendors_own_spelling_wins() -> None:
    payload = {"fileId": "a", "FileId": "b", "status": 0, "Status": None, "message": None, "other": 1}
    read = normalized("RestoreMediaComplete", payload)
    assert payload_of(read) == {"FileId": "b", "Status": 0, "message": None, "other": 1}
    assert read.repairs == ("fileId: to FileId", "status: to Status")


def test_lower_camel_keys_of_other_types_are_unknown_keys() -> None:
    assert normalized("PullComplete", {"taskId": 1}).repairs == ()


def test_keys_of_a_later_catalogue_hide_neither_repairs_nor_nonconforming_values() -> None:
    media = {"New": {}, "MediaBasicInfo": "no object", "Name": "n"}
    assert normalized("PullComplete", {"MediaBasicInfo": media}).repairs == ()
    assert normalized("PullComplete", {"MediaBasicInfo": {**media, "Name": 1}}).repairs
    assert normalized("PullComplete", {"New": 1, "MediaBasicInfo": {**media, "Name": []}}).nonconforming


def test_very_many_repairs_are_counted() -> None:
    read = normalized("FileDeleted", {"FileIdSet": list(range(1000))})
    assert (len(read.repairs), read.repairs_more) == (100, 900)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"MetaData":{"Size":1,"Duration":60,"Rotate":null},"FileId":"\\u4e2d"}',
        '{"FileId":"中","MetaData":{"Duration":6e1,"Size":1}}'.encode(),
    ],
)
def test_the_canonical_bytes_are_the_same_both_ways(payload: bytes) -> None:
    short = normalized("NewFileUpload", payload)
    long = normalized("NewFileUpload", payload[:-1] + b',"Unknown":null}')
    assert short.content == long.content


@pytest.mark.parametrize("turn", [1, -1])
def test_very_many_keys_in_any_order_are_sorted(turn: int) -> None:
    keys = [f"{number:06d}" for number in range(200_000)][::turn]
    read = normalized("NewFileUpload", {"X": 1, **dict.fromkeys(keys, 1)})
    assert list(msgspec.json.decode(read.content)) == [*sorted(keys), "X"]


def test_the_canonical_bytes_keep_integers_floats_and_empty_elements_apart() -> None:
    def content(payload: bytes) -> bytes:
        return normalized("NewFileUpload", payload).content

    assert content(b'{"b":[null,{"c":null}],"a":60}') == b'{"a":60,"b":[null,{}]}'
    assert content(b'{"a":60.0}') == b'{"a":60.0}'
    assert content(b'{"a":12345678901234567890123}') == b'{"a":12345678901234567890123}'


@pytest.mark.parametrize("elements", [3, 2000])
def test_null_members_are_no_content_and_null_elements_are(elements: int) -> None:
    payload = {"X": None, "b": [{"d": None, "c": 1}, None, [{"e": None}, "null"]] * elements, "a": None}
    content = b'{"b":[%b]}' % b",".join([b'{"c":1},null,[{},"null"]'] * elements)
    assert normalized("NewFileUpload", payload).content == content
