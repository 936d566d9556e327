"""Counters and histograms for the hot path: counting is one dictionary update, sums are built at a scrape.

The library's `Counter.inc` takes a lock and three calls, and each event is counted several times. These are
custom collectors of the same registry. Not thread-safe. Names and meanings are in `metrics`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the metric family; called by the registry at a scrape."""
        yield _family(*self._description, self.counts)


class JointCounter:
    """One dictionary behind several counters: ``counts[all labels] += 1`` increments each of its views."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.counts: defaultdict[Labels, int] = defaultdict(int)
        self._registry = registry

    def view(self, name: str, meaning: str, labels: Sequence[str], positions: Sequence[int]) -> "CounterView":
        """Register a counter over the labels at these positions, summed over all others."""
        view = CounterView(name, meaning, labels, self, positions)
        self._registry.register(view)
        return view

    def sum_by(self, *positions: int) -> dict[Labels, int]:
        """Return the counts summed over all labels but those at these positions."""
        sums: defaultdict[Labels, int] = defaultdict(int)
        for labels, count in self.counts.items():
            sums[tuple([labels[position] for position in positions])] += count
        return sums


class CounterView:
    """A counter over the labels of ``joint`` at ``positions``; those in ``preset`` are exported from 0 on."""

    def __init__(
        self, name: str, meaning: str, labels: Sequence[str], joint: JointCounter, positions: Sequence[int]
    ) -> None:
        self._description = (name, meaning, labels)
        self._joint = joint
        self._positions = positions
        self.preset: set[Labels] = set()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Yield the metric family; called by the registry at a scrape."""
        sums = self._joint.sum_by(*self._positions)
        yield _family(*self._description, dict.fromkeys(sorted(self.preset), 0) | sums)


def _family(
    name: str, meaning: str, labels: Sequence[str], counts: Mapping[Labels, int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


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
