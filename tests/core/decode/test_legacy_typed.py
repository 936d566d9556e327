"""Legacy bodies that structs translate: the same event as the mapping of any body gives."""

import json
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw, Struct

from bridge.core import payloads
from bridge.core.decode import legacy
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.legacy import translate_typed, typed
from bridge.core.decode.legacy.event_types import LEGACY_TYPES
from bridge.core.decode.legacy.forms import UnsupportedTableError, forms_of
from bridge.core.decode.legacy.procedure import PROCEDURE
from bridge.core.decode.legacy.rules import LegacyType, MapObject, MapObjects, MappingTable
from bridge.core.decode.schema import schema_of
from bridge.core.event import DecodedEvent
from bridge.core.outcome import RejectedError
from tests.bench.bodies import of_legacy
from tests.examples import examples

TYPED = ("ProcedureStateChanged", "TranscodeComplete", "CreateImageSpriteComplete")
OUTPUT = MappingTable(payloads.EditMediaTaskOutput, {"fileId": "FileId"})
FILE = MappingTable(payloads.ConcatFileInfo2017, {"fileId": "FileId"})
OTHER_FILE = MappingTable(payloads.ConcatFileInfo2017, {"fileId": "FileId"})
TRANSCODE = {"taskType": "Transcode", "status": "SUCCESS", "errCode": 0, "output": {"url": "u"}}
COVER = {"taskType": "CoverBySnapshot", "status": "FAIL", "errCode": 7, "message": "m"}


def read(body: bytes) -> DecodedEvent | str:
    try:
        return read_event(open_envelope(body))
    except RejectedError as error:
        return f"{error.reason} {error.detail}"


def assert_equal_both_ways(body: bytes) -> None:
    typed = read(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(legacy, "translate_typed", lambda _name, _raw: None)
        assert typed == read(body)


def body_of(data: bytes, event_type: str = "ProcedureStateChanged") -> bytes:
    return b'{"version":"4.0","eventType":"%b","data":%b}' % (event_type.encode(), data)


def is_typed(data: Any, event_type: str = "ProcedureStateChanged") -> bool:  # noqa: ANN401 - any JSON value, or its text
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    assert_equal_both_ways(body_of(text, event_type))
    return translate_typed(event_type, Raw(text)) is not None


def test_published_samples_of_procedures_are_translated_by_structs() -> None:
    bodies = [json.loads(text) for text in of_legacy()]
    found = [is_typed(body["data"]) for body in bodies if body["eventType"] == "ProcedureStateChanged"]
    assert found.count(True) >= len(found) - 1


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"status": None, "processTaskList": []},
        {
            "vodTaskId": "t",
            "status": "FINISH",
            "processTaskList": [TRANSCODE, COVER, {"taskType": "Transcode"}],
        },
        {"processTaskList": [{"taskType": "ImageSprite", "status": "SUCCESS"}]},
        {"processTaskList": [{"taskType": "Transcode", "input": {}, "output": {"videoStreamList": [{}]}}]},
        {"processTaskList": [{"taskType": "Transcode", "input": {"watermark": [1, "x"]}}]},
        {"processTaskList": [{"taskType": "ImageSprites", "output": {"urlList": ["a"], "imageUrls": ["b"]}}]},
        {"processTaskList": [{"taskType": "CoverBySnapshot", "output": {"imageUrl": ""}}]},
        {"contentReviewList": [{"taskType": "Porn", "output": {"segments": [{"url": "u"}]}}]},
        {"metaData": {"duration": 5, "floatDuration": None}},
        {"metaData": {"duration": 5, "floatDuration": 5.5, "bitrate": None}},
        {"drm": {"b": None, "a": [{"d": None, "c": 1}]}, "isEncrypted": 1, "aiReview": []},
        {"drm": 2**70},
        {"drm": {"b": 1}, "aiReview": {"x": {"status": "FAIL"}}},
        {"drm": {}, "aiReview": {"porn": {"status": "FAIL", "errCode": 5}, "x": {"status": "SUCCESS"}}},
        {"aiReview": [{"status": 5}, {"status": 0}], "drm": {"a": "\u4e2d"}},
        b'{"status":"FINISH","status":null,"processTaskList":null,"processTaskList":[]}',
        b'{"st\\u0061tus":"FINISH","metaData":{"duration":1e2}}',
        b'{"processTaskList":[{"status":"FAIL","taskType":"Transcode","taskType":"Transcode"}]}',
    ],
)
def test_what_conforms_is_translated_by_structs(data: Any) -> None:  # noqa: ANN401 - any JSON value
    assert is_typed(data)


