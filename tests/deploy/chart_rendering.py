"""The chart as helm renders it, and what stands in that."""

from functools import cache
from pathlib import Path
from typing import Any

from tests.rig.parts import ROOT
from tests.rig.tools import run
from tests.rig.yaml_text import read_documents

CHART = ROOT / "deploy" / "chart"
VALUE_SETS = sorted((CHART / "ci").glob("*-values.yaml"))
MINIMAL = CHART / "ci" / "minimal-values.yaml"
KUBE_VERSION = "1.36.4"


@cache  # several tests look at the same
def render(helm: Path, values: Path, *words: str) -> str:
    """Render the chart with a value set; ``words`` are further options of helm."""
    done = run(
        helm, "template", "demo", str(CHART), "--kube-version", KUBE_VERSION, "-f", str(values), *words
    )
    assert done.code == 0, done.output
    return done.out


def objects(rendered: str) -> list[dict[str, Any]]:
    """Read what was rendered."""
    return [found for found in read_documents(rendered) if found]


def the_kind(found: list[dict[str, Any]], *kinds: str) -> dict[str, Any]:
    """Give the first object of one of these kinds."""
    return next(one for one in found if one["kind"] in kinds)


def variables(found: list[dict[str, Any]]) -> dict[str, str]:
    """Give what the bridge's pods have as environment."""
    config: dict[str, str] = the_kind(found, "ConfigMap")["data"]
    return config


def container(one: dict[str, Any]) -> dict[str, Any]:
    """Give the bridge's own container of a workload, a Job or a Pod; `extraContainers` are behind it."""
    spec = one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"]
    return dict(spec["containers"][0])
