"""One trace from the request's header to the consumer's span; and a collector that is down costs nothing."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from msgspec import Struct
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bridge.app import Bridge
from bridge.observability.tracing.exporter import OtelTracing
from bridge.settings.settings import load
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, edited_id, new_task
from tests.rig.consume import Consumed
from tests.rig.parts import free_port
from tests.rig.program import Program
from tests.rig.waiting import eventually

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACE_HEADERS = {"traceparent": f"00-{TRACE}-{CALLER}-01", "tracestate": "vendor=1"}
ON = {"BRIDGE_TRACING__ENABLED": "true"}


class Collector:
    """Takes spans by OTLP over HTTP, as any collector does. ``silent``: it never answers."""

    def __init__(self, *, silent: bool = False) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.asked = asyncio.Event()
        self._silent = silent
        self.port = free_port()

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a program that sends its spans here, soon."""
        endpoint = f"http://127.0.0.1:{self.port}"
        return ON | {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    def spans(self) -> dict[str, list[Span]]:
        """Give what came, by the first word of each span's name."""
        found: dict[str, list[Span]] = {}
        for request in self.requests:
            for span in (s for rs in request.resource_spans for ss in rs.scope_spans for s in ss.spans):
                found.setdefault(span.name.split()[0], []).append(span)
        return found

    async def take(self, request: web.Request) -> web.Response:
        """Answer one export."""
        body = await request.read()
        self.asked.set()
        if self._silent:
            await asyncio.Event().wait()
        self.requests.append(ExportTraceServiceRequest.FromString(body))
        return web.Response(content_type="application/x-protobuf")


@asynccontextmanager
async def collecting(*, silent: bool = False) -> AsyncIterator[Collector]:
    collector = Collector(silent=silent)
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", collector.port).start()
    try:
        yield collector
    finally:
        await runner.cleanup()


def attributes_of(span: Span) -> dict[str, object]:
    """Read a span's attributes."""
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


class Traceparent(Struct):
    """What a record holds of its trace."""

    trace: str
    span: str


def named_by(record: Consumed) -> Traceparent:
    _, trace, span, _ = record.header("traceparent").split("-")
    return Traceparent(trace, span)


async def ended_at_once(program: Program) -> int:
    """Let it end in good order, without the time in which it still accepts."""
    program.process.terminate()
    await eventually(lambda: '"stopping"' in program.log(), "it was asked to end")
    return await program.terminate()


async def test_one_trace_leads_from_the_request_to_the_consumer(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("bridge.app.build_tracing", lambda _: OtelTracing(provider))
    ports = {"BRIDGE_HTTP__PORT": "0", "BRIDGE_ADMIN__PORT": "0", "BRIDGE_SPOOL__MAX_BYTES": "0"}
    bridge = Bridge(load(None, environment.settings | ports | ON))
    await bridge.start()
    try:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{bridge.http_port}/callbacks"
            async with session.post(url, data=edited(new_task()), headers=TRACE_HEADERS) as answer:
                assert answer.status == 200
        (record,) = await environment.records(environment.events)
        headers = {name: value.decode() for name, value in record.headers}
        context = TraceContextTextMapPropagator().extract(headers)
        provider.get_tracer("consumer").start_span("consume", context, SpanKind.CONSUMER).end()
    finally:
        await bridge.stop()
    found = {span.name.split()[0]: (span.context, span.parent) for span in exporter.get_finished_spans()}
    own = {name: format_span_id(context.span_id) for name, (context, _) in found.items() if context}
    above = {name: format_span_id(parent.span_id) for name, (_, parent) in found.items() if parent}
    assert {format_trace_id(context.trace_id) for context, _ in found.values() if context} == {TRACE}
    assert (above["POST"], above["send"], above["consume"]) == (CALLER, own["POST"], own["send"])
    assert above["claim"] == above["commit"] == own["POST"]
    assert headers["tracestate"] == "vendor=1"


async def test_a_collector_gets_the_spans_of_each_delivery_in_a_trace_of_its_own(
    environment: Environment,
) -> None:
    tasks = [new_task() for _ in range(20)]
    async with collecting() as collector, running(environment, collector.settings) as program:
        await asyncio.gather(*(program.post(edited(task)) for task in tasks))
        await program.post(b"no notification", headers=TRACE_HEADERS)
        await eventually(lambda: len(collector.spans().get("commit", [])) == 20, "all spans come")
        await eventually(lambda: len(collector.spans().get("POST", [])) == 21, "and those of their requests")
        lines = [line for line in program.log_lines() if line.get("outcome") == "rejected"]
    spans = collector.spans()
    requests = {span.span_id.hex(): span for span in spans["POST"]}
    sends = {span.span_id.hex(): span for span in spans["send"]}
    for record in await environment.records(*environment.topics):
        send = sends.pop(named_by(record).span)
        request_span = requests.pop(send.parent_span_id.hex())
        assert named_by(record).trace == send.trace_id.hex() == request_span.trace_id.hex()
        assert attributes_of(send)["messaging.destination.name"] == record.topic
        if record.topic == environment.events:
            assert attributes_of(request_span)["cloudevents.event_id"] == record.header("ce_id")
            assert request_span.parent_span_id == b""
        else:
            assert (named_by(record).trace, request_span.parent_span_id.hex()) == (TRACE, CALLER)
            assert attributes_of(request_span)["vod.outcome"] == "rejected"
    assert (requests, sends) == ({}, {})
    assert len({span.trace_id for span in spans["POST"]}) == len(tasks) + 1
    assert [line["trace_id"] for line in lines] == [TRACE]
    resource = collector.requests[0].resource_spans[0].resource
    assert "vod-event-bridge" in [one.value.string_value for one in resource.attributes]


async def test_what_was_spooled_and_drained_names_the_span_that_ended_as_spooled(
    own_environment: Environment,
) -> None:
    task = new_task()
    async with collecting() as collector, running(own_environment, collector.settings) as program:
        own_environment.kafka.pause()
        answer = await program.post(edited(task), headers=TRACE_HEADERS)
        await eventually(lambda: collector.spans().get("send"), "its span comes")
        own_environment.kafka.resume()

        async def drained() -> bool:
            return await program.metric("vod_bridge_spool_records") == 0

        await eventually(drained, "the spool is empty")
    (record,) = await own_environment.records(own_environment.events)
    (send,) = collector.spans()["send"]
    assert (answer.status, record.header("ce_id")) == (202, edited_id(task))
    assert attributes_of(send)["vod.outcome"] == "spooled"
    assert (named_by(record).trace, named_by(record).span) == (TRACE, send.span_id.hex())
    assert record.header("tracestate") == "vendor=1"


@pytest.mark.parametrize("silent", [False, True], ids=["refusing", "silent"])
async def test_a_collector_that_is_down_delays_no_response_and_no_stop(
    environment: Environment, *, silent: bool
) -> None:
    tasks = [new_task() for _ in range(50)]
    async with collecting(silent=silent) as collector:
        unreachable = {"OTEL_EXPORTER_OTLP_TIMEOUT": "60"}  # it still tries when the program is asked to end
        if not silent:
            unreachable["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
        async with running(environment, collector.settings | unreachable) as program:
            answers = await asyncio.gather(*(program.post(edited(task)) for task in tasks))
            if silent:
                await collector.asked.wait()
            else:
                await eventually(lambda: "Transient error" in program.log(), "it is logged once")
            code = await program.terminate(within_s=40)  # less than the collector is waited for
            lines = program.log_lines()
    assert {answer.status for answer in answers} == {200}
    assert await environment.ids() == sorted(map(edited_id, tasks))
    assert code == 0
    assert [line["event"] for line in lines if line["event"] == "spans_dropped"] == ["spans_dropped"]
    assert len([line for line in lines if line.get("logger", "").startswith("opentelemetry")]) <= 4


@pytest.mark.parametrize(
    ("variables", "flags"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_off"}, "00"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "01"),
        ({"OTEL_SDK_DISABLED": "true"}, "01"),
    ],
)
async def test_where_nothing_is_written_the_requests_trace_is_handed_on(
    environment: Environment, variables: Mapping[str, str], flags: str
) -> None:
    async with (
        collecting() as collector,
        running(environment, collector.settings | dict(variables)) as program,
    ):
        await program.post(edited(new_task()), headers=TRACE_HEADERS)
        assert await ended_at_once(program) == 0
    (record,) = await environment.records(environment.events)
    assert record.header("traceparent").split("-")[1::2] == [TRACE, flags]
    assert collector.requests == []


async def test_off_a_requests_trace_is_nobodys(environment: Environment) -> None:
    async with collecting() as collector:
        off = collector.settings | {"BRIDGE_TRACING__ENABLED": "false"}
        async with running(environment, off) as program:
            await program.post(edited(new_task()), headers=TRACE_HEADERS)
            assert await ended_at_once(program) == 0
    (record,) = await environment.records(environment.events)
    assert not {"traceparent", "tracestate"} & set(dict(record.headers))
    assert collector.requests == []