@pytest.mark.parametrize(
    "data",
    [
        {"TaskId": "t"},
        {"later": 1},
        {"vodTaskId": 5},
        {"processTaskList": {}},
        {"processTaskList": [None]},
        {"processTaskList": [{}]},
        {"processTaskList": [{"status": "FAIL"}]},
        {"processTaskList": [{"taskType": "PullFile", "status": "FAIL"}]},
        {"processTaskList": [{"taskType": "Later", "status": "FAIL"}]},
        {"processTaskList": [{**TRANSCODE, "Type": "Cover"}]},
        {"processTaskList": [{**TRANSCODE, "BeginProcessTime": "t"}]},
        {"processTaskList": [{"taskType": "Transcode", "input": {"watermarkDefinition": [1]}}]},
        {"processTaskList": [{"taskType": "Transcode", "input": {"watermark": {"status": "FAIL"}}}]},
        {"processTaskList": [{"taskType": "CoverBySnapshot", "output": {"imageUrl": ["u"]}}]},
        {"contentReviewList": [{"status": "FAIL"}]},
        {"contentReviewList": [{"taskType": "\0", "never": 1}]},
        {"metaData": {"duration": "5"}},
        {"metaData": {"size": 2**64}},
        {"fileId": "x" * 70_000},
        {"drm": {"x": {"status": "FAIL"}}, "aiReview": {"x": {"status": "FAIL"}}},  # in the body's order
        b'{"drm":1e999}',
        b'{"drm":"\\ud800"}',
        b'{"metaData":{"duration":[' + b"1e10," * 3000 + b"1]}}",
        b'{"drm":[' + b"1e10," * 3000 + b"1]}",
        b'{"processTaskList":[{"taskType":"Transcode","status":"FAIL","taskType":"ImageSprite"}]}',
        b'{"drm":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_anything_else_is_left_to_the_mapping(data: Any) -> None:  # noqa: ANN401 - any JSON value
    assert not is_typed(data)


def test_deep_members_are_malformed_both_ways() -> None:
    body = body_of(b'{"drm":{"a":' + b"[" * 300 + b"]" * 300 + b"}}")
    assert_equal_both_ways(body)
    assert read(body) == "malformed too deep"


@pytest.mark.parametrize(
    "event_type", ["NewFileUpload", "PullComplete", "ConcatComplete", "DeleteFile", "Later"]
)
def test_types_with_more_than_a_table_are_left_to_the_mapping(event_type: str) -> None:
    assert not is_typed({}, event_type)


@pytest.mark.parametrize(
    ("struct", "rows"),
    [
        (payloads.EditMediaTask, {"a": "Output.FileId", "b": "TaskId", "c": "Output.FileType"}),
        (payloads.EditMediaTask, {"a": "TaskId", "b": "Status", "c": "TaskId"}),
        (payloads.EditMediaTask, {"a": "MetaData.VideoStreamSet.Codec"}),
        (payloads.EditMediaTask, {"a": "TaskId.FileId"}),
        (payloads.EditMediaTask, {"*": None}),
        (payloads.EditMediaTask, {"a": MapObject("Output", OUTPUT), "b": MapObject("Output", OUTPUT)}),
        (
            payloads.ConcatTask2017,
            {"a": MapObjects("FileInfoSet", FILE), "b": MapObjects("FileInfoSet", OTHER_FILE)},
        ),
        (payloads.MediaProcessTaskResult, {"a": "TranscodeTask.Status", "b": "ImageSpriteTask.Status"}),
    ],
)
def test_a_table_whose_order_or_names_no_struct_can_keep_is_refused(
    struct: type[Struct], rows: dict[str, Any]
) -> None:
    with pytest.raises(UnsupportedTableError):
        forms_of(MappingTable(struct, rows))


def test_a_type_whose_table_is_refused_is_left_to_the_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = LegacyType(
        "EditMediaComplete", MappingTable(payloads.EditMediaTask, {"status": "MetaData.VideoStreamSet.Codec"})
    )
    monkeypatch.setattr(typed, "LEGACY_TYPES", {"Refused": refused})
    assert translate_typed("Refused", Raw(b"{}")) is None


def test_a_kind_with_more_than_its_task_is_refused() -> None:
    kind = MappingTable(
        payloads.MediaProcessTaskResult,
        {"taskType": "Type", "a": "TranscodeTask.Status", "b": "ImageSpriteTask.Message"},
    )
    table = MappingTable(payloads.MediaProcessTaskResult, {})
    rows = {"list": MapObjects("MediaProcessResultSet", table, {"One": kind})}
    with pytest.raises(UnsupportedTableError):
        forms_of(MappingTable(payloads.ProcedureTask, rows))


class Data:
    """Made-up ``data`` of a table, mostly conforming."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - no secret hangs on it
        self.wild = self.random.choice((0, 0, 0.01, 0.05))

    def of_table(self, table: MappingTable, kind: str = "") -> dict[str, Any]:
        """Give an object of a table."""
        keys = [key for key in table.rows if key not in table.struct.__struct_fields__ and key[0].islower()]
        self.random.shuffle(keys)
        found = {key: self.value(table, key) for key in keys if self.random.random() < 0.6}
        if kind:
            found["taskType"] = kind
        if self.random.random() < self.wild:
            found[self.random.choice(("Status", "later", "TaskId", "status"))] = self.scalar()
        return found

    def value(self, table: MappingTable, key: str) -> Any:  # noqa: ANN401 - any JSON value
        """Give a value for a key."""
        rule = table.rows[key]
        if self.random.random() < 0.05:
            return None
        if self.random.random() < self.wild:
            return self.random.choice((self.scalar(), [self.scalar()], {"status": "FAIL"}, [], {}))
        if rule is None:
            return self.random.choice(
                (self.scalar(), {"b": [1, None], "a": None}, {"x": {"errCode": 5}}, [{"status": 1}], [])
            )
        if isinstance(rule, MapObject):
            return self.of_table(rule.table)
        if isinstance(rule, MapObjects):
            kinds = list(rule.by_kind) or [""]
            chosen = [self.random.choice(kinds) for _ in range(self.random.randrange(3))]
            return [self.of_table(rule.by_kind.get(kind, rule.table), kind) for kind in chosen]
        return self.of_target(table.struct, rule if isinstance(rule, str) else rule.to)

    def of_target(self, struct: type[Struct], target: str) -> Any:  # noqa: ANN401 - any JSON value
        """Give a value of the type of a target."""
        schema = schema_of(struct)
        *parents, name = target.split(".")
        for parent in parents:
            inner = schema.fields[parent].schema
            assert inner is not None
            schema = inner
        kind = schema.fields.get(name)
        if kind is None:
            return self.scalar()
        if kind.is_array:
            return [self.of_type(kind.type) for _ in range(self.random.randrange(3))]
        return self.of_type(kind.type)

    def of_type(self, kind: Any) -> Any:  # noqa: ANN401 - a type and a value of it
        """Give a value of a type."""
        choices: dict[Any, tuple[Any, ...]] = {
            str: ("", "x", "FAIL", "SUCCESS", "PROCESSING", "\u4e2d"),
            int: (0, 1, 40000, -5),
            float: (0, 1.0, 0.1, 1e22, 7),
        }
        return self.random.choice(choices.get(kind, ({},)))

    def scalar(self) -> Any:  # noqa: ANN401 - any JSON value
        """Give any plain value."""
        return self.random.choice((None, "", "x", 0, 5, 2**64, 1.5, True, "FAIL"))


@settings(max_examples=examples(400, full=4_000))
@given(st.integers(min_value=0, max_value=2**64 - 1))
def test_structs_and_mapping_give_the_same_event(seed: int) -> None:
    data = Data(seed)
    event_type = data.random.choice(TYPED)
    assert_equal_both_ways(
        body_of(json.dumps(data.of_table(LEGACY_TYPES[event_type].table)).encode(), event_type)
    )


def test_made_up_data_is_translated_by_structs_often_enough() -> None:
    texts = [Raw(json.dumps(Data(seed).of_table(PROCEDURE)).encode()) for seed in range(100)]
    assert sum(translate_typed("ProcedureStateChanged", text) is not None for text in texts) > 30


def test_the_payload_keeps_the_order_of_the_mapping() -> None:
    data = {"processTaskList": [TRANSCODE], "fileId": "f", "message": "", "vodTaskId": "t"}
    typed = translate_typed("ProcedureStateChanged", Raw(json.dumps(data).encode()))
    assert typed is not None
    assert list(json.loads(msgspec.json.encode(typed.value))) == [
        "TaskId",
        "Message",
        "FileId",
        "MediaProcessResultSet",
    ]
