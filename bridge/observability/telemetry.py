"""Counts deliveries and the state of the parts, and logs deliveries. `metrics` holds the names.

Labels are taken from closed lists: types that the catalogue does not know count as ``other``. No log line
holds a body, a token or a key.
"""

import time
from collections import Counter as Counts
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version
from itertools import product
from typing import Any, Literal

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest

from bridge.core.event import DecodedEvent, Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.observability import metrics
from bridge.observability.fast_metrics import LocalCounter, LocalHistogram
from bridge.observability.metrics import Metric
from bridge.observability.recent_deliveries import RecentDeliveries
from bridge.observability.spool_backlog import SpoolBacklog, SpoolReport, backlog_of
from bridge.observability.timestamp_gauge import TimestampGauge

LoggedDeliveries = Literal["all", "problems", "none"]

_TYPE_MAX = 256  # characters; the sender chooses an unknown type's name
_SUCCESSFUL = frozenset({DeliveryOutcome.PUBLISHED, DeliveryOutcome.DUPLICATE})

# Alerts use these outcomes: exported from 0 on for every type, the others only for type ``none``.
_ALERTED_OUTCOMES = (DeliveryOutcome.REJECTED, DeliveryOutcome.DEFERRED)

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Telemetry:
    """The metrics of one bridge, in a registry of its own, and its canonical log line.

    The closed lists of labels: ``types`` are the catalogue's event types, ``apps`` the configured
    applications, ``pulled`` those in a pull mode. ``deliveries`` selects the outcomes that are logged.
    Counters that alerts use are exported from 0 on: Prometheus sees no increase in a series that begins at 1.
    """

    def __init__(
        self,
        *,
        types: Collection[str] = (),
        apps: Collection[str] = (),
        pulled: Collection[str] = (),
        deliveries: LoggedDeliveries = "problems",
    ) -> None:
        # Else the library exports a second series for each counter, with its time of creation.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library has no annotation there
        self.registry = CollectorRegistry()
        self._types = frozenset(types)
        self._apps = frozenset(apps)
        self._deliveries = deliveries
        self._last_summary: Counts[str] = Counts()
        self._rejected_request_count = 0
        self.recent = RecentDeliveries()
        self._set_up_deliveries()
        self._set_up_http([app for app in apps if app not in pulled])
        self._set_up_dependencies()
        self._set_up_spool()
        self._set_up_pull(pulled)
        ProcessCollector(registry=self.registry)
        build = self._gauge(metrics.BUILD_INFO)
        build.labels(version("vod-event-bridge")).set(1)

    def _set_up_deliveries(self) -> None:
        self._delivery_counts = self._local_counter(metrics.DELIVERIES)
        all_outcomes = product(self._apps, ("none",), DeliveryOutcome)
        alerted = product(self._apps, (*self._types, "other"), _ALERTED_OUTCOMES)
        self._delivery_counts.export_from_zero((*all_outcomes, *alerted))
        self._format_counts = self._local_counter(metrics.DELIVERIES_BY_FORMAT)
        self._format_counts.export_from_zero(product(metrics.FORMATS, ("push", "pull")))
        self._conformance_counts = self._local_counter(metrics.EVENTS_CONFORMANCE)
        self._conformance_counts.export_from_zero(product((*self._types, "other"), metrics.CONFORMANCES))
        self._delivery_seconds = self._local_histogram(metrics.DELIVERY_SECONDS)
        self._last_ms = dict.fromkeys(self._apps, 0)
        self.registry.register(TimestampGauge(metrics.LAST_EVENT, tuple(self._apps), self._last_ms))
        self.deliveries_in_flight = 0
        self._gauge(metrics.DELIVERIES_IN_FLIGHT).set_function(lambda: self.deliveries_in_flight)
        self.deliveries_held = self._gauge(metrics.DELIVERIES_HELD)
        self.internal_errors = self._counter(metrics.INTERNAL_ERRORS)
        self.ready = self._gauge(metrics.READY)

    def _set_up_http(self, pushed: Collection[str]) -> None:
        self.connections = self._gauge(metrics.CONNECTIONS)
        self._rejected_requests = self._counter(metrics.REQUESTS_REJECTED)
        for labels in product(metrics.REJECT_REASONS, ("", *pushed)):
            self._rejected_requests.labels(*labels)
        self.head_cache_counts = self._local_counter(metrics.HEAD_CACHE).counts
        for result in metrics.HEAD_CACHE_RESULTS:
            self.head_cache_counts[result,] = 0

    def _set_up_dependencies(self) -> None:
        self._ack_seconds = self._local_histogram(metrics.ACK_SECONDS)
        self.breaker_open = self._gauge(metrics.BREAKER_OPEN)
        self.topics_missing = self._gauge(metrics.TOPICS_MISSING)
        self.producer_replacements = self._counter(metrics.PRODUCER_REPLACEMENTS)
        self.sends_indeterminate = self._gauge(metrics.SENDS_INDETERMINATE)
        self._claims = self._local_counter(metrics.DEDUP_CLAIMS)
        self._claims.export_from_zero((claim_result,) for claim_result in metrics.CLAIM_RESULTS)
        self.dedup_degraded = self._gauge(metrics.DEDUP_DEGRADED)
        self.dedup_call_seconds = self._local_histogram(metrics.DEDUP_CALL_SECONDS)

    def _set_up_spool(self) -> None:
        self.spool_records = self._gauge(metrics.SPOOL_RECORDS)
        self.spool_bytes = self._gauge(metrics.SPOOL_BYTES)
        self._spool_max_bytes = self._gauge(metrics.SPOOL_MAX_BYTES)
        self.spool_oldest_record_age = self._gauge(metrics.SPOOL_OLDEST_RECORD_AGE)
        self.spool_failing = self._gauge(metrics.SPOOL_FAILING)
        self.spool_commit_seconds = self._histogram(metrics.SPOOL_COMMIT_SECONDS)
        self.spool_corruptions = self._counter(metrics.SPOOL_CORRUPTIONS)
        self.spool_drained = self._counter(metrics.SPOOL_DRAINED)

    def _set_up_pull(self, pulled: Collection[str]) -> None:
        self.pull_calls = self._counter(metrics.PULL_CALLS)
        self.pull_events = self._counter(metrics.PULL_EVENTS)
        self.pull_confirms = self._counter(metrics.PULL_CONFIRMS)
        self.pull_oldest_unconfirmed = self._gauge(metrics.PULL_OLDEST_UNCONFIRMED)
        self.pull_queue_events = self._gauge(metrics.PULL_QUEUE_EVENTS)
        self.pull_failing = self._gauge(metrics.PULL_FAILING)
        for app in pulled:
            for call in metrics.API_CALLS:
                self.pull_calls.labels(app, *call)
            self.pull_events.labels(app)
            for outcome in metrics.CONFIRM_OUTCOMES:
                self.pull_confirms.labels(app, outcome)
            self.pull_failing.labels(app)

    def watch_spools(self, spools: Callable[[], Sequence[SpoolReport]], now_ms: Callable[[], int]) -> None:
        """Export the sums over ``spools``; the first is the one that takes records."""

        def backlog() -> SpoolBacklog:
            return backlog_of(spools(), now_ms())

        self.spool_records.set_function(lambda: backlog().records)
        self.spool_bytes.set_function(lambda: backlog().bytes)
        self.spool_oldest_record_age.set_function(lambda: backlog().oldest_age_ms / 1000)
        self.spool_failing.set_function(lambda: bool(spools()[0].unavailable_reason))

    def set_spool_limit(self, max_bytes: int) -> None:
        """Export the spool's limit, and its corruption counters from 0 on."""
        self._spool_max_bytes.set(max_bytes)
        for corruption_kind in metrics.CORRUPTION_KINDS:
            self.spool_corruptions.labels(corruption_kind)

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.meaning, metric.labels, registry=self.registry)

    def _gauge(self, metric: Metric) -> Gauge:
        return Gauge(metric.name, metric.meaning, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric) -> Histogram:
        return Histogram(
            metric.name, metric.meaning, metric.labels, buckets=metric.buckets, registry=self.registry
        )

    def _local_counter(self, metric: Metric) -> LocalCounter:
        return LocalCounter(metric.name, metric.meaning, metric.labels, self.registry)

    def _local_histogram(self, metric: Metric) -> LocalHistogram:
        return LocalHistogram(metric.name, metric.meaning, metric.labels, metric.buckets, self.registry)

    def record_delivery(
        self,
        notification: Notification,
        result: DeliveryResult,
        event: DecodedEvent | None,
        seconds: float,
        ack_seconds: float | None = None,
    ) -> None:
        """Count one delivery, and log its canonical line where its outcome is selected.

        ``event`` is the decoded event, None where there is none. ``seconds`` is the total duration;
        ``ack_seconds`` the time from send to Kafka's acknowledgement, None where there was none.
        """
        app, mode, outcome = notification.application.name, notification.mode, result.outcome
        app_label = app if app in self._apps else "other"
        event_type = result.event_type
        label = event_type if event_type in self._types else self.type_label(event_type)
        body_format = "none"
        if event is not None:
            body_format = event.format
            event_label = label if event.type == result.event_type else self.type_label(event.type)
            self._conformance_counts.counts[event_label, event.conformance] += 1
        self._delivery_counts.counts[app_label, label, outcome] += 1
        self._format_counts.counts[body_format, mode] += 1
        self._delivery_seconds.observe(seconds, mode)
        if ack_seconds is not None:
            self._ack_seconds.observe(ack_seconds, mode)
        if result.event_id:
            self._last_ms[app] = notification.received_ms
        if self._deliveries == "all" or (self._deliveries == "problems" and outcome not in _SUCCESSFUL):
            self._log_delivery(notification, result, seconds, ack_seconds)
        if outcome is not DeliveryOutcome.UNAUTHORIZED:  # `keep_refused` knows the client of these
            ids = ("", "") if event is None else (event.file_id, event.task_id)
            self.recent.add_delivery(notification, result, seconds, ids)

    def type_label(self, event_type: str) -> str:
        """Return the label of a type: itself, ``other`` if not in the catalogue, ``none`` if empty."""
        if event_type in self._types:
            return event_type
        return "other" if event_type else "none"

    def count_rejected_request(self, reason: str, app: str = "") -> None:
        """Count a request that became no delivery; ``app`` is the configured application in its path."""
        self._rejected_requests.labels(reason, app).inc()
        self._rejected_request_count += 1

    def keep_refused(self, reason: str, app: str, client: str, detail: str) -> None:
        """Keep a refused request among the recent ones, with its client's address."""
        self.recent.add_refused(time.time_ns() // 1_000_000, app, reason, client, detail)

    def outcome_counts(self) -> dict[str, int]:
        """Return how many deliveries ended with each outcome since the start."""
        counts = Counts[str]()
        for (_, _, outcome), count in self._delivery_counts.counts.items():
            counts[outcome] += count
        return dict(counts)

    @property
    def rejected_request_count(self) -> int:
        """How many requests became no delivery since the start."""
        return self._rejected_request_count

    def last_event_ms(self, app: str) -> int:
        """Return when the last event of a configured application was received, in unix ms; 0 for never."""
        return self._last_ms.get(app, 0)

    def count_claims(self, claim_result: str, number: int = 1) -> None:
        """Count ``number`` claims with this result."""
        self._claims.counts[claim_result,] += number

    def log_summary(self) -> None:
        """Log the outcomes since the last summary; the only line of an idle or healthy bridge."""
        counts = Counts(self.outcome_counts())
        counts["http_requests_rejected"] = self._rejected_request_count
        since, self._last_summary = counts - self._last_summary, counts
        log.info("summary", **{name: since[name] for name in (*DeliveryOutcome, "http_requests_rejected")})

    def render(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    @staticmethod
    def _log_delivery(
        notification: Notification, result: DeliveryResult, seconds: float, ack_seconds: float | None
    ) -> None:
        fields: dict[str, Any] = {
            "app": notification.application.name,
            "mode": notification.mode,
            "outcome": str(result.outcome),
            "event_id": result.event_id,
            "type": result.event_type[:_TYPE_MAX],
            "topic": result.topic,
            "reason": result.reason,
            "detail": result.detail,
            "bytes": len(notification.body),
            "duration_ms": round(seconds * 1000, 1),
            "ack_ms": None if ack_seconds is None else round(ack_seconds * 1000, 1),
        }
        write = log.info if result.outcome in _SUCCESSFUL else log.warning
        write("delivery", **{key: value for key, value in fields.items() if value not in ("", None)})
