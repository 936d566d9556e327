"""The metrics of all workers as one: counts are summed and never go back, states have a rule each."""

from prometheus_client import Metric

from bridge.workers.merged_metrics import MergedMetrics, merge, total
from bridge.workers.messages import Family, families_of


def counter(value: float, **labels: str) -> Family:
    return Family("vod_bridge_pull_events", "", "counter", [("vod_bridge_pull_events_total", labels, value)])


def gauge(name: str, value: float) -> Family:
    return Family(name, "", "gauge", [(name, {}, value)])


def values(metrics: list[Metric]) -> dict[str, float]:
    return {sample.name: sample.value for metric in metrics for sample in metric.samples}


def test_counters_are_summed_by_their_labels() -> None:
    merged = merge([counter(1, app="a"), counter(2, app="b"), counter(3, app="a")])

    assert merged["vod_bridge_pull_events"].samples == [
        ("vod_bridge_pull_events_total", {"app": "a"}, 4),
        ("vod_bridge_pull_events_total", {"app": "b"}, 2),
    ]
    assert total(merged.values(), "vod_bridge_pull_events_total") == 6


def test_a_histogram_is_summed_bucket_by_bucket() -> None:
    one = Family(
        "vod_bridge_dedup_call_seconds",
        "",
        "histogram",
        [
            ("vod_bridge_dedup_call_seconds_bucket", {"le": "1.0"}, 1),
            ("vod_bridge_dedup_call_seconds_bucket", {"le": "+Inf"}, 2),
            ("vod_bridge_dedup_call_seconds_sum", {}, 2.5),
        ],
    )

    assert [value for _, _, value in merge([one, one])["vod_bridge_dedup_call_seconds"].samples] == [2, 4, 5]


def test_gauges_follow_the_rule_of_their_metric() -> None:
    names = {
        "vod_bridge_spool_records": 7,
        "vod_bridge_spool_max_bytes": 4,
        "vod_bridge_ready": 3,
        "vod_bridge_kafka_breaker_open": 4,
        "process_start_time_seconds": 3,
        "process_resident_memory_bytes": 7,
    }
    merged = merge([gauge(name, value) for value in (3, 4) for name in names])

    assert {name: family.samples[0][2] for name, family in merged.items()} == names


def test_what_an_ended_worker_counted_stays_and_its_state_goes() -> None:
    merged = MergedMetrics()
    merged.retire([counter(5), gauge("vod_bridge_spool_records", 9), gauge(LAST, 100)])
    merged.retire([counter(1), gauge(LAST, 50)])

    after = values([*merged.collect([counter(2), gauge("vod_bridge_spool_records", 1), gauge(LAST, 0)])])

    assert after == {"vod_bridge_pull_events_total": 8, "vod_bridge_spool_records": 1, LAST: 100}


LAST = "vod_bridge_last_event_timestamp_seconds"


def test_families_are_what_the_registry_collected() -> None:
    metric = Metric("one", "its meaning", "gauge")
    metric.add_sample("one", {"a": "b"}, 1.5)

    assert families_of([metric]) == [Family("one", "its meaning", "gauge", [("one", {"a": "b"}, 1.5)])]
