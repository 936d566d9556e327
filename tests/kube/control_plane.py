"""Part 1: what the control plane says of the chart. Pods are pretended; what judges them is real."""

import json
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.kube.binaries import Output, Refused
from tests.kube.checks import Checks
from tests.kube.cluster import FILES, VERSION, Cluster
from tests.kube.pretended import NODES, install_kinds, pretend_nodes
from tests.rig.parts import ROOT
from tests.rig.waiting import ConditionTimeoutError, eventually_blocking

CHART = ROOT / "deploy" / "chart"
RELEASE = "bridge"
WORKLOAD = "statefulset/bridge-vod-event-bridge"
PODS = "app.kubernetes.io/instance=bridge,app.kubernetes.io/component=bridge"
VALUES = [
    "--set",
    "image.repository=images.example.com/vod-event-bridge",
    "--set",
    "settings.kafka.bootstrap_servers=kafka:9092",
    "--set",
    "settings.redis.url=redis://redis:6379/0",
]
KINDS = ["--api-versions", "monitoring.coreos.com/v1"]
RESTRICTED_V2 = {"example.com/ids": "by-platform"}
WAITS = ["--wait", "--timeout", "90s"]
BLOCKED_S = 6


def play(cluster: Cluster, checks: Checks) -> None:
    """Make all checks, each as far as it goes."""
    install_kinds(cluster)
    pretend_nodes(cluster)
    checks.report("control plane and pretended nodes are ready")
    for check in (warnings_are_noticed, value_sets, openshift, typos, installs, upgrades, scales, drains):
        _try(check, cluster, checks)


def _try(check: Callable[[Cluster, Checks], None], cluster: Cluster, checks: Checks) -> None:
    try:
        check(cluster, checks)
    except (Refused, ConditionTimeoutError) as failed:
        checks.note(check.__name__.replace("_", " "), good=False, figures=str(failed))


def warnings_are_noticed(cluster: Cluster, checks: Checks) -> None:
    """See that a set which breaks the restricted level is warned of: else no warning would mean nothing."""
    said = cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", str(FILES / "loose.yaml"))
    checks.note("a pod that is not restricted is warned of", said.warnings, f"{len(said.warnings)} warning")


def value_sets(cluster: Cluster, checks: Checks) -> None:
    """Let the API server judge what the chart makes of every value set."""
    for number, values in enumerate(sorted((CHART / "ci").glob("*.yaml"))):
        space = f"values-{number}"
        cluster.kubectl("create", "namespace", space)
        said, wanted = _dry_run(cluster, space, values)
        taken = len(said.out.splitlines())
        good = said.good and not said.warnings and taken == wanted > 0
        figures = f"{taken} objects, no warning" if good else said.last
        checks.note(f"{values.name} passes the server's dry run", good, figures)


def _dry_run(cluster: Cluster, space: str, values: Path) -> tuple[Output, int]:
    """Give what the server says of a value set in a namespace, and how many objects it was asked for."""
    words = ["-n", space, "-f", str(values), "--kube-version", VERSION, *KINDS]
    drawn = cluster.helm("template", RELEASE, str(CHART), *words, must=False)
    if not drawn.good:
        return drawn, 0
    objects = [one for one in yaml.safe_load_all(drawn.out) if one]
    # A pod is judged only where its account is: these are made in earnest.
    cluster.apply(*(one for one in objects if one["kind"] == "ServiceAccount"), space=space)
    dry = ["apply", "--server-side", "--dry-run=server", "--force-conflicts", "-n", space, "-f", "-"]
    return cluster.kubectl(*dry, text=drawn.out, must=False), len(objects)


def openshift(cluster: Cluster, checks: Checks) -> None:
    """Refuse ids by policy, as OpenShift's restricted-v2 does; see that it does, and that the chart fits."""
    space = "openshift"
    cluster.kubectl("create", "namespace", space)
    cluster.kubectl("label", "namespace", space, *(f"{name}={word}" for name, word in RESTRICTED_V2.items()))
    cluster.kubectl("apply", "--server-side", "-f", str(FILES / "restricted-v2.yaml"))
    minimal, adapted = (CHART / "ci" / f"{name}-values.yaml" for name in ("minimal", "openshift"))
    eventually_blocking(
        lambda: "names an id" in _dry_run(cluster, space, minimal)[0].err,
        "the policy is in force",
        within_s=60,
        every_s=1,
    )
    said, _ = _dry_run(cluster, space, minimal)
    refused = said.err.count("names an id")
    checks.note("fixed ids are refused under the rules of restricted-v2", refused == _PODS, f"{refused} pods")
    said, wanted = _dry_run(cluster, space, adapted)
    taken = len(said.out.splitlines())
    good = said.good and not said.warnings and taken == wanted > 0
    checks.note("openshift-values.yaml fits them", good, f"{taken} objects" if good else said.last)


# The workload, the topics' Job, and the test's Pod.
_PODS = 3


def typos(cluster: Cluster, checks: Checks) -> None:
    """See that a typo in settings or applications ends `helm install`, by name."""
    for value, named in (("settings.kafka.topik=x", "topik"), ("apps.shop.mod=pull", "mod")):
        said = cluster.helm("install", "typo", str(CHART), *VALUES, "--set", value, must=False)
        checks.note(
            f"--set {value} is refused by name", not said.good and f"'{named}'" in said.err, said.last
        )


