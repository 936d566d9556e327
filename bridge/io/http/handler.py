"""Handles a request, from its method to its response: limits, application, token, body.

What the body means is decided in the delivery pipeline.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl

from aiohttp.http_parser import RawRequestMessage
from msgspec import Struct
from msgspec.structs import replace

from bridge.aio.inline_task import start_inline, wait
from bridge.aio.promise import Promise
from bridge.core.event import Notification
from bridge.core.inflate import CODINGS, inflate
from bridge.core.outcome import DeliveryResult
from bridge.io.http.body_budget import SMALL_BYTES, BodyBudget, Reservation
from bridge.io.http.body_reader import BodyLimits, BodyReader
from bridge.io.http.clock import Clock
from bridge.io.http.connection import Connection
from bridge.io.http.request import CallbackTarget, HeadCache, Request, path_and_query
from bridge.io.http.responses import (
    METHOD_NOT_ALLOWED,
    METHOD_NOT_ALLOWED_HEAD,
    NOT_FOUND,
    OVERLOADED,
    TOO_LARGE,
    HttpResponse,
    response_for,
)
from bridge.io.http.routing import CallbackRouter

_QUERY_FIELDS_MAX = 100


class CallbackHandler:
    """Turns requests into notifications and results into responses. ``traced``: with the trace headers."""

    def __init__(
        self,
        deliver: Callable[[Notification], Promise[DeliveryResult]],
        router: CallbackRouter,
        clock: Clock,
        limits: BodyLimits,
        *,
        traced: bool = False,
    ) -> None:
        self._deliver = deliver
        self._router = router
        self._now_ms = clock.now_ms
        self._limits = limits
        self._traced = traced
        self.body_budget = BodyBudget(limits.bodies_max_bytes, limits.body_max_bytes, clock.monotonic)
        self.head_cache = HeadCache()

    def handle(self, request: Request, connection: Connection) -> None:
        """Handle one request. Calls ``connection.send_response`` once, at once or later."""
        target = request.target or self._resolve(request)
        if isinstance(target, HttpResponse):
            connection.send_response(target)
            return
        received_ms = self._now_ms()
        size = request.size
        if size > self._limits.body_max_bytes:
            connection.send_response(TOO_LARGE)
            return
        # Nearly all are small and here: they go on at once.
        if size <= SMALL_BYTES and request.body_complete:
            reservation = self.body_budget.for_processing(size)
            if reservation.try_acquire():
                self._deliver_small(target, request.pop_body(), received_ms, reservation, connection)
                return
        work = start_inline(self._read_then_deliver(request, target, received_ms, connection))
        work.on_done(partial(_on_handler_error, work, connection))

    async def _read_then_deliver(
        self, request: Request, target: CallbackTarget, received_ms: int, connection: Connection
    ) -> None:
        """Wait for the rest of the body, and until it may go into work."""
        reader = BodyReader(self.body_budget, self._limits, request, connection)
        try:
            body = await reader.read()
            if isinstance(body, HttpResponse):
                reader.release()
                connection.send_response(body)
            elif len(body) <= SMALL_BYTES:
                reservation = self.body_budget.for_processing(len(body))
                if not await reader.acquire(reservation):
                    connection.send_response(OVERLOADED)
                    return
                reader.release()
                self._deliver_small(target, body, received_ms, reservation, connection)
            else:
                large_body, body = _LargeBody(target, body, received_ms), b""
                connection.send_response(await self._deliver_large(large_body, connection, reader))
        finally:
            reader.release()

    def _deliver_small(
        self,
        target: CallbackTarget,
        body: bytes,
        received_ms: int,
        reservation: Reservation,
        connection: Connection,
    ) -> None:
        """Have a small body delivered, and not keep it: who holds a delivery may drop it before its end."""
        promise: Promise[DeliveryResult] | Promise[HttpResponse]
        try:
            notification = self._to_notification(target, body, received_ms)
            if isinstance(notification, HttpResponse):
                reservation.release()
                connection.send_response(notification)
                return
            size = notification.size
            connection.handling = True
            if size <= SMALL_BYTES:
                reservation.resize(size)
                promise = self._deliver(notification)
            else:
                large_body = _LargeBody(target, body, received_ms, notification)
                del notification, body
                promise = start_inline(self._deliver_large(large_body, connection))
        except BaseException:
            reservation.release()
            raise
        promise.on_done(partial(_respond, promise, reservation, connection))

    async def _deliver_large(
        self, large_body: "_LargeBody", connection: Connection, reader: BodyReader | None = None
    ) -> HttpResponse:
        """Have a large body delivered, once it may go into work; until then it is kept as it came."""
        notification = large_body.notification or self._to_notification(
            large_body.target, large_body.body, large_body.received_ms
        )
        if isinstance(notification, HttpResponse):
            return notification
        reservation = self.body_budget.for_processing_large(notification.size)
        if not reservation.try_acquire():
            large_body.notification = None
            del notification
            connection.handling = True
            acquired = reader.acquire(reservation) if reader else reservation.acquire(self._limits.wait_s)
            if not await acquired:
                return OVERLOADED
            notification = self._to_notification(large_body.target, large_body.body, large_body.received_ms)
        try:
            if isinstance(notification, HttpResponse):
                return notification
            large_body.body, large_body.notification = b"", None
            if reader is not None:
                reader.release()
            connection.handling = True
            promise = self._deliver(notification)
            del notification
            return response_for(await wait(promise))
        finally:
            reservation.release()

    def _to_notification(
        self, target: CallbackTarget, body: bytes, received_ms: int
    ) -> Notification | HttpResponse:
        damage, received = "", b""
        if target.coding:
            inflated = inflate(body, target.coding, self._limits.body_max_bytes)
            if inflated.too_large:
                return TOO_LARGE
            damage = inflated.decode_error
            if not damage:
                received, body = body, inflated.body
        sign, t = _signature_params(target.query) if target.query else ("", "")
        notification = Notification(
            application=target.application,
            body=body,
            received_ms=received_ms,
            content_type=target.content_type,
            query_sign=sign,
            query_t=t,
            decode_error=damage,
        )
        if target.encoding and len(received) <= len(body):
            notification = replace(notification, content_encoding=target.encoding, received=received)
        if not self._traced:
            return notification
        return replace(notification, traceparent=target.traceparent, tracestate=target.tracestate)

    def _resolve(self, request: Request) -> CallbackTarget | HttpResponse:
        """Return the target of a request and cache its head; or the response that rejects it."""
        target = self._route(request.message)
        if isinstance(target, CallbackTarget):
            self.head_cache.store(request, target)
        return target

    def _route(self, message: RawRequestMessage) -> CallbackTarget | HttpResponse:
        if message.method != "POST":
            return METHOD_NOT_ALLOWED_HEAD if message.method == "HEAD" else METHOD_NOT_ALLOWED
        path, query = path_and_query(message)
        application = self._router.resolve(path)
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
            return CallbackTarget(application, query, coding, content_type, encoding=encoding)
        # Several tracestates are one list (RFC 9110, 5.3); several traceparents are none that can be read.
        parent, state = (",".join(headers.getall(name, ())) for name in ("traceparent", "tracestate"))
        return CallbackTarget(application, query, coding, content_type, parent, state, encoding)


class _LargeBody(Struct, eq=False):
    """A large body on its way into work, as it came; ``opened`` while that is at hand."""

    target: CallbackTarget
    body: bytes
    received_ms: int
    notification: Notification | None = None


def _respond(
    promise: Promise[DeliveryResult] | Promise[HttpResponse], reservation: Reservation, connection: Connection
) -> None:
    """Send the response for the result of a delivery."""
    reservation.release()
    if promise.exception is not None:
        connection.on_internal_error(promise.exception)
        return
    try:
        result = promise.result()
        connection.send_response(result if isinstance(result, HttpResponse) else response_for(result))
    except Exception as error:  # noqa: BLE001 - a bug there must not keep the connection for good
        connection.on_internal_error(error)


def _on_handler_error(promise: Promise[None], connection: Connection) -> None:
    """Release the reservation and close the connection without a response, so that the sender retries."""
    if promise.exception is not None:
        connection.on_internal_error(promise.exception)


def _signature_params(query: str) -> tuple[str, str]:
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        return "", ""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
    return found.get("sign", ""), found.get("t", "")
