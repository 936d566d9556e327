"""Builds the notification of a finished task from the vendor's DescribeTaskDetail, for missed notifications.

The detail holds one object, named by the task's type, of the struct that is the payload of the type's event
(SDK 3.1.194). Its bytes are copied unchanged.
"""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from msgspec import Raw, Struct

from bridge.core.catalogue import BY_NAME, EVENT_TYPES
from bridge.core.decode.json_values import id_text, is_object

# Members of the detail that are not named after their event.
_IRREGULAR_MEMBERS: Mapping[str, str] = {
    "ProcedureStateChanged": "ProcedureTask",
    "PullComplete": "PullUploadTask",
    "CreateSnapshotByTimeOffsetComplete": "SnapshotByTimeOffsetTask",
}


def _task_member(event_type: str) -> str:
    """Return the member of the detail that holds a task of that type: TranscodeTask for TranscodeComplete."""
    stem = event_type.removesuffix("Event").removesuffix("Complete").removesuffix("Task")
    return _IRREGULAR_MEMBERS.get(event_type, f"{stem}Task")


# Member of the detail -> EventType. A type whose payload has no TaskId belongs to no task.
TYPE_BY_TASK_MEMBER: Mapping[str, str] = MappingProxyType(
    {_task_member(row.name): row.name for row in EVENT_TYPES if row.has_field("TaskId")}
)


class _TaskIdOnly(Struct, rename="pascal"):
    task_id: str | int | None = None


def notification_from_task(detail: bytes, task_id: str) -> bytes | None:
    """Return the body of a task's notification, from its ``detail``; None where no event type fits it.

    The payload must have this ``task_id``: with another id the event would be another occurrence.
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