def installs(cluster: Cluster, checks: Checks) -> None:
    """Install it."""
    said = cluster.helm("install", RELEASE, str(CHART), *VALUES, *WAITS, must=False)
    _judge(checks, "helm install --wait under Pod Security restricted, no warning", said)
    ready = cluster.get(WORKLOAD)["status"].get("readyReplicas", 0)
    checks.note("both replicas are ready", ready == 2, f"{ready} ready")


def _judge(checks: Checks, what: str, said: Output) -> None:
    good = said.good and not said.warnings
    checks.note(what, good, f"{said.seconds:.1f} s" if good else said.last)


def upgrades(cluster: Cluster, checks: Checks) -> None:
    """Change a setting, then take it back."""
    before = _setting(cluster)
    words = [*VALUES, "--set", "settings.http.hold_s=7", *WAITS]
    said = cluster.helm("upgrade", RELEASE, str(CHART), *words, must=False)
    _judge(checks, "helm upgrade, no warning", said)
    after = _setting(cluster)
    checks.note("the upgrade's setting is there", (before, after) == ("", "7"), f"{before or '-'} -> {after}")
    hashes = _hashes(cluster)
    back = cluster.helm("rollback", RELEASE, *WAITS, must=False)
    _judge(checks, "helm rollback, no warning", back)
    again = _hashes(cluster)
    good = _setting(cluster) == "" and again and not hashes & again
    checks.note("the roll-back brings the former setting and new pods", good, f"{len(again)} revision")


def _setting(cluster: Cluster) -> str:
    found = cluster.get("configmap", "-l", "app.kubernetes.io/instance=bridge")["items"]
    data = {name: value for one in found for name, value in one.get("data", {}).items()}
    return str(data.get("BRIDGE_HTTP__HOLD_S", ""))


def _hashes(cluster: Cluster) -> set[str]:
    pods = cluster.get("pods", "-l", PODS)["items"]
    return {pod["metadata"]["labels"]["controller-revision-hash"] for pod in pods}


def scales(cluster: Cluster, checks: Checks) -> None:
    """Scale up and down by the chart's own value; the claim of the pod that goes stays."""
    for replicas in (3, 2):
        words = [*VALUES, "--set", f"replicas={replicas}", *WAITS]
        said = cluster.helm("upgrade", RELEASE, str(CHART), *words, must=False)
        eventually_blocking(
            lambda: len(cluster.get("pods", "-l", PODS)["items"]) == replicas,  # noqa: B023 - asked at once
            f"there are {replicas} pods",
            within_s=30,
            every_s=0.5,
        )
        _judge(checks, f"scaled to {replicas}, no warning", said)
    claims = len(cluster.get("pvc")["items"])
    checks.note("the claim of the pod that went is still there", claims == 3, f"{claims} claims, 2 pods")


def drains(cluster: Cluster, checks: Checks) -> None:
    """Drain the node of one pod while the other is unavailable, then once more when it is well."""
    unwell, well = sorted(cluster.get("pods", "-l", PODS)["items"], key=lambda pod: pod["metadata"]["name"])
    _turn(cluster, unwell["metadata"]["name"], ready="False")
    node = well["spec"]["nodeName"]
    checks.note(
        "the two pods are on nodes of their own", node != unwell["spec"]["nodeName"], f"of {len(NODES)}"
    )
    words = ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data"]
    said = cluster.kubectl(*words, f"--timeout={BLOCKED_S}s", must=False)
    blocked = not said.good and "disruption budget" in said.err
    there = well["metadata"]["uid"] in _uids(cluster)
    what = "kubectl drain is blocked by the budget while one pod is unavailable"
    figures = f"refused for {said.seconds:.0f} s, the pod lives" if blocked and there else said.last
    checks.note(what, blocked and there, figures)
    _turn(cluster, unwell["metadata"]["name"], ready="True")
    said = cluster.kubectl(*words, "--timeout=60s", must=False)
    gone = well["metadata"]["uid"] not in _uids(cluster)
    checks.note("it drains once both are well", said.good and gone, f"{said.seconds:.1f} s")
    cluster.kubectl("uncordon", node)


def _turn(cluster: Cluster, pod: str, ready: str) -> None:
    """Let a pretended pod be ready or not, and wait until the budget knows."""
    conditions = [{"type": kind, "status": ready} for kind in ("Ready", "ContainersReady")]
    patch = json.dumps({"status": {"conditions": conditions}})
    cluster.kubectl("patch", "pod", pod, "--subresource=status", "-p", patch)
    wanted = int(ready == "True")
    eventually_blocking(
        lambda: cluster.get("pdb", "bridge-vod-event-bridge")["status"]["disruptionsAllowed"] == wanted,
        f"the budget allows {wanted}",
        within_s=20,
        every_s=0.5,
    )


def _uids(cluster: Cluster) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.get("pods", "-l", PODS)["items"]}


def run(folder: Path, checks: Checks, *, keep: Callable[[Cluster], None] | None = None) -> None:
    """Start a cluster, play, and end it; ``keep`` is called before the end."""
    cluster = Cluster(folder)
    try:
        cluster.start()
        play(cluster, checks)
        if keep is not None:
            keep(cluster)
    finally:
        cluster.stop()
