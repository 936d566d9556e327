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
from bridge.journeys import Memory
from bridge.pipeline import Writer
from bridge.tracing import Deliver, DeliverIn
from bridge.tracing.spans import TracedMemory, TracedWriter, traced_deliver

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_PROTOCOL = "http/protobuf"
_SELDOM_S = 60.0
# What says that a collector does not answer: the SDK, and the HTTP client below it.
_LIBRARIES = ("opentelemetry", "urllib3")
# Says which of OTEL_EXPORTER_OTLP_HEADERS it cannot read, with all that stands in it: mostly a token.
_SHOWS_HEADERS = "opentelemetry.util.re"


class Traced:
    """Puts spans around the parts. ``exporter``, if any, is closed where the provider ends too late."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter | None = None) -> None:
        self._provider = provider
        self.exporter = exporter
        self._tracer = provider.get_tracer("bridge", __version__)

    def deliver(self, deliver: DeliverIn) -> Deliver:
        """Wrap what takes a delivery to its ending."""
        return traced_deliver(deliver, self._tracer)

    def memory(self, memory: Memory) -> Memory:
        """Wrap what remembers occurrences."""
        return TracedMemory(memory, self._tracer)

    def writer(self, writer: Writer) -> Writer:
        """Wrap what makes records durable."""
        return TracedWriter(writer, self._tracer)

    async def stop(self, seconds: float) -> None:
        """Hand over the spans that wait, for at most ``seconds``; the rest is dropped."""
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def end() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # nobody waited, and the loop is gone
                loop.call_soon_threadsafe(over.set)

        # A thread of our own: the loop's executor would be waited for, however long a collector is silent.
        Thread(target=end, name="last-spans", daemon=True).start()
        try:
            await asyncio.wait_for(over.wait(), seconds)
        except TimeoutError:
            log.warning("spans_dropped", meaning="the collector did not take the last spans in time")
            if self.exporter is not None:
                self.exporter.shutdown()


class Closable(SpanExporter):
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


class Seldom(logging.Handler):
    """Hands a library's line on to the program's own handlers, each place in its code once a minute."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._told: dict[tuple[str, int], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Hand it on, or drop it."""
        place, now = (record.pathname, record.lineno), self._monotonic()
        if now - self._told.get(place, -_SELDOM_S) >= _SELDOM_S:
            self._told[place] = now
            logging.getLogger().handle(_in_one_line(record))


def _in_one_line(record: logging.LogRecord) -> logging.LogRecord:
    """Keep what went wrong, and drop where in the library: nobody here can use that; nor what is secret."""
    if record.name == _SHOWS_HEADERS and record.args:
        record.args = ("****",)
    if record.exc_info and record.exc_info[1] is not None:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", ()
        record.exc_info = None
    return record


def traces_by_environment() -> Traced:
    """Build what the OTEL_* variables ask for. What is wrong with them is logged, and stops nothing."""
    seldom = Seldom()
    for name in _LIBRARIES:
        library = logging.getLogger(name)
        library.handlers, library.propagate = [seldom], False
    given = OTELResourceDetector().detect().attributes
    ours = {"service.name": "vod-event-bridge", "service.version": __version__}
    resource = Resource.create(ours | dict(given))
    # Ended by `Traced.stop`, in its time: at the interpreter's end it would be waited for without a limit.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = None
    if _wanted():
        try:
            exporter = Closable(OTLPSpanExporter())
            provider.add_span_processor(BatchSpanProcessor(exporter))
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            log.error("spans_not_exported", error=str(error))  # noqa: TRY400 - a variable's value, no bug
    return Traced(provider, exporter)


def _wanted() -> bool:
    """Tell whether spans leave at all, and name what is asked for and cannot be had."""
    environment = os.environ
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    asked = {name.strip() for name in environment.get("OTEL_TRACES_EXPORTER", "").split(",")} - {""}
    if "none" in asked:
        return False
    if unknown := sorted(asked - {"otlp"}):
        log.warning("tracing", variable="OTEL_TRACES_EXPORTER", ignored=unknown, allowed=["otlp", "none"])
    for variable in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if (protocol := environment.get(variable, "").strip()) not in ("", _PROTOCOL):
            log.warning("tracing", variable=variable, ignored=protocol, allowed=[_PROTOCOL])
            break
    return True
