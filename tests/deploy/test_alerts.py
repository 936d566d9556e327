"""The alerts: each fires when it should and only then, names what there is, and has its runbook section."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.core.catalogue import BY_NAME
from bridge.observability import metrics
from bridge.observability.metrics import METRICS
from bridge.observability.worker_metrics import WORKER_METRICS
from tests.rig.parts import ROOT
from tests.rig.prometheus import selectors_in
from tests.rig.tools import run
from tests.rig.yaml_text import read_yaml

FILES = ROOT / "deploy" / "chart" / "files"
(GROUP,) = read_yaml((FILES / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
RULES: list[dict[str, Any]] = GROUP["rules"]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in RULES if "alert" in rule}
SCENARIO_FILES = [FILES / "alerts.test.yaml", FILES / "alerts.days.test.yaml"]
SCENARIOS: list[dict[str, Any]] = [
    scenario for file in SCENARIO_FILES for scenario in read_yaml(file.read_text(encoding="utf-8"))["tests"]
]
RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")

LABELS = {metric.name: set(metric.labels) for metric in (*METRICS, *WORKER_METRICS)}
WORDS = {
    ("vod_bridge_deliveries_total", "outcome"): metrics.DELIVERY_OUTCOMES,
    ("vod_bridge_events_conformance_total", "conformance"): metrics.CONFORMANCES,
    ("vod_bridge_events_conformance_total", "type"): (*BY_NAME, "other"),
    ("vod_bridge_http_requests_rejected_total", "reason"): metrics.REJECT_REASONS,
    ("vod_bridge_http_requests_rejected_total", "app"): ("",),  # none of ours; else a name of the operator's
    ("vod_bridge_spool_corruptions_total", "kind"): metrics.CORRUPTION_KINDS,
    ("vod_bridge_pull_confirms_total", "outcome"): metrics.CONFIRM_OUTCOMES,
    ("vod_bridge_delivery_seconds", "mode"): ("push", "pull"),
    ("vod_bridge_delivery_seconds", "le"): tuple(map(str, map(float, metrics.DELIVERY_SECONDS.buckets))),
}


@pytest.fixture
def promtool(tools: Callable[[str], Path]) -> Path:
    """Give promtool."""
    return tools("promtool")


def _metric_of(name: str) -> str:
    """Give the metric that a sample belongs to."""
    return re.sub(r"_(bucket|count|sum)$", "", name)


def _fired() -> set[tuple[str, str]]:
    """Give every alert, with its severity, that a scenario shows firing."""
    labels = [
        sample["labels"]
        for scenario in SCENARIOS
        for moment in scenario["promql_expr_test"]
        for sample in moment["exp_samples"]
    ]
    return {(name, severity) for text in labels for name, severity in _named(text)}


def _named(labels: str) -> list[tuple[str, str]]:
    return re.findall(r'alertname="(\w+)", severity="(\w+)"', labels)


def test_prometheus_takes_the_rules(promtool: Path) -> None:
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(FILES / "alerts.yaml"))
    assert done.code == 0, done.output


def test_each_alert_fires_when_it_should_and_none_while_all_is_well(promtool: Path) -> None:
    done = run(promtool, "test", "rules", *map(str, SCENARIO_FILES))
    assert done.code == 0, done.output


def test_there_is_a_scenario_in_which_each_alert_fires() -> None:
    assert _fired() == {(name, rule["labels"]["severity"]) for name, rule in ALERTS.items()}


def test_all_that_alerts_look_at_was_well_in_the_healthy_scenario() -> None:
    healthy = {_metric_of(line["series"].split("{")[0]) for line in SCENARIOS[0]["input_series"]}
    looked_at = {_metric_of(name) for rule in RULES for name, _ in selectors_in(rule["expr"])}
    assert looked_at == healthy


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_names_metrics_labels_and_values_that_exist(rule: dict[str, Any]) -> None:
    asked = selectors_in(rule["expr"])
    assert asked or "spool:vod_bridge_spool_records:max" in rule["expr"]
    for name, wanted in asked:
        metric = _metric_of(name)
        assert metric in LABELS, name
        assert wanted.keys() <= LABELS[metric] | ({"le"} if name.endswith("_bucket") else set())
        for label, words in wanted.items():
            assert set(words) <= set(WORDS[metric, label])


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_severity_summary_and_runbook(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    told = rule["annotations"]
    assert told.keys() == {"summary", "description", "runbook"}
    assert all(told.values())
    assert told["runbook"] == f"deploy/RUNBOOK.md#{name.lower()}"


def test_every_alert_has_its_section_in_the_runbook_and_every_section_its_alert() -> None:
    assert re.findall(r"^## (.*)$", RUNBOOK, re.MULTILINE) == list(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_section_has_meaning_risk_and_remedy(name: str) -> None:
    section = RUNBOOK.split(f"## {name}\n")[1].split("\n## ")[0]
    said = re.findall(r"^\* \*\*([^*]+):\*\*", section, re.MULTILINE)
    assert said in (["Means", "At risk", "Look at", "Do"], ["Means", "At risk", "Look at, do"])
