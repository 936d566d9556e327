"""The spans of a delivery: a server or consumer span, with child spans for dedup and write.

Claim and send find their parent in the context that the delivery runs in; commit and release, which may come
after it ended, by their claim. A delivery that is not sampled has no child spans. `exporter` decides where
spans go.
"""

from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial

from msgspec.structs import replace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_trace_id,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes
from structlog.contextvars import bound_contextvars

from bridge.aio.promise import Promise
from bridge.core.claim import Claim, ClaimStatus
from bridge.core.event import Notification, Record
from bridge.core.outcome import HTTP_STATUS, DeliveryOutcome, DeliveryResult, RejectedError, UnavailableError
from bridge.delivery.ports import DedupStore, RecordWriter, WriteHandle
from bridge.observability.tracing.interface import Deliver, DeliverInContext

_W3C = TraceContextTextMapPropagator()
_NANOSECONDS_A_MILLISECOND = 1_000_000
_SERVER_ERROR = 500
_PARENTS_MAX = 100_000
# The path may end with a token, which must not be recorded: spans carry the template.
_ROUTE = "/callbacks/{app}"


def traced_deliver(deliver: DeliverInContext, tracer: Tracer) -> Deliver:
    """Return ``deliver`` with a span around it: a child of the request's span, or the root of a new trace."""

    def traced(notification: Notification) -> Promise[DeliveryResult]:
        pushed = notification.mode == "push"
        span = tracer.start_span(
            f"POST {_ROUTE}" if pushed else f"process {notification.mode}",
            context=_parent_context(notification),
            kind=SpanKind.SERVER if pushed else SpanKind.CONSUMER,
            attributes=_notification_attributes(notification),
            start_time=notification.received_ms * _NANOSECONDS_A_MILLISECOND,
        )
        trace = span.get_span_context()
        log_fields = {"trace_id": format_trace_id(trace.trace_id)} if trace.is_valid else {}
        with use_span(span), bound_contextvars(**log_fields):
            promise = deliver(notification, copy_context())
        promise.on_done(partial(_end_delivery, span, promise, pushed=pushed))
        return promise

    return traced


def _is_sampled(span: Span) -> bool:
    """Whether child spans of ``span`` are recorded; also valid after ``span`` has ended."""
    return span.get_span_context().trace_flags.sampled


def _parent_context(notification: Notification) -> Context:
    """Return the trace context of the request's headers; an empty one where they are absent or invalid."""
    if not notification.traceparent:
        return Context()
    carrier = {"traceparent": notification.traceparent, "tracestate": notification.tracestate}
    return _W3C.extract(carrier, Context())


def _notification_attributes(notification: Notification) -> Attributes:
    app = notification.application.name
    common = {"vod.app": app, "vod.mode": notification.mode}
    if notification.mode != "push":
        return common | {"messaging.operation.type": "process", "messaging.system": "tencent_vod"}
    return common | {
        "http.request.method": "POST",
        "http.route": _ROUTE,
        "url.path": f"/callbacks/{app}",
        "url.scheme": "http",
    }


def _end_delivery(span: Span, promise: Promise[DeliveryResult], *, pushed: bool) -> None:
    if span.is_recording() and promise.exception is None:
        _set_result(span, promise.result(), pushed=pushed)
    span.end()


def _set_result(span: Span, result: DeliveryResult, *, pushed: bool) -> None:
    span.set_attribute("vod.outcome", result.outcome.value)
    if result.event_type:
        span.set_attribute("vod.type", result.event_type)
    if result.event_id:
        span.set_attribute("cloudevents.event_id", result.event_id)
    if result.reason:
        span.set_attribute("vod.reason", str(result.reason))
    status, _ = HTTP_STATUS[result.outcome]
    if pushed:
        span.set_attribute("http.response.status_code", status)
    if status >= _SERVER_ERROR:
        span.set_attribute("error.type", str(status) if pushed else result.outcome.value)
        span.set_status(Status(StatusCode.ERROR, result.detail))


