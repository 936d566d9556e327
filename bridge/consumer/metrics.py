"""Metrics of a consumer for Prometheus. Needs the package prometheus-client.

::

    metrics = ConsumerMetrics(group="catalogue")
    consumer = Consumer(group="catalogue", ..., middleware=[metrics.observe], on_lag=metrics.set_lag)
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram

from bridge.consumer.event import Event
from bridge.consumer.options import Lag


class ConsumerMetrics:
    """Attempts of handlers by type and result, how long they take, and the lag.

    ``vod_consumer_handler_seconds`` (labels group, type, result: ok, failed or cancelled) is a histogram of
    attempts; ``vod_consumer_lag_records`` (group, topic, partition) is a gauge. Make one for each group.
    """

    def __init__(self, group: str, registry: CollectorRegistry = REGISTRY) -> None:
        self._group = group
        self._seconds = Histogram(
            "vod_consumer_handler_seconds",
            "How long attempts of handlers took.",
            ["group", "type", "result"],
            registry=registry,
        )
        self._lag = Gauge(
            "vod_consumer_lag_records",
            "Records of this member's partitions that are not done.",
            ["group", "topic", "partition"],
            registry=registry,
        )

    @contextmanager
    def observe(self, event: Event[Any]) -> Iterator[None]:
        """Measure one attempt of a handler."""
        begun_s, result = perf_counter(), "failed"
        try:
            yield
            result = "ok"
        except asyncio.CancelledError:
            result = "cancelled"
            raise
        finally:
            self._seconds.labels(self._group, event.type, result).observe(perf_counter() - begun_s)

    def set_lag(self, lag: Lag) -> None:
        """Set the lag; partitions that are no longer this member's are no longer exported."""
        self._lag.clear()
        for (topic, partition), records in lag.items():
            self._lag.labels(self._group, topic, str(partition)).set(records)
