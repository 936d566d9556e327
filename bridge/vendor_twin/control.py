"""How a person makes something happen: requests below ``/twin``, which the real vendor does not have.

    GET  /twin                      the applications, what waits for them, how their pushes ended
    POST /twin/upload/{name}        upload a file; JSON with name, procedure, fails, all optional
    POST /twin/delete/{name}        delete a file; JSON with file_id
    POST /twin/events/{name}        send this notification, as it is

``{name}`` is the application's. A post that a page of another site makes a browser send is refused.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from bridge.core.same_site import is_same_site
from bridge.vendor_twin.application import Application
from bridge.vendor_twin.scenarios import Outcome, Upload, delete, upload

Emit = Callable[[Application, bytes], str]

_SHOWN_PUSHES = 20


class _Deletion(Struct):
    file_id: str


def add_control_routes(site: web.Application, applications: Mapping[str, Application], emit: Emit) -> None:
    """Add the routes; ``applications`` is read at each request."""
    control = _Control(applications, emit)
    site.router.add_get("/twin", control.show)
    site.router.add_post("/twin/upload/{name}", control.upload)
    site.router.add_post("/twin/delete/{name}", control.delete)
    site.router.add_post("/twin/events/{name}", control.send)


class _Control:
    def __init__(self, applications: Mapping[str, Application], emit: Emit) -> None:
        self._applications = applications
        self._emit = emit

    async def show(self, _: web.Request) -> web.Response:
        """Answer how all applications are."""
        return web.json_response({name: _state(one) for name, one in self._applications.items()})

    async def upload(self, request: web.Request) -> web.Response:
        """Upload a file."""
        application = self._application_of_post(request)
        return self._emit_all(application, upload(application, await _read(request, Upload)))

    async def delete(self, request: web.Request) -> web.Response:
        """Delete a file."""
        application = self._application_of_post(request)
        return self._emit_all(application, delete(application, (await _read(request, _Deletion)).file_id))

    async def send(self, request: web.Request) -> web.Response:
        """Send the body as an event."""
        application, body = self._application_of_post(request), await request.read()
        try:
            msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # Spliced into an answer of PullEvents, it would spoil that answer.
            raise _bad_request("the body is no JSON object") from None
        return web.json_response({"outcome": self._emit(application, body)})

    def _application_of_post(self, request: web.Request) -> Application:
        if is_same_site(request.headers) is False:
            raise web.HTTPForbidden(
                text=json.dumps({"error": "a page of another site asked for this; use curl"}),
                content_type="application/json",
            )
        found = self._applications.get(request.match_info["name"])
        if found is None:
            names = ", ".join(self._applications) or "there are none"
            raise web.HTTPNotFound(
                text=json.dumps({"error": f"no such application; the twin has: {names}"}),
                content_type="application/json",
            )
        return found

    def _emit_all(self, application: Application, done: Outcome) -> web.Response:
        outcomes = [self._emit(application, body) for body in done.bodies]
        return web.json_response(
            {"outcome": outcomes[0] if outcomes else "switched off", "file_id": done.file_id}
            | ({"task_id": done.task_id} if done.task_id else {})
            | {"events": [json.loads(body)["EventType"] for body in done.bodies]}
        )


def _state(application: Application) -> dict[str, Any]:
    ledger = application.ledger
    return {
        "mode": application.behaviour.mode,
        "notification_url": application.notification_url,
        "switches": application.switches,
        "waiting": len(application.queue),
        "unconfirmed": len(ledger.unconfirmed),
        "confirmed": len(ledger.confirmed),
        "lost": sum(push.is_lost for push in ledger.pushes),
        "pushes": [push.sends for push in ledger.pushes[-_SHOWN_PUSHES:]],
    }


async def _read(request: web.Request, kind: Any) -> Any:  # noqa: ANN401 - an instance of the class that is given
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _bad_request(str(error)) from None


def _bad_request(text: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": text}), content_type="application/json")
