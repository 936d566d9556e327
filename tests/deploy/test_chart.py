"""The chart is what Kubernetes, Helm and those who judge charts ask of one, with every value set in `ci`."""

import shlex
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.observability.metrics import PULL_QUEUE_EVENTS
from tests.deploy.chart_rendering import (
    CHART,
    KUBE_VERSION,
    MINIMAL,
    VALUE_SETS,
    container,
    objects,
    render,
    the_kind,
    variables,
)
from tests.deploy.chart_schemas import KUBERNETES
from tests.rig.parts import ROOT
from tests.rig.tools import ProcessResult, run
from tests.rig.yaml_text import read_yaml

Tools = Callable[[str], Path]

# Judgements of kube-score that are not ours, and why.
NOT_OURS = (
    "--ignore-container-cpu-limit",  # a throttled bridge looks like a slow Redis
    "--ignore-test=container-image-pull-policy",  # a release's tag never moves
)

each_set = pytest.mark.parametrize("values", VALUE_SETS, ids=lambda path: path.name.split("-")[0])


@each_set
def test_helm_finds_nothing_to_complain_of(helm: Path, values: Path) -> None:
    done = run(helm, "lint", "--strict", "--kube-version", KUBE_VERSION, "-f", str(values), str(CHART))
    assert done.code == 0, done.output


@each_set
def test_helm_4_finds_no_more_and_renders_the_same(helm: Path, tools: Tools, values: Path) -> None:
    four = tools("helm4")
    test_helm_finds_nothing_to_complain_of(four, values)
    assert objects(render(four, values)) == objects(render(helm, values))


@each_set
def test_every_object_is_one_that_kubernetes_takes(
    helm: Path, tools: Tools, schemas: Path, values: Path
) -> None:
    done = _conform(tools, schemas, render(helm, values))
    assert done.code == 0, done.output
    assert "Skipped: 0" in done.out


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("StatefulSet", "everything"),
        ("ServiceMonitor", "everything"),
        ("PrometheusRule", "everything"),
        ("HTTPRoute", "gateway"),
        ("ScaledObject", "gateway"),
    ],
)
def test_a_misspelt_field_would_be_found(
    helm: Path, tools: Tools, schemas: Path, kind: str, values: str
) -> None:
    rendered = render(helm, CHART / "ci" / f"{values}-values.yaml")
    wrong = rendered.replace(f"\nkind: {kind}\n", f"\nkind: {kind}\nspek: {{}}\n", 1)
    assert wrong != rendered
    done = _conform(tools, schemas, wrong)
    assert done.code != 0
    assert f"{kind} demo" in done.output


@each_set
def test_nothing_is_critical_to_kube_score(helm: Path, tools: Tools, values: Path) -> None:
    # There the platform gives out the ids, and it refuses any that is named.
    ids = ["--ignore-test=container-security-context-user-group-id"] if "openshift" in values.name else []
    words = ("score", "--kubernetes-version", "v1.36", "-o", "ci", *NOT_OURS, *ids, "-")
    done = run(tools("kube-score"), *words, given=render(helm, values))
    assert "[OK]" in done.out, done.output
    assert [line for line in done.out.splitlines() if line.startswith("[CRITICAL]")] == []


def test_every_feature_can_be_switched_on_and_off(helm: Path, tools: Tools) -> None:
    assert helm.exists()
    done = run(tools("untt"), str(CHART))
    assert done.code == 0, done.output
    assert "Charts:      1 passed" in done.out, done.output


