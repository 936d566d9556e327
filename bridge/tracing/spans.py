"""The spans of a delivery: the door's or the poller's, below it the memory's and the writer's.

Claim and send find theirs by the context that their delivery runs in; commit and release, which come once
nobody may wait any longer, by their claim. Below a delivery's span that was sampled out none is begun.
Nothing here knows where spans go.
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

from bridge.core.claim import Answer, Claim
from bridge.core.event import Notification, Record
from bridge.core.outcome import Ending, Outcome, Rejected, Unavailable
from bridge.io.ingress.answers import answer_of
from bridge.journeys import Memory
from bridge.pipeline import Ticket, Writer
from bridge.telling import Told
from bridge.tracing import Deliver, DeliverIn

_W3C = TraceContextTextMapPropagator()
_NANOSECONDS_A_MILLISECOND = 1_000_000
_SERVER_ERROR = 500
_ABOVE_MAX = 100_000
# The address ends with a token: it is never written down, so the path is told as a template.
_ROUTE = "/callbacks/{app}"


def traced_deliver(deliver: DeliverIn, tracer: Tracer) -> Deliver:
    """Give ``deliver`` with a span around it: the child of the request's, or the root of a new trace."""

    def traced(notification: Notification) -> Told[Outcome]:
        pushed = notification.mode == "push"
        span = tracer.start_span(
            f"POST {_ROUTE}" if pushed else f"process {notification.mode}",
            context=_parent_of(notification),
            kind=SpanKind.SERVER if pushed else SpanKind.CONSUMER,
            attributes=_of_notification(notification),
            start_time=notification.received_ms * _NANOSECONDS_A_MILLISECOND,
        )
        trace = span.get_span_context()
        named = {"trace_id": format_trace_id(trace.trace_id)} if trace.is_valid else {}
        with use_span(span), bound_contextvars(**named):
            told = deliver(notification, copy_context())
        told.then(partial(_end_delivery, span, told, pushed=pushed))
        return told

    return traced


def _sampled(span: Span) -> bool:
    """Tell whether spans below ``span`` are wanted; also once it has ended, for what comes late."""
    return span.get_span_context().trace_flags.sampled


def _parent_of(notification: Notification) -> Context:
    """Read what the request says of its trace; what cannot be read, or is not there, begins a new one."""
    if not notification.traceparent:
        return Context()
    told = {"traceparent": notification.traceparent, "tracestate": notification.tracestate}
    return _W3C.extract(told, Context())


def _of_notification(notification: Notification) -> Attributes:
    app = notification.application.name
    of_ours = {"vod.app": app, "vod.mode": notification.mode}
    if notification.mode != "push":
        return of_ours | {"messaging.operation.type": "process", "messaging.system": "tencent_vod"}
    return of_ours | {
        "http.request.method": "POST",
        "http.route": _ROUTE,
        "url.path": f"/callbacks/{app}",
        "url.scheme": "http",
    }


def _end_delivery(span: Span, told: Told[Outcome], *, pushed: bool) -> None:
    if span.is_recording() and told.error is None:
        _tell(span, told.result(), pushed=pushed)
    span.end()


def _tell(span: Span, outcome: Outcome, *, pushed: bool) -> None:
    span.set_attribute("vod.ending", outcome.ending.value)
    if outcome.event_type:
        span.set_attribute("vod.type", outcome.event_type)
    if outcome.event_id:
        span.set_attribute("cloudevents.event_id", outcome.event_id)
    if outcome.reason:
        span.set_attribute("vod.reason", str(outcome.reason))
    status = int(answer_of(outcome).status[:3])
    if pushed:
        span.set_attribute("http.response.status_code", status)
    if status >= _SERVER_ERROR:
        span.set_attribute("error.type", str(status) if pushed else outcome.ending.value)
        span.set_status(Status(StatusCode.ERROR, outcome.detail))


