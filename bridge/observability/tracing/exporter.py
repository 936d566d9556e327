"""Exports spans to a collector by OTLP over HTTP, configured by the standard OTEL_* variables.

An unreachable collector costs its spans and nothing else: a thread of its own exports them, and the log lines
about it are rate-limited.
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
# The libraries that log that a collector does not respond: the SDK, and its HTTP client.
_LIBRARIES = ("opentelemetry", "urllib3")
# Logs the OTEL_EXPORTER_OTLP_HEADERS that it cannot parse, values included: mostly a token.
_HEADER_LOGGER = "opentelemetry.util.re"


class OtelTracing:
    """Wraps the parts in spans. ``exporter``, if any, is shut down where the provider exceeds its time."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter | None = None) -> None:
        self._provider = provider
        self.exporter = exporter
        self._tracer = provider.get_tracer("bridge", __version__)

    def deliver(self, deliver: DeliverInContext) -> Deliver:
        """Return ``deliver`` wrapped in a server or consumer span."""
        return traced_deliver(deliver, self._tracer)

    def dedup(self, dedup: DedupStore) -> DedupStore:
        """Return ``dedup`` with client spans for claim, commit and release."""
        return TracedDedup(dedup, self._tracer)

    def writer(self, writer: RecordWriter) -> RecordWriter:
        """Return ``writer`` with a producer span for each record."""
        return TracedDurableWriter(writer, self._tracer)

    async def stop(self, seconds: float) -> None:
        """Export the pending spans, for at most ``seconds``; the rest is dropped. Never raises."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # timed out, and the loop is closed
                loop.call_soon_threadsafe(done.set)

        # A thread of our own: closing the loop would wait for its executor, however long a collector hangs.
        Thread(target=shut_down, name="last-spans", daemon=True).start()
        try:
            await asyncio.wait_for(done.wait(), seconds)
        except TimeoutError:
            log.warning("spans_dropped", note="the collector did not take the last spans in time")
            if self.exporter is not None:
                self.exporter.shutdown()


class CloseableExporter(SpanExporter):
    """An exporter that can be shut down at any time, more than once: an export under way is abandoned."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export ``spans``; called on the batch processor's thread. The OTEL_* variables set its time-out."""
        return SpanExportResult.FAILURE if self._closed else self._exporter.export(spans)

    def shutdown(self) -> None:
        """Shut the exporter down; further exports fail."""
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Delegate to the exporter: nothing is buffered here."""
        return self._exporter.force_flush(timeout_millis)


class RateLimitedHandler(logging.Handler):
    """Passes a library's log records to the root handlers, once a minute for each source line."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._last_emitted_at: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Pass ``record`` on, or drop it."""
        source_line, now = (record.pathname, record.lineno), self._monotonic()
        if now - self._last_emitted_at.get(source_line, -_RATE_LIMIT_S) >= _RATE_LIMIT_S:
            self._last_emitted_at[source_line] = now
            logging.getLogger().handle(_flatten_exception(record))


def _flatten_exception(record: logging.LogRecord) -> logging.LogRecord:
    """Replace the traceback by the exception's text, and mask header values."""
    if record.name == _HEADER_LOGGER and record.args:
        record.args = ("****",)
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", ()
        record.exc_info = None
    return record


def tracing_from_env() -> OtelTracing:
    """Build tracing from the OTEL_* variables. Invalid ones are logged and do not raise."""
    handler = RateLimitedHandler()
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [handler], False
    detected = OTELResourceDetector().detect().attributes
    defaults = {"service.name": "vod-event-bridge", "service.version": __version__}
    resource = Resource.create(defaults | dict(detected))
    # `OtelTracing.stop` shuts it down with a time limit; the interpreter's exit would wait without one.
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
    """Whether spans are exported; logs options that are not supported."""
    environment = os.environ
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporters = {name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",")} - {""}
    if "none" in exporters:
        return False
    if unknown := sorted(exporters - {"otlp"}):
        log.warning(
            "otel_option_ignored", variable="OTEL_TRACES_EXPORTER", ignored=unknown, allowed=["otlp", "none"]
        )
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if (protocol := environment.get(variable, "").strip()) not in ("", _PROTOCOL):
            log.warning("otel_option_ignored", variable=variable, ignored=protocol, allowed=[_PROTOCOL])
            break
    return True
