"""A gauge of times, which are read from a mapping at each scrape."""

from collections.abc import Collection, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily

from bridge.observability.metrics import Metric


class TimestampGauge:
    """A gauge with one label, whose values are ``values``: converts unix ms to seconds at a scrape."""

    def __init__(self, metric: Metric, values: Collection[str], times_ms: Mapping[str, int]) -> None:
        self._metric = metric
        self._values = values
        self._times_ms = times_ms

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metric family; called by the registry at a scrape."""
        family = GaugeMetricFamily(self._metric.name, self._metric.meaning, labels=self._metric.labels)
        for value in self._values:
            family.add_metric([value], self._times_ms[value] / 1000)
        yield family
