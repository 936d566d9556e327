"""Where spans go: to a collector by OTLP over HTTP, as the standard OTEL_* variables say.

A collector that is away costs its spans and nothing else: they leave from a thread of their own, and what is
logged of it is logged seldom.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Thread

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from bridge import __version__
from bridge.delivery.ports import DedupStore, RecordWriter
from bridge.observability.tracing.interface import Deliver, DeliverInContext
from bridge.observability.tracing.spans import TracedDedup, TracedDurableWriter, traced_deliver

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_PROTOCOL = "http/protobuf"
_RATE_LIMIT_S = 60.0
# What says that a collector does not answer: the SDK, and the HTTP client below it.
_LIBRARIES = ("opentelemetry", "urllib3")
# Says which of OTEL_EXPORTER_OTLP_HEADERS it cannot read, with all that stands in it: mostly a token.
_HEADER_LOGGER = "opentelemetry.util.re"


class OtelTracing:
    """Puts spans around the parts. ``exporter``, if any, is closed where the provider ends too late."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter | None = None) -> None:
        self._provider = provider
        self.exporter = exporter
        self._tracer = provider.get_tracer("bridge", __version__)

    def deliver(self, deliver: DeliverInContext) -> Deliver:
        """Wrap what takes a delivery to its ending."""
        return traced_deliver(deliver, self._tracer)

    def dedup(self, dedup: DedupStore) -> DedupStore:
        """Wrap what remembers occurrences."""
        return TracedDedup(dedup, self._tracer)

    def writer(self, writer: RecordWriter) -> RecordWriter:
        """Wrap what makes records durable."""
        return TracedDurableWriter(writer, self._tracer)

    async def stop(self, seconds: float) -> None:
        """Hand over the spans that wait, for at most ``seconds``; the rest is dropped."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # nobody waited, and the loop is gone
                loop.call_soon_threadsafe(done.set)

        # A thread of our own: the loop's executor would be waited for, however long a collector is silent.
        Thread(target=shut_down, name="last-spans", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), seconds)
        except TimeoutError:
            log.warning("spans_dropped", note="the collector did not take the last spans in time")
            if self.exporter is not None:
                self.exporter.shutdown()


class CloseableExporter(SpanExporter):
    """An exporter that may be closed at any time, more than once: what is under way is given up then."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send ``spans``, from the thread of the batches; how long that may take is the OTEL_* variables'."""
        return SpanExportResult.FAILURE if self._closed else self._exporter.export(spans)

    def shutdown(self) -> None:
        """Close it."""
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Wait for nothing: nothing is kept here."""
        return self._exporter.force_flush(timeout_millis)


class RateLimitedHandler(logging.Handler):
    """Hands a library's line on to the program's own handlers, each place in its code once a minute."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._last_emitted_at: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on, or drop it."""
        source_line, now = (record.pathname, record.lineno), self._monotonic()
        if now - self._last_emitted_at.get(source_line, -_RATE_LIMIT_S) >= _RATE_LIMIT_S:
            self._last_emitted_at[source_line] = now
            logging.getLogger().handle(_flatten_exception(record))


def _flatten_exception(record: logging.LogRecord) -> logging.LogRecord:
    """Keep what went wrong, and drop where in the library: nobody here can use that; nor what is secret."""
    if record.name == _HEADER_LOGGER and record.args:
        record.args = ("****",)
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", ()
        record.exc_info = None
    return record


def tracing_from_env() -> OtelTracing:
    """Build what the OTEL_* variables ask for. What is wrong with them is logged, and stops nothing."""
    handler = RateLimitedHandler()
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [handler], False
    detected = OTELResourceDetector().detect().attributes
    defaults = {"service.name": "vod-event-bridge", "service.version": __version__}
    resource = Resource.create(defaults | dict(detected))
    # Ended by `Traced.stop`, in its time: at the interpreter's end it would be waited for without a limit.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = None
    if _export_enabled():
        try:
            exporter = CloseableExporter(OTLPSpanExporter())
            provider.add_span_processor(BatchSpanProcessor(exporter))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            log.error("span_exporter_failed", error=str(error))  # noqa: TRY400 - a variable's value, no bug
    return OtelTracing(provider, exporter)


def _export_enabled() -> bool:
    """Tell whether spans leave at all, and name what is asked for and cannot be had."""
    environment = os.environ
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = {name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",")} - {""}
    if "none" in exporters:
        return False
    if unknown := sorted(exporters - {"otlp"}):
        log.warning("otel_option_ignored", variable="OTEL_TRACES_EXPORTER", ignored=unknown, allowed=["otlp", "none"])
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if (protocol := environment.get(variable, "").strip()) not in ("", _PROTOCOL):
            log.warning("otel_option_ignored", variable=variable, ignored=protocol, allowed=[_PROTOCOL])
            break
    return True
