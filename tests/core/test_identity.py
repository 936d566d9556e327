"""When two deliveries are the same event: the ids of every kind of type."""

import json
from hashlib import blake2b
from typing import Any

import pytest

from bridge.core.catalogue import BY_NAME
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DecodedEvent, Identity
from bridge.core.identity import escape_part


def read(body: dict[str, Any]) -> DecodedEvent:
    return read_event(open_envelope(json.dumps(body).encode()))


def identity(name: str, payload: dict[str, Any], **further: Any) -> Identity:  # noqa: ANN401 - any JSON value
    field = BY_NAME[name].field if name in BY_NAME else "Payload"
    return read({"EventType": name, field: payload, **further}).identity


def digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


@pytest.mark.parametrize(
    ("name", "payload", "key"),
    [
        ("EditMediaComplete", {"TaskId": "t", "Status": "FINISH"}, "EditMediaComplete:t:FINISH"),
        ("EditMediaComplete", {"TaskId": "t", "Status": "PROCESSING"}, "EditMediaComplete:t:PROCESSING"),
        ("EditMediaComplete", {"TaskId": "t", "Status": ""}, "EditMediaComplete:t:FINISH"),
        ("EditMediaComplete", {"TaskId": 7, "Status": 8}, "EditMediaComplete:7:8"),
        ("EditMediaComplete", {"TaskId": "t", "Status": []}, "EditMediaComplete:t:FINISH"),
        ("EditMediaComplete", {"TaskId": "", "Output": {"FileId": "f"}}, "EditMediaComplete:f:FINISH"),
        ("TranscodeComplete", {"TaskId": "t", "ErrCode": 0}, "TranscodeComplete:t"),
        ("TranscodeComplete", {"TaskId": "t", "Status": "X"}, "TranscodeComplete:t"),
        (
            "ProcessImageAsyncCompleteEvent",
            {"TaskId": "t", "Status": "FINISH"},
            "ProcessImageAsyncCompleteEvent:t:FINISH",
        ),
        ("NewFileUpload", {"FileId": "f", "ProcedureTaskId": "t"}, "NewFileUpload:f"),
        ("NewFileUpload", {"FileId": "f", "TaskId": "t"}, "NewFileUpload:f"),
        (
            "WechatPublishComplete",
            {"TaskId": "t", "WechatStatus": "FAIL"},
            "WechatPublishComplete:t:FINISH:FAIL",
        ),
        ("WechatPublishComplete", {"TaskId": "t", "Status": "WAITING"}, "WechatPublishComplete:t:WAITING"),
        (
            "WechatMiniProgramPublishComplete",
            {"TaskId": "t", "Status": "FINISH", "PublishResult": "Pass"},
            "WechatMiniProgramPublishComplete:t:FINISH:Pass",
        ),
        ("PersistenceComplete", {"FileId": "f", "PersistenceSource": "S"}, "PersistenceComplete:f:S"),
        ("PersistenceComplete", {"FileId": "f"}, "PersistenceComplete:f"),
        ("New", {"TaskId": "t", "Status": "S"}, "New:t:S"),
        ("New", {"TaskId": "t"}, "New:t"),
        ("New", {"FileId": "f", "CastId": "c"}, "New:f"),
        ("New", {"CastId": "c"}, "New:c"),
        ("New:#@{}%\n\x7f中", {"TaskId": "a:b"}, "New%3A%23%40%7B%7D%25%0A%7F中:a%3Ab"),
    ],
)
def test_an_id_is_type_who_and_states(name: str, payload: dict[str, Any], key: str) -> None:
    assert identity(name, payload).key == key
    assert not identity(name, payload).recurring


def test_a_procedures_states_are_distinguished_by_their_content() -> None:
    one = identity("ProcedureStateChanged", {"TaskId": "t", "Status": "PROCESSING", "FileId": "f"})
    assert one.key == f"ProcedureStateChanged:t:PROCESSING#{one.digest}"
    assert one.digest == digest('{"FileId":"f","Status":"PROCESSING","TaskId":"t"}')


def test_recurring_types_are_marked_and_a_cast_has_a_latest_state_group() -> None:
    cast = identity("MediaCastStatusChanged", {"CastId": "c:1", "Status": "Idle"})
    assert cast.key == "MediaCastStatusChanged:c%3A1:Idle"
    assert (cast.recurring, cast.latest_state_group) == (True, "MediaCastStatusChanged:c%3A1")
    restore = identity("RestoreMediaComplete", {"FileId": "f", "Status": 0})
    assert restore.key == f"RestoreMediaComplete:f#{restore.digest}"
    assert (restore.recurring, restore.latest_state_group) == (True, "")
    deleted = identity("FileDeleted", {"FileIdSet": ["f"]})
    assert deleted.key == f"FileDeleted#{deleted.digest}"
    assert deleted.recurring


@pytest.mark.parametrize(
    "name", ["EditMediaComplete", "MediaCastStatusChanged", "ProcedureStateChanged", "New"]
)
def test_what_has_no_who_is_named_by_its_content_and_has_no_states(name: str) -> None:
    nameless = identity(name, {"Status": "FINISH"})
    assert nameless == Identity(key=f"{name}#{nameless.digest}", digest=nameless.digest, recurring=True)


def test_the_digest_is_over_what_was_delivered_before_any_repair() -> None:
    plain = identity(
        "EditMediaComplete", {"TaskId": 5, "Message": None, "Unknown": [None, {"b": 1.0, "a": "中"}]}
    )
    assert plain.digest == digest('{"TaskId":5,"Unknown":[null,{"a":"中","b":1.0}]}')


def test_further_keys_with_a_value_are_part_of_the_digest_under_their_names() -> None:
    payload = {"TaskId": "t"}
    plain = read({"EventType": "EditMediaComplete", "EditMediaComplete": payload}).identity
    assert plain.digest == digest('{"TaskId":"t"}')
    more = read(
        {"EventType": "EditMediaComplete", "EditMediaComplete": payload, "B": 1, "A": {"x": None}, "C": None}
    )
    assert more.identity.digest == digest('{"A":{},"B":1,"EditMediaComplete":{"TaskId":"t"}}')


def test_signature_and_handle_are_no_part_of_the_digest() -> None:
    payload = {"TaskId": "t"}
    plain = identity("EditMediaComplete", payload)
    assert identity("EditMediaComplete", payload, Sign="s", T=1, EventHandle="h") == plain


def test_a_legacy_digest_is_over_the_data() -> None:
    legacy = read(
        {"eventType": "PullComplete", "version": "4.0", "data": {"vodTaskId": "t", "message": None}}
    )
    assert legacy.identity.digest == digest('{"vodTaskId":"t"}')


def test_a_long_part_is_replaced_by_its_digest() -> None:
    assert escape_part("a" * 256) == "a" * 256
    assert escape_part("中" * 257) == digest("中" * 257)
    assert escape_part(":" * 256) == "%3A" * 256
    long = "S" * 300
    assert identity("New", {"TaskId": long, "Status": long}).key == f"New:{digest(long)}:{digest(long)}"