class TracedMemory:
    """A memory whose claims, commits and releases have a span each.

    Renewals have none: one call renews the claims of many deliveries, and belongs to no trace of theirs.
    """

    def __init__(self, memory: Memory, tracer: Tracer) -> None:
        self._memory = memory
        self._tracer = tracer
        self._above: dict[str, Span] = {}  # what the endings of claims belong to, by token

    def claim(self, claim: Claim) -> Told[Claim]:
        """Ask for an occurrence."""
        above = get_current_span()
        if not _sampled(above):
            return self._memory.claim(claim)
        span = self._begin("claim", claim, above)
        told = self._memory.claim(claim)
        told.then(partial(self._answered, told, span, above))
        return told

    def commit(self, claim: Claim) -> Told[bool]:
        """Remember that the event is durable; tells whether that was heard."""
        return self._settled("commit", claim, self._memory.commit)

    def release(self, claim: Claim) -> Told[bool]:
        """Let the next one try; tells whether that was heard."""
        return self._settled("release", claim, self._memory.release)

    async def renew(self, claims: Iterable[Claim]) -> None:
        """Keep the claims of an owner that still works."""
        await self._memory.renew(claims)

    def _answered(self, told: Told[Claim], span: Span, above: Span) -> None:
        claim = told.result()
        span.set_attribute("vod.claim.answer", claim.answer.value)
        span.end()
        if claim.answer in (Answer.FRESH, Answer.AWAY):
            # Its journey ends by itself, out of its delivery's context.
            self._above[claim.token] = NonRecordingSpan(above.get_span_context())  # its place is all we need
            if len(self._above) > _ABOVE_MAX:
                del self._above[next(iter(self._above))]

    def _settled(self, name: str, claim: Claim, settle: Callable[[Claim], Told[bool]]) -> Told[bool]:
        above = self._above.pop(claim.token, None)
        if above is None:
            return settle(claim)
        span = self._begin(name, claim, above)
        told = settle(claim)
        told.then(span.end)
        return told

    def _begin(self, name: str, claim: Claim, above: Span) -> Span:
        return self._tracer.start_span(
            name,
            context=set_span_in_context(above),
            kind=SpanKind.CLIENT,
            attributes={
                "db.system.name": "redis",
                "db.operation.name": "EVALSHA",
                "vod.app": claim.app,
                "cloudevents.event_id": claim.event_id,
            },
        )


class TracedWriter:
    """A writer whose records name the span that sent them, so that a consumer goes on from it.

    The span ends with the record's own ending, also where nobody waits for that any longer.
    """

    def __init__(self, writer: Writer, tracer: Tracer) -> None:
        self._writer = writer
        self._tracer = tracer

    @property
    def flowing(self) -> bool:
        """Whether records become durable at once."""
        return self._writer.flowing

    def send(self, record: Record) -> Ticket:
        """Send a record on its way; raises `Unavailable` where there is no room for it."""
        above = get_current_span()
        if not _sampled(above):
            return self._writer.send(_naming(above, record))
        name, attributes = f"send {record.topic}", _of_record(record)
        span = self._tracer.start_span(name, kind=SpanKind.PRODUCER, attributes=attributes)
        try:
            ticket = self._writer.send(_naming(span, record))
        except Unavailable as error:
            _end(span, error)
            raise
        ticket.durable.then(partial(_end_with, span, ticket.durable))
        return ticket


def _naming(span: Span, record: Record) -> Record:
    """Give ``record`` with headers that make a consumer's span the child of ``span``, if that is one."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, set_span_in_context(span, Context()))
    if not carrier:
        return record
    return replace(
        record, headers=[*record.headers, *((name, text.encode()) for name, text in carrier.items())]
    )


def _of_record(record: Record) -> Attributes:
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


def _end_with(span: Span, durable: Told[Ending]) -> None:
    try:
        _end(span, durable.result())
    except (Unavailable, Rejected) as error:
        _end(span, error)


def _end(span: Span, ending: Ending | Unavailable | Rejected) -> None:
    if isinstance(ending, Ending):
        span.set_attribute("vod.ending", ending.value)
    else:
        span.set_attribute("error.type", type(ending).__name__)
        span.set_status(Status(StatusCode.ERROR, str(ending)))
    span.end()
