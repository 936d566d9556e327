"""One request to the console, with what its handler may use."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from msgspec import Struct

from bridge.console.access import Access, Level
from bridge.console.audit import AuditLog
from bridge.console.helper_client import Caller, HelperClient
from bridge.console.jobs import Jobs
from bridge.console.kept_answer import KeptAnswer
from bridge.console.masked_json import masked_json
from bridge.console.pacing import Pacer
from bridge.console.peers import Peers
from bridge.console.problem import CONTENT_TYPE, Problem, ProblemError
from bridge.console.view import BridgeView
from bridge.core.printable import json_escaped
from bridge.io.admin import SERVER_NAME, OpenStream
from bridge.observability.masking import Mask

JSON = "application/json"
_WRITE_TIMEOUT_S = 5.0
_LIMIT_MAX = 1000
# What reading a body raises that is cut off, or not encoded as its headers say.
_BODY_ERRORS = (
    web.HTTPException,
    web.RequestPayloadError,
    ValueError,
    LookupError,
    OSError,
)


class ConsoleParts(Struct, frozen=True, kw_only=True):
    """What the console is made of. ``instance`` is made anew at each start."""

    bridge: BridgeView
    instance: str
    peers: Peers
    access: Access
    helper: HelperClient
    jobs: Jobs
    mask: Mask
    pacer: Pacer
    audit: AuditLog
    vendor: KeptAnswer


class Call(Struct, frozen=True, kw_only=True):
    """A request. ``path_args`` are the parts of the path that its route leaves open."""

    request: web.BaseRequest
    parts: ConsoleParts
    level: Level
    open_stream: OpenStream
    path_args: Mapping[str, str]

    def query(self, name: str) -> str:
        """Return a query parameter; empty where it is not given. Raises `ProblemError` where it is twice."""
        values = self.request.query.getall(name, [""])
        if len(values) > 1:
            raise ProblemError(400, f"{name} is given more than once")
        return values[0]

    def query_number(self, name: str, default: int, most: int = _LIMIT_MAX, *, least: int = 0) -> int:
        """Return a query parameter as a number from ``least`` to ``most``. Raises `ProblemError`."""
        text = self.query(name)
        if not text:
            return default
        if not text.isdecimal() or len(text) > len(str(most)) or not least <= int(text) <= most:
            raise ProblemError(400, f"{name} is no number from {least} to {most}")
        return int(text)

    @property
    def asks_peers(self) -> bool:
        """Whether the other replicas are to be asked, too. Raises `ProblemError`."""
        return bool(self.query_number("peers", 1, 1)) and self.parts.peers.configured

    async def read_body(self) -> bytes:
        """Return the body. Raises `ProblemError` where it is too large, or not as its headers say."""
        try:
            return await self.request.read()
        except web.HTTPRequestEntityTooLarge:
            raise ProblemError(413, "the body is too large") from None
        except _BODY_ERRORS:
            raise ProblemError(400, "the body cannot be read") from None

    def wants_events(self) -> bool:
        """Whether a stream of server-sent events is asked for."""
        return "text/event-stream" in self.request.headers.get("Accept", "")

    def json(self, answer: object, status: int = 200) -> web.Response:
        """Return an answer as JSON, without secrets."""
        return web.Response(status=status, body=self.encode(answer), content_type=JSON)

    def encode(self, answer: object) -> bytes:
        """Encode an answer as JSON, without secrets, control characters escaped."""
        return masked_json(answer, self.parts.mask)

    def ask(self, kind: str, args: object = None) -> AsyncIterator[tuple[str, msgspec.Raw]]:
        """Ask the helper process; its answers are without secrets already."""
        caller = Caller.OPERATOR if self.level >= Level.ACT else Caller.READER
        if caller is Caller.READER and self.parts.access.is_open:
            caller = Caller.ANYBODY
        return self.parts.helper.ask(kind, args, caller=caller)

    async def ask_once(self, kind: str, args: object = None) -> bytes:
        """Return the last part of an answer, as JSON. Takes its time: one of the few that may."""
        with self.taking_time():
            found = b"null"
            async for _, data in self.ask(kind, args):
                found = bytes(data)
            return found

    def taking_time(self) -> "_TakingTime":
        """Let the response take longer than others. Raises `ProblemError` where too many do."""
        return _TakingTime(self.open_stream)

    @asynccontextmanager
    async def event_stream(self) -> AsyncIterator["EventStream"]:
        """Begin a stream of server-sent events. Raises `ProblemError` where there are too many."""
        with self.taking_time():
            response = web.StreamResponse(
                headers={
                    "Content-Type": "text/event-stream",
                    "Cache-Control": "no-store",
                    "X-Accel-Buffering": "no",
                    "Server": SERVER_NAME,
                }
            )
            response.force_close()
            async with asyncio.timeout(_WRITE_TIMEOUT_S):
                await response.prepare(self.request)
            try:
                yield EventStream(self.request, response)
            except BaseException:
                if self.request.transport is not None:  # no other response can follow: its client begins anew
                    self.request.transport.abort()
                raise


class _TakingTime:
    def __init__(self, open_stream: OpenStream) -> None:
        self._context = open_stream()

    def __enter__(self) -> None:
        if not self._context.__enter__():
            self._context.__exit__(None, None, None)
            raise ProblemError(
                503, "too many requests that take their time", remedy="close a page, or try again"
            )

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(None, None, None)


class EventStream:
    """Server-sent events to one client, which is not waited for longer than 5 s."""

    def __init__(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        self._request = request
        self.response = response

    @property
    def has_left(self) -> bool:
        """Whether the client has gone."""
        transport = self._request.transport
        return transport is None or transport.is_closing()

    async def send(self, event: str, data: bytes, number: int | str | None = None) -> None:
        """Send one event; ``data`` is one line. Raises ConnectionError or TimeoutError where nobody reads."""
        head = f"event: {event}\n" + ("" if number is None else f"id: {number}\n")
        await self._write(head.encode() + b"data: " + data + b"\n\n")

    async def keep_alive(self) -> None:
        """Send a comment, so that proxies keep the connection."""
        await self._write(b": \n\n")

    async def _write(self, data: bytes) -> None:
        async with asyncio.timeout(_WRITE_TIMEOUT_S):
            await self.response.write(data)


def problem_response(problem: Problem) -> web.Response:
    """Return a problem as JSON."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else {}  # noqa: PLR2004 - HTTP's own
    text = json_escaped(msgspec.json.encode(problem).decode())
    return web.Response(status=problem.status, body=text.encode(), content_type=CONTENT_TYPE, headers=headers)
