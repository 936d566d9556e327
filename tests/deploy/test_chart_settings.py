"""The program takes what the chart renders as settings, and says itself what is wrong with one."""

from pathlib import Path
from typing import Any

import pytest

from bridge.settings.settings import Settings, SettingsError, load
from tests.cli.cli_process import vod_bridge
from tests.deploy.chart_rendering import (
    MINIMAL,
    VALUE_SETS,
    container,
    objects,
    render,
    the_kind,
    variables,
)
from tests.rig.certificates import Authority

MOUNTED = "/etc/vod-event-bridge"
SECRETS = {"redis.url": "redis://user:secret@redis:6380/1", "apps.my-shop.sign_keys": "old,new"}


@pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.name.split("-")[0])
def test_every_setting_that_is_rendered_is_one_that_the_program_takes(
    helm: Path, tmp_path: Path, values: Path
) -> None:
    found = objects(render(helm, values))
    given = _mounted(found, tmp_path)
    assert _loaded(given).kafka.bootstrap_servers == given["BRIDGE_KAFKA__BOOTSTRAP_SERVERS"]
    # The pods' other variables are not the program's settings, or it would refuse them.
    workload = the_kind(found, "StatefulSet", "Deployment")
    assert not [one for one in container(workload).get("env", []) if one["name"].startswith("BRIDGE_")]


def test_what_was_chosen_arrives(helm: Path, tmp_path: Path) -> None:
    everything = next(values for values in VALUE_SETS if values.name.startswith("everything"))
    settings = _loaded(_mounted(objects(render(helm, everything)), tmp_path))
    assert (settings.http.port, settings.admin.port, settings.http.hold_s) == (8081, 9091, 6.5)
    assert settings.http.bodies_max_bytes == 134_217_728
    assert settings.spool.max_bytes == 4 * 1024**3
    assert settings.redis.url == SECRETS["redis.url"]
    ids = settings.routing().schema_ids
    assert ids is not None
    assert ids.header("TranscodeComplete") is not None
    assert sorted(settings.applications()) == ["my-archive", "my-shop"]
    assert settings.applications()["my-archive"].sub_app_id == 1_500_000_001
    assert settings.applications()["my-shop"].token == "secret"  # noqa: S105 - protects nothing


def test_a_spool_that_does_not_last_is_emptied_at_a_stop(helm: Path, tmp_path: Path) -> None:
    pull = next(values for values in VALUE_SETS if values.name.startswith("pull"))
    assert _loaded(_mounted(objects(render(helm, pull)), tmp_path)).spool.drain_on_stop


def test_the_job_that_makes_topics_has_the_bridges_settings(helm: Path) -> None:
    for values in VALUE_SETS:
        found = objects(render(helm, values))
        for job in found:
            if job["kind"] == "Job" and job["metadata"]["name"].endswith("-topics"):
                own = {one["name"]: one["value"] for one in container(job)["env"]}
                assert own.items() >= variables(found).items()


async def test_an_unknown_setting_that_no_schema_checked_is_refused_by_the_programs_own_start(
    helm: Path,
) -> None:
    words = ("--skip-schema-validation", "--set", "settings.kafka.topik=x", "--set", "settings.radis.url=y")
    rendered = render(helm, MINIMAL, *words)
    said = await vod_bridge("serve", settings=variables(objects(rendered)))
    assert said.code == 2
    assert "BRIDGE_KAFKA__TOPIK: no such setting; did you mean BRIDGE_KAFKA__TOPIC?" in said.err
    assert "BRIDGE_RADIS__URL: no such setting" in said.err


def _loaded(given: dict[str, str]) -> Settings:
    try:
        return load(environment=given)
    except SettingsError as error:
        pytest.fail(str(error), pytrace=False)


def _mounted(found: list[dict[str, Any]], folder: Path) -> dict[str, str]:
    """Give the pods' variables, with what the chart mounts lying in ``folder``."""
    workload = the_kind(found, "StatefulSet", "Deployment")
    places = {one["name"]: one["mountPath"] for one in container(workload)["volumeMounts"]}
    authority = Authority()
    try:
        pair = authority.sign("bridge")
        files = {"ca.crt": authority.ca, "tls.crt": pair.cert, "tls.key": pair.key}
        for volume in workload["spec"]["template"]["spec"].get("volumes", []):
            place = places[volume["name"]]
            if not place.startswith(MOUNTED):
                continue
            here = folder / place.removeprefix(MOUNTED).lstrip("/")
            here.mkdir(parents=True)
            for source in volume.get("projected", {}).get("sources", []):
                for item in source["secret"]["items"]:
                    (here / item["path"]).write_text(SECRETS.get(item["path"], "secret"), encoding="utf-8")
            if volume["name"].startswith("certificates-"):
                for name, file in files.items():
                    (here / name).write_bytes(file.read_bytes())
            if volume["name"] == "schema-ids":
                (here / "ids.json").write_text('{"TranscodeComplete": 7}', encoding="utf-8")
            if volume["name"].startswith("credentials-"):
                for name in ("secret_id", "secret_key"):
                    (here / name).write_text("secret", encoding="utf-8")
    finally:
        authority.remove()
    return {name: text.replace(MOUNTED, str(folder)) for name, text in variables(found).items()}
