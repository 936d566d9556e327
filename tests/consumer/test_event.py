"""A record read as an event: typed where it can be, plain data where not, and never an exception for news."""

import json
from datetime import UTC, datetime
from time import thread_time
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bridge.consumer import TYPES, Failure, UnreadableRecordError
from bridge.consumer.event import Event, read
from bridge.core.catalogue import BY_NAME
from bridge.core.event import Record
from bridge.core.payloads import TranscodeTask2017
from tests.consumer.records import EXAMPLES, consumed, payload_of, record_of, sample, transcoded


def _read(record: Record) -> Event[Any]:
    return read(consumed(record))


def _with_changes(record: Record, **keys: object) -> Record:
    return replace(record, value=msgspec.json.encode(json.loads(record.value) | keys))


@pytest.mark.parametrize("name", TYPES)
def test_the_payload_of_every_type_is_its_struct(name: str) -> None:
    files = sorted((EXAMPLES / name).glob("*.in.json"))
    events = [
        _read(record_of(file.read_bytes()))
        for file in files
        if _is_an_event(file.with_name(file.name.replace(".in.", ".out.")).read_text())
    ]
    known = [event for event in events if event.type == name]
    assert known
    for event in known:
        assert type(event.payload) is BY_NAME[name].struct
        assert event.typed


