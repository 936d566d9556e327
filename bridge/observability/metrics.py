"""Every metric: its name, kind, labels and meaning, and the closed lists of label values.

No other module names a metric. The unit is in the name, by Prometheus' convention: ``_seconds``, ``_bytes``;
without one it is a count. `telemetry` counts.
"""

from typing import Literal, get_args

from msgspec import Struct

from bridge.core.claim import ClaimStatus
from bridge.core.event import Conformance
from bridge.core.outcome import DeliveryOutcome

MetricKind = Literal["counter", "gauge", "histogram"]
AcrossWorkers = Literal["sum", "max", "min", "latest"]

# 4 s is our limit for a response, 5 s the vendor's time-out, 6 s the hold: a bucket ends at each.
_DELIVERY_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 5, 6, 7, 10)
_CALL_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)

DELIVERY_OUTCOMES = tuple(map(str, DeliveryOutcome))
CLAIM_RESULTS = tuple(map(str, ClaimStatus))
CONFORMANCES: tuple[str, ...] = get_args(Conformance)
FORMATS = ("v3", "legacy", "none")
HEAD_CACHE_RESULTS = ("hit", "miss")
REJECT_REASONS = (
    "bad_request",
    "below_min_rate",
    "connection_limit",
    "header_too_large",
    "incomplete",
    "method_not_allowed",
    "missing_token",
    "not_found",
    "overloaded",
    "plaintext",
    "read_timeout",
    "shutdown",
    "tls_handshake",
    "too_large",
    "unexpected_token",
    "unknown_application",
    "write_timeout",
    "wrong_token",
)
CORRUPTION_KINDS = (
    "record",
    "segment",
    "truncated",
    "unreadable",
    "quarantine_failed",
    "version",
    "torn_tail",
    "ack",
)
API_CALLS = (
    ("pull", "success"),
    ("pull", "empty"),
    ("pull", "rejected"),
    ("pull", "unreachable"),
    ("confirm", "success"),
    ("confirm", "rejected"),
    ("confirm", "unreachable"),
)
CONFIRM_OUTCOMES = ("confirmed", "rejected", "expired", "not_durable")


class Metric(Struct, frozen=True, kw_only=True):
    """One metric; ``name`` is the exported name. ``buckets``: a histogram's upper bounds, ascending.

    ``across_workers`` is how a gauge's values of several workers become one; counters and histograms are
    summed. ``latest`` is the maximum, also of workers that have ended.
    """

    name: str
    kind: MetricKind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    across_workers: AcrossWorkers = "sum"


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=name, kind="counter", meaning=meaning, labels=labels)


def _gauge(name: str, meaning: str, *labels: str, across_workers: AcrossWorkers = "sum") -> Metric:
    return Metric(name=name, kind="gauge", meaning=meaning, labels=labels, across_workers=across_workers)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(name=name, kind="histogram", meaning=meaning, labels=labels, buckets=buckets)


BUILD_INFO = _gauge("vod_bridge_build_info", "1, labelled with the version.", "version", across_workers="max")
READY = _gauge(
    "vod_bridge_ready",
    "1 while a delivery can be made durable: Kafka takes records and has the topics, or the spool takes"
    " writes. (`/readyz` stays 200 once it was.)",
    across_workers="min",
)
INTERNAL_ERRORS = _counter(
    "vod_bridge_internal_errors_total",
    "Unexpected exceptions caught by the service; each is logged with its traceback. Alert on it.",
)

DELIVERIES = _counter("vod_bridge_worker_deliveries_total", "Deliveries by worker.", "worker")

DELIVERIES = _counter(
    "vod_bridge_deliveries_total",
    "Deliveries by application, event type and outcome.",
    "app",
    "type",
    "outcome",
)
DELIVERIES_BY_FORMAT = _counter(
    "vod_bridge_deliveries_by_format_total",
    "Deliveries by the body's format (v3, legacy, none) and mode.",
    "format",
    "mode",
)
DELIVERY_SECONDS = _histogram(
    "vod_bridge_delivery_seconds",
    "From a delivery's arrival to its outcome, in seconds.",
    _DELIVERY_BUCKETS,
    "mode",
)
LAST_EVENT = _gauge(
    "vod_bridge_last_event_timestamp_seconds",
    "When the last event came whose outcome was published, duplicate or spooled, in unix seconds; 0: none"
    " since the start.",
    "app",
    across_workers="latest",
)
EVENTS_CONFORMANCE = _counter(
    "vod_bridge_events_conformance_total",
    "Events by type and by how well their payload fits the catalogue.",
    "type",
    "conformance",
)
DELIVERIES_IN_FLIGHT = _gauge("vod_bridge_deliveries_in_flight", "Deliveries without an outcome yet.")
DELIVERIES_HELD = _gauge(
    "vod_bridge_deliveries_held", "Deliveries whose response is withheld because nothing durable was reached."
)
CONNECTIONS = _gauge("vod_bridge_http_connections", "Open HTTP connections.")
REQUESTS_REJECTED = _counter(
    "vod_bridge_http_requests_rejected_total",
    "HTTP requests rejected before they became a delivery, by reason and, where their address names one of"
    " ours, by application; for a push sender each is a lost event.",
    "reason",
    "app",
)
HEAD_CACHE = _counter(
    "vod_bridge_http_head_cache_total",
    "HTTP requests whose head was in the cache of request heads (hit) or was parsed (miss).",
    "result",
)

