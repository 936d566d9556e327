"""What runs around a handler: traces are continued, attempts are measured."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from bridge.consumer import Consumer, Event
from bridge.consumer import tracing as consumer_tracing
from bridge.consumer.metrics import ConsumerMetrics
from bridge.consumer.options import Middleware
from bridge.consumer.testing import FakeKafka, example_event
from tests.rig.waiting import WITHIN_S, eventually

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


async def _handle_all(kafka: FakeKafka, handler: Callable[[Event[Any]], Any], **options: Any) -> None:  # noqa: ANN401
    """Run a consumer until every record is done."""
    defaults: dict[str, Any] = {"dead_letter_topic": None, "backoff_s": 0.01, "commit_interval_s": 0.05}
    consumer = Consumer(group="g", clients=kafka, **defaults | options)
    consumer.on("TranscodeComplete")(handler)
    running = asyncio.create_task(consumer.run())

    def is_all_done() -> bool:
        return sum(kafka.committed("g").values()) == len(kafka.records("vod.TranscodeComplete"))

    async with asyncio.timeout(WITHIN_S):
        await eventually(is_all_done, "all is done")
        consumer.stop()
        await running


async def test_the_first_is_the_outermost_and_each_attempt_is_in_them() -> None:
    calls: list[str] = []

    def named(name: str) -> Callable[[Event[Any]], Any]:
        @contextmanager
        def around(event: Event[Any]) -> Iterator[None]:
            calls.append(f"{name} {event.type}")
            try:
                yield
            finally:
                calls.append(f"/{name}")

        return around

    async def fail_once(_event: Event[Any]) -> None:
        calls.append("handler")
        if calls.count("handler") == 1:
            raise ZeroDivisionError

    kafka = FakeKafka()
    kafka.publish(example_event("TranscodeComplete"))
    await _handle_all(kafka, fail_once, middleware=[named("a"), named("b")])
    attempt = ["a TranscodeComplete", "b TranscodeComplete", "handler", "/b", "/a"]
    assert calls == attempt * 2


async def test_a_span_continues_the_trace_of_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(consumer_tracing, "_tracer", provider.get_tracer("test"))
    kafka = FakeKafka()
    event = example_event("TranscodeComplete")
    kafka.create_topic("vod.TranscodeComplete")
    traceparent = ("traceparent", f"00-{TRACE_ID}-00f067aa0ba902b7-01")
    kafka.append("vod.TranscodeComplete", event.record.value, headers=[*event.record.headers, traceparent])
    inside: list[int] = []

    async def handle(_event: Event[Any]) -> None:
        inside.append(trace.get_current_span().get_span_context().trace_id)

    await _handle_all(kafka, handle, middleware=[consumer_tracing.handler_span])
    (span,) = exporter.get_finished_spans()
    assert f"{inside[0]:032x}" == TRACE_ID
    assert span.parent
    assert f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert (span.name, span.kind) == ("process vod.TranscodeComplete", trace.SpanKind.CONSUMER)
    assert span.attributes
    assert span.attributes["messaging.message.id"] == event.id


async def test_attempts_are_counted_by_result_and_the_lag_is_set() -> None:
    registry = CollectorRegistry()
    metrics = ConsumerMetrics("g", registry)
    kafka = FakeKafka()
    kafka.publish(example_event("TranscodeComplete"))
    kafka.create_topic("dead")

    async def fail(_event: Event[Any]) -> None:
        raise ZeroDivisionError

    await _handle_all(kafka, fail, attempts=2, dead_letter_topic="dead", middleware=[metrics.observe])
    labels = {"group": "g", "type": "TranscodeComplete", "result": "failed"}
    assert registry.get_sample_value("vod_consumer_handler_seconds_count", labels) == 2

    async def handle(_event: Event[Any]) -> None:
        pass

    kafka.publish(example_event("TranscodeComplete", TaskId="another"))
    await _handle_all(
        kafka, handle, middleware=[metrics.observe], on_lag=metrics.set_lag, lag_interval_s=0.01
    )
    assert registry.get_sample_value("vod_consumer_handler_seconds_count", labels | {"result": "ok"}) == 1
    metrics.set_lag({("vod.TranscodeComplete", 0): 3})
    lag = {"group": "g", "topic": "vod.TranscodeComplete", "partition": "0"}
    assert registry.get_sample_value("vod_consumer_lag_records", lag) == 3
    metrics.set_lag({})
    assert registry.get_sample_value("vod_consumer_lag_records", lag) is None


@contextmanager
def _suppressing(_event: Event[Any]) -> Iterator[None]:
    with suppress(Exception):
        yield


@contextmanager
def _transparent(_event: Event[Any]) -> Iterator[None]:
    yield


@contextmanager
def _failing_to_begin(event: Event[Any]) -> Iterator[None]:
    if event.id:
        raise ZeroDivisionError("to begin")
    yield


@contextmanager
def _failing_to_end(_event: Event[Any]) -> Iterator[None]:
    yield
    raise ZeroDivisionError("to end")


@pytest.mark.parametrize(
    ("middleware", "detail"),
    [
        ([_suppressing], "of the handler"),
        ([_transparent, _suppressing, _transparent], "of the handler"),
        ([_suppressing, _failing_to_begin], "to begin"),
        ([_suppressing, _failing_to_end], "to end"),
    ],
)
async def test_an_error_that_a_middleware_suppresses_is_tried_again_and_a_dead_letter(
    middleware: list[Middleware], detail: str
) -> None:
    kafka = FakeKafka()
    kafka.publish(example_event("TranscodeComplete"))
    kafka.create_topic("dead")

    async def handle(_event: Event[Any]) -> None:
        if detail == "of the handler":
            raise ZeroDivisionError(detail)

    await _handle_all(kafka, handle, attempts=2, dead_letter_topic="dead", middleware=middleware)
    (dead_letter,) = kafka.records("dead")
    headers = dict(dead_letter.headers)
    assert (headers["detail"], headers["attempts"]) == (detail.encode(), b"2")


async def test_an_error_that_an_inner_middleware_suppresses_is_seen_by_the_outer_ones() -> None:
    kafka = FakeKafka()
    kafka.publish(example_event("TranscodeComplete"))
    kafka.create_topic("dead")
    registry = CollectorRegistry()

    async def handle(_event: Event[Any]) -> None:
        raise ZeroDivisionError

    middleware = [ConsumerMetrics("g", registry).observe, _suppressing]
    await _handle_all(kafka, handle, attempts=2, dead_letter_topic="dead", middleware=middleware)
    labels = {"group": "g", "type": "TranscodeComplete"}
    counted = {
        result: registry.get_sample_value("vod_consumer_handler_seconds_count", labels | {"result": result})
        for result in ("ok", "failed")
    }
    assert counted == {"ok": None, "failed": 2}


async def test_an_event_of_which_nothing_fails_is_done_within_a_suppressing_middleware() -> None:
    kafka = FakeKafka()
    kafka.publish(example_event("TranscodeComplete"))
    handled: list[str] = []

    async def handle(event: Event[Any]) -> None:
        handled.append(event.id)

    await _handle_all(kafka, handle, middleware=[_suppressing])
    assert len(handled) == 1
