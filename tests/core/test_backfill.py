"""A task's detail, written as its notification."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.backfill import TYPE_BY_TASK_MEMBER, notification_from_task
from bridge.core.catalogue import BY_NAME, EVENT_TYPES
from bridge.core.decode.envelope import open_envelope, read_event

# What the vendor names otherwise than the struct in it.
SPELLED = {"ProcessMediaByMPSTask": "ProcessMediaByMPS", "ProcessImageAsyncTask": "ProcessImageAsync"}


def test_each_type_that_has_a_task_is_rebuilt_from_the_member_of_its_own_struct() -> None:
    assert sorted(TYPE_BY_TASK_MEMBER.values()) == sorted(
        row.name for row in EVENT_TYPES if row.has_field("TaskId")
    )
    for member, name in TYPE_BY_TASK_MEMBER.items():
        struct = BY_NAME[name].struct.__name__.removesuffix("2017")
        assert struct == SPELLED.get(member, member)


@pytest.mark.parametrize(("member", "name"), TYPE_BY_TASK_MEMBER.items())
def test_what_is_rebuilt_is_read_as_the_event_of_its_type(member: str, name: str) -> None:
    detail = {"TaskType": "Any", "Status": "FINISH", member: {"TaskId": "t-1"}, "RequestId": "r"}
    body = notification_from_task(json.dumps(detail).encode(), "t-1")
    assert body is not None
    event = read_event(open_envelope(body))
    assert (event.type, event.task_id, event.conformance) == (name, "t-1", "conforming")


def test_the_payloads_bytes_are_handed_on_as_they_are() -> None:
    payload = b'{ "TaskId":"t", "Big": 52854854879852714901234567890,"Float":1.50e1, "x":"\\u00e9" }'
    detail = b'{"EditMediaTask":%b,"ProcedureTask":null}' % payload
    assert notification_from_task(detail, "t") == (
        b'{"EventType":"EditMediaComplete","EditMediaCompleteEvent":%b}' % payload
    )


@pytest.mark.parametrize(
    "detail",
    [
        b'{"AigcAudioTask":{"TaskId":"t"}}',
        b'{"TaskType":"FastClipMedia"}',
        b'{"EditMediaTask":{"TaskId":"other"}}',
        b'{"EditMediaTask":{"Status":"FINISH"}}',
        b'{"EditMediaTask":{"TaskId":"t"},"ClipTask":{"TaskId":"t"}}',
        b'{"EditMediaTask":[{"TaskId":"t"}]}',
        b"[]",
        b"{",
    ],
)
def test_what_names_no_task_of_an_event_cannot_be_rebuilt(detail: bytes) -> None:
    assert notification_from_task(detail, "t") is None


@given(st.binary())
def test_any_bytes_are_rebuilt_or_not_and_nothing_else(detail: bytes) -> None:
    assert notification_from_task(detail, "t") is None
