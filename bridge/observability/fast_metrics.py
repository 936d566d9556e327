"""Counters and histograms for the hot path: counting costs one dictionary entry, reading happens at a scrape.

A library counter's `inc` takes a lock and three calls, and an event counts several times. These are read by
the same registry. For one thread; names and meanings stand in `metrics`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

Labels = tuple[str, ...]


class LocalCounter:
    """A counter by labels: ``counts[labels] += 1`` counts."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self.counts: defaultdict[Labels, int] = defaultdict(int)
        self._description = (name, meaning, labels)
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Show all counts to the registry."""
        yield _family(*self._description, self.counts)


class JointCounter:
    """Several counters that one entry counts: ``counts[the labels of all] += 1``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.counts: defaultdict[Labels, int] = defaultdict(int)
        self._registry = registry

    def view(self, name: str, meaning: str, labels: Sequence[str], positions: Sequence[int]) -> "CounterView":
        """Show as a counter what is counted by the labels at these places."""
        view = CounterView(name, meaning, labels, self, positions)
        self._registry.register(view)
        return view

    def sum_by(self, *positions: int) -> dict[Labels, int]:
        """Sum the counts by the labels at these places."""
        sums: defaultdict[Labels, int] = defaultdict(int)
        for labels, count in self.counts.items():
            sums[tuple([labels[position] for position in positions])] += count
        return sums


class CounterView:
    """A counter whose labels are those of ``joint`` at ``places``; ``shown`` are there before they count."""

    def __init__(
        self, name: str, meaning: str, labels: Sequence[str], joint: JointCounter, positions: Sequence[int]
    ) -> None:
        self._description = (name, meaning, labels)
        self._joint = joint
        self._positions = positions
        self.preset: set[Labels] = set()

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Show all counts to the registry."""
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
    """A histogram with one label or none. ``bounds`` are the buckets' upper edges, ascending."""

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
            self._add_series("")  # shown before it counts, as the library's
        registry.register(self)

    def observe(self, amount: float, value: str = "") -> None:
        """Count ``amount`` under the label's ``value``."""
        buckets = self._buckets.get(value) or self._add_series(value)
        buckets[bisect_left(self._bounds, amount)] += 1
        self._sums[value] += amount

    def _add_series(self, value: str) -> list[int]:
        buckets = self._buckets[value] = [0] * (len(self._bounds) + 1)
        return buckets

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Show all buckets to the registry, each with those below it."""
        name, meaning, labels = self._description
        family = HistogramMetricFamily(name, meaning, labels=labels)
        edges = [*map(str, map(float, self._bounds)), "+Inf"]
        for value, buckets in self._buckets.items():
            reached = list(zip(edges, accumulate(buckets), strict=True))
            family.add_metric([value] if labels else [], reached, self._sums[value])
        yield family