@each_set
def test_every_pod_fits_the_profile_restricted(helm: Path, values: Path) -> None:
    found = [one for one in objects(render(helm, values)) if one["kind"] in _WITH_PODS]
    assert found
    for one in found:
        spec = one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"]
        security = container(one)["securityContext"]
        assert not spec["automountServiceAccountToken"]
        assert not spec["enableServiceLinks"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert (security["runAsNonRoot"], security["readOnlyRootFilesystem"]) == (True, True)
        assert not security["allowPrivilegeEscalation"]
        assert "cpu" not in container(one)["resources"]["limits"]


_WITH_PODS = ("StatefulSet", "Deployment", "Job", "Pod")


def test_no_pod_names_ids_that_openshift_would_refuse(helm: Path) -> None:
    found = objects(render(helm, CHART / "ci" / "openshift-values.yaml"))
    pods = [one for one in found if one["kind"] in _WITH_PODS]
    assert {one["kind"] for one in pods} == {"StatefulSet", "Job", "Pod"}
    for one in pods:
        spec = one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"]
        contexts = [spec["securityContext"], *(each["securityContext"] for each in spec["containers"])]
        assert not [context for context in contexts if context.keys() & _IDS]


_IDS = {"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups"}


def test_what_the_pods_are_judged_by_changes_with_the_settings(helm: Path) -> None:
    def checksum(*words: str) -> str:
        rendered = render(helm, MINIMAL, *words)
        (line,) = [line for line in rendered.splitlines() if "checksum/settings" in line]
        return line

    assert checksum() == checksum()
    assert checksum() != checksum("--set", "settings.log.level=debug")


def test_the_install_commands_of_the_readme_render(helm: Path) -> None:
    text = (CHART / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    (line,) = [line for line in text.splitlines() if line.startswith("helm -n events install ")]
    words = shlex.split(line.replace(" install bridge ", " template bridge ").replace(" --wait", ""))
    done = run(helm, *words[1:], "--kube-version", KUBE_VERSION)
    assert done.code == 0, done.output
    config = variables(objects(done.out))
    assert config["BRIDGE_APPS__MY_SHOP__TOKEN_FILE"].endswith("/secrets/apps.my-shop.token")
    # What the next lines there name.
    assert the_kind(objects(done.out), "StatefulSet")["metadata"]["name"] == "bridge-vod-event-bridge"


def test_what_is_packed_holds_no_tests_of_the_chart(helm: Path, tmp_path: Path) -> None:
    done = run(helm, "package", str(CHART), "-d", str(tmp_path))
    assert done.code == 0, done.output
    (packed,) = tmp_path.iterdir()
    with tarfile.open(packed) as archive:
        names = {name.removeprefix("vod-event-bridge/") for name in archive.getnames()}
    assert {"values.schema.json", "templates/NOTES.txt", "templates/tests/post-and-read.yaml"} <= names
    assert not [name for name in names if name.startswith(("ci/", "tests/")) or name.endswith(".test.yaml")]


def test_artifact_hub_can_read_what_changed() -> None:
    annotations = read_yaml((CHART / "Chart.yaml").read_text(encoding="utf-8"))["annotations"]
    changes = read_yaml(annotations["artifacthub.io/changes"])
    assert changes
    assert {change["kind"] for change in changes} <= _KINDS_OF_CHANGES
    assert all(change["description"] for change in changes)


_KINDS_OF_CHANGES = {"added", "changed", "deprecated", "removed", "fixed", "security"}

# Two replicas see the queues of two applications, one of them a moment later; the last is another release's.
_QUEUES = """
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: '{metric}{{app="a",namespace="default",pod="demo-vod-event-bridge-0"}}', values: 100x2}}
      - {{series: '{metric}{{app="a",namespace="default",pod="demo-vod-event-bridge-1"}}', values: 120x2}}
      - {{series: '{metric}{{app="b",namespace="default",pod="demo-vod-event-bridge-0"}}', values: 7x2}}
      - {{series: '{metric}{{app="a",namespace="default",pod="other-vod-event-bridge-0"}}', values: 9000x2}}
    promql_expr_test:
      - {{expr: '{query}', eval_time: 1m, exp_samples: [{{labels: '{{}}', value: 127}}]}}
"""


def test_what_keda_asks_for_is_the_queues_length_of_this_release(
    helm: Path, tools: Tools, tmp_path: Path
) -> None:
    scaled = the_kind(objects(render(helm, CHART / "ci" / "gateway-values.yaml")), "ScaledObject")
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    scenario = tmp_path / "queues.yaml"
    scenario.write_text(_QUEUES.format(metric=PULL_QUEUE_EVENTS.name, query=query), encoding="utf-8")
    done = run(tools("promtool"), "test", "rules", str(scenario))
    assert done.code == 0, done.output


def test_the_version_is_the_programs() -> None:
    from bridge import __version__  # noqa: PLC0415 - the only test that needs the program at all

    text = (CHART / "Chart.yaml").read_text(encoding="utf-8")
    assert f'appVersion: "{__version__}"' in text


@pytest.mark.chart
def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = run(hadolint, str(ROOT / "deploy" / "Dockerfile"))
    assert done.code == 0, done.output


def _conform(tools: Tools, schemas: Path, rendered: str) -> ProcessResult:
    place = f"{schemas}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    words = ("-strict", "-summary", "-kubernetes-version", KUBERNETES, "-schema-location", place, "-")
    return run(tools("kubeconform"), *words, given=rendered)