def _is_an_event(expected: str) -> bool:
    return "id" in json.loads(expected)


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*/*.out.json")), ids=lambda file: file.name)
def test_every_key_of_the_canonical_event_is_an_attribute(file: Any) -> None:  # noqa: ANN401 - a Path
    expected = json.loads(file.read_bytes())
    if "id" not in expected:
        return
    event = _read(record_of(file.with_name(file.name.replace(".out.", ".in.")).read_bytes()))
    assert event.raw.keys() == expected.keys()
    plain = json.loads(msgspec.json.encode(replace(event, record=None))) | {"original": event.original}
    for key in event.raw.keys() - {"payload", "time", "errors", "delivery"}:
        assert plain[key] == event.raw[key]
    assert event.time == datetime(2026, 1, 1, tzinfo=UTC)
    assert event.delivery.format == event.raw["delivery"]["format"]
    for failure, raw in zip(event.errors, event.raw.get("errors", []), strict=True):
        assert failure == Failure(**raw)


def test_the_record_is_at_hand() -> None:
    record = record_of(transcoded("t-1", "f-1"))
    event = read(consumed(record, offset=7))
    assert (event.topic, event.partition, event.offset, event.key) == ("vod.TranscodeComplete", 0, 7, "f-1")
    assert event.headers["ce_id"] == event.id == "TranscodeComplete:t-1"
    assert event.record.value == record.value


def test_unknown_words_and_fields_are_tolerated_and_reachable() -> None:
    body = sample("TranscodeComplete")
    payload_of(body)["News"] = {"of": [1]}
    payload_of(body)["PlayInfoSet"][0]["News"] = "too"
    event = _read(
        _with_changes(
            record_of(json.dumps(body).encode()),
            outcome="postponed",
            conformance="amended",
            delivery={"format": "v4", "mode": "carrier-pigeon", "speed": 1},
            news={"key": 1},
        )
    )
    assert event.typed
    assert (event.outcome, event.conformance, event.delivery.mode) == (
        "postponed",
        "amended",
        "carrier-pigeon",
    )
    assert event.raw["payload"]["News"] == {"of": [1]}
    assert event.raw["news"] == {"key": 1}


def test_a_payload_that_does_not_fit_its_type_is_plain_data() -> None:
    body = sample("TranscodeComplete")
    payload_of(body)["Duration"] = "long"
    event = _read(record_of(json.dumps(body).encode()))
    assert event.conformance == "nonconforming"
    assert not event.typed
    assert event.payload["Duration"] == "long"


def test_an_unknown_type_is_plain_data() -> None:
    event = _read(record_of(b'{"EventType":"Novelty","NoveltyEvent":{"TaskId":"t-1","A":[1]}}'))
    assert (event.type, event.typed, event.payload) == ("Novelty", False, {"TaskId": "t-1", "A": [1]})


@pytest.mark.parametrize("headers", [[], [("ce_type", b"x.ClipComplete")], [("ce_type", None)]])
def test_missing_or_wrong_headers_are_tolerated(headers: list[tuple[str, Any]]) -> None:
    event = _read(replace(record_of(transcoded("t-1", "f-1")), headers=headers))
    assert isinstance(event.payload, TranscodeTask2017)


@pytest.mark.parametrize("value", [b"", b"nonsense", b"[]", b"{}", b'{"id":1}', b"\xff", b"[" * 100_000])
def test_what_is_no_event_is_unreadable(value: bytes) -> None:
    with pytest.raises(UnreadableRecordError, match=r"vod.TranscodeComplete\[0\]@0"):
        _read(replace(record_of(transcoded("t-1", "f-1")), value=value))


def test_an_event_shows_itself_in_one_line() -> None:
    event = _read(record_of(transcoded("t-1", "f-1")))
    assert repr(event) == "<Event TranscodeComplete:t-1 succeeded vod.TranscodeComplete[0]@0>"


# numbers that no Python number holds, or that take long to read


DIGITS = b"7" * 5_000


def _procedure_event(members: bytes) -> Event[Any]:
    return _read(
        record_of(b'{"EventType":"ProcedureStateChanged","ProcedureStateChangeEvent":{%b}}' % members)
    )


@pytest.mark.parametrize(
    "members",
    [
        b'"MetaData":{"Duration":1e999}',
        b'"ErrCode":1e400',
        b'"ErrCode":' + DIGITS,
        b'"MediaProcessResultSet":[{"TranscodeTask":{"ErrCode":%b}}]' % DIGITS,
    ],
)
def test_an_impossible_number_in_a_known_field_makes_the_payload_plain_data(members: bytes) -> None:
    event = _procedure_event(b'"TaskId":"t",' + members)
    assert (event.typed, event.conformance, event.payload["TaskId"]) == (False, "nonconforming", "t")
    assert event.raw["payload"]["TaskId"] == "t"
    assert event.original is None


def test_an_impossible_number_in_an_unknown_key_is_its_text() -> None:
    event = _procedure_event(b'"TaskId":"t","New":[1e400,%b]' % DIGITS)
    assert (event.typed, event.payload.TaskId) == (True, "t")
    assert [bytes(number) for number in event.raw["payload"]["New"]] == [b"1e400", DIGITS]
    beside = _read(record_of(b'{"EventType":"Novelty","Of":{"TaskId":"t","N":1e999},"Beside":1e400}'))
    assert (beside.typed, bytes(beside.payload["N"]), bytes(beside.original["Beside"])) == (
        False,
        b"1e999",
        b"1e400",
    )


def test_very_many_slow_numbers_hold_nobody_up_and_are_typed_all_the_same() -> None:
    numbers = b",".join([b"1e308"] * 200_000)
    body = b'{"EventType":"QualityInspectComplete","QualityInspectCompleteEvent":{"TaskId":"t","New":[%b]}}'
    record = record_of(body % numbers)
    began = thread_time()
    event = _read(record)
    assert thread_time() - began < 1  # msgspec alone takes 1.7 s
    assert (event.typed, event.payload.TaskId, event.raw["payload"]["New"]) == (True, "t", [1e308] * 200_000)


def test_bytes_that_are_no_text_beside_an_impossible_number_are_no_event() -> None:
    record = record_of(b'{"EventType":"Novelty","Of":{"N":1e999,"Text":"@"}}')
    with pytest.raises(UnreadableRecordError):
        _read(replace(record, value=record.value.replace(b"@", b"\xff")))
