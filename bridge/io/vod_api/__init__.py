"""Speaks the vendor's API 2018-07-17, and names what callers of either interface need.

Bytes of events come out as the vendor sent them. When to call, and again, is the caller's to decide.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import aiohttp
import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from bridge.io.vod_api.account import Account, Credential, Proxy
from bridge.io.vod_api.answers import NULL, Pulled, Queue, Refused, Unreachable, listed, opened, read, told
from bridge.io.vod_api.legacy import LegacyApi
from bridge.io.vod_api.line import Answer, Line, Request, refused
from bridge.io.vod_api.signing import tc3_headers

__all__ = [
    "Account",
    "Credential",
    "EventConfig",
    "FinishedTask",
    "LegacyApi",
    "Proxy",
    "Pulled",
    "Queue",
    "Refused",
    "TaskPage",
    "Unreachable",
    "VodApi",
]

_HOST = "vod.tencentcloudapi.com"
_EMPTY = "ResourceNotFound"
_PAGE = 100

T = TypeVar("T")


class EventConfig(Struct, frozen=True, kw_only=True):
    """How the application is set up at the vendor: ``mode`` PUSH or PULL, and which events it sends."""

    mode: str
    notification_url: str
    upload: bool
    delete: bool
    persistence: bool


class FinishedTask(Struct, frozen=True, kw_only=True):
    """A task as DescribeTasks lists it; times are RFC 3339, "" is what the vendor left out."""

    task_id: str
    task_type: str
    status: str
    file_id: str
    create_time: str
    finish_time: str
    session_id: str
    session_context: str


class TaskPage(Struct, frozen=True, kw_only=True):
    """Some of the finished tasks; ``scroll`` leads to the next page, and is "" on the last one."""

    tasks: list[FinishedTask]
    scroll: str


class _Said(Struct, frozen=True):
    """A ``Response``: the answer it came in, its bytes, and each member's."""

    answer: Answer
    raw: bytes
    members: dict[str, bytes]


class _Config(Struct, frozen=True, rename="pascal"):
    mode: str
    notification_url: str | None = None
    upload_media_complete_event_switch: str | None = None
    delete_media_complete_event_switch: str | None = None
    persistence_complete_event_switch: str | None = None


class _State(Struct, frozen=True, rename="pascal"):
    count_of_events_to_pull: int


class _Task(Struct, frozen=True, rename="pascal"):
    task_id: str
    task_type: str | None = None
    status: str | None = None
    file_id: str | None = None
    create_time: str | None = None
    finish_time: str | None = None
    session_id: str | None = None
    session_context: str | None = None

    def known(self) -> FinishedTask:
        """Give it with "" for what is null."""
        return FinishedTask(**{name: value or "" for name, value in asdict(self).items()})


class _Tasks(Struct, frozen=True, rename="pascal"):
    task_set: list[_Task] | None = None
    scroll_token: str | None = None


class VodApi:
    """One application at the vendor. ``now_s`` is the wall clock in unix seconds."""

    def __init__(self, account: Account, session: aiohttp.ClientSession, now_s: Callable[[], float]) -> None:
        self._line = Line(account, session, _HOST)
        self._common = {} if account.sub_app_id is None else {"SubAppId": account.sub_app_id}
        self._now_s = now_s

    @property
    def proxy(self) -> Proxy | None:
        """The proxy by which the vendor is asked; None where the way is direct."""
        return self._line.proxy

    async def pull(self) -> list[Pulled]:
        """Fetch up to 16 events; none where an error, null or an empty set says that none wait."""
        try:
            said = await self._call("PullEvents")
        except Refused as refusal:
            if refusal.code == _EMPTY:
                return []
            raise
        try:
            elements = listed(said.members.get("EventSet", NULL))
        except ValueError:
            raise self._line.garbage(said.answer) from None
        return [Pulled(_handle(element), element) for element in elements]

    async def confirm(self, handles: Sequence[str]) -> None:
        """Let the vendor forget at most 16 events: all of them, or none and an error."""
        if named := told(handles):
            await self._call("ConfirmEvents", EventHandles=named)

    async def event_config(self) -> EventConfig:
        """Ask how the application is set up at the vendor."""
        said = await self._read("DescribeEventConfig", _Config)
        return EventConfig(
            mode=said.mode,
            notification_url=said.notification_url or "",
            upload=said.upload_media_complete_event_switch == "ON",
            delete=said.delete_media_complete_event_switch == "ON",
            persistence=said.persistence_complete_event_switch == "ON",
        )

    async def waiting(self) -> int:
        """Ask how many events wait to be pulled: about, and some minutes ago."""
        return (await self._read("DescribeEventsState", _State)).count_of_events_to_pull

    async def finished_tasks(self, since: str, scroll: str = "") -> TaskPage:
        """List tasks that finished at ``since`` (RFC 3339) or later, the oldest first."""
        said = await self._read(
            "DescribeTasks",
            _Tasks,
            Status="FINISH",
            FinishTime={"After": since},
            Sort={"Field": "FinishTime", "Order": "Asc"},
            Limit=_PAGE,
            **({"ScrollToken": scroll} if scroll else {}),
        )
        return TaskPage(tasks=[one.known() for one in said.task_set or []], scroll=said.scroll_token or "")

    async def task_detail(self, task_id: str) -> bytes:
        """Fetch all that the vendor knows of a task: the bytes of ``Response``."""
        return (await self._call("DescribeTaskDetail", TaskId=task_id)).raw

    async def _read(self, action: str, kind: type[T], **parameters: object) -> T:
        said = await self._call(action, **parameters)
        try:
            return msgspec.json.decode(said.raw, type=kind)
        except (ValueError, RecursionError):
            raise self._line.garbage(said.answer) from None

    async def _call(self, action: str, **parameters: object) -> _Said:
        """Give a ``Response`` that holds no error."""
        body = msgspec.json.encode(parameters | self._common)
        credential = self._line.credential()
        headers = tc3_headers(credential, self._line.host, action, body, self._now_s())
        answer = await self._line.ask(Request(path="/", headers=headers, body=body))
        try:
            said = _said(answer)
            refusal = _refusal(said.members.get("Error", NULL), credential)
        except (KeyError, ValueError):
            raise self._line.garbage(answer) from None
        if refusal is not None:
            raise refusal
        self._line.judge(answer)
        return said


def _said(answer: Answer) -> _Said:
    raw = opened(answer.body)["Response"]
    return _Said(answer, raw, opened(raw))


def _refusal(fault: bytes, credential: Credential) -> Refused | None:
    if fault == NULL:
        return None
    said = opened(fault)
    code = msgspec.json.decode(said["Code"], type=str)
    return refused(code, read(said.get("Message", NULL), str, ""), credential)


def _handle(element: bytes) -> str:
    """Give an event's handle, "" where there is none: its bytes go their way all the same."""
    try:
        return read(opened(element).get("EventHandle", NULL), str, "")
    except ValueError:
        return ""
