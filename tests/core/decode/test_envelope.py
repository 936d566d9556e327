"""Bodies opened: what the envelope holds, what is taken out of it, what is no notification at all."""

import pytest

from bridge.core.decode import v3
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.decode.frame import Frames
from bridge.core.event import DecodedEvent
from bridge.core.outcome import RejectedError
from tests.core.decode.test_read_event import original, read, rejection

TRANSCODE = {"TaskId": "t", "FileId": "f", "ErrCode": 0}


@pytest.mark.parametrize(
    ("body", "sign", "t"),
    [
        (b'{"Sign":"AbC","T":1700000000}', "AbC", "1700000000"),
        (b'{"Sign":"\\u0041","T":"17"}', "A", "17"),
        (b'{"Sign":5,"T":-1}', "5", "-1"),
        (b'{"Sign":null,"T":1.5}', "", "1.5"),
        (b'{"Sign":{"a":1},"T":true}', '{"a":1}', "true"),
        (b"{}", "", ""),
    ],
)
def test_the_signature_is_taken_out_of_the_body(body: bytes, sign: str, t: str) -> None:
    envelope = open_envelope(body)
    assert (envelope.sign, envelope.t) == (sign, t)
    assert envelope.members == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"a":NaN}',
        b'{"a":1}x',
        b'{"EventType":"\\ud800',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_json_object_is_malformed(body: bytes) -> None:
    assert rejection(body) == "malformed"


@pytest.mark.parametrize(("deep", "good"), [(255, True), (256, False), (900, False)])
def test_nesting_deeper_than_anything_sent_is_malformed(deep: int, good: bool) -> None:  # noqa: FBT001 - a column of the table
    body = b'{"EventType":"New","Some":{"[":' + b"[" * deep + b"]" * deep + b',"b":"\\"[{"}}'
    if good:
        assert read(body).type == "New"
        assert read(body[:-1] + b',"Beside":' + b"[" * deep + b"]" * deep + b"}").type == "New"
    else:
        assert rejection(body) == "malformed"


def test_what_is_deep_beside_legacy_data_is_malformed() -> None:
    assert rejection(b'{"eventType":"X","data":{},"x":' + b"[" * 300 + b"]" * 300 + b"}") == "malformed"


def test_many_brackets_are_not_deep() -> None:
    assert read({"EventType": "New", "Some": {"a": [[{}]] * 1000, "b": "[" * 1000}}).type == "New"


def test_a_rejection_contains_nothing_of_the_body() -> None:
    with pytest.raises(RejectedError) as caught:
        open_envelope(b'{"secret":"\xff"}')
    assert caught.value.detail == "not UTF-8 (byte 11)"


def test_signature_and_handle_reach_no_part_of_the_event() -> None:
    plain = read({"EventType": "TranscodeComplete", "TranscodeCompleteEvent": TRANSCODE, "More": 1})
    signed = read(
        {
            "EventType": "TranscodeComplete",
            "TranscodeCompleteEvent": TRANSCODE,
            "More": 1,
            "EventHandle": "secret",
            "Sign": "secret",
            "T": 1,
        }
    )
    assert signed == plain


# a conforming payload in a known frame is decoded while the body is opened


PLAIN = b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{"TaskId":"t","FileId":"f","ErrCode":0}}'
HEAD, PAYLOAD = PLAIN[:33], PLAIN[58:-1]
FIELD = b'"TranscodeCompleteEvent":'


def read_slowly(body: bytes) -> DecodedEvent:
    return read_event(open_envelope(body, try_fast_path=False))


