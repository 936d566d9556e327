"""What a request means: the order of work from its method to its answer.

Limits, application, token, body; what the body says is the pipeline's.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl

from aiohttp.http_parser import RawRequestMessage
from msgspec import Struct
from msgspec.structs import replace

from bridge.core.event import Notification
from bridge.core.inflate import CODINGS, inflate
from bridge.core.outcome import Outcome
from bridge.io.ingress.addresses import Addresses
from bridge.io.ingress.answers import (
    METHOD,
    METHOD_HEAD,
    NO_ROOM,
    NOT_FOUND,
    TOO_LARGE,
    Answer,
    answer_of,
)
from bridge.io.ingress.budget import SMALL_BYTES, Budgets, Charge
from bridge.io.ingress.clock import Clock
from bridge.io.ingress.connection import Connection
from bridge.io.ingress.reading import Reading, Sizes
from bridge.io.ingress.requests import Asked, Heads, Request, target_of
from bridge.running import begin, heard
from bridge.telling import Told

_QUERY_FIELDS_MAX = 100


class Intake:
    """Turns requests into notifications and outcomes into answers. ``traced``: with their trace's headers."""

    def __init__(
        self,
        deliver: Callable[[Notification], Told[Outcome]],
        addresses: Addresses,
        clock: Clock,
        sizes: Sizes,
        *,
        traced: bool = False,
    ) -> None:
        self._deliver = deliver
        self._addresses = addresses
        self._now_ms = clock.now_ms
        self._sizes = sizes
        self._traced = traced
        self.budgets = Budgets(sizes.bodies_max, sizes.body_max, clock.monotonic)
        self.heads = Heads()

    def take(self, request: Request, client: Connection) -> None:
        """Do the work of one request; ``client`` is told its answer."""
        asked = request.asked or self._asked(request)
        if isinstance(asked, Answer):
            client.answered(asked)
            return
        received_ms = self._now_ms()
        size = request.size
        if size > self._sizes.body_max:
            client.answered(TOO_LARGE)
            return
        # Nearly all are small and here: they go on at once.
        if size <= SMALL_BYTES and request.is_whole:
            charge = self.budgets.charge(size)
            if charge.take():
                self._hand_over(asked, request.take_body(), received_ms, charge, client)
                return
        work = begin(self._take_in_time(request, asked, received_ms, client))
        work.then(partial(_note_bug, work, client))

    async def _take_in_time(
        self, request: Request, asked: Asked, received_ms: int, client: Connection
    ) -> None:
        """Wait for the rest of the body, and until it may go into work."""
        reading = Reading(self.budgets, self._sizes, request, client)
        try:
            body = await reading.body()
            if isinstance(body, Answer):
                reading.end()
                client.answered(body)
            elif len(body) <= SMALL_BYTES:
                charge = self.budgets.charge(len(body))
                if not await reading.charged(charge):
                    client.answered(NO_ROOM)
                    return
                reading.end()
                self._hand_over(asked, body, received_ms, charge, client)
            else:
                large, body = _Large(asked, body, received_ms), b""
                client.answered(await self._deliver_large(large, client, reading))
        finally:
            reading.end()

    def _hand_over(
        self, asked: Asked, body: bytes, received_ms: int, charge: Charge, client: Connection
    ) -> None:
        """Have a small body delivered, and not keep it: who holds a delivery may drop it before its end."""
        told: Told[Outcome] | Told[Answer]
        try:
            notification = self._opened(asked, body, received_ms)
            if isinstance(notification, Answer):
                charge.release()
                client.answered(notification)
                return
            size = notification.size
            client.answering = True
            if size <= SMALL_BYTES:
                charge.resize(size)
                told = self._deliver(notification)
            else:
                large = _Large(asked, body, received_ms, notification)
                del notification, body
                told = begin(self._deliver_large(large, client))
        except BaseException:
            charge.release()
            raise
        told.then(partial(_tell, told, charge, client))

    async def _deliver_large(
        self, large: "_Large", client: Connection, reading: Reading | None = None
    ) -> Answer:
        """Have a large body delivered, once it may go into work; until then it is kept as it came."""
        opened = large.opened or self._opened(large.asked, large.body, large.received_ms)
        if isinstance(opened, Answer):
            return opened
        charge = self.budgets.charge_large(opened.size)
        if not charge.take():
            large.opened = None
            del opened
            client.answering = True
            in_time = reading.charged(charge) if reading else charge.wait(self._sizes.patience_s)
            if not await in_time:
                return NO_ROOM
            opened = self._opened(large.asked, large.body, large.received_ms)
        try:
            if isinstance(opened, Answer):
                return opened
            large.body, large.opened = b"", None
            if reading is not None:
                reading.end()
            client.answering = True
            told = self._deliver(opened)
            del opened
            return answer_of(await heard(told))
        finally:
            charge.release()

    def _opened(self, asked: Asked, body: bytes, received_ms: int) -> Notification | Answer:
        damage, received = "", b""
        if asked.coding:
            plain = inflate(body, asked.coding, self._sizes.body_max)
            if plain.too_large:
                return TOO_LARGE
            damage = plain.damage
            if not damage:
                received, body = body, plain.body
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
        if asked.encoding and len(received) <= len(body):
            notification = replace(notification, content_encoding=asked.encoding, received=received)
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
        path, query = target_of(message)
        application = self._addresses.application_at(path)
        if isinstance(application, str):
            return NOT_FOUND[application]
        headers = message.headers
        encoding = ""
        if "Content-Encoding" in headers:
            # What is called otherwise is read as it is, and kept if that gives no event.
            encoding = ",".join(headers.getall("Content-Encoding")).strip().lower()
            encoding = "" if encoding == "identity" else encoding
        coding = CODINGS.get(encoding)
        content_type = headers.get("Content-Type", "")
        if not self._traced:
            return Asked(application, query, coding, content_type, encoding=encoding)
        # Several tracestates are one list (RFC 9110, 5.3); several traceparents are none that can be read.
        parent, state = (",".join(headers.getall(name, ())) for name in ("traceparent", "tracestate"))
        return Asked(application, query, coding, content_type, parent, state, encoding)


class _Large(Struct, eq=False):
    """A large body on its way into work, as it came; ``opened`` while that is at hand."""

    asked: Asked
    body: bytes
    received_ms: int
    opened: Notification | None = None


def _tell(told: Told[Outcome] | Told[Answer], charge: Charge, client: Connection) -> None:
    """Tell a client how its delivery ended."""
    charge.release()
    if told.error is not None:
        client.broken(told.error)
        return
    try:
        ended = told.result()
        client.answered(ended if isinstance(ended, Answer) else answer_of(ended))
    except Exception as error:  # noqa: BLE001 - a bug there must not keep the connection for good
        client.broken(error)


def _note_bug(work: Told[None], client: Connection) -> None:
    """Say nothing to a client in whose request's work a bug is."""
    if work.error is not None:
        client.broken(work.error)


def _proof(query: str) -> tuple[str, str]:
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        return "", ""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
    return found.get("sign", ""), found.get("t", "")