ACK_SECONDS = _histogram(
    "vod_bridge_kafka_ack_seconds",
    "From handing a record to the producer to its acknowledgement, in seconds.",
    _DELIVERY_BUCKETS,
    "mode",
)
BREAKER_OPEN = _gauge(
    "vod_bridge_kafka_breaker_open",
    "1 while the circuit breaker is open: no record enters the producer.",
    across_workers="max",
)
TOPICS_MISSING = _gauge(
    "vod_bridge_kafka_topics_missing",
    "Topics that the last full listing does not hold: their events wait in the spool. 0 before the first.",
    across_workers="max",
)
PRODUCER_REPLACEMENTS = _counter(
    "vod_bridge_kafka_producer_replacements_total",
    "Producers replaced: after a fatal error, or because they could no longer reach Kafka.",
)
SENDS_INDETERMINATE = _gauge("vod_bridge_kafka_sends_indeterminate", "Sends whose outcome is indeterminate.")

DEDUP_CLAIMS = _counter(
    "vod_bridge_dedup_claims_total",
    "Dedup claims by result (acquired, held, duplicate, revised, unavailable).",
    "result",
)
DEDUP_DEGRADED = _gauge(
    "vod_bridge_dedup_degraded",
    "1 while Redis does not serve an application: its events are not deduplicated.",
    across_workers="max",
)
DEDUP_CALL_SECONDS = _histogram(
    "vod_bridge_dedup_call_seconds", "One batched call to Redis, in seconds.", _CALL_BUCKETS
)

SPOOL_RECORDS = _gauge("vod_bridge_spool_records", "Records that wait in the spool.")
SPOOL_BYTES = _gauge("vod_bridge_spool_bytes", "Bytes of the spool on disk.")
SPOOL_MAX_BYTES = _gauge(
    "vod_bridge_spool_max_bytes",
    "Configured maximum of vod_bridge_spool_bytes; 0: the spool is disabled.",
    across_workers="max",
)
SPOOL_OLDEST_RECORD_AGE = _gauge(
    "vod_bridge_spool_oldest_record_age_seconds",
    "Age of the oldest record in the spool, in seconds.",
    across_workers="max",
)
SPOOL_FAILING = _gauge(
    "vod_bridge_spool_failing",
    "1 while the spool takes no record: full, or the disk refuses.",
    across_workers="max",
)
SPOOL_COMMIT_SECONDS = _histogram(
    "vod_bridge_spool_commit_seconds", "One group commit: write and fdatasync, in seconds.", _CALL_BUCKETS
)
SPOOL_CORRUPTIONS = _counter(
    "vod_bridge_spool_corruptions_total",
    "Corruption in the spool: record, segment, truncated, unreadable, quarantine_failed and version (records"
    " that only another release reads) are to be alerted on; torn_tail and ack are what a killed process"
    " leaves. What can be kept is kept in *.damaged.",
    "kind",
)
SPOOL_DRAINED = _counter("vod_bridge_spool_drained_total", "Records that left the spool for Kafka.")

PULL_CALLS = _counter(
    "vod_bridge_pull_calls_total",
    "Calls to the vendor's API by action and by outcome (success, empty, rejected, unreachable).",
    "app",
    "action",
    "outcome",
)
PULL_EVENTS = _counter("vod_bridge_pull_events_total", "Events pulled.", "app")
PULL_CONFIRMS = _counter(
    "vod_bridge_pull_confirms_total",
    "Pulled events by what became of their confirmation: confirmed, or rejected, expired, not_durable, which"
    " the vendor sends again.",
    "app",
    "outcome",
)
PULL_OLDEST_UNCONFIRMED = _gauge(
    "vod_bridge_pull_oldest_unconfirmed_seconds",
    "Age of the oldest pulled event that is not confirmed, in seconds; its lease lasts 30.",
    "app",
    across_workers="max",
)
PULL_QUEUE_EVENTS = _gauge(
    "vod_bridge_pull_queue_events",
    "Events that wait at the vendor: approximate, as reported by it.",
    "app",
    across_workers="max",
)
PULL_FAILING = _gauge(
    "vod_bridge_pull_failing",
    "1 while the vendor's API refuses or does not answer.",
    "app",
    across_workers="max",
)

METRICS = (
    BUILD_INFO,
    READY,
    INTERNAL_ERRORS,
    DELIVERIES,
    DELIVERIES_BY_FORMAT,
    DELIVERY_SECONDS,
    LAST_EVENT,
    EVENTS_CONFORMANCE,
    DELIVERIES_IN_FLIGHT,
    DELIVERIES_HELD,
    CONNECTIONS,
    REQUESTS_REJECTED,
    HEAD_CACHE,
    ACK_SECONDS,
    BREAKER_OPEN,
    TOPICS_MISSING,
    PRODUCER_REPLACEMENTS,
    SENDS_INDETERMINATE,
    DEDUP_CLAIMS,
    DEDUP_DEGRADED,
    DEDUP_CALL_SECONDS,
    SPOOL_RECORDS,
    SPOOL_BYTES,
    SPOOL_MAX_BYTES,
    SPOOL_OLDEST_RECORD_AGE,
    SPOOL_FAILING,
    SPOOL_COMMIT_SECONDS,
    SPOOL_CORRUPTIONS,
    SPOOL_DRAINED,
    PULL_CALLS,
    PULL_EVENTS,
    PULL_CONFIRMS,
    PULL_OLDEST_UNCONFIRMED,
    PULL_QUEUE_EVENTS,
    PULL_FAILING,
)
"""All of one process, in the order in which the documents list them; `worker_metrics` has more."""
