"""What is counted, under which label, and which deliveries are logged."""

import io
import logging
import re
import warnings
from pathlib import Path

import msgspec
import pytest
from msgspec import json

from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.http import responses
from bridge.observability import metrics
from bridge.observability.logging import configure_logging
from bridge.observability.metrics import METRICS
from bridge.observability.telemetry import Telemetry, log

PUSH = Notification(
    application=Application(name="shop", token="t0ken", sign_keys=("s3cret",)),
    body=b'{"private":1}',
    received_ms=0,
)
PUBLISHED = DeliveryResult(
    outcome=DeliveryOutcome.PUBLISHED,
    event_id="NewFileUpload:1",
    event_type="NewFileUpload",
    topic="vod.NewFileUpload",
)
EVENT = read_event(
    open_envelope(b'{"EventType":"NewFileUpload","FileUploadEvent":{"FileId":"1","MediaBasicInfo":{}}}')
)
REJECTED = DeliveryResult(outcome=DeliveryOutcome.REJECTED, reason="malformed", detail="not JSON")


@pytest.fixture
def out(log_stream: io.StringIO) -> io.StringIO:
    configure_logging("info", "json", log_stream)
    return log_stream


def telemetry(**settings: object) -> Telemetry:
    return Telemetry(types=["NewFileUpload"], apps=["shop"], **settings)  # type: ignore[arg-type]


def lines(out: io.StringIO) -> list[dict[str, object]]:
    return [json.decode(line) for line in out.getvalue().splitlines()]


def sample(counted: Telemetry, name: str, **labels: str) -> float | None:
    return counted.registry.get_sample_value(name, labels)


def test_a_delivery_is_counted_by_application_type_and_outcome() -> None:
    counted = telemetry()
    counted.record_delivery(PUSH, PUBLISHED, EVENT, 0.003, 0.001)
    labels = {"app": "shop", "type": "NewFileUpload", "outcome": "published"}
    assert sample(counted, "vod_bridge_deliveries_total", **labels) == 1
    assert sample(counted, "vod_bridge_deliveries_by_format_total", format="v3", mode="push") == 1
    assert sample(counted, "vod_bridge_delivery_seconds_count", mode="push") == 1
    assert sample(counted, "vod_bridge_kafka_ack_seconds_count", mode="push") == 1


def test_labels_are_taken_from_closed_lists() -> None:
    counted = telemetry()
    unknown_app = Notification(application=Application(name="stranger"), body=b"", received_ms=0)
    unknown_type = DeliveryResult(outcome=DeliveryOutcome.PUBLISHED, event_type="UnknownType")
    counted.record_delivery(unknown_app, unknown_type, EVENT, 0)
    assert sample(counted, "vod_bridge_deliveries_total", app="other", type="other", outcome="published") == 1
    counted.record_delivery(PUSH, REJECTED, None, 0)
    assert sample(counted, "vod_bridge_deliveries_total", app="shop", type="none", outcome="rejected") == 1
    assert sample(counted, "vod_bridge_deliveries_by_format_total", format="none", mode="push") == 1


def test_rejections_claims_and_conformance_are_counted_by_label() -> None:
    counted = telemetry()
    counted.count_rejected_request("not_found")
    counted.count_rejected_request("wrong_token", "shop")
    counted.count_claims("acquired")
    counted.record_delivery(PUSH, PUBLISHED, msgspec.structs.replace(EVENT, conformance="repaired"), 0)
    assert sample(counted, "vod_bridge_http_requests_rejected_total", reason="not_found", app="") == 1
    assert sample(counted, "vod_bridge_http_requests_rejected_total", reason="wrong_token", app="shop") == 1
    assert sample(counted, "vod_bridge_dedup_claims_total", result="acquired") == 1
    labels = {"type": "NewFileUpload", "conformance": "repaired"}
    assert sample(counted, "vod_bridge_events_conformance_total", **labels) == 1


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("vod_bridge_deliveries_total", {"app": "shop", "type": "none", "outcome": "unauthorized"}),
        ("vod_bridge_deliveries_total", {"app": "shop", "type": "NewFileUpload", "outcome": "deferred"}),
        ("vod_bridge_deliveries_total", {"app": "shop", "type": "other", "outcome": "rejected"}),
        ("vod_bridge_deliveries_by_format_total", {"format": "legacy", "mode": "push"}),
        ("vod_bridge_events_conformance_total", {"type": "other", "conformance": "conforming"}),
        ("vod_bridge_http_requests_rejected_total", {"reason": "too_large", "app": ""}),
        ("vod_bridge_http_requests_rejected_total", {"reason": "wrong_token", "app": "shop"}),
        ("vod_bridge_dedup_claims_total", {"result": "unavailable"}),
        ("vod_bridge_pull_confirms_total", {"app": "queue", "outcome": "expired"}),
        ("vod_bridge_pull_calls_total", {"app": "queue", "action": "confirm", "outcome": "rejected"}),
        ("vod_bridge_pull_failing", {"app": "queue"}),
        ("vod_bridge_last_event_timestamp_seconds", {"app": "shop"}),
        ("vod_bridge_internal_errors_total", {}),
    ],
)
def test_what_alerts_watch_is_there_before_it_happens(name: str, labels: dict[str, str]) -> None:
    assert sample(telemetry(pulled=["queue"]), name, **labels) == 0


