"""What Prometheus makes of a running bridge: its linter is content, rules load, every panel shows data."""

import json
import math
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.observability.metrics import METRICS
from bridge.observability.telemetry import Telemetry
from bridge.vendor_twin.server import Application, Vendor
from tests.end_to_end.environment import Environment, running
from tests.end_to_end.notifications import edited, new_task
from tests.rig.parts import ROOT
from tests.rig.program import Program
from tests.rig.prometheus import Prometheus, selectors_in
from tests.rig.tools import run
from tests.rig.waiting import eventually

FILES = ROOT / "deploy" / "chart" / "files"
DASHBOARD: dict[str, Any] = json.loads((FILES / "dashboard.json").read_bytes())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
# What Grafana fills in: all instances, all applications, and the window of a rate.
CHOSEN = {"$instance": ".*", "$app": ".*", "$__rate_interval": "10s"}
SETTINGS = {
    "BRIDGE_APPS__SHOP__SIGN_KEY": "key",
    "BRIDGE_APPS__SHOP__SIGNATURE": "optional",
    "BRIDGE_APPS__QUEUE__MODE": "pull",
    "BRIDGE_APPS__QUEUE__SUB_APP_ID": "1500000001",
    "BRIDGE_APPS__QUEUE__SECRET_ID": "AKID-queue",
    "BRIDGE_APPS__QUEUE__SECRET_KEY": "secret",
}
LEGACY = b'{"version":"4.0","eventType":"NewFileUpload","data":{"status":0,"fileId":"%s"}}'


def queries() -> list[tuple[str, str]]:
    """Give every panel's title and query, as Grafana would send it."""
    return [(panel["title"], _filled(target["expr"])) for panel in PANELS for target in panel["targets"]]


def _filled(query: str) -> str:
    for variable, value in CHOSEN.items():
        query = query.replace(variable, value)
    return query


@asynccontextmanager
async def watched(environment: Environment) -> AsyncIterator[tuple[Program, Prometheus, Application]]:
    """Run a bridge that is pushed to and pulls, and a Prometheus that watches it."""
    async with Vendor(seed=7) as vendor:
        queue = vendor.add("AKID-queue", "secret", sub_app_id=1_500_000_001)
        queue.behaviour.poll_s = 0.3
        settings = SETTINGS | {"BRIDGE_APPS__QUEUE__ENDPOINT": vendor.url}
        async with running(environment, settings) as program:
            rules = [FILES / "alerts.yaml"]
            async with Prometheus([f"127.0.0.1:{program.admin_port}"], rules) as prometheus:
                yield program, prometheus, queue


async def traffic(program: Program, queue: Application) -> None:
    """Let a little of everything arrive: what is good, and what is not."""
    task = new_task()
    await program.post(edited(task), "/callbacks/shop")
    await program.post(edited(task), "/callbacks/shop")
    await program.post(edited(new_task(), sign=("wrong", "1")), "/callbacks/shop")
    await program.post(b"no event", "/callbacks/shop")
    await program.post(
        b'{"EventType":"Unheard","UnheardEvent":{"TaskId":"%s"}}' % task.encode(), "/callbacks/shop"
    )
    await program.post(LEGACY % task.encode(), "/callbacks/shop")
    await program.post(edited(task), "/callbacks/nowhere")
    await program.request("GET", "/")
    queue.put(edited(new_task()))


@pytest.mark.long
async def test_every_panel_shows_data_while_a_bridge_meets_a_little_of_everything(
    own_environment: Environment, tools: Callable[[str], Path]
) -> None:
    tools("prometheus")
    without = dict.fromkeys(queries())
    async with watched(own_environment) as (program, prometheus, queue):
        await eventually(lambda: prometheus.query("vod_bridge_spool_records"), "it is scraped")
        own_environment.kafka.pause()
        spooled = await program.post(edited(new_task()), "/callbacks/shop")
        own_environment.kafka.resume()

        async def all_show_data() -> bool:
            await traffic(program, queue)
            for title, query in list(without):
                if any(not math.isnan(value) for _, value in await prometheus.query(query)):
                    del without[title, query]
            return not without

        assert spooled.json["outcome"] == "spooled"
        try:
            await eventually(all_show_data, "every panel shows data", every_s=0.5)
        finally:
            assert not without

        async def evaluated() -> bool:
            return set((await prometheus.rules()).values()) == {"ok"}

        await eventually(evaluated, "every rule is evaluated", every_s=0.5)


