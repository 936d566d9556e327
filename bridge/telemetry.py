"""Every metric's name, kind and meaning, and what is logged of a delivery. Nothing else names either.

Labels are taken from closed lists: types that the catalogue does not know count as ``other``. No
line holds a body, a token or a key.
"""

from collections import Counter as Tally
from collections.abc import Collection
from importlib.metadata import version
from typing import Any, Literal

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import generate_latest

from bridge.core.event import Notification
from bridge.core.outcome import Ending, Outcome
from bridge.tally import CounterTally, HistogramTally

Deliveries = Literal["all", "problems", "none"]

# 4 s is the vendor-facing limit, 5 s the vendor's own time-out, 6 s the hold: each has its edge.
_DELIVERY_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 5, 6, 7, 10)
_CALL_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)
_TYPE_MAX = 256  # characters of a type that the sender made up
_WELL = frozenset({Ending.PUBLISHED, Ending.DUPLICATE})

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Telemetry:
    """The metrics of one bridge, in a registry of its own, and its canonical log line.

    ``types`` are the catalogue's event types, ``apps`` the configured applications: the labels' closed
    lists. ``deliveries`` selects the endings that get a log line.
    """

    def __init__(
        self, *, types: Collection[str] = (), apps: Collection[str] = (), deliveries: Deliveries = "problems"
    ) -> None:
        self.registry = CollectorRegistry()
        self._types = frozenset(types)
        self._apps = frozenset(apps)
        self._deliveries = deliveries
        self._since_summary: Tally[str] = Tally()
        self._name_delivery_metrics()
        self._name_dependency_metrics()
        self._name_spool_metrics()
        self._name_pull_metrics()
        ProcessCollector(registry=self.registry)
        build = Gauge(
            "bridge_build_info", "1, labelled with the version.", ["version"], registry=self.registry
        )
        build.labels(version("vod-event-bridge")).set(1)

    def _name_delivery_metrics(self) -> None:
        r = self.registry
        self._total = CounterTally(
            "bridge_deliveries",
            "Deliveries by application, event type and ending.",
            ["app", "type", "outcome"],
            r,
        )
        self._by_format = CounterTally(
            "bridge_deliveries_by_format",
            "Deliveries by the body's format (v3, legacy, none) and mode.",
            ["format", "mode"],
            r,
        )
        self._refused = Counter(
            "bridge_http_refused",
            "Requests refused before they became a delivery; for a push sender each may be a lost event.",
            ["reason"],
            registry=r,
        )
        self._seconds = HistogramTally(
            "bridge_delivery_seconds",
            "From a delivery's arrival to its ending, in seconds.",
            "mode",
            _DELIVERY_BUCKETS,
            r,
        )
        self._conformance = CounterTally(
            "bridge_events_conformance",
            "Events by type and by how well their payload fits the catalogue.",
            ["type", "conformance"],
            r,
        )
        self.in_flight = 0
        in_flight = Gauge("bridge_deliveries_in_flight", "Deliveries without an ending yet.", registry=r)
        in_flight.set_function(lambda: self.in_flight)
        self.held = Gauge(
            "bridge_deliveries_held",
            "Deliveries kept silent because nothing durable was reached.",
            registry=r,
        )
        self.connections = Gauge("bridge_http_connections", "Open connections at the door.", registry=r)
        self.internal_errors = Counter(
            "bridge_internal_errors",
            "Bugs of ours: each was logged with its traceback. Alert on it.",
            registry=r,
        )

    def _name_dependency_metrics(self) -> None:
        r = self.registry
        self._ack_seconds = HistogramTally(
            "bridge_kafka_ack_seconds",
            "From handing a record to the producer to its acknowledgement, in seconds.",
            "mode",
            _DELIVERY_BUCKETS,
            r,
        )
        self._claims = CounterTally(
            "bridge_dedup_claims",
            "Claims by the memory's answer (fresh, held, seen, revised, away).",
            ["answer"],
            r,
        )
        self.dedup_degraded = Gauge(
            "bridge_dedup_degraded", "1 while Redis is away and nothing is deduplicated.", registry=r
        )
        self.dedup_call_seconds = Histogram(
            "bridge_dedup_call_seconds",
            "One batched call to Redis, in seconds.",
            buckets=_CALL_BUCKETS,
            registry=r,
        )
        self.producer_replaced = Counter(
            "bridge_kafka_producer_replaced", "Producers replaced after a fatal error.", registry=r
        )
        self.sends_unknown = Gauge(
            "bridge_kafka_sends_unknown", "Sends whose outcome is not known yet.", registry=r
        )
        self.breaker_open = Gauge(
            "bridge_kafka_breaker_open", "1 while no record enters the producer.", registry=r
        )

    def _name_spool_metrics(self) -> None:
        r = self.registry
        self.spool_records = Gauge("bridge_spool_records", "Records that wait in the spool.", registry=r)
        self.spool_bytes = Gauge("bridge_spool_bytes", "Bytes of the spool on disk.", registry=r)
        self.spool_oldest = Gauge(
            "bridge_spool_oldest_seconds", "Age of the oldest record in the spool, in seconds.", registry=r
        )
        self.spool_failing = Gauge(
            "bridge_spool_failing",
            "1 while the spool takes no record: full, or the disk refuses.",
            registry=r,
        )
        self.spool_commit_seconds = Histogram(
            "bridge_spool_commit_seconds",
            "One group commit: write and fdatasync, in seconds.",
            buckets=_CALL_BUCKETS,
            registry=r,
        )
        self.spool_damaged = Counter(
            "bridge_spool_damaged",
            "Damage in the spool: record, segment, cut, unreadable, not_kept_aside are to be alerted on;"
            " tail and ack are what a killed process leaves. What can be kept is kept in *.damaged.",
            ["what"],
            registry=r,
        )
        self.spool_drained = Counter(
            "bridge_spool_drained", "Records that left the spool for Kafka.", registry=r
        )

    def _name_pull_metrics(self) -> None:
        r = self.registry
        self.pull_calls = Counter(
            "bridge_pull_calls",
            "Calls to the vendor's API by action and by how they ended (good, empty, refused, unreachable).",
            ["app", "action", "outcome"],
            registry=r,
        )
        self.pull_events = Counter("bridge_pull_events", "Events pulled.", ["app"], registry=r)
        self.pull_confirms = Counter(
            "bridge_pull_confirms",
            "Pulled events by their ending: confirmed, or refused, late, kept_back (not durable), which"
            " the vendor sends again.",
            ["app", "outcome"],
            registry=r,
        )
        self.pull_oldest = Gauge(
            "bridge_pull_oldest_unconfirmed_seconds",
            "Age of the oldest pulled event that is not confirmed, in seconds; its lease lasts 30.",
            ["app"],
            registry=r,
        )
        self.pull_waiting = Gauge(
            "bridge_pull_waiting", "Events that wait at the vendor, as it tells roughly.", ["app"], registry=r
        )
        self.pull_failing = Gauge(
            "bridge_pull_failing", "1 while the vendor's API refuses or does not answer.", ["app"], registry=r
        )

    def delivered(
        self,
        notification: Notification,
        outcome: Outcome,
        *,
        body_format: str,
        seconds: float,
        ack_seconds: float | None = None,
    ) -> None:
        """Count one delivery's ending, and log its canonical line where its ending is selected."""
        app, mode, ending = notification.application.name, notification.mode, outcome.ending
        label = self.label_of(outcome.event_type)
        self._total.counts[app if app in self._apps else "other", label, ending] += 1
        self._by_format.counts[body_format or "none", mode] += 1
        self._seconds.observe(mode, seconds)
        if ack_seconds is not None:
            self._ack_seconds.observe(mode, ack_seconds)
        self._since_summary[ending] += 1
        if self._deliveries == "all" or (self._deliveries == "problems" and ending not in _WELL):
            self._log_delivery(notification, outcome, seconds, ack_seconds)

    def label_of(self, event_type: str) -> str:
        """Turn a type into a label: itself, ``other`` where the catalogue has no row, ``none`` for none."""
        if event_type in self._types:
            return event_type
        return "other" if event_type else "none"

    def refused(self, reason: str) -> None:
        """Count a request that got an answer without having become a delivery."""
        self._refused.labels(reason).inc()
        self._since_summary["refused"] += 1

    def claimed(self, answer: str) -> None:
        """Count one answer of the memory."""
        self._claims.counts[answer,] += 1

    def read(self, event_type: str, conformance: str) -> None:
        """Count how well an event's payload fits the catalogue."""
        self._conformance.counts[self.label_of(event_type), conformance] += 1

    def summarise(self) -> None:
        """Log the endings since the last summary; the one line that an idle or healthy bridge writes."""
        counts, self._since_summary = self._since_summary, Tally()
        log.info("summary", **{ending: counts[ending] for ending in (*Ending, "refused")})

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    @staticmethod
    def _log_delivery(
        notification: Notification, outcome: Outcome, seconds: float, ack_seconds: float | None
    ) -> None:
        line: dict[str, Any] = {
            "app": notification.application.name,
            "mode": notification.mode,
            "outcome": str(outcome.ending),
            "event_id": outcome.event_id,
            "type": outcome.event_type[:_TYPE_MAX],
            "topic": outcome.topic,
            "reason": outcome.reason,
            "detail": outcome.detail,
            "bytes": len(notification.body),
            "duration_ms": round(seconds * 1000, 1),
            "ack_ms": None if ack_seconds is None else round(ack_seconds * 1000, 1),
        }
        write = log.info if outcome.ending in _WELL else log.warning
        write("delivery", **{key: value for key, value in line.items() if value not in ("", None)})
