"""Handles a request, from its method to its response: limits, application, token, body.

What the body means is decided in the delivery pipeline.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import replace

from bridge.aio.inline_task import start_inline, wait
from bridge.aio.promise import Promise
from bridge.core.event import Notification
from bridge.core.inflate import CODINGS, inflate
from bridge.core.outcome import DeliveryResult
from bridge.io.http.body_budget import SMALL_BYTES, BodyBudget, WeightedSemaphore
from bridge.io.http.body_reader import BodyLimits, BodyReader
from bridge.io.http.clock import Clock
from bridge.io.http.connection import Connection
from bridge.io.http.head_cache import HeadCache, trace_headers
from bridge.io.http.request import CallbackTarget, Request, RequestHead
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
        self._small_max_bytes = min(SMALL_BYTES, limits.body_max_bytes)
        self._traced = traced
        self.body_budget = BodyBudget(limits.bodies_max_bytes, limits.body_max_bytes, clock.monotonic)
        self._small_budget = self.body_budget.processing_small
        self.head_cache = HeadCache()

    def handle(self, request: Request, connection: Connection) -> None:
        """Handle one request. Calls ``connection.send_response`` once, at once or later."""
        target = request.target or self._resolve(request)
        if isinstance(target, HttpResponse):
            connection.send_response(target)
            return
        request.received_ms = self._now_ms()
        # Nearly all are small and here: they go on at once.
        if request.stream is None:
            size = len(request.body)
            if size <= self._small_max_bytes and self._small_budget.try_acquire(size):
                body, request.body = request.body, b""
                self._deliver_small(target, request, body, size, connection)
                return
        if request.size > self._limits.body_max_bytes:
            connection.send_response(TOO_LARGE)
            return
        work = start_inline(self._read_then_deliver(target, request, connection))
        work.on_done(partial(_on_handler_error, work, connection))

    async def _read_then_deliver(
        self, target: CallbackTarget, request: Request, connection: Connection
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
                self._deliver_small(target, request, body, reservation.size, connection)
            else:
                large_body, body = _LargeBody(target, request, body), b""
                connection.send_response(await self._deliver_large(large_body, connection, reader))
        finally:
            reader.release()

    def _deliver_small(
        self, target: CallbackTarget, request: Request, body: bytes, charged: int, connection: Connection
    ) -> None:
        """Have a small body delivered, and not keep it: who holds a delivery may drop it before its end.

        ``charged`` bytes are taken of the budget of small bodies, and given back at the delivery's end.
        """
        budget = self._small_budget
        promise: Promise[DeliveryResult] | Promise[HttpResponse]
        try:
            notification = self._to_notification(target, request, body)
            if isinstance(notification, HttpResponse):
                budget.release(charged)
                connection.send_response(notification)
                return
            connection.handling = True
            if not target.coding:
                promise = self._deliver(notification)
            elif notification.size <= SMALL_BYTES:
                size = min(notification.size, budget.size)
                budget.release(charged - size)  # below 0 it takes what was inflated and is here anyway
                charged = size
                promise = self._deliver(notification)
            else:
                large_body = _LargeBody(target, request, body, notification)
                del notification, body
                promise = start_inline(self._deliver_large(large_body, connection))
        except BaseException:
            budget.release(charged)
            raise
        promise.on_done(partial(_respond, promise, budget, charged, connection))

    async def _deliver_large(
        self, large_body: "_LargeBody", connection: Connection, reader: BodyReader | None = None
    ) -> HttpResponse:
        """Have a large body delivered, once it may go into work; until then it is kept as it came."""
        target, request = large_body.target, large_body.request
        notification = large_body.notification or self._to_notification(target, request, large_body.body)
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
            notification = self._to_notification(target, request, large_body.body)
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
        self, target: CallbackTarget, request: Request, body: bytes
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
            received_ms=request.received_ms,
            content_type=target.content_type,
            query_sign=sign,
            query_t=t,
            decode_error=damage,
        )
        if target.encoding and len(received) <= len(body):
            notification = replace(notification, content_encoding=target.encoding, received=received)
        if not self._traced:
            return notification
        traceparent, tracestate = _trace_context(request)
        return replace(notification, traceparent=traceparent, tracestate=tracestate)

    def _resolve(self, request: Request) -> CallbackTarget | HttpResponse:
        """Return the target of a request and cache its head; or the response that rejects it."""
        target = self._route(request.head)
        if isinstance(target, CallbackTarget):
            self.head_cache.store(request, target)
        return target

    def _route(self, head: RequestHead) -> CallbackTarget | HttpResponse:
        if head.method != "POST":
            return METHOD_NOT_ALLOWED_HEAD if head.method == "HEAD" else METHOD_NOT_ALLOWED
        application = self._router.resolve(head.path)
        if isinstance(application, str):
            return NOT_FOUND[application]
        headers = head.headers
        encoding = ""
        if "Content-Encoding" in headers:
            # What is called otherwise is read as it is, and kept if that gives no event.
            encoding = ",".join(headers.getall("Content-Encoding", ())).strip().lower()
            encoding = "" if encoding == "identity" else encoding
        content_type = headers.get("Content-Type", "")
        return CallbackTarget(application, head.query, CODINGS.get(encoding), content_type, encoding)


class _LargeBody(Struct, eq=False):
    """A large body on its way into work, as it came; ``notification`` once it is inflated."""

    target: CallbackTarget
    request: Request
    body: bytes
    notification: Notification | None = None


def _respond(
    promise: Promise[DeliveryResult] | Promise[HttpResponse],
    budget: WeightedSemaphore,
    charged: int,
    connection: Connection,
) -> None:
    """Send the response for the result of a delivery."""
    budget.release(charged)
    if promise.exception is not None:
        connection.on_internal_error(promise.exception)
        return
    try:
        result = promise.value
        response = result if isinstance(result, HttpResponse) else response_for(result)  # type: ignore[arg-type] # it did not fail: there is one
        connection.send_response(response)
    except Exception as error:  # noqa: BLE001 - a bug there must not keep the connection for good
        connection.on_internal_error(error)


def _on_handler_error(promise: Promise[None], connection: Connection) -> None:
    """Report a bug in the handling of a body: the response is withheld, then an internal error."""
    if promise.exception is not None:
        connection.on_internal_error(promise.exception)


def _trace_context(request: Request) -> tuple[str, str]:
    """Return the values of traceparent and tracestate.

    Several tracestates are one list (RFC 9110, 5.3); several traceparents are none that can be read.
    """
    if request.target is not None:
        return trace_headers(request.head_bytes)
    headers = request.head.headers
    return ",".join(headers.getall("traceparent", ())), ",".join(headers.getall("tracestate", ()))


def _signature_params(query: str) -> tuple[str, str]:
    try:
        fields = parse_qsl(query, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX)
    except ValueError:
        return "", ""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
    return found.get("sign", ""), found.get("t", "")