class TracedDedup:
    """A dedup store with a span for each claim, commit and release.

    Renewals have none: one call renews the claims of many deliveries, so it belongs to no single trace.
    """

    def __init__(self, dedup: DedupStore, tracer: Tracer) -> None:
        self._dedup = dedup
        self._tracer = tracer
        self._parents: dict[str, Span] = {}  # parents of commits and releases, by owner token

    def claim(self, claim: Claim) -> Promise[Claim]:
        """Claim an event's key; see `DedupStore`."""
        parent = get_current_span()
        if not _is_sampled(parent):
            return self._dedup.claim(claim)
        span = self._start_span("claim", claim, parent)
        promise = self._dedup.claim(claim)
        promise.on_done(partial(self._on_claimed, promise, span, parent))
        return promise

    def commit(self, claim: Claim) -> Promise[bool]:
        """Commit the claim; see `DedupStore`."""
        return self._settle("commit", claim, self._dedup.commit)

    def release(self, claim: Claim) -> Promise[bool]:
        """Release the claim; see `DedupStore`."""
        return self._settle("release", claim, self._dedup.release)

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Renew the leases of these claims; see `DedupStore`."""
        await self._dedup.renew(claims)

    def _on_claimed(self, promise: Promise[Claim], span: Span, parent: Span) -> None:
        claim = promise.result()
        span.set_attribute("vod.claim.result", claim.status.value)
        span.end()
        if claim.status in (ClaimStatus.ACQUIRED, ClaimStatus.UNAVAILABLE):
            # Commit or release come later, outside the delivery's context, and need only the span's ids.
            self._parents[claim.owner_token] = NonRecordingSpan(parent.get_span_context())
            if len(self._parents) > _PARENTS_MAX:
                del self._parents[next(iter(self._parents))]

    def _settle(self, name: str, claim: Claim, settle: Callable[[Claim], Promise[bool]]) -> Promise[bool]:
        parent = self._parents.pop(claim.owner_token, None)
        if parent is None:
            return settle(claim)
        span = self._start_span(name, claim, parent)
        promise = settle(claim)
        promise.on_done(span.end)
        return promise

    def _start_span(self, name: str, claim: Claim, parent: Span) -> Span:
        return self._tracer.start_span(
            name,
            context=set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": "redis",
                "db.operation.name": "EVALSHA",
                "vod.app": claim.app,
                "cloudevents.event_id": claim.event_id,
            },
        )


class TracedDurableWriter:
    """A writer that adds the trace context to each record's headers, so that a consumer continues the trace.

    The span ends when the write ends, also after the delivery did.
    """

    def __init__(self, writer: RecordWriter, tracer: Tracer) -> None:
        self._writer = writer
        self._tracer = tracer

    @property
    def accepting(self) -> bool:
        """Whether a record can be made durable now."""
        return self._writer.accepting

    def send(self, record: Record) -> WriteHandle:
        """Start the write of a record; raises `UnavailableError` where it cannot be taken."""
        parent = get_current_span()
        if not _is_sampled(parent):
            return self._writer.send(_inject_context(parent, record))
        name, attributes = f"send {record.topic}", _record_attributes(record)
        span = self._tracer.start_span(name, kind=SpanKind.PRODUCER, attributes=attributes)
        try:
            pending_write = self._writer.send(_inject_context(span, record))
        except UnavailableError as error:
            _end_span(span, error)
            raise
        pending_write.durable.on_done(partial(_end_when_durable, span, pending_write.durable))
        return pending_write


def _inject_context(span: Span, record: Record) -> Record:
    """Return ``record`` with the W3C headers of ``span``; unchanged where ``span`` is invalid."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, set_span_in_context(span, Context()))
    if not carrier:
        return record
    return replace(
        record, headers=[*record.headers, *((name, text.encode()) for name, text in carrier.items())]
    )


def _record_attributes(record: Record) -> Attributes:
    headers = dict(record.headers)
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.destination.name": record.topic,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.kafka.message.key": record.key.decode(errors="replace"),
        "messaging.message.body.size": len(record.value),
    }
    for name in ("id", "source", "type"):
        if value := headers.get(f"ce_{name}"):
            attributes[f"cloudevents.event_{name}"] = value.decode(errors="replace")
    return attributes


def _end_when_durable(span: Span, durable: Promise[DeliveryOutcome]) -> None:
    try:
        _end_span(span, durable.result())
    except (UnavailableError, RejectedError) as error:
        _end_span(span, error)


def _end_span(span: Span, outcome: DeliveryOutcome | UnavailableError | RejectedError) -> None:
    if isinstance(outcome, DeliveryOutcome):
        span.set_attribute("vod.outcome", outcome.value)
    else:
        span.set_attribute("error.type", type(outcome).__name__)
        span.set_status(Status(StatusCode.ERROR, str(outcome)))
    span.end()
