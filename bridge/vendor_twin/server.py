"""A fake of the vendor: both interfaces on one port, signatures checked for real, faults by chance or wish.

    async with Vendor(seed=7) as vendor:
        app = vendor.add("AKIDexample", "secret", sub_app_id=1500000001)
        event = app.put(b'{"EventType":"NewFileUpload",...}')
        ...  # BRIDGE_APPS__X__ENDPOINT = vendor.url
        assert event.confirmed_s is not None and app.ledger.largest_group <= 16

It runs in the test's own loop, which therefore must not be blocked. What is not known of the real vendor is
marked as our assumption where it is decided.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from tests.rig.vendor.application import Application, Manners
from tests.rig.vendor.faults import Chances, Fault, Faults, reset
from tests.rig.vendor.ledger import Call, Event, Ledger
from tests.rig.vendor.queue import Reply
from tests.rig.vendor.signatures import check_tc3, check_v2

__all__ = ["Application", "Chances", "Event", "Fault", "Ledger", "Manners", "Vendor"]

Action = Callable[[Application, Any], Awaitable[bytes]]

VERSION = "2018-07-17"
ACTIONS: Mapping[str, Action] = {
    "PullEvents": Application.pull_events,
    "ConfirmEvents": Application.confirm_events,
    "DescribeEventConfig": Application.describe_event_config,
    "DescribeEventsState": Application.describe_events_state,
    "DescribeTasks": Application.describe_tasks,
    "DescribeTaskDetail": Application.describe_task_detail,
}
V2_ACTIONS: Mapping[str, Action] = {
    "PullEvent": Application.pull_event,
    "ConfirmEvent": Application.confirm_event,
}


class Vendor:
    """``clock`` is what leases and ledgers go by; signatures go by the wall. ``faults`` spoil calls."""

    def __init__(
        self,
        *,
        seed: int = 1,
        chances: Chances | None = None,
        clock: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.faults = Faults(chances or Chances(), seed)
        self.canned: list[web.Response] = []  # what the next calls are answered, whatever they ask
        self.strangers: list[str] = []  # the errors said to calls that no application made
        self.url = ""
        self._clock = clock
        self._keys: dict[str, tuple[str, str]] = {}
        self._applications: dict[tuple[str, int | None], Application] = {}
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        site = web.Application()
        site.router.add_post("/", self._v3)
        site.router.add_route("*", "/v2/index.php", self._v2)
        # No handler is cancelled with its client: what the vendor lends to one that left stays lent.
        self._runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls).start()
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whoever still waits."""
        if self._runner is not None:
            await self._runner.cleanup()

    def add(
        self, secret_id: str, secret_key: str, *, sub_app_id: int | None = None, token: str = ""
    ) -> Application:
        """Make an application known, or give its key (and temporary ``token``) a new value."""
        self._keys[secret_id] = (secret_key, token)
        fresh = Application(Manners(), self._clock)
        return self._applications.setdefault((secret_id, sub_app_id), fresh)

    async def _v3(self, request: web.Request) -> web.StreamResponse:
        action, body = request.headers.get("X-TC-Action", ""), await request.read()
        version = request.headers.get("X-TC-Version", "")
        try:
            secret_id = check_tc3(request, body, self._keys)
            carry_out = _named(action, ACTIONS if version == VERSION else {})
            asked = json.loads(body)
            application = self._application(secret_id, asked.get("SubAppId"))
        except Reply as said:
            return self._unknown(_v3_error(said), said)
        handles = tuple(asked.get("EventHandles", ()))

        async def work() -> web.Response:
            return _v3_response(await carry_out(application, asked))

        return await Handling(self, request, application, (action, handles)).run(work, _v3_error)

    async def _v2(self, request: web.Request) -> web.StreamResponse:
        given = dict(parse_qsl((await request.text()) or request.query_string, keep_blank_values=True))
        action = given.get("Action", "")
        try:
            secret_id = check_v2(request.method, request.headers["Host"], given, self._keys)
            carry_out = _named(action, V2_ACTIONS)
            number = given.get("SubAppId")
            application = self._application(secret_id, None if number is None else int(number))
        except Reply as said:
            return self._unknown(_v2_error(said), said)
        handles = tuple(given[f"msgHandle.{n}"] for n in range(len(given)) if f"msgHandle.{n}" in given)

        async def work() -> web.Response:
            return _v2_response(0, "", await carry_out(application, handles))

        return await Handling(self, request, application, (action, handles)).run(work, _v2_error)

    def _application(self, secret_id: str, sub_app_id: int | None) -> Application:
        found = self._applications.get((secret_id, sub_app_id))
        if found is None:
            raise Reply("UnauthorizedOperation", "no such SubAppId, or not with this key", 4104)
        return found

    def _unknown(self, response: web.Response, said: Reply) -> web.Response:
        self.strangers.append(said.code)
        return response


class Handling:
    """One call of a known application: limits, faults, the work, and its line in the ledger."""

    def __init__(
        self,
        vendor: Vendor,
        request: web.Request,
        application: Application,
        parameters: tuple[str, tuple[str, ...]],
    ) -> None:
        self._vendor = vendor
        self._request = request
        self._application = application
        self._action, self._handles = parameters
        self._started_s = application.clock()

    async def run(self, work: Callable[[], Any], tell: Callable[[Reply], web.Response]) -> web.StreamResponse:
        """Answer the call, or what a fault leaves of the answer."""
        await asyncio.sleep(self._application.manners.latency_s)
        if self._vendor.canned:
            return self._record("canned", self._vendor.canned.pop(0))
        fault = self._vendor.faults.draw()
        if fault is Fault.RESET:
            return self._record("reset", reset(self._request))
        if fault is Fault.JUNK:
            return self._record("junk", self._vendor.faults.junk())
        outcome = "ok"
        try:
            self._vendor.faults.strike(fault)
            self._application.check_rate()
            response = await work()
        except Reply as said:
            outcome, response = said.code, tell(said)
        return await self._apply_fault(fault, outcome, response)

    async def _apply_fault(self, fault: Fault, outcome: str, response: web.Response) -> web.Response:
        if fault is Fault.SLOW:
            await asyncio.sleep(self._vendor.faults.chances.slow_s)
        if fault is Fault.LOST:
            return self._record(f"{outcome}, but lost", reset(self._request))
        if fault is Fault.CUT:
            whole = bytes(response.body or b"")  # type: ignore[arg-type]
            return self._record(f"{outcome}, but cut", web.Response(body=whole[: len(whole) // 2]))
        return self._record(outcome, response)

    def _record(self, outcome: str, response: web.Response) -> web.Response:
        call = Call(at_s=self._started_s, action=self._action, handles=self._handles, outcome=outcome)
        self._application.ledger.calls.append(call)
        return response


def _named(action: str, actions: Mapping[str, Action]) -> Action:
    if action not in actions:
        raise Reply("InvalidAction")
    return actions[action]


def _v3_response(members: bytes) -> web.Response:
    comma = b"," if members.strip() else b""
    body = b'{"Response":{%s%s"RequestId":"fake"}}' % (members, comma)
    return web.Response(body=body, content_type="application/json")


def _v3_error(said: Reply) -> web.Response:
    return _v3_response(b'"Error":' + json.dumps({"Code": said.code, "Message": said.text}).encode())


def _v2_response(code: int, message: str, members: bytes = b"") -> web.Response:
    head = json.dumps({"code": code, "message": message}).encode()[:-1]
    return web.Response(body=head + (b"," + members if members else b"") + b"}", content_type="text/html")


def _v2_error(said: Reply) -> web.Response:
    return _v2_response(said.number, said.text)