def test_spool_corruptions_are_shown_at_0_once_there_is_a_spool() -> None:
    counted = telemetry()
    assert sample(counted, "vod_bridge_spool_corruptions_total", kind="record") is None
    counted.set_spool_limit(1 << 20)
    assert sample(counted, "vod_bridge_spool_corruptions_total", kind="record") == 0
    assert sample(counted, "vod_bridge_spool_max_bytes") == 1 << 20


def test_the_last_event_is_the_last_that_ended_well() -> None:
    counted = telemetry()
    first, later = (
        Notification(application=PUSH.application, body=b"", received_ms=ms) for ms in (1_500, 2_500)
    )
    counted.record_delivery(first, PUBLISHED, EVENT, 0)
    counted.record_delivery(later, REJECTED, None, 0)
    assert sample(counted, "vod_bridge_last_event_timestamp_seconds", app="shop") == 1.5
    counted.record_delivery(later, PUBLISHED, EVENT, 0)
    assert sample(counted, "vod_bridge_last_event_timestamp_seconds", app="shop") == 2.5


def test_the_reject_reasons_of_the_http_ingress_are_those_of_the_closed_list() -> None:
    used = {
        one.reject_reason for one in vars(responses).values() if isinstance(one, responses.HttpResponse)
    } - {""}
    used |= {one.reject_reason for one in responses.NOT_FOUND.values()}
    used |= _literals(r'(?:abort|rejections\.record|self\.record)\(\s*"(\w+)"', "http")
    assert used == set(metrics.REJECT_REASONS)


def test_the_spools_corruption_kinds_are_those_of_the_closed_list() -> None:
    used = _literals(r'(?:_corruption_at|Corruption)\(\s*"(\w+)"', "spool") | {"torn_tail", "record"}
    assert used == set(metrics.CORRUPTION_KINDS)


def _literals(pattern: str, folder: str) -> set[str]:
    files = (Path(metrics.__file__).parents[1] / "io" / folder).glob("*.py")
    return {literal for file in files for literal in re.findall(pattern, file.read_text(encoding="utf-8"))}


def test_metric_names_have_their_unit() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.buckets) == (metric.kind == "histogram")
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")
        assert metric.meaning.endswith((".", ")"))


def test_two_bridges_in_one_process_count_apart() -> None:
    one, other = telemetry(), telemetry()
    one.deliveries_held.inc()
    assert sample(one, "vod_bridge_deliveries_held") == 1
    assert sample(other, "vod_bridge_deliveries_held") == 0


def test_a_histogram_counts_what_lies_at_or_below_each_edge() -> None:
    counted = telemetry()
    for seconds in (0.001, 4.0, 4.5, 99.0):
        counted.record_delivery(PUSH, PUBLISHED, EVENT, seconds)
    at_most = {
        edge: sample(counted, "vod_bridge_delivery_seconds_bucket", mode="push", le=edge)
        for edge in ("0.002", "4.0", "5.0", "+Inf")
    }
    assert at_most == {"0.002": 1, "4.0": 2, "5.0": 3, "+Inf": 4}
    assert sample(counted, "vod_bridge_delivery_seconds_sum", mode="push") == 107.501


def test_the_rendered_metrics_have_version_and_process() -> None:
    text = telemetry().render().decode()
    assert 'vod_bridge_build_info{version="' in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(("selected", "expected"), [("all", 2), ("problems", 1), ("none", 0)])
def test_the_selected_outcomes_get_one_line(out: io.StringIO, selected: str, expected: int) -> None:
    counted = telemetry(deliveries=selected)
    counted.record_delivery(PUSH, PUBLISHED, EVENT, 0)
    counted.record_delivery(PUSH, REJECTED, None, 0)
    assert len(lines(out)) == expected


def test_a_delivery_line_has_the_outcome_and_neither_body_nor_key_nor_token(out: io.StringIO) -> None:
    telemetry(deliveries="all").record_delivery(PUSH, PUBLISHED, EVENT, 0.0123, 0.004)
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
    counted.record_delivery(PUSH, PUBLISHED, EVENT, 0)
    counted.count_rejected_request("method_not_allowed")
    counted.log_summary()
    counted.log_summary()
    first, second = lines(out)
    assert (first["published"], first["http_requests_rejected"], second["published"]) == (1, 1, 0)


def test_libraries_log_in_the_same_format_from_warning_on(out: io.StringIO) -> None:
    logging.getLogger("some.library").info("chatter")
    logging.getLogger("some.library").warning("broker %s is unreachable", 3)
    warnings.warn("old habit", DeprecationWarning, stacklevel=1)
    logged = lines(out)
    assert logged[0]["event"] == "broker 3 is unreachable"
    assert logged[0]["logger"] == "some.library"


def test_a_traceback_is_logged_without_local_variables(out: io.StringIO) -> None:
    password = "ret" * 2 + "hunter"
    try:
        int(password[:3])
    except ValueError:
        log.exception("bug")
    assert "ValueError" in out.getvalue()
    assert password not in out.getvalue()


def test_the_console_shape_is_for_people(out: io.StringIO) -> None:
    configure_logging("info", "console", out)
    log.info("hello", app="shop")
    assert "hello" in out.getvalue()
    assert "{" not in out.getvalue()
