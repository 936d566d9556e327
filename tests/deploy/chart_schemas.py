"""JSON Schemas of Kubernetes' kinds and of those that operators bring, strict, named for kubeconform.

Kubernetes' come from the kubernetes-validate package, the others from their own definitions.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped] # it has none

from tests.rig.yaml_text import read_yaml

KUBERNETES = "1.36.0"


def write_schemas(folder: Path, crds: Iterable[Path]) -> None:
    """Write all of them into ``folder``."""
    ours = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    for source in (ours / f"v{KUBERNETES}-local-strict").glob("*.json"):
        text = source.read_text(encoding="utf-8").replace("/api/_definitions.json#", "_definitions.json#")
        schema = json.loads(text)
        for name in ("$id", "$schema"):  # they name places that are not here
            schema.pop(name, None)
        (folder / source.name).write_text(json.dumps(schema), encoding="utf-8")
    for crd in crds:
        _write_kind(folder, read_yaml(crd.read_text(encoding="utf-8")))


def _write_kind(folder: Path, definition: dict[str, Any]) -> None:
    spec = definition["spec"]
    group = spec["group"].split(".")[0]
    for version in spec["versions"]:
        schema = version["schema"]["openAPIV3Schema"]
        _close(schema)
        schema["properties"]["metadata"] = {"type": "object"}
        name = f"{spec['names']['kind'].lower()}-{group}-{version['name']}.json"
        (folder / name).write_text(json.dumps(schema), encoding="utf-8")


def _close(schema: dict[str, Any]) -> None:
    """Let no object have what its schema does not name; the server would drop it in silence."""
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    for inner in (*schema.get("properties", {}).values(), schema.get("items")):
        if isinstance(inner, dict):
            _close(inner)
