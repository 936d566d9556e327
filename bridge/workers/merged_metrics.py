"""The metrics of all workers as one: what is counted is summed, states by the rule of their metric.

The counts of a worker that has ended are kept, so that no counter goes backwards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import Metric

from bridge.observability.metrics import METRICS, AcrossWorkers
from bridge.workers.messages import Family

_Key = tuple[str, tuple[tuple[str, str], ...]]
_COUNTED = frozenset({"counter", "histogram"})
_RULES: Mapping[str, AcrossWorkers] = {metric.name: metric.across_workers for metric in METRICS} | {
    "process_start_time_seconds": "min"
}
_COMBINE: Mapping[AcrossWorkers, Callable[[float, float], float]] = {
    "sum": lambda one, other: one + other,
    "max": max,
    "min": min,
    "latest": max,
}


class MergedMetrics:
    """Merges families of metrics; `retire` takes those of a worker that has ended."""

    def __init__(self) -> None:
        self._retired: dict[str, Family] = {}

    def retire(self, families: Iterable[Family]) -> None:
        """Keep what a worker had counted."""
        kept = [one for one in families if one.kind in _COUNTED or _RULES.get(one.name) == "latest"]
        self._retired = merge([*self._retired.values(), *kept])

    @property
    def retired(self) -> Sequence[Family]:
        """What ended workers had counted."""
        return [*self._retired.values()]

    def collect(self, families: Iterable[Family]) -> Iterator[Metric]:
        """Yield the metrics of the living workers and the counts of those that have ended, merged."""
        for one in merge([*families, *self._retired.values()]).values():
            metric = Metric(one.name, one.meaning, one.kind)
            for name, labels, value in one.samples:
                metric.add_sample(name, labels, value)
            yield metric


def merge(families: Iterable[Family]) -> dict[str, Family]:
    """Merge families of one name, in the order in which each appears first."""
    first: dict[str, Family] = {}
    values: dict[str, dict[_Key, float]] = {}
    for family in families:
        first.setdefault(family.name, family)
        combine = _COMBINE["sum" if family.kind in _COUNTED else _RULES.get(family.name, "sum")]
        merged = values.setdefault(family.name, {})
        for name, labels, value in family.samples:
            key = name, tuple(labels.items())
            merged[key] = combine(merged[key], value) if key in merged else value
    return {
        name: Family(
            name,
            family.meaning,
            family.kind,
            [(sample, dict(labels), value) for (sample, labels), value in values[name].items()],
        )
        for name, family in first.items()
    }


def total(families: Iterable[Family], name: str) -> float:
    """Sum all samples of the metric with this exported name."""
    return sum(value for family in families for sample, _, value in family.samples if sample == name)
