"""What a request means: the order of work from its method to its answer.

Limits, application, token, body; what the body says is the pipeline's.
"""

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import parse_qsl

from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestPayloadError
from msgspec import Struct
from msgspec.structs import replace

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.inflate import Coding, inflate
from bridge.core.outcome import Outcome
from bridge.io.ingress.addresses import Addresses
from bridge.io.ingress.answers import (
    ENCODING,
    METHOD,
    METHOD_HEAD,
    NO_ROOM,
    NOT_FOUND,
    NOT_HTTP,
    TOO_LARGE,
    Answer,
    answer_of,
)
from bridge.io.ingress.connection import Connection
from bridge.io.ingress.requests import Asked, Heads, Request
from bridge.io.ingress.room import SMALL, Place, Rooms
from bridge.running import begin, heard
from bridge.telling import Told

_CODINGS: dict[str, Coding | None] = {
    "": None,
    "identity": None,
    "gzip": "gzip",
    "x-gzip": "gzip",
    "deflate": "deflate",
}
_QUERY_FIELDS_MAX = 100


class Sizes(Struct, frozen=True):
    """How large one body may be, how large all in work together, and how long one waits for room."""

    body_max: int
    bodies_max: int
    patience_s: float


class Intake:
    """Turns requests into notifications and outcomes into answers. ``traced``: with their trace's headers."""

    def __init__(
        self,
        deliver: Callable[[Notification], Told[Outcome]],
        applications: Mapping[str, Application],
        now_ms: Callable[[], int],
        sizes: Sizes,
        *,
        traced: bool = False,
    ) -> None:
        self._deliver = deliver
        self._addresses = Addresses(applications.values())
        self._now_ms = now_ms
        self._sizes = sizes
        self._traced = traced
        # A compressed body may need its own size and the largest one's.
        self._rooms = Rooms(sizes.bodies_max, 2 * sizes.body_max)
        self.heads = Heads()

    def take(self, request: Request, client: Connection) -> None:
        """Do the work of one request; ``client`` is told its answer."""
        asked = request.asked or self._asked(request)
        if isinstance(asked, Answer):
            client.answered(asked)
            return
        received_ms = self._now_ms()
        size = self._needed(request, asked)
        if not size:
            client.answered(TOO_LARGE)
            return
        place = self._rooms.to_read(size)
        # Nearly all are small and here: they go on at once.
        if request.is_whole and place.take():
            try:
                self._hand_over(asked, request.take_body(), received_ms, place, client)
            except BaseException:
                place.leave()
                raise
        else:
            work = begin(self._take_in_time(request, asked, received_ms, place, client))
            work.then(partial(_mourn, work, place, client))

    async def _take_in_time(
        self, request: Request, asked: Asked, received_ms: int, place: Place, client: Connection
    ) -> None:
        """Wait for room, and for the rest of the body."""
        if not place.take() and not await self._room_in_time(place, client):
            client.answered(NO_ROOM)
            return
        client.answering = request.is_whole
        if client.held_back and not request.is_whole:
            client.go_on()
        body = request.take_body() if request.is_whole else await self._body(request, client, place)
        self._hand_over(asked, body, received_ms, place, client)

    def _hand_over(
        self, asked: Asked, body: bytes | Answer, received_ms: int, place: Place, client: Connection
    ) -> None:
        """Have a body delivered, and not keep it: who holds a delivery may drop it before it has ended."""
        notification = body if isinstance(body, Answer) else self._opened(asked, body, received_ms)
        if isinstance(notification, Answer):
            place.leave()
            client.answered(notification)
            return
        place.shrink(len(notification.body))
        client.answering = True
        told = (
            self._deliver(notification)
            if place.size <= SMALL
            else begin(self._deliver_large([notification], client))
        )
        told.then(partial(_tell, told, place, client))

    async def _deliver_large(self, box: list[Notification], client: Connection) -> Outcome | Answer:
        place = self._rooms.to_work(len(box[0].body))
        if not place.take() and not await self._room_in_time(place, client):
            return NO_ROOM
        try:
            return await heard(self._deliver(box.pop()))
        finally:
            place.leave()

    async def _room_in_time(self, place: Place, client: Connection) -> bool:
        """Wait for a place, silently; what is not read yet stays with the client meanwhile."""
        client.answering = True
        client.hold_back()
        return await place.wait(self._sizes.patience_s)

    def _opened(self, asked: Asked, body: bytes, received_ms: int) -> Notification | Answer:
        damage = ""
        if asked.coding:
            plain = inflate(body, asked.coding, self._sizes.body_max)
            if plain.too_large:
                return TOO_LARGE
            damage = plain.damage
            # Of what cannot be opened the received bytes are kept.
            body = body if damage else plain.body
        sign, t = _proof(asked.query) if asked.query else ("", "")
        notification = Notification(
            application=asked.application,
            body=body,
            received_ms=received_ms,
            content_type=asked.content_type,
            query_sign=sign,
            query_t=t,
            damage=damage,
        )
        if not self._traced:
            return notification
        return replace(notification, traceparent=asked.traceparent, tracestate=asked.tracestate)

    def _asked(self, request: Request) -> Asked | Answer:
        """Tell what a request asks for, and learn its head; or refuse it."""
        asked = self._asked_by(request.message)
        if isinstance(asked, Asked):
            self.heads.learn(request, asked)
        return asked

    def _asked_by(self, message: RawRequestMessage) -> Asked | Answer:
        if message.method != "POST":
            return METHOD_HEAD if message.method == "HEAD" else METHOD
        path, query = _target(message)
        application = self._addresses.application_at(path)
        if application is None:
            return NOT_FOUND
        headers = message.headers
        coding: Coding | None = None
        if "Content-Encoding" in headers:
            named = ",".join(headers.getall("Content-Encoding")).strip().lower()
            if named not in _CODINGS:
                return ENCODING
            coding = _CODINGS[named]
        content_type = headers.get("Content-Type", "")
        if not self._traced:
            return Asked(application, query, coding, content_type)
        # Several tracestates are one list (RFC 9110, 5.3); several traceparents are none that can be read.
        trace = [",".join(headers.getall(name, ())) for name in ("traceparent", "tracestate")]
        return Asked(application, query, coding, content_type, *trace)

    def _needed(self, request: Request, asked: Asked) -> int:
        """Tell how much room the body may need, to begin with where that is not known; 0: it is too large."""
        most = self._sizes.body_max
        size = request.size if request.size >= 0 else min(SMALL, most)
        if size > most:
            return 0
        # At least a byte, so that 0 is free to mean too large.
        return (size + most if asked.coding else size) or 1

    async def _body(self, request: Request, client: Connection, place: Place) -> bytes | Answer:
        payload = request.payload
        if request.awaits_consent and not payload.total_bytes:
            client.proceed()
        parts = []
        size = 0
        try:
            while part := await payload.readany():
                size += len(part)
                if size > self._sizes.body_max:
                    return TOO_LARGE
                if size > place.size:  # its size was not told
                    larger = self._rooms.to_read(self._sizes.body_max)
                    if not larger.take() and not await self._room_in_time(larger, client):
                        return NO_ROOM
                    place.change_for(larger)
                    client.answering = False
                    client.go_on()
                parts.append(part)
        except RequestPayloadError:
            return NOT_HTTP
        return b"".join(parts)


def _tell(told: Told[Outcome] | Told[Outcome | Answer], place: Place, client: Connection) -> None:
    """Tell a client how its delivery ended."""
    place.leave()
    if told.error is not None:
        client.broken(told.error)
        return
    try:
        ended = told.result()
        client.answered(ended if isinstance(ended, Answer) else answer_of(ended))
    except Exception as error:  # noqa: BLE001 - a bug there must not keep the connection for good
        client.broken(error)


def _mourn(work: Told[None], place: Place, client: Connection) -> None:
    """Say nothing to a client in whose request's work a bug is."""
    if work.error is not None:
        place.leave()
        client.broken(work.error)


def _target(message: RawRequestMessage) -> tuple[str, str]:
    target = message.path
    if not target.startswith("/"):
        return message.url.raw_path, message.url.raw_query_string
    path, _, query = target.partition("#")[0].partition("?")
    return path, query


def _proof(query: str) -> tuple[str, str]:
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        return "", ""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
    return found.get("sign", ""), found.get("t", "")
