"""Find: which topics and partitions are read, in which order, and what counts as found."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord, TopicPartition

from bridge.core.catalogue import EVENT_TYPES
from bridge.operations.find import FindProgress, FindRequest, _Match, _Search, _topics_for, needles_of
from bridge.operations.found_record import masked_value
from bridge.operations.topic_range import FetchedBatch, TopicRangeReader
from bridge.settings.settings import load

NOW_MS = 1_763_700_000_000
HOUR_MS = 3_600_000
A, B = TopicPartition("a", 0), TopicPartition("b", 0)


def record(at: TopicPartition, offset: int, age_ms: int, **members: Any) -> ConsumerRecord:  # noqa: ANN401 - JSON
    value = msgspec.json.encode({"id": f"{at.topic}{offset}", "type": "T", "app": "shop", **members})
    return SimpleNamespace(
        topic=at.topic,
        partition=at.partition,
        offset=offset,
        timestamp=NOW_MS - age_ms,
        key=members.get("file_id", "").encode(),
        value=value,
        headers=[("ce_id", f"{at.topic}{offset}".encode())],
    )


class FakeReader:
    """Two partitions in memory, read as `TopicRangeReader` reads them."""

    def __init__(self, *records: ConsumerRecord, is_by_time: bool = True) -> None:
        self._records = records
        self.is_by_time = is_by_time
        self.end_offsets = {one: self._end(one) for one in (A, B)}
        self.stop_offsets = dict(self.end_offsets)
        self.start_offsets = dict.fromkeys((A, B), 0)
        self.total = len(records)
        self.read: list[tuple[str, int]] = []

    def _end(self, at: TopicPartition) -> int:
        return sum(one.topic == at.topic for one in self._records)

    async def offsets_at(self, at_ms: int) -> dict[TopicPartition, int]:
        return {
            at: min(
                (one.offset for one in self._records if one.topic == at.topic and one.timestamp >= at_ms),
                default=self.end_offsets[at],
            )
            for at in (A, B)
        }

    async def batches(self) -> AsyncIterator[FetchedBatch]:
        found = [
            one
            for one in self._records
            for at in (A, B)
            if one.topic == at.topic and self.start_offsets[at] <= one.offset < self.stop_offsets[at]
        ]
        self.read += [(one.topic, one.offset) for one in found]
        if found:
            yield FetchedBatch(found, self.stop_offsets)


async def search(reader: FakeReader, text: str = "7000001") -> tuple[list[str], FindProgress]:
    request = FindRequest(text=text, since_ms=NOW_MS - 7 * 24 * HOUR_MS, now_ms=NOW_MS)
    as_reader: TopicRangeReader = reader  # type: ignore[assignment] # it has what a search uses
    ids: list[str] = []
    last: FindProgress | None = None
    async for found in _Search(request, as_reader, by_key=True).run():
        if isinstance(found, FindProgress):
            last = found
        else:
            ids += [one.id for one in found]
    assert last is not None
    return ids, last


@pytest.mark.parametrize("is_by_time", [True, False])
async def test_all_partitions_are_read_once_from_the_newest_window_back(*, is_by_time: bool) -> None:
    reader = FakeReader(
        record(A, 0, 200 * 24 * HOUR_MS, file_id="7000001"),
        record(A, 1, 5 * 24 * HOUR_MS, file_id="7000001"),
        record(A, 2, 10 * HOUR_MS, file_id="7000002"),
        record(A, 3, 60_000, file_id="7000001"),
        record(B, 0, 2 * HOUR_MS, file_id="7000001"),
        record(B, 1, 1_000, file_id="7000001"),
        is_by_time=is_by_time,
    )
    ids, progress = await search(reader)
    assert ids == ["b1", "a3", "b0", "a1"]
    assert sorted(reader.read) == [("a", 0), ("a", 1), ("a", 2), ("a", 3), ("b", 0), ("b", 1)]
    assert (progress.is_whole, progress.records_read) == (True, 6)
    assert progress.looked_back_to == "2025-11-14T04:40:00.000Z"


@pytest.mark.parametrize(
    ("text", "is_match"),
    [
        ("7000001", True),
        ("1256768367-Transcode-7", True),
        ("T:1256768367", False),
        ("1256768367-Transcode-", False),
        ("700000", False),
        ("session", True),
        ("a0", True),
        ('say "hi"', True),
        ("named-in-the-payload", True),
        ("named-in-the", False),
    ],
)
def test_an_id_is_found_whole_wherever_it_stands(text: str, is_match: bool) -> None:  # noqa: FBT001 - a case
    found = record(
        A,
        0,
        0,
        file_id="7000001",
        task_id="1256768367-Transcode-7",
        session_id="session",
        payload={"FileIdSet": ["named-in-the-payload"], "Message": 'say "hi"'},
    )
    assert _Match(text)(found) is is_match
    is_no_id = text.startswith("say")
    assert _Match(text, ids_only=True)(found) is (is_match and not is_no_id)


def test_without_payloads_only_ids_are_found() -> None:
    payload = {
        "Name": "private",
        "Price": 4711,
        "Items": [{"TaskId": "1-Task-2", "Note": "private"}, "private"],
        "Output": {"FileId": 815, "ReferenceIdSet": ["reference"], "TaskIds": "private"},
    }
    found = record(A, 0, 0, file_id="7000001", payload=payload)
    guessed = ("private", "4711", "Name", "Note", "1-Task", "shop")
    assert [text for text in guessed if _Match(text, ids_only=True)(found)] == []
    named = ("7000001", "1-Task-2", "815", "reference", "a0")
    assert [text for text in named if not _Match(text, ids_only=True)(found)] == []


def test_the_ids_of_a_body_that_is_cut_off_are_found_and_nothing_else_of_it() -> None:
    body = b'{"FileId":"7000001","Name":"private","Price":4711,"TaskId" : 815,'
    body += b'"Note":"\\"FileId\\":\\"4712\\"","Fil'
    found = record(A, 0, 0)
    found.value = body
    assert [text for text in ("7000001", "815") if not _Match(text, ids_only=True)(found)] == []
    guessed = ("700000", "81", "private", "4711", "4712", "Price")
    assert [text for text in guessed if _Match(text, ids_only=True)(found)] == []


@pytest.mark.parametrize(
    "written",
    ['"a\\/b-\\u4e2d\\ud83d\\ude00"', '"a/b-\\u4E2D\\uD83D\\uDE00"', '"a\\/b-\u4e2d\U0001f600"'],
)
def test_an_id_is_found_as_the_sender_s_serializer_escaped_it(written: str) -> None:
    text, found = "a/b-\u4e2d\U0001f600", record(A, 0, 0)
    for found.value in (f'{{"SessionId":{written}}}'.encode(), f'{{"SessionId":{written},"Na'.encode()):
        assert any(needle in found.value for needle in needles_of(text))
        assert _Match(text, ids_only=True)(found)


def test_an_event_id_names_its_topic_and_any_other_id_may_be_anywhere() -> None:
    settings = load(None, {})
    assert _topics_for("TranscodeComplete:1", settings) == ["vod.TranscodeComplete", "vod.dead-letter"]
    assert len(_topics_for("1256768367-Transcode-7", settings)) > len(EVENT_TYPES)


def test_ids_and_codes_are_shown_of_a_payload_and_nothing_else() -> None:
    value = {
        "id": "T:1",
        "session_context": "private",
        "errors": [{"path": "X[0]", "code": 1, "message": "private"}],
        "payload": {
            "TaskId": "1",
            "FileIdSet": ["2"],
            "ErrCode": 0,
            "Url": "private",
            "Size": 7,
            "Name": ["private"],
            "Output": {"FileId": 3, "FileUrl": "private", "IsOpen": True, "Nothing": None},
            "Unknown": [{"FileId": "4", "Text": "private"}, "private", 5],
        },
    }
    shown = masked_value(value)
    assert "private" not in str(shown)
    assert shown["payload"]["Output"] == {"FileId": 3, "FileUrl": "****", "IsOpen": True, "Nothing": None}
    assert shown["payload"]["Unknown"] == [{"FileId": "4", "Text": "****"}, "****", "****"]
    assert shown["errors"] == [{"path": "X[0]", "code": 1, "message": "****"}]
    assert (shown["payload"]["FileIdSet"], shown["payload"]["Size"]) == (["2"], "****")