@pytest.mark.parametrize(
    "body",
    [
        PLAIN,
        HEAD + b'"FileUploadEvent":null,' + FIELD + PAYLOAD + b',"ClipCompleteEvent":null}',
        b'{"FileUploadEvent":null,' + FIELD + PAYLOAD + b',"EventType":"TranscodeComplete"}',
        PLAIN.replace(b":", b" : ").replace(b"}}", b"} } \n"),
        PLAIN.replace(b"Complete", b"\\u0043omplete"),
        PLAIN.replace(b'{"E', b'{"EventHandle":"h","Sign":null,"T":null,"E'),
        HEAD + b'"EventType":"TranscodeComplete",' + FIELD + b"null," + FIELD + PAYLOAD + b"}",
        HEAD + b'"a\\u007bb\\u007d":null,' + FIELD + PAYLOAD + b"}",
        # with more than type and payload
        PLAIN[:-1] + b',"Version":1.0,"Nothing":null}',
        PLAIN.replace(b'{"E', b'{"Version":[1e999,12345678901234567890123],"E'),
        PLAIN.replace(b'{"E', b'{"EventHandle":"h","Version":"1","E'),
    ],
)
def test_the_fast_path_gives_the_same_event_as_the_slow_path(body: bytes) -> None:
    envelope = open_envelope(body)
    assert envelope.decoded is not None
    assert (envelope.decoded.type, bytes(envelope.decoded.payload)) == (
        "TranscodeComplete",
        PAYLOAD.replace(b":", b" : ") if b" : " in body else PAYLOAD,
    )
    assert read(body) == read_slowly(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        PLAIN[:-1],
        PLAIN + b"}",
        PLAIN + b"x",
        PLAIN.replace(b"}}", b"}]"),
        PLAIN.replace(b":{", b":[{").replace(b"}}", b"}]}"),
        PLAIN.replace(b"TranscodeCompleteEvent", b"FileUploadEvent"),
        PLAIN.replace(b'"TranscodeComplete"', b'"RestoreCompleteEvent"'),  # an alias
        PLAIN.replace(b'"TranscodeComplete"', b"5"),
        PLAIN.replace(b'"TranscodeComplete"', b"null"),
        PLAIN.replace(b'"TranscodeComplete"', b'"Later"'),
        b"{" + FIELD + PAYLOAD + b"}",
        PLAIN[:-1] + b',"TranscodeCompleteEvent":{}}',
        PLAIN[:-1] + b',"TranscodeCompleteEvent":null}',
        PLAIN[:-1] + b',"EventType":"NewFileUpload"}',
        PLAIN[:-1] + b',"FileUploadEvent":{}}',  # an object beside the payload
        PLAIN.replace(b'{"E', b'{"FileUploadEvent":{},"E'),
        PLAIN[:-1] + b',"Sign":"s","T":1}',
        PLAIN[:-1] + b',"a}b":null}',
        PLAIN[:-1] + b',"Version":' + b"[" * 500 + b"]" * 500 + b"}",  # too deep
        PLAIN[:-1] + b',"Version":"\xff"}',
        PLAIN[:-1] + ',"Version":"中"}'.encode(),
        PLAIN[:-1] + b',"Version":"\\ud800"}',
        PLAIN[:-1] + b"," + b" " * 5000 + b'"Version":1}',
        PLAIN.replace(b'{"E', b"{" + b" " * 5000 + b'"E'),
        b'{"EventType":"TranscodeComplete","a:{}":null,"TranscodeCompleteEvent":0}',
        b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":0,"a":"{}"}',
        PLAIN.replace(b'"f"', b'"\xff"'),
        PLAIN.replace(b'"f"', b'"\\ud800"'),
        PLAIN.replace(b'"f"', b"5"),
        b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent"}',
    ],
)
def test_anything_else_takes_the_slow_path(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(v3, "_frames", Frames())  # one that knows no sibling yet
    assert v3.decode_fast(body) is None


# half a surrogate pair


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    event = read(
        rb'{"EventType":"NewFileUpload","FileUploadEvent":'
        rb'{"FileId":"a\ud800\\ud800\udc00","MediaBasicInfo":{"Name":"\ud83d\ude00"}}}'
    )
    assert event.file_id == "a\ufffd\\ud800\ufffd"
    assert event.conformance == "repaired"
    assert event.repairs == ("lone surrogate: to U+FFFD",)
    assert original(event)["FileUploadEvent"]["MediaBasicInfo"]["Name"] == "😀"


def test_half_a_surrogate_pair_in_a_broken_body_is_malformed() -> None:
    assert rejection(rb'{"a":"\ud800"') == "malformed"


# a byte order mark


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("body", [PLAIN, PLAIN + b" ", PLAIN[:-1] + b',"Sign":"s","T":1}'])
def test_one_byte_order_mark_is_skipped(body: bytes) -> None:
    assert read(BOM + body) == read(body)
    assert rejection(BOM + BOM + body) == "malformed"


def test_a_byte_order_mark_alone_is_malformed() -> None:
    assert rejection(BOM) == "malformed"
