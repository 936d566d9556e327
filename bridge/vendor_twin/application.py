"""One application: its queue, its configuration, its tasks, and what each action answers."""

import json
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from bridge.vendor_twin.ledger import Event
from bridge.vendor_twin.queue import LeaseQueue, VendorError

_MAX_TASKS = 100  # in one answer of DescribeTasks
EMPTY = {"ResourceNotFound": b"", "null": b'"EventSet":null', "empty": b'"EventSet":[]'}


class Behaviour(Struct):
    """How an application is treated; may be changed while the twin runs.

    ``empty`` is how an empty queue looks: ResourceNotFound, null, empty, or "cycle" for all in turn (v2:
    code 4000, null, an empty list). ``calls_s`` limits calls a second, 0 is no limit. ``mode`` PUSH refuses
    pulls. ``texts`` makes v2 send each event as a text that holds JSON. ``push_...``: how long the callback
    URL has for its answer, how often a notification is sent at most, and the pause before it is sent again.
    """

    poll_s: float = 5.0
    latency_s: float = 0.0
    empty: str = "ResourceNotFound"
    calls_s: int = 0
    mode: str = "PULL"
    texts: bool = False
    push_timeout_s: float = 5.0
    push_sends: int = 3
    push_pause_s: float = 1.0


class Application:
    """One application of the account. ``clock`` is what leases go by.

    ``notification_url`` and ``sign_key`` are what its console holds, ``switches`` the events that can be
    switched off, ``tasks`` and ``details`` what DescribeTasks and DescribeTaskDetail answer.
    """

    def __init__(self, behaviour: Behaviour, clock: Callable[[], float]) -> None:
        self.behaviour = behaviour
        self.queue = LeaseQueue(clock)
        self.ledger = self.queue.ledger
        self.notification_url = ""
        self.sign_key = ""
        self.switches = {
            "UploadMediaComplete": "OFF",
            "DeleteMediaComplete": "OFF",
            "PersistenceComplete": "OFF",
        }
        self.tasks: list[dict[str, Any]] = []  # as DescribeTasks lists them
        self.details: dict[str, bytes] = {}  # task id -> an object's bytes: what Response holds
        self.clock = clock
        self._cycle = deque(EMPTY)
        self._recent: deque[float] = deque()

    def put(self, body: bytes, *, spliced: bool = True) -> Event:
        """Add an event to be pulled; ``body`` is what a pushed one would be."""
        return self.queue.put(body, spliced=spliced)

    def check_rate(self) -> None:
        """Refuse a call beyond the rate."""
        now = self.clock()
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        if 0 < self.behaviour.calls_s <= len(self._recent):
            raise VendorError("RequestLimitExceeded", "", 4400)
        self._recent.append(now)

    async def pull(self) -> tuple[list[tuple[str, Event]], str]:
        """Lease what waits; else, after the long poll, return how the empty queue looks now."""
        if self.behaviour.mode != "PULL":
            # Our assumption: no document states what the vendor answers to pulls of a pushed application.
            raise VendorError("FailedOperation", "the application's events are pushed", 5000)
        await self.queue.wait(self.behaviour.poll_s)
        pulled = self.queue.pull()
        if pulled or self.behaviour.empty != "cycle":
            return pulled, "" if pulled else self.behaviour.empty
        self._cycle.rotate(-1)
        return [], self._cycle[-1]

    async def pull_events(self, _: dict[str, Any]) -> bytes:
        """PullEvents."""
        pulled, empty = await self.pull()
        if empty == "ResourceNotFound":
            raise VendorError(empty)
        if empty:
            return EMPTY[empty]
        return b'"EventSet":[%s]' % b",".join(element(handle, event) for handle, event in pulled)

    async def confirm_events(self, asked: dict[str, Any]) -> bytes:
        """ConfirmEvents."""
        self.queue.confirm(asked["EventHandles"])
        return b""

    async def describe_event_config(self, _: dict[str, Any]) -> bytes:
        """DescribeEventConfig."""
        switches = {f"{name}EventSwitch": value for name, value in self.switches.items()}
        config = {"Mode": self.behaviour.mode, "NotificationUrl": self.notification_url, **switches}
        return json.dumps(config).encode()[1:-1]

    async def modify_event_config(self, asked: dict[str, Any]) -> bytes:
        """ModifyEventConfig: changes what is named. A SignKey is never given back."""
        self.behaviour.mode = asked.get("Mode", self.behaviour.mode)
        self.notification_url = asked.get("NotificationUrl", self.notification_url)
        self.sign_key = asked.get("SignKey", self.sign_key)
        for name in self.switches:
            self.switches[name] = asked.get(f"{name}EventSwitch", self.switches[name])
        return b""

    async def describe_events_state(self, _: dict[str, Any]) -> bytes:
        """DescribeEventsState; exact, where the real one is minutes late."""
        return b'"CountOfEventsToPull":%d' % len(self.queue)

    async def describe_tasks(self, asked: dict[str, Any]) -> bytes:
        """DescribeTasks: by status and time of finishing, in the order of finishing, in pages."""
        since = asked.get("FinishTime", {}).get("After", "")
        found = [task for task in self.tasks if task.get("Status", "FINISH") == asked.get("Status")]
        found = sorted(
            (t for t in found if t["FinishTime"] >= since), key=lambda task: str(task["FinishTime"])
        )
        begin, limit = int(asked.get("ScrollToken") or 0), asked.get("Limit", 10)
        if not 0 < limit <= _MAX_TASKS:
            raise VendorError("InvalidParameterValue.Limit")
        more = str(begin + limit) if begin + limit < len(found) else None
        page = {"TaskSet": found[begin : begin + limit], "ScrollToken": more}
        return json.dumps(page).encode()[1:-1]

    async def describe_task_detail(self, asked: dict[str, Any]) -> bytes:
        """DescribeTaskDetail, the bytes as they were given."""
        if asked["TaskId"] not in self.details:
            raise VendorError("InvalidParameterValue.TaskId")
        return self.details[asked["TaskId"]].strip()[1:-1]

    async def pull_event(self, _: Sequence[str]) -> bytes:
        """PullEvent of v2."""
        pulled, empty = await self.pull()
        if empty == "ResourceNotFound":
            raise VendorError(empty, "no event", 4000)
        if empty:
            return b'"eventList":null' if empty == "null" else b'"eventList":[]'
        return b'"eventList":[%s]' % b",".join(self._legacy(handle, event) for handle, event in pulled)

    async def confirm_event(self, handles: Sequence[str]) -> bytes:
        """ConfirmEvent of v2."""
        self.queue.confirm(handles)
        return b""

    def _legacy(self, handle: str, event: Event) -> bytes:
        content = json.dumps(event.body.decode()).encode() if self.behaviour.texts else event.body
        return b'{"msgHandle":%s,"eventContent":%s}' % (json.dumps(handle).encode(), content)


def element(handle: str, event: Event) -> bytes:
    """Return an event as EventSet holds it: the handle spliced in front, all else untouched."""
    if not event.spliced:
        return event.body
    begin, rest = event.body.lstrip()[:1], event.body.lstrip()[1:]
    comma = b"" if rest.lstrip()[:1] == b"}" else b","
    return b'%s"EventHandle":%s%s%s' % (begin, json.dumps(handle).encode(), comma, rest)
