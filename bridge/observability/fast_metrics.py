"""Counters and histograms for the hot path: counting is one dictionary update, sums are built at a scrape.

The library's `Counter.inc` takes a lock and three calls, and each event is counted several times. These are
custom collectors of the same registry. Not thread-safe. Names and meanings are in `metrics`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

Labels = tuple[str, ...]


class LocalCounter:
    """A counter with labels. Increment it by ``counter.counts[labels] += 1``."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self.counts: defaultdict[Labels, int] = defaultdict(int)
        self._description = (name, meaning, labels)
        registry.register(self)

    def export_from_zero(self, series: Iterable[Labels]) -> None:
        """Export these label values from 0 on, in their order, before any other."""
        self.counts.update(dict.fromkeys(sorted(series), 0))

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the metric family; called by the registry at a scrape."""
        name, meaning, labels = self._description
        family = CounterMetricFamily(name, meaning, labels=labels)
        for values, count in self.counts.items():
            family.add_metric(values, count)
        yield family


class LocalHistogram:
    """A histogram with one label or none. ``bounds`` are the upper bounds of the buckets, ascending."""

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        self._bounds = bounds
        self._buckets: dict[str, list[int]] = {}
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._description = (name, meaning, labels)
        if not labels:
            self._add_series("")  # exported before the first observation, as the library's is
        registry.register(self)

    def observe(self, amount: float, value: str = "") -> None:
        """Observe ``amount`` under the label ``value``."""
        buckets = self._buckets.get(value) or self._add_series(value)
        buckets[bisect_left(self._bounds, amount)] += 1
        self._sums[value] += amount

    def _add_series(self, value: str) -> list[int]:
        buckets = self._buckets[value] = [0] * (len(self._bounds) + 1)
        return buckets

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the metric family with cumulative buckets; called by the registry at a scrape."""
        name, meaning, labels = self._description
        family = HistogramMetricFamily(name, meaning, labels=labels)
        edges = [*map(str, map(float, self._bounds)), "+Inf"]
        for value, buckets in self._buckets.items():
            reached = list(zip(edges, accumulate(buckets), strict=True))
            family.add_metric([value] if labels else [], reached, self._sums[value])
        yield family
