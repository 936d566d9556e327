"""A finished task as the vendor keeps it, written as the notification that did not come.

DescribeTaskDetail holds one object by task type, of the very struct that the type's event has as its payload
(SDK 3.1.194): it is handed on with its bytes untouched.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from msgspec import Raw, Struct

from bridge.core.catalogue import BY_NAME, EVENT_TYPES
from bridge.core.decode.json_values import id_text, is_object

# Where the member of the detail is not named as its event is.
_IRREGULAR_MEMBERS: Mapping[str, str] = {
    "ProcedureStateChanged": "ProcedureTask",
    "PullComplete": "PullUploadTask",
    "CreateSnapshotByTimeOffsetComplete": "SnapshotByTimeOffsetTask",
}


def _task_member(event_type: str) -> str:
    """Tell where a task of that type stands: TranscodeComplete in TranscodeTask."""
    stem = event_type.removesuffix("Event").removesuffix("Complete").removesuffix("Task")
    return _IRREGULAR_MEMBERS.get(event_type, f"{stem}Task")


# Member of the detail -> EventType; a type whose payload has no TaskId is no task's.
TYPE_BY_TASK_MEMBER: Mapping[str, str] = MappingProxyType(
    {_task_member(row.name): row.name for row in EVENT_TYPES if row.has_field("TaskId")}
)


class _TaskIdOnly(Struct, rename="pascal"):
    task_id: str | int | None = None


def notification_from_task(detail: bytes, task_id: str) -> bytes | None:
    """Write a task's notification from its ``detail``; None where no event is known to have been its own.

    The payload must name the task itself: under another id the event would be another occurrence.
    """
    try:
        members = msgspec.json.decode(detail, type=dict[str, Raw])
        found = [member for member in TYPE_BY_TASK_MEMBER if member in members and is_object(members[member])]
        if len(found) != 1:
            return None
        (member,) = found
        payload = members[member]
        payload_task_id = msgspec.json.decode(payload, type=_TaskIdOnly).task_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if id_text(payload_task_id) != task_id:
        return None
    row = BY_NAME[TYPE_BY_TASK_MEMBER[member]]
    return b'{"EventType":"%b","%b":%b}' % (row.name.encode(), row.field.encode(), payload)
