"""What the vendor does with a file: the events of an upload with its procedure, and of a deletion."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from bridge.vendor_twin.application import Application

_APP_ID = "1256768367"
_DEFINITION = 100030
_FAILED_CODE = 70000
_SIZE, _DURATION_S, _BITRATE, _HEIGHT, _WIDTH = 10_485_760, 60.5, 1_386_000, 1080, 1920


class Upload(Struct, frozen=True, kw_only=True):
    """An upload: the file's name, its procedure ("" for none), and whether that fails."""

    name: str = "video.mp4"
    procedure: str = "LongVideoPreset"
    fails: bool = False


class Outcome(Struct, frozen=True):
    """The ids of what was done, and the bodies of its events in order."""

    file_id: str
    task_id: str
    bodies: list[bytes]


def upload(application: Application, wanted: Upload) -> Outcome:
    """Upload a file: NewFileUpload where that is switched on, then ProcedureStateChanged.

    The procedure's task is listed by DescribeTasks, as a finished one.
    """
    file_id = str(5_000_000_000_000_000_000 + secrets.randbelow(10**17))
    task_id = f"{_APP_ID}-procedurev2-{secrets.token_hex(16)}t0" if wanted.procedure else ""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    events: list[tuple[str, str, dict[str, Any]]] = []
    if application.switches["UploadMediaComplete"] == "ON":
        events.append(("NewFileUpload", "FileUploadEvent", _uploaded(file_id, task_id, wanted.name, now)))
    if task_id:
        task = _procedure(file_id, task_id, wanted)
        events.append(("ProcedureStateChanged", "ProcedureStateChangeEvent", task))
        _list_task(application, task, now)
    return Outcome(file_id, task_id, list(_bodies(events)))


def delete(application: Application, file_id: str) -> Outcome:
    """Delete a file: FileDeleted where that is switched on."""
    is_on = application.switches["DeleteMediaComplete"] == "ON"
    events = [("FileDeleted", "FileDeleteEvent", {"FileIdSet": [file_id]})] if is_on else []
    return Outcome(file_id, "", list(_bodies(events)))


def _bodies(events: list[tuple[str, str, dict[str, Any]]]) -> Iterator[bytes]:
    for name, field, payload in events:
        yield json.dumps({"EventType": name, field: payload}, ensure_ascii=False).encode()


def _uploaded(file_id: str, task_id: str, name: str, now: str) -> dict[str, Any]:
    return {
        "FileId": file_id,
        "MediaBasicInfo": {
            "Name": name.rpartition(".")[0] or name,
            "CreateTime": now,
            "MediaUrl": _url(file_id, "f0"),
            "Type": name.rpartition(".")[2],
            "SourceInfo": {"SourceType": "Upload", "SourceContext": ""},
        },
        "ProcedureTaskId": task_id,
        "MetaData": _meta_data(),
    }


def _procedure(file_id: str, task_id: str, wanted: Upload) -> dict[str, Any]:
    transcode: dict[str, Any] = {
        "Status": "FAIL" if wanted.fails else "SUCCESS",
        "ErrCode": _FAILED_CODE if wanted.fails else 0,
        "Message": "source file cannot be decoded" if wanted.fails else "SUCCESS",
        "Input": {"Definition": _DEFINITION},
        "Output": None
        if wanted.fails
        else {"Url": _url(file_id, f"v.f{_DEFINITION}"), "Definition": _DEFINITION, **_meta_data()},
    }
    return {
        "TaskId": task_id,
        "Status": "FINISH",
        "ErrCode": 0,
        "Message": "SUCCESS",
        "FileId": file_id,
        "FileName": wanted.name,
        "FileUrl": _url(file_id, "f0"),
        "MetaData": _meta_data(),
        "MediaProcessResultSet": [{"Type": "Transcode", "TranscodeTask": transcode}],
        "TasksPriority": 0,
        "TasksNotifyMode": "Finish",
        "SessionContext": "",
        "SessionId": "",
    }


def _list_task(application: Application, task: dict[str, Any], now: str) -> None:
    listed = {
        "TaskId": task["TaskId"],
        "TaskType": "Procedure",
        "Status": "FINISH",
        "FileId": task["FileId"],
        "CreateTime": now,
        "BeginProcessTime": now,
        "FinishTime": now,
        "SessionId": "",
        "SessionContext": "",
    }
    application.tasks.append(listed)
    detail = {"TaskType": "Procedure", "Status": "FINISH", "CreateTime": now, "FinishTime": now}
    application.details[task["TaskId"]] = json.dumps({**detail, "ProcedureTask": task}).encode()


def _meta_data() -> dict[str, Any]:
    return {
        "Size": _SIZE,
        "Container": "mp4",
        "Bitrate": _BITRATE,
        "Height": _HEIGHT,
        "Width": _WIDTH,
        "Duration": _DURATION_S,
    }


def _url(file_id: str, name: str) -> str:
    return f"http://{_APP_ID}.vod2.myqcloud.com/{file_id}/{name}.mp4"
