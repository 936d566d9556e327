"""compose.yaml holds together: what it mounts is there, what it sets is a setting, only the door is open."""

import re
from typing import Any

import pytest

from bridge.settings.settings import describe, load
from tests.rig.parts import ROOT
from tests.rig.yaml_text import read_yaml

DEPLOY = ROOT / "deploy"
COMPOSE = read_yaml((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def _mounts(service: dict[str, Any]) -> list[tuple[str, str]]:
    """Give what is mounted and where it stands inside."""
    parts = [volume.split(":") for volume in service.get("volumes", [])]
    return [(source, inside) for source, inside, *_ in parts]


def _provisioned(kind: str) -> dict[str, Any]:
    (file,) = (DEPLOY / "grafana" / kind).glob("*.yaml")
    told: dict[str, Any] = read_yaml(file.read_text(encoding="utf-8"))
    return told


def test_only_the_ingress_port_is_open_to_others() -> None:
    ports = [(name, port) for name, service in SERVICES.items() for port in service.get("ports", [])]
    assert [at for at in ports if not at[1].startswith("127.0.0.1:")] == [("bridge", "8080:8080")]


def test_no_two_services_take_the_same_port_of_the_machine() -> None:
    taken = [
        port.removeprefix("127.0.0.1:").split(":")[0]
        for service in SERVICES.values()
        for port in service.get("ports", [])
    ]
    assert sorted(taken) == sorted(set(taken))


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_mounts_is_there(name: str) -> None:
    for source, _ in _mounts(SERVICES[name]):
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
            assert not (DEPLOY / source).is_symlink()
        else:
            assert source in COMPOSE["volumes"]


def test_every_volume_is_used() -> None:
    used = {source for service in SERVICES.values() for source, _ in _mounts(service)}
    assert set(COMPOSE["volumes"]) <= used


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_waits_only_for_others_that_have_a_health_check(name: str) -> None:
    for other, wish in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        assert wish["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_named_with_a_version(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    else:
        assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", service["image"])


def test_what_it_sets_of_the_bridge_are_settings() -> None:
    known = {name for name, _, _ in describe()}
    for name in ("bridge", "topics"):
        given = SERVICES[name]["environment"]
        assert set(given) <= known
        assert load(None, given).kafka.bootstrap_servers == "kafka:19092"


def test_prometheus_scrapes_the_bridge_and_loads_the_alerts() -> None:
    config = read_yaml((DEPLOY / "prometheus.yaml").read_text(encoding="utf-8"))
    (job,) = config["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")
    default = next(default for name, default, _ in describe() if name == "BRIDGE_ADMIN__PORT")
    assert (host in SERVICES, port) == (True, default)
    mounted = {inside: source for source, inside in _mounts(SERVICES["prometheus"])}
    (rules,) = config["rule_files"]
    assert mounted[f"/etc/prometheus/{rules}"] == "./chart/files/alerts.yaml"


def test_grafana_finds_the_dashboard_and_asks_prometheus() -> None:
    mounted = {inside: source for source, inside in _mounts(SERVICES["grafana"])}
    (source,) = _provisioned("datasources")["datasources"]
    (provider,) = _provisioned("dashboards")["providers"]
    assert source["url"] == "http://prometheus:9090"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert mounted[home] == "./chart/files/dashboard.json"
    assert home.startswith(provider["options"]["path"] + "/")


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_what_the_chart_ships_is_found_beside_it(name: str) -> None:
    assert (DEPLOY / name).resolve() == DEPLOY / "chart" / "files" / name
