"""The pages of the console: each shows what the API answers, rendered here, with every text escaped.

Links are relative, so that the console works below any path that a proxy gives it.
"""

import shlex
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec
from aiohttp import web
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from msgspec.structs import replace

from bridge.console import api
from bridge.console import applications as api_applications
from bridge.console.access import COOKIE, SESSION_S, Access, Level
from bridge.console.call import Call, ConsoleParts
from bridge.console.live import recent_deliveries
from bridge.console.openapi import openapi_document
from bridge.console.problem import Problem, ProblemError
from bridge.core.outcome import DeliveryOutcome
from bridge.core.printable import printable
from bridge.observability.recent_deliveries import REFUSED
from bridge.operations.found_record import distance_text

_DEPTH_MAX = 8  # no page is deeper; a path of slashes would make a page of links to "../../.."
_FORM = "application/x-www-form-urlencoded"
_STATIC: Mapping[str, str] = MappingProxyType({"console.css": "text/css", "console.js": "text/javascript"})


def _shown(value: object) -> object:
    """Make a text safe to show: no control, invisible or bidirectional characters; markup stays."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, multiline=True)
    return "" if value is None else value


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


_environment = Environment(
    loader=PackageLoader("bridge.console"),
    autoescape=True,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters["pretty"] = _pretty
_environment.filters["group_text"] = lambda one: distance_text(one["group"], one["past"])
_environment.filters["segment"] = lambda text: quote(str(text), safe="")


def load_templates() -> None:
    """Compile all pages, which takes a tenth of a second; to be called in a thread before the first one."""
    for name in _environment.list_templates():
        _environment.get_template(name)


async def now(call: Call) -> web.Response:
    """Show how this process is."""
    return _render(call, "now.html", status=_plain(call, await api.status(call)))


async def live(call: Call) -> web.Response:
    """Show the recent deliveries; the script adds what comes."""
    names = ("application", "type", "outcome", "file", "task")
    recent = _plain(call, await recent_deliveries(call))
    return _render(
        call,
        "live.html",
        recent=recent,
        several=isinstance(recent["last_number"], str),
        filters={name: call.query(name) for name in names},
        applications=sorted(call.parts.bridge.settings.applications()),
        outcomes=[*map(str, DeliveryOutcome), REFUSED],
    )


async def find(call: Call) -> web.Response:
    """Show the box; the script asks and shows what is found, or, with ``wait``, the page does."""
    found, text = None, call.query("q").strip()
    if text and call.query("wait"):
        request = replace(api.find_request(call), text=text)
        found = _plain(call, await api.find_all(call, request))
    if not text:
        await call.parts.helper.warm_up()
    days = call.query_number("days", 7, 366)
    return _render(
        call, "find.html", text=text, days=days, everywhere=bool(call.query("everywhere")), found=found
    )


async def event(call: Call) -> web.Response:
    """Show one record whole."""
    answer = await api.event(call)
    details = msgspec.json.decode(answer.body)  # type: ignore[arg-type] # bytes, as made there
    curl = _curl(details.get("curl_body", ""), details["record"].get("application", ""))
    return _render(call, "event.html", details=details | {"curl": curl}, at=call.path_args)


async def dead_letters(call: Call) -> web.Response:
    """Show the dead letters, by reason and application."""
    answer = _plain(call, await api.dead_letters(call))
    return _render(call, "dead_letters.html", answer=answer, within=api.times_of(call))


async def applications(call: Call) -> web.Response:
    """Show all applications, and with ``vendor`` what the vendor says of them."""
    states = _plain(call, await api_applications.vendor(call)) if call.query("vendor") else None
    answer = _plain(call, await api_applications.applications(call))
    return _render(call, "applications.html", answer=answer, vendor=states)


async def topics(call: Call) -> web.Response:
    """Show the topics and who reads them."""
    found = _plain(call, await api.topics(call))
    groups, problem = [], ""
    try:
        groups = _plain(call, await api.groups(call))["groups"]
    except ProblemError as error:  # not every broker lists groups, and not every user may
        problem = error.problem.detail or error.problem.title
    return _render(call, "topics.html", topics=found["topics"], groups=groups, problem=problem)


async def spool(call: Call) -> web.Response:
    """Show the spool."""
    return _render(call, "spool.html", spool=_plain(call, await api.spool(call)))


async def settings(call: Call) -> web.Response:
    """Show the settings in force."""
    return _render(call, "settings.html", answer=_plain(call, await api.settings(call)))


async def types(call: Call) -> web.Response:
    """Show the catalogue."""
    return _render(call, "types.html", answer=_plain(call, await api.types(call)))


async def check(call: Call) -> web.Response:
    """Show the button, or with ``run`` what all checks found."""
    answer = _plain(call, await api.check(call)) if call.query("run") else None
    return _render(call, "check.html", answer=answer)


async def openapi_json(call: Call) -> object:
    """Answer with the description of the API."""
    del call
    return openapi_document()


async def login_form(call: Call) -> web.Response:
    """Show the login form."""
    return login_page(call.request, call.parts.access)


async def login(call: Call) -> web.Response:
    """Take a token, and give a cookie for it."""
    if call.request.content_type != _FORM:
        raise ProblemError(415, f"the body must be {_FORM}")
    body = (await call.read_body()).decode("utf-8", "replace")
    given = dict(parse_qsl(body)).get("token", "")
    level, cookie = call.parts.access.new_session(given)
    if level is Level.NOTHING:
        call.parts.audit.record_refused("login", call.request.remote or "", "wrong token")
        problem = "That is no token of this bridge."
        return login_page(call.request, call.parts.access, status=401, problem=problem)
    # Without a Path: the cookie is for the folder of this page, whatever a proxy puts before it.
    secure = "; Secure" if call.request.headers.get("X-Forwarded-Proto", "") == "https" else ""
    header = f"{COOKIE}={cookie}; Max-Age={SESSION_S}; HttpOnly; SameSite=Strict{secure}"
    return web.Response(status=303, headers={"Location": "./", "Set-Cookie": header})


async def logout(call: Call) -> web.Response:
    """End the session."""
    call.parts.access.end_session(call.request)
    header = f"{COOKIE}=; Max-Age=0; HttpOnly; SameSite=Strict"
    return web.Response(status=303, headers={"Location": "./", "Set-Cookie": header})


async def static(call: Call) -> web.Response:
    """Give the style sheet or the script."""
    name = call.path_args["file"]
    if name not in _STATIC:
        raise ProblemError(404, "no such file")
    body = files("bridge.console").joinpath("static", name).read_bytes()
    return web.Response(body=body, content_type=_STATIC[name], headers={"Cache-Control": "no-cache"})


def login_page(
    request: web.BaseRequest, access: Access, *, status: int = 200, problem: str = ""
) -> web.Response:
    """Return the login page."""
    text = _environment.get_template("login.html").render(
        root=_root(request), problem=problem, has_login=access.has_login
    )
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8")


def problem_page(request: web.BaseRequest, parts: ConsoleParts, problem: Problem) -> web.Response:
    """Return a problem as a page."""
    text = _environment.get_template("problem.html").render(
        **_frame(request, parts.access, parts.access.level_of(request)), problem=problem
    )
    return web.Response(status=problem.status, text=text, content_type="text/html", charset="utf-8")


def _render(call: Call, template: str, **data: Any) -> web.Response:  # noqa: ANN401 - what a template shows
    frame = _frame(call.request, call.parts.access, call.level)
    text = _environment.get_template(template).render(**frame, **data)
    return web.Response(text=text, content_type="text/html", charset="utf-8")


def _curl(body: str, application: str) -> str:
    """Return the command that posts a notification again; empty where its body is not shown."""
    if not body:
        return ""
    url = f"http://localhost:8080/callbacks/{application}"
    return f"curl -H 'Content-Type: application/json' --data-binary {shlex.quote(body)} {shlex.quote(url)}"


def _frame(request: web.BaseRequest, access: Access, level: Level) -> dict[str, Any]:
    return {
        "root": _root(request),
        "path": request.path,
        "acts": level >= Level.ACT,
        "has_login": access.has_login,
        "is_logged_in": COOKIE in request.cookies and level > Level.NOTHING,
    }


def _root(request: web.BaseRequest) -> str:
    """Return the way from this page back to the console's first page."""
    depth = request.rel_url.raw_path.count("/") - 1
    if depth > _DEPTH_MAX:
        return "/"
    return "../" * depth or "./"


def _plain(call: Call, answer: object) -> Any:  # noqa: ANN401 - what JSON holds
    """Return an answer as the API gives it, without secrets."""
    return msgspec.json.decode(call.encode(answer))
