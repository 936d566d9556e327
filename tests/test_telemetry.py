"""What is counted, under which label, and which deliveries are logged."""

import io
import logging
import warnings
from collections.abc import Iterator

import pytest
import structlog
from msgspec import json

from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import Ending, Outcome
from bridge.logs import set_up_logging
from bridge.telemetry import Telemetry, log

PUSH = Notification(
    application=Application(name="shop", token="t0ken", sign_keys=("s3cret",)),
    body=b'{"private":1}',
    received_ms=0,
)
PUBLISHED = Outcome(
    ending=Ending.PUBLISHED, event_id="NewFileUpload:1", event_type="NewFileUpload", topic="vod.NewFileUpload"
)
REJECTED = Outcome(ending=Ending.REJECTED, reason="malformed", detail="not JSON")


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    set_up_logging("info", "json", stream)
    yield stream
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers[:] = kept
    root.setLevel(level)


def telemetry(**settings: object) -> Telemetry:
    return Telemetry(types=["NewFileUpload"], apps=["shop"], **settings)  # type: ignore[arg-type]


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.decode(line) for line in out.getvalue().splitlines()]


def sample(counted: Telemetry, name: str, **labels: str) -> float | None:
    return counted.registry.get_sample_value(name, labels)


def test_a_delivery_is_counted_by_application_type_and_ending() -> None:
    counted = telemetry()
    counted.delivered(PUSH, PUBLISHED, body_format="v3", seconds=0.003, ack_seconds=0.001)
    labels = {"app": "shop", "type": "NewFileUpload", "outcome": "published"}
    assert sample(counted, "bridge_deliveries_total", **labels) == 1
    assert sample(counted, "bridge_deliveries_by_format_total", format="v3", mode="push") == 1
    assert sample(counted, "bridge_delivery_seconds_count", mode="push") == 1
    assert sample(counted, "bridge_kafka_ack_seconds_count", mode="push") == 1


def test_labels_are_taken_from_closed_lists() -> None:
    counted = telemetry()
    stranger = Notification(application=Application(name="stranger"), body=b"", received_ms=0)
    unheard = Outcome(ending=Ending.PUBLISHED, event_type="Unheard")
    counted.delivered(stranger, unheard, body_format="v3", seconds=0)
    assert sample(counted, "bridge_deliveries_total", app="other", type="other", outcome="published") == 1
    counted.delivered(PUSH, REJECTED, body_format="", seconds=0)
    assert sample(counted, "bridge_deliveries_total", app="shop", type="none", outcome="rejected") == 1
    assert sample(counted, "bridge_deliveries_by_format_total", format="none", mode="push") == 1


def test_refusals_claims_and_conformance_are_counted_by_their_words() -> None:
    counted = telemetry()
    counted.refused("not_found")
    counted.claimed("fresh")
    counted.read("NewFileUpload", "repaired")
    assert sample(counted, "bridge_http_refused_total", reason="not_found") == 1
    assert sample(counted, "bridge_dedup_claims_total", answer="fresh") == 1
    labels = {"type": "NewFileUpload", "conformance": "repaired"}
    assert sample(counted, "bridge_events_conformance_total", **labels) == 1


def test_two_bridges_in_one_process_count_apart() -> None:
    one, other = telemetry(), telemetry()
    one.held.inc()
    assert sample(one, "bridge_deliveries_held") == 1
    assert sample(other, "bridge_deliveries_held") == 0


def test_a_histogram_counts_what_lies_at_or_below_each_edge() -> None:
    counted = telemetry()
    for seconds in (0.001, 4.0, 4.5, 99.0):
        counted.delivered(PUSH, PUBLISHED, body_format="v3", seconds=seconds)
    at_most = {
        edge: sample(counted, "bridge_delivery_seconds_bucket", mode="push", le=edge)
        for edge in ("0.002", "4.0", "5.0", "+Inf")
    }
    assert at_most == {"0.002": 1, "4.0": 2, "5.0": 3, "+Inf": 4}
    assert sample(counted, "bridge_delivery_seconds_sum", mode="push") == 107.501


def test_the_exposition_tells_the_version_and_the_process() -> None:
    text = telemetry().exposition().decode()
    assert 'bridge_build_info{version="' in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(("selected", "expected"), [("all", 2), ("problems", 1), ("none", 0)])
def test_the_selected_endings_get_one_line(out: io.StringIO, selected: str, expected: int) -> None:
    counted = telemetry(deliveries=selected)
    counted.delivered(PUSH, PUBLISHED, body_format="v3", seconds=0)
    counted.delivered(PUSH, REJECTED, body_format="", seconds=0)
    assert len(lines(out)) == expected


def test_a_line_tells_the_ending_and_neither_body_nor_key_nor_token(out: io.StringIO) -> None:
    telemetry(deliveries="all").delivered(
        PUSH, PUBLISHED, body_format="v3", seconds=0.0123, ack_seconds=0.004
    )
    (line,) = lines(out)
    assert line.pop("timestamp")
    assert line == {
        "event": "delivery",
        "level": "info",
        "app": "shop",
        "mode": "push",
        "outcome": "published",
        "event_id": "NewFileUpload:1",
        "type": "NewFileUpload",
        "topic": "vod.NewFileUpload",
        "bytes": 13,
        "duration_ms": 12.3,
        "ack_ms": 4.0,
    }


def test_a_lone_surrogate_is_logged_as_its_escape(out: io.StringIO) -> None:
    log.warning("odd", type="\ud800")
    assert "\\ud800" in out.getvalue()


def test_the_summary_counts_what_ended_since_the_last_one(out: io.StringIO) -> None:
    counted = telemetry(deliveries="none")
    counted.delivered(PUSH, PUBLISHED, body_format="v3", seconds=0)
    counted.refused("method")
    counted.summarise()
    counted.summarise()
    first, second = lines(out)
    assert (first["published"], first["refused"], second["published"]) == (1, 1, 0)


def test_libraries_speak_through_the_same_lines_from_warning_on(out: io.StringIO) -> None:
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("broker %s is away", 3)
    warnings.warn("old habit", DeprecationWarning, stacklevel=1)
    spoken = lines(out)
    assert spoken[0]["event"] == "broker 3 is away"
    assert spoken[0]["logger"] == "some.library"


def test_a_traceback_is_logged_without_local_variables(out: io.StringIO) -> None:
    password = "ret" * 2 + "hunter"
    try:
        int(password[:3])
    except ValueError:
        log.exception("bug")
    assert "ValueError" in out.getvalue()
    assert password not in out.getvalue()


def test_the_console_shape_is_for_people(out: io.StringIO) -> None:
    set_up_logging("info", "console", out)
    log.info("hello", app="shop")
    assert "hello" in out.getvalue()
    assert "{" not in out.getvalue()
