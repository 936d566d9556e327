"""The twin's server: both interfaces of the API and the pushes, with signatures, and faults by chance.

    async with Vendor(seed=7) as vendor:
        app = vendor.add("AKIDexample", "secret", sub_app_id=1500000001)
        event = app.put(b'{"EventType":"NewFileUpload",...}')
        ...  # BRIDGE_APPS__X__ENDPOINT = vendor.url
        assert event.confirmed_s is not None and app.ledger.largest_group <= 16

It runs in the caller's event loop, which must not be blocked. What is not known of the real vendor is marked
as our assumption where it is decided.
"""

import json
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

from aiohttp import web

from bridge.vendor_twin.application import Application, Behaviour
from bridge.vendor_twin.call import ApiCall, CallFaults
from bridge.vendor_twin.control import add_control_routes
from bridge.vendor_twin.faults import Chances, Fault, Faults
from bridge.vendor_twin.ledger import Event, Ledger
from bridge.vendor_twin.push import PushSender
from bridge.vendor_twin.queue import VendorError
from bridge.vendor_twin.signatures import check_tc3, check_v2

__all__ = ["Application", "Behaviour", "Chances", "Event", "Fault", "Ledger", "Vendor"]

_HOST = "127.0.0.1"
_BODY_MAX_BYTES = 16 * 1024 * 1024

Action = Callable[[Application, Any], Awaitable[bytes]]

VERSION = "2018-07-17"
ACTIONS: Mapping[str, Action] = {
    "PullEvents": Application.pull_events,
    "ConfirmEvents": Application.confirm_events,
    "DescribeEventConfig": Application.describe_event_config,
    "ModifyEventConfig": Application.modify_event_config,
    "DescribeEventsState": Application.describe_events_state,
    "DescribeTasks": Application.describe_tasks,
    "DescribeTaskDetail": Application.describe_task_detail,
}
V2_ACTIONS: Mapping[str, Action] = {
    "PullEvent": Application.pull_event,
    "ConfirmEvent": Application.confirm_event,
}


class Vendor:
    """``clock`` is what leases and ledgers go by; signatures go by the wall clock. ``faults`` spoil calls.

    ``report`` is called with a line about each push.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        chances: Chances | None = None,
        clock: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tls = tls
        self.faults = Faults(chances or Chances(), seed)
        self.canned: list[web.Response] = []  # what the next calls are answered, whatever they ask
        self.refused_calls: list[str] = []  # the error codes of calls that belong to no application
        self.url = ""
        self._clock = clock
        self._keys: dict[str, tuple[str, str]] = {}
        self._applications: dict[tuple[str, int | None], Application] = {}
        self._names: dict[str, Application] = {}
        self._pushes = PushSender(report)
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        """Listen on a free port of loopback."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whoever still waits."""
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen on ``port`` of loopback, 0 for any free one. Raises OSError."""
        site = web.Application(client_max_size=_BODY_MAX_BYTES)
        site.router.add_post("/", self._v3)
        site.router.add_route("*", "/v2/index.php", self._v2)
        add_control_routes(site, self._names, self._pushes.emit)
        # No handler is cancelled with its client: what was leased to one that left stays leased.
        self._runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, port, ssl_context=self._tls).start()
        self.url = f"{'https' if self._tls else 'http'}://{_HOST}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close, whoever still waits."""
        await self._pushes.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    def add(
        self,
        secret_id: str,
        secret_key: str,
        *,
        sub_app_id: int | None = None,
        token: str = "",
        name: str = "",
    ) -> Application:
        """Add an application, or give its key (and temporary ``token``) a new value.

        Its ``name`` is that of its paths below ``/twin``; without one it has none.
        """
        self._keys[secret_id] = (secret_key, token)
        fresh = Application(Behaviour(), self._clock)
        application = self._applications.setdefault((secret_id, sub_app_id), fresh)
        if name:
            self._names[name] = application
        return application

    def emit(self, application: Application, body: bytes) -> str:
        """Send an event as the application is configured: returns ``pushing``, ``queued`` or ``dropped``."""
        return self._pushes.emit(application, body)

    async def _v3(self, request: web.Request) -> web.StreamResponse:
        action, body = request.headers.get("X-TC-Action", ""), await request.read()
        version = request.headers.get("X-TC-Version", "")
        try:
            secret_id = check_tc3(request, body, self._keys)
            perform = _find_action(action, ACTIONS if version == VERSION else {})
            parameters = json.loads(body)
            application = self._application(secret_id, parameters.get("SubAppId"))
        except VendorError as error:
            return self._refuse(_v3_error(error), error)
        handles = tuple(parameters.get("EventHandles", ()))

        async def answer() -> web.Response:
            return _v3_response(await perform(application, parameters))

        return await self._call(request, application, action, handles).run(answer, _v3_error)

    async def _v2(self, request: web.Request) -> web.StreamResponse:
        given = dict(parse_qsl((await request.text()) or request.query_string, keep_blank_values=True))
        action = given.get("Action", "")
        try:
            secret_id = check_v2(request.method, request.headers["Host"], given, self._keys)
            perform = _find_action(action, V2_ACTIONS)
            number = given.get("SubAppId")
            application = self._application(secret_id, None if number is None else int(number))
        except VendorError as error:
            return self._refuse(_v2_error(error), error)
        handles = tuple(given[f"msgHandle.{n}"] for n in range(len(given)) if f"msgHandle.{n}" in given)

        async def answer() -> web.Response:
            return _v2_response(0, "", await perform(application, handles))

        return await self._call(request, application, action, handles).run(answer, _v2_error)

    def _call(
        self, request: web.Request, application: Application, action: str, handles: tuple[str, ...]
    ) -> ApiCall:
        return ApiCall(CallFaults(self.faults, self.canned), request, application, (action, handles))

    def _application(self, secret_id: str, sub_app_id: int | None) -> Application:
        found = self._applications.get((secret_id, sub_app_id))
        if found is None:
            raise VendorError("UnauthorizedOperation", "no such SubAppId, or not with this key", 4104)
        return found

    def _refuse(self, response: web.Response, error: VendorError) -> web.Response:
        self.refused_calls.append(error.code)
        return response


def _find_action(action: str, actions: Mapping[str, Action]) -> Action:
    if action not in actions:
        raise VendorError("InvalidAction")
    return actions[action]


def _v3_response(members: bytes) -> web.Response:
    comma = b"," if members.strip() else b""
    body = b'{"Response":{%s%s"RequestId":"twin"}}' % (members, comma)
    return web.Response(body=body, content_type="application/json")


def _v3_error(error: VendorError) -> web.Response:
    return _v3_response(b'"Error":' + json.dumps({"Code": error.code, "Message": error.text}).encode())


def _v2_response(code: int, message: str, members: bytes = b"") -> web.Response:
    head = json.dumps({"code": code, "message": message}).encode()[:-1]
    return web.Response(body=head + (b"," + members if members else b"") + b"}", content_type="text/html")


def _v2_error(error: VendorError) -> web.Response:
    return _v2_response(error.number, error.text)
