"""The spans of a delivery: their parents, their attributes, and the trace headers of a record."""

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    SimpleSpanProcessor,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, Sampler
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult, Reason, RejectedError
from bridge.core.record import Routing
from bridge.delivery.pipeline import Pipeline
from bridge.io.http.server import IngressLimits
from bridge.observability.telemetry import Telemetry
from bridge.observability.tracing.exporter import OtelTracing
from tests.deliveries import APP, POLICY, Rig, edited
from tests.io.http_server import running_server
from tests.rig.waiting import eventually

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


PATIENT = replace(POLICY, hold_s=3)


class TracedRig(Rig):
    """The same pipeline and fakes, with spans that a test can read."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        super().__init__()
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        tracing = OtelTracing(provider)
        dedup, writer = tracing.dedup(self.dedup), tracing.writer(self.writer)
        self.pipeline = Pipeline(dedup, writer, Routing(), Telemetry(), PATIENT)
        self.take = tracing.deliver(self.pipeline.deliver)

    async def outcome(self, body: bytes, **about: str) -> DeliveryResult:
        """Deliver ``body`` and return its result."""
        notification = Notification(application=APP, body=body, received_ms=self.clock())
        return await self.take(replace(notification, **about))

    def spans(self) -> dict[str, ReadableSpan]:
        """Return the ended spans by the first part of their name; of several the last."""
        return {span.name.split()[0]: span for span in self.exporter.get_finished_spans()}

    def headers(self) -> dict[str, str]:
        """Return the headers of the last record."""
        return {name: value.decode() for name, value in self.writer.writes[-1].record.headers}


@pytest.fixture
async def traced() -> AsyncIterator[TracedRig]:
    async with TracedRig() as rig:
        yield rig


def ids(span: ReadableSpan) -> tuple[str, str]:
    assert span.context is not None
    return format_trace_id(span.context.trace_id), format_span_id(span.context.span_id)


def parent(span: ReadableSpan) -> str:
    return format_span_id(span.parent.span_id) if span.parent else ""


def attributes_of(span: ReadableSpan, *names: str) -> list[object]:
    return [(span.attributes or {}).get(name) for name in names]


async def test_one_trace_leads_from_the_request_to_the_record(traced: TracedRig) -> None:
    outcome = await traced.outcome(edited(), traceparent=TRACEPARENT, tracestate="vendor=1,other=2")
    spans = traced.spans()
    server, claim, send, commit = (spans[name] for name in ("POST", "claim", "send", "commit"))
    assert {ids(span)[0] for span in spans.values()} == {TRACE}
    assert parent(server) == CALLER
    assert {parent(span) for span in (claim, send, commit)} == {ids(server)[1]}
    assert traced.headers()["traceparent"] == f"00-{TRACE}-{ids(send)[1]}-01"
    assert traced.headers()["tracestate"] == "vendor=1,other=2"
    assert [span.kind for span in (server, claim, send)] == [
        SpanKind.SERVER,
        SpanKind.CLIENT,
        SpanKind.PRODUCER,
    ]
    assert attributes_of(server, "vod.app", "vod.type", "vod.outcome", "cloudevents.event_id") == [
        "shop",
        "EditMediaComplete",
        "published",
        outcome.event_id,
    ]
    assert attributes_of(server, "http.request.method", "http.route", "http.response.status_code") == [
        "POST",
        "/callbacks/{app}",
        200,
    ]
    assert attributes_of(send, "messaging.system", "messaging.destination.name", "cloudevents.event_id") == [
        "kafka",
        "vod.EditMediaComplete",
        outcome.event_id,
    ]
    assert attributes_of(claim, "db.system.name", "vod.claim.result") == ["redis", "acquired"]
    assert attributes_of(send, "vod.outcome") == ["published"]


@pytest.mark.parametrize(
    "malformed",
    ["", "nonsense", f"00-{'0' * 32}-{CALLER}-01", f"ff-{TRACE}-{CALLER}-01", f"{TRACEPARENT},{TRACEPARENT}"],
)
async def test_what_is_no_traceparent_begins_a_new_trace(traced: TracedRig, malformed: str) -> None:
    await traced.outcome(edited(), traceparent=malformed, tracestate="vendor=1")
    spans = traced.spans()
    assert parent(spans["POST"]) == ""
    assert ids(spans["POST"])[0] not in (TRACE, "0" * 32)
    assert traced.headers()["traceparent"].split("-")[1:3] == list(ids(spans["send"]))
    assert "tracestate" not in traced.headers()


async def test_what_is_pulled_begins_a_trace_of_its_own(traced: TracedRig) -> None:
    await traced.outcome(edited(), mode="pull")
    pulled = traced.spans()["process"]
    assert (pulled.kind, parent(pulled), attributes_of(pulled, "http.route")) == (
        SpanKind.CONSUMER,
        "",
        [None],
    )
    assert traced.headers()["traceparent"].split("-")[1] == ids(pulled)[0]


async def test_a_duplicate_ends_its_own_trace_and_sends_nothing(traced: TracedRig) -> None:
    await traced.outcome(edited())
    traced.exporter.clear()
    await traced.outcome(edited(), traceparent=TRACEPARENT)
    spans = traced.spans()
    assert attributes_of(spans["POST"], "vod.outcome") == ["duplicate"]
    assert attributes_of(spans["claim"], "vod.claim.result") == ["duplicate"]
    assert {ids(span)[0] for span in spans.values()} == {TRACE}
    assert set(spans) == {"POST", "claim"}


async def test_a_dead_letter_names_its_trace_as_well(traced: TracedRig) -> None:
    await traced.outcome(b"no notification", traceparent=TRACEPARENT)
    spans = traced.spans()
    assert attributes_of(spans["POST"], "vod.outcome", "vod.reason", "http.response.status_code") == [
        "rejected",
        "malformed",
        422,
    ]
    assert traced.headers()["reason"] == "malformed"
    assert traced.headers()["traceparent"] == f"00-{TRACE}-{ids(spans['send'])[1]}-01"


async def test_a_spooled_records_span_ends_as_spooled(traced: TracedRig) -> None:
    traced.writer.scripted_results = [DeliveryOutcome.SPOOLED]
    await traced.outcome(edited())
    assert attributes_of(traced.spans()["send"], "vod.outcome") == ["spooled"]
    assert attributes_of(traced.spans()["POST"], "http.response.status_code") == [202]


async def test_a_refused_record_ends_its_span_with_the_error(traced: TracedRig) -> None:
    traced.writer.scripted_results = [RejectedError(Reason.TOO_LARGE, "20 MiB")]
    await traced.outcome(edited())
    first, last = [span for span in traced.exporter.get_finished_spans() if span.name.startswith("send")]
    assert (first.status.status_code, attributes_of(first, "error.type")) == (
        StatusCode.ERROR,
        ["RejectedError"],
    )
    assert attributes_of(last, "messaging.destination.name", "vod.outcome") == [
        "vod.dead-letter",
        "published",
    ]
    assert "release" in traced.spans()


async def test_a_send_that_ends_late_ends_its_span_then_and_its_commit_belongs_to_the_trace(
    traced: TracedRig,
) -> None:
    traced.writer.scripted_results = [...]
    await traced.outcome(edited(), traceparent=TRACEPARENT)
    assert attributes_of(traced.spans()["POST"], "vod.outcome") == ["deferred"]
    assert traced.spans()["POST"].status.status_code is StatusCode.ERROR
    assert "send" not in traced.spans()
    traced.writer.finish(traced.writer.writes[0])
    await eventually(lambda: {"send", "commit"} <= set(traced.spans()), "both spans end")
    late = traced.spans()
    assert attributes_of(late["send"], "vod.outcome") == ["published"]
    assert parent(late["commit"]) == ids(late["POST"])[1]


async def test_a_full_writer_ends_each_attempts_span_with_the_error(traced: TracedRig) -> None:
    traced.writer.full = True
    await traced.outcome(edited())
    sends = [span for span in traced.exporter.get_finished_spans() if span.name.startswith("send")]
    assert len(sends) > 1
    assert {span.status.status_code for span in sends} == {StatusCode.ERROR}


async def test_an_unsampled_trace_is_handed_on_and_writes_no_span() -> None:
    rig = TracedRig(ParentBased(ALWAYS_OFF))
    await rig.outcome(edited(), traceparent=f"00-{TRACE}-{CALLER}-00", tracestate="vendor=1")
    version, trace, span, flags = rig.headers()["traceparent"].split("-")
    assert (version, trace, flags, rig.headers()["tracestate"]) == ("00", TRACE, "00", "vendor=1")
    assert span != "0" * 16
    assert rig.exporter.get_finished_spans() == ()


async def test_a_disabled_sdk_hands_the_requests_trace_on_and_adds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    rig = TracedRig()
    await rig.outcome(edited("t1"), traceparent=TRACEPARENT)
    assert rig.headers()["traceparent"] == TRACEPARENT
    await rig.outcome(edited("t2"))
    assert "traceparent" not in rig.headers()
    assert rig.exporter.get_finished_spans() == ()


async def test_off_a_record_gets_no_header_of_a_trace() -> None:
    rig = Rig()
    await rig.deliver(edited(), traceparent=TRACEPARENT, tracestate="vendor=1")
    assert "traceparent" not in dict(rig.writer.records[0].headers)


@pytest.mark.parametrize("traced", [False, True])
async def test_the_http_ingress_reads_a_requests_trace_only_where_tracing_is_enabled(*, traced: bool) -> None:
    async with running_server(IngressLimits(traced=traced)) as server:
        await server.post(b"{}", Traceparent=TRACEPARENT, TraceState="vendor=1")
        await server.post(b"{}")
    trace_headers = [(one.traceparent, one.tracestate) for one in server.notifications]
    assert trace_headers == [(TRACEPARENT, "vendor=1") if traced else ("", ""), ("", "")]


async def test_the_http_ingress_joins_several_tracestates_to_one_list() -> None:
    async with running_server(IngressLimits(traced=True)) as server:
        await server.request(
            b"POST /callbacks HTTP/1.1\r\nHost: x\r\ntraceparent: 1\r\ntracestate: a=1\r\n"
            b"tracestate: b=2\r\nContent-Length: 2\r\n\r\n{}"
        )
    assert [(one.traceparent, one.tracestate) for one in server.notifications] == [("1", "a=1,b=2")]
