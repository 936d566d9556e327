"""Every leaf of a delivered body stands in its record, whatever happened to the body on its way.

The bodies are the published payloads and made-up ones, each changed in a few places: members are dropped,
renamed, repeated, moved and nested, and values get another type. Body and record are walked as they are
written: repeated members one by one, numbers digit by digit.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification
from bridge.core.outcome import RejectedError
from bridge.core.record import Routing, event_record
from tests.core.bodies import Bodies, encode_body
from tests.end_to_end.notifications import published_payloads
from tests.examples import examples

CHANGED = examples(2_000, full=40_000)
SEEDS = st.integers(min_value=0, max_value=2**64 - 1)
PUBLISHED = [case.read_bytes() for case in published_payloads()]
ENVELOPE_ONLY = ("EventHandle", "Sign", "T")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")

LeafPath = tuple[str | int, ...]


class Members(list[tuple[str, Any]]):
    """The members of an object as they are written, repeated ones too."""


class Number(str):
    """A number as it is written."""

    __slots__ = ()


KEYS = (
    *("EventType", "eventType", "version", "data", "Sign", "PullCompleteEvent", "FileUploadEvent", "", "New"),
    *("TaskId", "FileId", "Status", "ErrCode", "Message", "Type", "Input", "Output", "MediaBasicInfo"),
    *("vodTaskId", "fileId", "status", "errCode", "message", "taskType", "input", "output", "metaData"),
    *("MediaProcessResultSet", "processTaskList", "contentReviewList", "FileInfo", "fileInfo", "picInfo"),
)
NUMBERS = ("0", "-0", "5", "-1", "1.50", "0.10000000000000000001", "1e999", "9" * 40, str(2**64))
VALUES = (
    *(None, True, False, "", "x", "5", "FAIL", "ABORTED", "\ud800", "\x00", "\u52a8", [], Members()),
    *map(Number, NUMBERS),
    *(
        Members([("Status", "FAIL"), ("ErrCode", Number("5"))]),
        [Members([("status", "FAIL")])],
        [[Number("1")]],
    ),
)


def parsed(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    return json.loads(text, object_pairs_hook=Members, parse_int=Number, parse_float=Number)


def written(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if type(value) is Members:
        return "{" + ",".join(f"{json.dumps(key)}:{written(member)}" for key, member in value) + "}"
    if type(value) is list:
        return "[" + ",".join(map(written, value)) + "]"
    return str(value) if type(value) is Number else json.dumps(value)


def copied(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    return parsed(written(value).encode())


def holders(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    """Yield every object and array in a value that holds anything, itself included."""
    if type(value) in (Members, list) and value:
        yield value
        for element in value:
            yield from holders(element[1] if type(value) is Members else element)


def change(body: Any, random: Random) -> None:  # noqa: ANN401 - any JSON value
    """Change one place of a body."""
    found = list(holders(body))
    if not found:
        return
    holder = random.choice(found)
    at = random.randrange(len(holder))
    key, value = holder[at] if type(holder) is Members else (random.choice(KEYS), holder[at])
    name, other = random.choice(KEYS), copied(random.choice(VALUES))
    changes: list[list[tuple[str, Any]]] = [
        [],  # dropped
        [(name, value)],  # renamed
        [(key, other)],
        [(key, Members([(name, value)]))],
        [(key, [value])],
        [(key, value), (key, copied(value))],
        [(key, value), (name, other)],
    ]
    del holder[at]
    if random.random() < 0.1:  # moved
        put(random.choice(found), 0, [(key, copied(value))])
    else:
        put(holder, at, random.choice(changes))


def put(holder: Any, at: int, members: list[tuple[str, Any]]) -> None:  # noqa: ANN401 - an object or an array
    holder[at:at] = members if type(holder) is Members else [member for _, member in members]


def leaves(value: Any, path: LeafPath = ()) -> Iterator[tuple[LeafPath, str]]:  # noqa: ANN401 - any JSON value
    """Yield the path and the text of every leaf; empty objects and arrays are leaves, too."""
    if type(value) is Members and value:
        for key, member in value:
            yield from leaves(member, (*path, LONE_SURROGATE.sub("\ufffd", key)))
    elif type(value) is list and value:
        for index, element in enumerate(value):
            yield from leaves(element, (*path, index))
    else:
        yield path, written(LONE_SURROGATE.sub("\ufffd", value) if type(value) is str else value)


def missing(body: bytes, record: bytes) -> list[tuple[LeafPath, str]]:
    """List the leaves of a body that its record does not hold, in ``original`` or else in ``payload``.

    At the top of a body the last one of repeated members counts, and null is the same as absent.
    """
    members = {LONE_SURROGATE.sub("\ufffd", key): member for key, member in parsed(body)}
    top = Members((key, member) for key, member in members.items() if key not in ENVELOPE_ONLY)
    event = dict(parsed(record))
    if "original" in event:
        return lacking(top, event["original"])
    delivered = [
        ("payload" if type(member) is Members else key, member) for key, member in top if member is not None
    ]
    return lacking(Members(delivered), Members([("EventType", event["type"]), ("payload", event["payload"])]))


def lacking(delivered: Members, held: Any) -> list[tuple[LeafPath, str]]:  # noqa: ANN401 - any JSON value
    return list((Counter(leaves(delivered)) - Counter(leaves(held))).elements())


def record_of(body: bytes) -> bytes | None:
    """Give the value of a body's record; None where it is rejected."""
    try:
        event = read_event(open_envelope(body))
    except RejectedError:
        return None
    notification = Notification(application=Application(name="default"), body=body, received_ms=0)
    return event_record(event, DedupStamp(id=event.identity.key), notification, Routing()).value


