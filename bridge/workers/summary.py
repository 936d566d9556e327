"""What the admin endpoint answers for all workers: whether they are ready, and their metrics as one."""

import asyncio
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client import Metric as CollectedMetric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from bridge.io.admin import Readiness
from bridge.observability import metrics, worker_metrics
from bridge.observability.fast_metrics import LocalCounter
from bridge.observability.metrics import Metric
from bridge.workers.keeper import WorkerKeeper
from bridge.workers.merged_metrics import MergedMetrics, total
from bridge.workers.messages import Family, families_of
from bridge.workers.process import WorkerProcess


class _Collected(Collector):
    """What `generate_latest` takes for a registry."""

    def __init__(self, collected: Iterable[CollectedMetric]) -> None:
        self._collected = collected

    def collect(self) -> Iterable[CollectedMetric]:
        """Yield the metrics."""
        return self._collected


class WorkersSummary:
    """The state of ``workers`` processes; ``keepers`` gives who keeps each of them."""

    def __init__(self, workers: int, keepers: Callable[[], Sequence[WorkerKeeper]]) -> None:
        self.stopping = False
        self._keepers = keepers
        self._merged = MergedMetrics()
        self._ended_deliveries: Counts[int] = Counts()
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._gauge(metrics.READY).set_function(lambda: any(self._ready_numbers()))
        self._gauge(worker_metrics.WORKERS).set_function(lambda: len(self._ready_numbers()))
        self._gauge(worker_metrics.WORKERS_CONFIGURED).set(workers)
        errors = metrics.INTERNAL_ERRORS
        self.internal_errors = Counter(errors.name, errors.meaning, registry=registry)
        restarts = worker_metrics.WORKER_RESTARTS
        self._restarts = LocalCounter(restarts.name, restarts.meaning, (), registry)
        self._restarts.counts[()] = 0
        self._connections = self._gauge(worker_metrics.WORKER_CONNECTIONS)
        deliveries = worker_metrics.WORKER_DELIVERIES
        self._deliveries = LocalCounter(deliveries.name, deliveries.meaning, deliveries.labels, registry)

    def on_restart(self) -> None:
        """Count a worker that is started again."""
        self._restarts.counts[()] += 1

    @property
    def retired(self) -> Sequence[Family]:
        """What ended workers had counted."""
        return self._merged.retired

    def on_end(self, number: int, families: Sequence[Family]) -> None:
        """Keep what a worker had counted when it ended."""
        self._merged.retire(families)
        self._ended_deliveries[number] += int(total(families, metrics.DELIVERIES.name))

    def readiness(self) -> Readiness:
        """Return how the workers are: ready once all of them are."""
        degraded: dict[str, list[int]] = {}
        for keeper in self._keepers():
            process = keeper.current
            if process is None or process.status is None:
                reasons = ["not running" if process is None else "starting"]
            else:
                reasons = process.status.degraded or ([] if process.status.ready else ["not ready"])
            for reason in reasons:
                degraded.setdefault(reason, []).append(keeper.number)
        everyone = len(self._keepers())
        return Readiness(
            ready=len(self._ready_numbers()) == everyone,
            stopping=self.stopping,
            degraded=[
                reason if len(numbers) == everyone else f"worker {', '.join(map(str, numbers))}: {reason}"
                for reason, numbers in degraded.items()
            ],
        )

    async def render(self) -> bytes:
        """Return the metrics of all workers in Prometheus' text format."""
        await asyncio.gather(*(process.fetch_metrics() for process in self._processes()))
        processes = self._processes()  # one that ended meanwhile is among the ended ones
        self._update_by_worker()
        ours = families_of(self._registry.collect())
        theirs = [family for process in processes for family in process.families]
        return generate_latest(_Collected(self._merged.collect([*ours, *theirs])))

    def _processes(self) -> list[WorkerProcess]:
        return [process for keeper in self._keepers() for process in keeper.processes]

    def _update_by_worker(self) -> None:
        for keeper in self._keepers():
            label = str(keeper.number)
            families = [family for process in keeper.processes for family in process.families]
            self._connections.labels(label).set(total(families, metrics.CONNECTIONS.name))
            deliveries = self._ended_deliveries[keeper.number] + total(families, metrics.DELIVERIES.name)
            self._deliveries.counts[label,] = int(deliveries)

    def _ready_numbers(self) -> list[int]:
        return [
            keeper.number
            for keeper in self._keepers()
            if keeper.current is not None
            and keeper.current.status is not None
            and keeper.current.status.ready
        ]

    def _gauge(self, metric: Metric) -> Gauge:
        return Gauge(metric.name, metric.meaning, metric.labels, registry=self._registry)
