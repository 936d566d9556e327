"""The metrics that there are only with several worker processes: the supervisor exports them."""

from bridge.observability.metrics import Metric

WORKERS = Metric(
    name="vod_bridge_workers",
    kind="gauge",
    meaning="Worker processes that can make a delivery durable.",
)
WORKERS_CONFIGURED = Metric(
    name="vod_bridge_workers_configured", kind="gauge", meaning="Worker processes that there are to be."
)
WORKER_RESTARTS = Metric(
    name="vod_bridge_worker_restarts_total",
    kind="counter",
    meaning="Worker processes started again because they had ended by themselves or were killed.",
)
WORKER_CONNECTIONS = Metric(
    name="vod_bridge_worker_http_connections",
    kind="gauge",
    meaning="Open HTTP connections by worker.",
    labels=("worker",),
)
WORKER_DELIVERIES = Metric(
    name="vod_bridge_worker_deliveries_total",
    kind="counter",
    meaning="Deliveries by worker.",
    labels=("worker",),
)

WORKER_METRICS = (WORKERS, WORKERS_CONFIGURED, WORKER_RESTARTS, WORKER_CONNECTIONS, WORKER_DELIVERIES)
"""All of them, in the order in which the documents list them."""
