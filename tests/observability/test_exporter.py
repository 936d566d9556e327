"""Where spans go by the standard variables, what an unreachable collector costs, and what off means."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from structlog.testing import capture_logs

from bridge.observability.tracing.exporter import (
    CloseableExporter,
    OtelTracing,
    RateLimitedHandler,
    tracing_from_env,
)
from tests.rig.parts import ROOT
from tests.rig.waiting import eventually

OFF = """
import asyncio, sys
import bridge.cli
from bridge.app import Bridge
from bridge.settings.settings import load

async def main():
    bridge = Bridge(load(None, {}))
    in_flight, handler = bridge._pipeline._in_flight, bridge._ingress._handler
    print(in_flight._dedup is bridge._dedup, handler._deliver == bridge._pipeline.deliver)
    await bridge._session.close()

asyncio.run(main())
print([name for name in sys.modules if name.startswith(sys.argv[1:]) and sys.modules[name]])
"""
ABSENT = "import sys; sys.modules['opentelemetry'] = None"
WRAPPERS = ("bridge.observability.tracing.spans", "bridge.observability.tracing.exporter")
# Redis' client loads the API and the metrics of its own accord, where they are installed.
OF_THE_EXTRA = ("opentelemetry.exporter", "opentelemetry.sdk.trace.export", "google", "requests", "urllib3")


def run(program: str, *arguments: str) -> tuple[str, int]:
    command = [sys.executable, "-c", program.replace("sys.argv[1:]", repr(arguments))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own words
    return done.stdout + done.stderr, done.returncode


def test_off_the_parts_are_not_wrapped_and_nothing_of_the_extra_is_loaded() -> None:
    assert run(OFF, *WRAPPERS, *OF_THE_EXTRA) == ("True True\n[]\n", 0)


def test_off_it_runs_without_the_extra() -> None:
    assert run(ABSENT + OFF, *WRAPPERS, "opentelemetry") == ("True True\n[]\n", 0)


def test_without_the_extra_the_start_fails_and_names_what_to_install() -> None:
    logged, code = run(
        f"{ABSENT}; sys.argv = ['vod-bridge', 'serve']\n"
        "import os; os.environ['BRIDGE_TRACING__ENABLED'] = 'true'\n"
        "from bridge.cli import main; main()"
    )
    assert code == 2
    assert "BRIDGE_TRACING__ENABLED" in logged
    assert "pip install 'vod-event-bridge[otel]'" in logged
    assert "Traceback" not in logged


class UnresponsiveExporter(SpanExporter):
    """A collector that takes a connection and never answers: it ends when it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def export(self, _spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.closed.wait()
        return SpanExportResult.FAILURE

    def shutdown(self) -> None:
        self.closed.set()


async def test_a_silent_collector_holds_up_neither_the_loop_nor_the_stop() -> None:
    silent = UnresponsiveExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(CloseableExporter(silent)))
    provider.get_tracer("test").start_span("last").end()
    with capture_logs() as lines:
        stopping = asyncio.create_task(OtelTracing(provider, silent).stop(0.2))
        await eventually(lambda: stopping.done() or lines, "the stop gives up")
        await stopping
    assert [line["event"] for line in lines] == ["spans_dropped"]
    assert silent.closed.is_set()


def test_a_repeated_library_line_is_logged_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seconds = 0.0
    library = logging.getLogger("a-library")
    library.handlers, library.propagate = [RateLimitedHandler(lambda: seconds)], False

    def complain() -> None:
        for number in range(3):
            library.error("export failed", exc_info=OSError(f"refused {number}"))

    complain()
    assert [line.getMessage() for line in caplog.records] == ["export failed: OSError('refused 0')"]
    seconds = 61.0
    complain()
    assert len(caplog.records) == 2
    assert not any(line.exc_info for line in caplog.records)


@pytest.mark.parametrize(
    ("variable", "value", "exporter", "warned"),
    [
        ("OTEL_TRACES_EXPORTER", "otlp", CloseableExporter, []),
        ("OTEL_TRACES_EXPORTER", "none", type(None), []),
        ("OTEL_SDK_DISABLED", "TRUE", type(None), []),
        ("OTEL_TRACES_EXPORTER", "zipkin", CloseableExporter, ["OTEL_TRACES_EXPORTER"]),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", CloseableExporter, ["OTEL_EXPORTER_OTLP_PROTOCOL"]),
    ],
)
async def test_the_standard_variables_choose_the_exporter(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, exporter: type, warned: list[str]
) -> None:
    monkeypatch.setenv(variable, value)
    with capture_logs() as lines:
        traces = tracing_from_env()
    assert isinstance(traces.exporter, exporter)
    assert [line["variable"] for line in lines] == warned
    await traces.stop(5)


async def test_invalid_variables_are_logged_and_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    with capture_logs() as lines:
        traces = tracing_from_env()
    assert [line["event"] for line in lines] == ["span_exporter_failed"]
    await traces.stop(5)


async def test_unreadable_headers_are_logged_without_their_values(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "hidden")
    traces = tracing_from_env()
    (logged,) = [line for line in caplog.records if "Header format" in line.getMessage()]
    assert "****" in logged.getMessage()
    assert "hidden" not in caplog.text
    await traces.stop(5)
