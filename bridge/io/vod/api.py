"""Speaks the vendor's API 2018-07-17.

Bytes of events come out as the vendor sent them. When to call, and again, is the caller's to decide.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import aiohttp
import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from bridge.io.vod.account import Account, Credential, Proxy
from bridge.io.vod.errors import ApiError, make_api_error
from bridge.io.vod.event_queue import PulledEvent, confirmable
from bridge.io.vod.json_parts import NULL, decode_or, parse_array, parse_object
from bridge.io.vod.signing import tc3_headers
from bridge.io.vod.transport import ApiRequest, ApiResponse, ApiTransport

_HOST = "vod.tencentcloudapi.com"
_EMPTY_QUEUE_CODE = "ResourceNotFound"
_PAGE_SIZE = 100

T = TypeVar("T")


EVENT_SWITCHES: Mapping[str, str] = {
    "NewFileUpload": "UploadMediaCompleteEventSwitch",
    "FileDeleted": "DeleteMediaCompleteEventSwitch",
    "PersistenceComplete": "PersistenceCompleteEventSwitch",
}
"""The events that are sent only where they are switched on, and their parameters of ModifyEventConfig."""


class EventConfig(Struct, frozen=True, kw_only=True):
    """How the application is set up at the vendor: ``mode`` PUSH or PULL, and which events it sends."""

    mode: str
    notification_url: str
    upload: bool
    delete: bool
    persistence: bool

    @property
    def events(self) -> dict[str, bool]:
        """The events of `EVENT_SWITCHES`, and whether they are switched on."""
        return dict(zip(EVENT_SWITCHES, (self.upload, self.delete, self.persistence), strict=True))


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


class _Response(Struct, frozen=True):
    """A ``Response``: the HTTP response it came in, its bytes, and the bytes of each member."""

    api_response: ApiResponse
    raw: bytes
    members: dict[str, bytes]


class _Config(Struct, frozen=True, rename="pascal"):
    mode: str
    notification_url: str | None = None
    upload_media_complete_event_switch: str | None = None
    delete_media_complete_event_switch: str | None = None
    persistence_complete_event_switch: str | None = None


class _QueueState(Struct, frozen=True, rename="pascal"):
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

    def to_task(self) -> FinishedTask:
        """Give it with "" for what is null."""
        return FinishedTask(**{name: value or "" for name, value in asdict(self).items()})


class _Tasks(Struct, frozen=True, rename="pascal"):
    task_set: list[_Task] | None = None
    scroll_token: str | None = None


class VodApi:
    """One application at the vendor. ``now_s`` is the wall clock in unix seconds."""

    def __init__(self, account: Account, session: aiohttp.ClientSession, now_s: Callable[[], float]) -> None:
        self._transport = ApiTransport(account, session, _HOST)
        self._common = {} if account.sub_app_id is None else {"SubAppId": account.sub_app_id}
        self._now_s = now_s

    @property
    def proxy(self) -> Proxy | None:
        """The proxy by which the vendor is asked; None where the way is direct."""
        return self._transport.proxy

    async def pull(self) -> list[PulledEvent]:
        """Fetch up to 16 events; empty if an error code, null or an empty set means that none wait."""
        try:
            response = await self._call("PullEvents")
        except ApiError as error:
            if error.code == _EMPTY_QUEUE_CODE:
                return []
            raise
        try:
            elements = parse_array(response.members.get("EventSet", NULL))
        except ValueError:
            raise self._transport.invalid_response(response.api_response) from None
        return [PulledEvent(_handle_of(element), element) for element in elements]

    async def confirm(self, handles: Sequence[str]) -> None:
        """Let the vendor forget at most 16 events: all of them, or none and an error."""
        if confirmable_handles := confirmable(handles):
            await self._call("ConfirmEvents", EventHandles=confirmable_handles)

    async def event_config(self) -> EventConfig:
        """Ask how the application is set up at the vendor."""
        response = await self._read("DescribeEventConfig", _Config)
        return EventConfig(
            mode=response.mode,
            notification_url=response.notification_url or "",
            upload=response.upload_media_complete_event_switch == "ON",
            delete=response.delete_media_complete_event_switch == "ON",
            persistence=response.persistence_complete_event_switch == "ON",
        )

    async def modify_event_config(self, parameters: Mapping[str, str]) -> None:
        """Change these parameters of the application's set-up; the vendor leaves all others."""
        await self._call("ModifyEventConfig", **parameters)

    async def queue_depth(self) -> int:
        """Ask how many events wait to be pulled: about, and some minutes ago."""
        return (await self._read("DescribeEventsState", _QueueState)).count_of_events_to_pull

    async def finished_tasks(self, since: str, scroll: str = "") -> TaskPage:
        """List tasks that finished at ``since`` (RFC 3339) or later, the oldest first."""
        response = await self._read(
            "DescribeTasks",
            _Tasks,
            Status="FINISH",
            FinishTime={"After": since},
            Sort={"Field": "FinishTime", "Order": "Asc"},
            Limit=_PAGE_SIZE,
            **({"ScrollToken": scroll} if scroll else {}),
        )
        return TaskPage(
            tasks=[one.to_task() for one in response.task_set or []], scroll=response.scroll_token or ""
        )

    async def task_detail(self, task_id: str) -> bytes:
        """Fetch all that the vendor knows of a task: the bytes of ``Response``."""
        return (await self._call("DescribeTaskDetail", TaskId=task_id)).raw

    async def _read(self, action: str, kind: type[T], **parameters: object) -> T:
        response = await self._call(action, **parameters)
        try:
            return msgspec.json.decode(response.raw, type=kind)
        except (ValueError, RecursionError):
            raise self._transport.invalid_response(response.api_response) from None

    async def _call(self, action: str, **parameters: object) -> _Response:
        """Give a ``Response`` that holds no error."""
        body = msgspec.json.encode(parameters | self._common)
        credential = self._transport.credential()
        headers = tc3_headers(credential, self._transport.host, action, body, self._now_s())
        api_response = await self._transport.send(ApiRequest(path="/", headers=headers, body=body))
        try:
            response = _parse_response(api_response)
            error = _parse_error(response.members.get("Error", NULL), credential)
        except (KeyError, ValueError):
            raise self._transport.invalid_response(api_response) from None
        if error is not None:
            raise error
        self._transport.raise_for_status(api_response)
        return response


def _parse_response(api_response: ApiResponse) -> _Response:
    raw = parse_object(api_response.body)["Response"]
    return _Response(api_response, raw, parse_object(raw))


def _parse_error(error_json: bytes, credential: Credential) -> ApiError | None:
    if error_json == NULL:
        return None
    response = parse_object(error_json)
    code = msgspec.json.decode(response["Code"], type=str)
    return make_api_error(code, decode_or(response.get("Message", NULL), str, ""), credential)


def _handle_of(element: bytes) -> str:
    """Give an event's handle, "" where there is none: its bytes go their way all the same."""
    try:
        return decode_or(parse_object(element).get("EventHandle", NULL), str, "")
    except ValueError:
        return ""
