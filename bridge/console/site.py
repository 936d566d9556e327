"""The console as a whole: takes a request, decides whether it may, and gives it to its handler."""

import asyncio
import time
from collections.abc import Callable
from secrets import token_hex

import structlog
from aiohttp import web
from msgspec.structs import replace

from bridge.console.access import Access, Level
from bridge.console.audit import AuditLog
from bridge.console.call import Call, ConsoleParts, problem_response
from bridge.console.helper_client import HelperClient
from bridge.console.jobs import Jobs
from bridge.console.kept_answer import KeptAnswer
from bridge.console.pacing import Pacer
from bridge.console.pages import load_templates, login_page, problem_page
from bridge.console.peers import Peers, parse_addresses
from bridge.console.problem import ForbiddenError, Problem, ProblemError
from bridge.console.routes import API, Route, routes_for
from bridge.console.view import BridgeView
from bridge.io.admin import OpenStream
from bridge.observability.masking import Mask, mask_for
from bridge.settings.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_SAFE = ("GET", "HEAD")
_VENDOR_KEPT_S = 10.0  # its API has limits, which pulling needs
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
        " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Console:
    """Serves the console and its API on the admin endpoint."""

    def __init__(self, bridge: BridgeView, mask: Mask, now_s: Callable[[], float] = time.time) -> None:
        admin = bridge.settings.admin
        helper = HelperClient(bridge.settings)
        token, read_token = (
            secret.get_secret_value() if secret else "" for secret in (admin.token, admin.read_token)
        )
        instance = token_hex(8)
        self._parts = ConsoleParts(
            bridge=bridge,
            instance=instance,
            peers=Peers(parse_addresses(admin.peers, admin.port), read_token, instance),
            access=Access(token, read_token, now_s, allowed_hosts=admin.host_names),
            helper=helper,
            jobs=Jobs(helper),
            mask=mask,
            pacer=Pacer(),
            audit=AuditLog(),
            vendor=KeptAnswer(_VENDOR_KEPT_S),
        )
        self._templates: asyncio.Future[None] | None = None

    def use_settings(self, settings: Settings) -> None:
        """Ask Kafka, Redis and the vendor with other settings from now on, and mask their secrets.

        Section admin must be as it was: who may read and act, and which replicas are asked, stays.
        """
        self._parts = replace(self._parts, mask=mask_for(settings), vendor=KeptAnswer(_VENDOR_KEPT_S))
        self._parts.helper.use_settings(settings)

    async def stop(self) -> None:
        """End the helper process and what it does."""
        self._parts.audit.log_suppressed()
        await self._parts.jobs.stop()
        await self._parts.helper.stop()
        await self._parts.peers.stop()

    async def respond(self, request: web.BaseRequest, open_stream: OpenStream) -> web.StreamResponse:
        """Return the response to a request of the console."""
        return await self._parts.pacer.charge(self._respond_paced(request, open_stream))

    async def _respond_paced(self, request: web.BaseRequest, open_stream: OpenStream) -> web.StreamResponse:
        try:
            await self._load_templates()
            response = await self._respond(request, open_stream)
        except ProblemError as error:
            response = self._problem(request, error.problem)
            if error.allow:
                response.headers["Allow"] = ", ".join(error.allow)
        except Exception:
            log.exception("internal_error", page=request.path)
            self._parts.bridge.count_internal_error()
            response = self._problem(request, Problem(status=500, title="failed", detail="see the log"))
        if not response.prepared:
            for name, value in _SECURITY_HEADERS.items():
                response.headers.setdefault(name, value)
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    async def _load_templates(self) -> None:
        """Compile the pages when somebody looks first, beside the event loop; who comes then waits for it."""
        if self._templates is None or (self._templates.done() and self._templates.exception() is not None):
            loop = asyncio.get_running_loop()
            self._templates = loop.run_in_executor(None, load_templates)
        await asyncio.shield(self._templates)

    async def _respond(self, request: web.BaseRequest, open_stream: OpenStream) -> web.StreamResponse:
        if not await self._parts.pacer.wait():
            raise ProblemError(503, "too many requests", remedy="try again in some seconds")
        found = routes_for(request.rel_url.raw_path)
        if not found:
            raise ProblemError(404, "no such page", remedy="the console is at /, the API at /api/v1/")
        fitting = [one for one in found if request.method == one[0].method]
        if not fitting and request.method == "HEAD":
            fitting = [one for one in found if one[0].method == "GET"]
        if not fitting:
            methods = sorted({route.method for route, _ in found})
            raise ProblemError(405, f"this takes {' or '.join(methods)}", allow=methods)
        route, path_args = fitting[0]
        access = self._parts.access
        call = Call(
            request=request,
            parts=self._parts,
            level=access.level_of(request),
            open_stream=open_stream,
            path_args=path_args,
        )
        acts = request.method not in _SAFE
        try:
            self._authorize(call, route, acts=acts)
            answer = await route.handler(call)
        except ForbiddenError as error:
            if acts:
                self._audit(call, route, refused=error.problem.title)
            raise
        return answer if isinstance(answer, web.StreamResponse) else call.json(answer)

    def _authorize(self, call: Call, route: Route, *, acts: bool) -> None:
        """Raise `ForbiddenError` where a request may not; whoever may act leaves a line in the log.

        What depends on the body is for the handler to decide, by what it then does: a second reading of the
        same bytes may find something else in them.
        """
        if acts:
            self._parts.access.require_same_site(call.request)
        if call.level < route.level:
            raise ForbiddenError(
                401, "a token is needed", remedy="Authorization: Bearer, or the console's login page"
            )
        if acts and call.level >= Level.ACT:
            self._audit(call, route)

    def _audit(self, call: Call, route: Route, refused: str = "") -> None:
        audit, request = self._parts.audit, call.request
        fields = {
            "access": call.level.name.lower(),
            "by": self._parts.access.shown_by(request),
        }
        action, client = route.path.strip("/"), request.remote or ""
        if refused:
            audit.record_refused(action, client, refused, **fields)
        else:
            audit.record(action, client, **fields)

    def _problem(self, request: web.BaseRequest, problem: Problem) -> web.Response:
        if request.path.startswith(API) or "text/html" not in request.headers.get("Accept", ""):
            return problem_response(problem)
        if problem.status == 401:  # noqa: PLR2004 - HTTP's own
            return login_page(request, self._parts.access, status=401)
        return problem_page(request, self._parts, problem)
