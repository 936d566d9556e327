"""What matters here of a bridge's metrics, parsed cheaply: a run samples them about once a second."""

from msgspec import Struct

_NAMES = {
    "vod_bridge_spool_records": "spooled",
    "vod_bridge_spool_bytes": "spool_bytes",
    "vod_bridge_spool_failing": "spool_failing",
    "vod_bridge_spool_corruptions_total": "damaged",
    "vod_bridge_kafka_producer_replacements_total": "replaced",
    "vod_bridge_kafka_sends_indeterminate": "unknown",
    "vod_bridge_kafka_breaker_open": "breaker_open",
    "vod_bridge_dedup_degraded": "degraded",
    "vod_bridge_deliveries_held": "held",
    "vod_bridge_deliveries_in_flight": "in_flight",
    "vod_bridge_internal_errors_total": "bugs",
}


class MetricsSample(Struct, frozen=True, kw_only=True):
    """The numbers that matter here; 0 where a metric is not there (yet)."""

    spooled: int = 0
    spool_bytes: int = 0
    spool_failing: int = 0
    damaged: int = 0
    replaced: int = 0
    unknown: int = 0
    breaker_open: int = 0
    degraded: int = 0
    held: int = 0
    in_flight: int = 0
    bugs: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits, nothing is indeterminate and nothing is unavailable."""
        waiting = self.spooled + self.unknown + self.held
        return not (waiting or self.breaker_open or self.degraded or self.spool_failing)


def parse_metrics(exposition: str) -> MetricsSample:
    """Sum the samples of each name, whatever their labels."""
    found: dict[str, int] = {}
    for line in exposition.splitlines():
        if line.startswith("vod_bridge_"):
            sample, _, value = line.rpartition(" ")
            name = _NAMES.get(sample.partition("{")[0])
            if name is not None:
                found[name] = found.get(name, 0) + int(float(value))
    return MetricsSample(**found)
