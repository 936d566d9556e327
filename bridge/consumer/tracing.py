"""Spans of handlers that continue the trace of their event. Needs the package opentelemetry-api.

::

    consumer = Consumer(..., middleware=[handler_span])
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.propagate import extract

from bridge.consumer.event import Event

_tracer = trace.get_tracer("bridge.consumer")


@contextmanager
def handler_span(event: Event[Any]) -> Iterator[trace.Span]:
    """Be in a span of kind consumer, a child of the span that the record's ``traceparent`` names.

    That is the bridge's, where it traces, else the sender's; without one it begins a trace. What the handler
    raises is recorded on it. Attributes are those of OpenTelemetry's conventions for messaging.
    """
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.message.id": event.id,
        "messaging.destination.name": event.topic,
        "messaging.destination.partition.id": str(event.partition),
        "messaging.kafka.offset": event.offset,
        "vod.event.type": event.type,
        "vod.event.outcome": event.outcome,
    }
    with _tracer.start_as_current_span(
        f"process {event.topic}",
        context=extract(event.headers),
        kind=trace.SpanKind.CONSUMER,
        attributes=attributes,
    ) as span:
        yield span