async def test_the_linter_is_content_with_what_a_bridge_shows_after_traffic(
    environment: Environment, tools: Callable[[str], Path]
) -> None:
    promtool = tools("promtool")
    async with Vendor(seed=7) as vendor:
        queue = vendor.add("AKID-queue", "secret", sub_app_id=1_500_000_001)
        async with running(environment, SETTINGS | {"BRIDGE_APPS__QUEUE__ENDPOINT": vendor.url}) as program:
            await traffic(program, queue)
            shown = (await program.admin("/metrics")).body.decode()

    done = run(promtool, "check", "metrics", given=shown)
    assert (done.code, done.output) == (0, "")


async def test_a_bridge_shows_exactly_the_metrics_that_are_listed(environment: Environment) -> None:
    async with running(environment) as program:
        shown = (await program.admin("/metrics")).body.decode()
        limit = await program.metric("vod_bridge_spool_max_bytes")
        ready = await program.metric("vod_bridge_ready")
        missing = await program.metric("vod_bridge_kafka_topics_missing")

    named = re.findall(r"^# TYPE (vod_bridge_\w+) (\w+)$", shown, re.MULTILINE)
    assert sorted(named) == sorted((metric.name, metric.kind) for metric in METRICS)
    assert (limit, ready, missing) == (1 << 30, 1, 0)


async def test_topics_that_are_missing_are_counted(environment: Environment) -> None:
    elsewhere = {"BRIDGE_KAFKA__TOPIC": "nowhere-to-be-found.{type}"}
    async with running(environment, elsewhere) as program:

        async def counted() -> bool:
            return await program.metric("vod_bridge_kafka_topics_missing") > 30

        await eventually(counted, "the topics of every type are missing")


async def test_a_bridge_that_can_make_nothing_durable_shows_that_it_is_not_ready(
    own_environment: Environment, tmp_path: Path
) -> None:
    settings = {"BRIDGE_SPOOL__MAX_BYTES": "0", "BRIDGE_SPOOL__PATH": str(tmp_path)}
    async with running(own_environment, settings) as program:
        assert await program.metric("vod_bridge_ready") == 1
        own_environment.kafka.kill()

        async def shows_it() -> bool:
            await program.post(edited(new_task()))
            return await program.metric("vod_bridge_ready") == 0

        await eventually(shows_it, "it is not ready")
        assert (await program.admin("/readyz")).status == 200


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_a_panel_names_metrics_and_labels_that_exist(panel: dict[str, Any]) -> None:
    there = {metric.name: {*metric.labels, "instance", "le"} for metric in METRICS}
    there |= {family.name: {"instance"} for family in Telemetry().registry.collect()} | there
    for target in panel["targets"]:
        for sample, wanted in selectors_in(target["expr"]):
            name = re.sub(r"_(bucket|count|sum)$", "", sample)
            if name == "ALERTS":
                continue
            shown = name if name in there else name.removesuffix("_total")
            assert shown in there, sample
            assert wanted.keys() <= there[shown]


def test_panels_are_of_kinds_that_grafana_keeps_and_lie_side_by_side() -> None:
    assert {panel["type"] for panel in PANELS} <= {"stat", "timeseries"}
    ids = [panel["id"] for panel in PANELS]
    assert sorted(ids) == sorted(set(ids))
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in PANELS)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_every_query_goes_to_the_source_that_is_chosen_and_the_address_lasts() -> None:
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "instance", "app"}
    for panel in PANELS:
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables | {"__rate_interval"}
    assert DASHBOARD["uid"] == "vod-event-bridge"
