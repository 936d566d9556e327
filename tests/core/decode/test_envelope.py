"""Bodies opened: what the envelope holds, what is taken out of it, what is no notification at all."""

import pytest

from bridge.core.decode import v3
from bridge.core.decode.envelope import open_envelope
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


# a body as nearly all are, read in one go


PLAIN = b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent":{"TaskId":"t","FileId":"f","ErrCode":0}}'


def test_a_plain_body_is_read_while_it_is_opened() -> None:
    envelope = open_envelope(PLAIN)
    assert envelope.decoded is not None
    assert (envelope.decoded.type, bytes(envelope.decoded.payload)) == ("TranscodeComplete", PLAIN[58:-1])
    assert read(PLAIN) == read(PLAIN + b" ")


@pytest.mark.parametrize(
    "body",
    [
        PLAIN + b" ",
        PLAIN[:-1] + b',"TranscodeCompleteEvent":{}}',
        PLAIN[:-1] + b',"Sign":"s","T":1}',
        PLAIN[:-1],
        PLAIN + b"}",
        PLAIN.replace(b"}}", b"}]"),
        PLAIN.replace(b":{", b": {"),
        PLAIN.replace(b":{", b":[{").replace(b"}}", b"}]}"),
        PLAIN.replace(b"TranscodeCompleteEvent", b"FileUploadEvent"),
        PLAIN.replace(b'"f"', b'"\xff"'),
        PLAIN.replace(b'"f"', b'"\\ud800"'),
        PLAIN.replace(b'"f"', b"5"),
        PLAIN.replace(b"FileId", b"Later"),
        b'{"EventType":"TranscodeComplete","TranscodeCompleteEvent"}',
    ],
)
def test_anything_else_takes_the_long_way(body: bytes) -> None:
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
