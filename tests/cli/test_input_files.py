"""Files of notifications are taken apart without touching a byte."""

import io
from pathlib import Path

import pytest

from bridge.cli.support.input_files import (
    list_files,
    read_notifications,
    split_documents,
    split_pull_response,
)


def _read(text: bytes) -> list[bytes]:
    return list(split_documents(io.BytesIO(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a":1}\n\n{"b": 2}\n', [b'{"a":1}', b'{"b": 2}']),
        (b'{"a":1}\n{"b":\n{"c":3}', [b'{"a":1}', b'{"b":', b'{"c":3}']),
        (b'{"a":\n{"b":2}\n{"c":3}\n', [b'{"a":', b'{"b":2}', b'{"c":3}']),
        (b'{\n "a": 1\n}\n', [b'{\n "a": 1\n}\n']),
        (b'{\n "a": 1,\n', [b'{\n "a": 1,\n']),
        (b"\xff\xfe", [b"\xff\xfe"]),
        (b'\xef\xbb\xbf{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
        (b'\xef\xbb\xbf[\n{"a":1}]', [b'[\n{"a":1}]']),
        (b"\n\n", []),
        (b"", []),
    ],
)
def test_one_document_a_line_or_all_of_it(text: bytes, expected: list[bytes]) -> None:
    assert _read(text) == expected


def test_a_pull_answers_notifications_keep_their_bytes() -> None:
    first = b'{ "EventHandle": "h", "EventType":"X", "Big": 5285485487985271490123, "f": 1.50 }'
    second = b'{"EventType": "Y", "s": "\\u00e9"}'
    response = b'{"Response": {"EventSet": [' + first + b", " + second + b'], "RequestId": "r"}}'
    assert split_pull_response(response) == [first, second]


def test_a_legacy_pull_answers_notifications_keep_their_bytes() -> None:
    content = b'{ "version": "4.0", "eventType": "DeleteFile", "data": {"fileId": 1.0} }'
    response = b'{"code": 0, "eventList": [{"msgHandle": "m", "eventContent": ' + content + b"}]}"
    assert split_pull_response(response) == [content]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (b'{"Response": {"EventSet": null}}', []),
        (b'{"Response": {"Error": {"Code": "ResourceNotFound"}}}', []),
        (b'{"EventSet": [{"EventType": "X"}]}', [b'{"EventType": "X"}']),
        (b'[{"EventType": "X"}, {"eventType": "y"}]', [b'{"EventType": "X"}', b'{"eventType": "y"}']),
        (b'{"EventType": "X", "EventSet": []}', [b'{"EventType": "X", "EventSet": []}']),
        (b'{"Response": 7}', [b'{"Response": 7}']),
        (b"no JSON", [b"no JSON"]),
    ],
)
def test_what_is_no_pull_response_is_posted_unchanged(document: bytes, expected: list[bytes]) -> None:
    assert split_pull_response(document) == expected


def test_folders_are_walked_by_name_for_files_of_json(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("c.json", "b/a.jsonl", "a.ndjson", "notes.txt"):
        (tmp_path / name).write_text('{"EventType":"X"}')
    assert [file.name for file in list_files([tmp_path])] == ["a.ndjson", "a.jsonl", "c.json"]
    origins = [found.origin for found in read_notifications([tmp_path / "c.json", tmp_path / "notes.txt"])]
    assert origins == [f"{tmp_path}/c.json#1", f"{tmp_path}/notes.txt#1"]