@settings(max_examples=CHANGED)
@given(SEEDS)
def test_every_leaf_of_a_changed_body_stands_in_its_record(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - no secret hangs on it
    if random.random() < 0.8:
        body = parsed(random.choice(PUBLISHED))
    else:
        body = parsed(encode_body(Bodies(seed).notification()[1]))
    for _ in range(random.randrange(1, 4)):
        change(body, random)
    text = written(body).encode()
    record = record_of(text)
    if record is not None:
        assert missing(text, record) == [], text


@pytest.mark.parametrize("body", PUBLISHED)
def test_every_leaf_of_a_published_payload_stands_in_its_record(body: bytes) -> None:
    record = record_of(body)
    if record is not None:
        assert missing(body, record) == []


@pytest.mark.parametrize(
    ("delivered", "lost"),
    [
        ({"vodTaskId": "t", "status": 0, "new": [1, {}]}, {"vodTaskId": "t", "status": 0, "new": [1]}),
        ({"vodTaskId": "t", "status": 0}, {"vodTaskId": "t", "status": "0"}),
        ({"vodTaskId": "t", "new": 0.10}, {"vodTaskId": "t", "new": 0.11}),
        ({"vodTaskId": "t", "new": None}, {"vodTaskId": "t"}),
    ],
)
def test_the_walk_sees_what_is_missing(delivered: Any, lost: Any) -> None:  # noqa: ANN401 - JSON values
    def body(data: Any) -> bytes:  # noqa: ANN401 - a JSON value
        return json.dumps({"eventType": "PullComplete", "data": data}).encode()

    record = record_of(body(lost))
    assert record is not None
    assert missing(body(delivered), record)
    assert missing(body(lost), record) == []


def test_a_repeated_member_is_no_less_than_twice_there() -> None:
    body = b'{"EventType":"New","NewEvent":{"TaskId":"t","a":1,"a":1}}'
    record = record_of(body)
    assert record is not None
    assert missing(body, record) == []
    assert missing(body, record.replace(b'"a":1,"a":1', b'"a":1')) == [(("payload", "a"), "1")]
