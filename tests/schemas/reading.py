"""Access to the contract for its tests: the generators as modules, the schemas as validators."""

import importlib.util
import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from bridge.core.catalogue import EVENT_TYPES
from tests.rig.parts import ROOT
from tests.rig.yaml_text import read_yaml

SCHEMAS = ROOT / "schemas"
PUBLISHED = ROOT / "bridge" / "schemas"
NAMES = [*(row.name for row in EVENT_TYPES), "event", "headers", "dead-letter"]
KNOWN = frozenset(row.name for row in EVENT_TYPES)
_FEW_DIGITS = 4000


def tool(name: str) -> Any:  # noqa: ANN401 - a module whose names are looked up and set
    """Load a generator as a module; the folder is no package."""
    spec = importlib.util.spec_from_file_location(name, SCHEMAS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def schema(name: str) -> dict[str, Any]:
    """Return a schema as published."""
    read: dict[str, Any] = json.loads((PUBLISHED / f"{name}.v1.schema.json").read_text(encoding="utf-8"))
    return read


@cache
def validator(name: str) -> Any:  # noqa: ANN401 - the library has no types
    """Return the validator of a schema, with format checks."""
    return Draft202012Validator(schema(name), format_checker=FormatChecker())


def schema_for_event(event: dict[str, Any]) -> str:
    """Return the name of an event's schema."""
    return event["type"] if event["type"] in KNOWN else "event"


def validation_errors(name: str, value: Any) -> list[str]:  # noqa: ANN401 - any JSON value
    """Return the errors of a value by a schema."""
    return [
        f"{name}: {fault.json_path}: {fault.message[:200]}" for fault in validator(name).iter_errors(value)
    ]


def exactly(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Decode JSON with exact integers; one with more digits than Python converts is truncated."""

    def integer(literal: str) -> int:
        return int(literal[:_FEW_DIGITS])

    return json.loads(text, parse_int=integer)


def read_document(path: Path) -> dict[str, Any]:
    """Read an AsyncAPI document."""
    read: dict[str, Any] = read_yaml(path.read_text(encoding="utf-8"))
    return read


def cut(document: dict[str, Any], folder: Path) -> Path:
    """Write a document with only three channels and what they refer to: parsing all takes seconds."""
    kept = ("PullComplete", "other", "dead-letter")
    folder.mkdir()
    for name in ("PullComplete", "event", "headers", "dead-letter"):
        (folder / f"{name}.v1.schema.json").write_text(json.dumps(schema(name)), encoding="utf-8")
    components = document["components"]
    small = document | {
        "channels": {name: document["channels"][name] for name in kept},
        "operations": {f"publish-{name}": document["operations"][f"publish-{name}"] for name in kept},
        "components": components | {"messages": {name: components["messages"][name] for name in kept}},
    }
    path = folder / "asyncapi.yaml"
    path.write_text(json.dumps(small), encoding="utf-8")  # which is YAML, too
    return path
