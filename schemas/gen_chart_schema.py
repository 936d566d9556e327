# ruff: noqa: INP001 - a tool beside its data, no package
"""Writes what the chart's values.schema.json says of `settings`, `apps`, `secrets`, from the settings' model.

    python schemas/gen_chart_schema.py            write it, and leave the rest of the file as it is
    python schemas/gen_chart_schema.py --check    fail if it is out of date

So a name that the program does not know, a number out of its range and a word that is no choice fail in
`helm template`, `helm lint` and an editor, with the place of the mistake. What needs more than one value or
the machine (files, addresses, settings that go together) is left to the program's start.

Helm reads draft 07 with Go's regular expressions. It gives YAML as it stands, but `--set-string` and
umbrella charts give texts, so every number and truth value may be one.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.settings.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "deploy" / "chart" / "values.schema.json"
APP_NAME = "[a-z0-9]+(-[a-z0-9]+)*"
# Bytes with the units that pydantic knows; "Gi" is none of them.
SIZE = r"^[0-9]+(\.[0-9]+)?\s*([kKmMgGtTpPeE]([iI]?[bB])?|[bB])?$"

Schema = dict[str, Any]


def settings_schema(model: Schema) -> Schema:
    """Return the schema of `settings`: section -> name -> value."""
    properties = {
        name: _section(model, model["properties"][name]) for name in model["properties"] if name != "apps"
    }
    return {
        "type": "object",
        "description": "Settings of the program, section -> name -> value; nothing secret.",
        "properties": properties,
        "additionalProperties": False,
    }


def apps_schema(model: Schema) -> Schema:
    """Return the schema of `apps`: name -> settings; one without any may be null."""
    apps = model["properties"]["apps"]
    ((pattern, reference),) = apps["patternProperties"].items()
    return {
        "type": "object",
        "description": "VOD applications, name -> settings.",
        "additionalProperties": _section(model, reference) | {"type": ["object", "null"]},
        "propertyNames": {"pattern": pattern, **apps["propertyNames"]},
    }


def secret_setting_pattern(settings: Schema, apps: Schema) -> str:
    """Return the pattern of what `secrets[].setting` may name: any setting, with its section."""
    sections = [
        rf"{name}\.({'|'.join(section['properties'])})" for name, section in settings["properties"].items()
    ]
    sections.append(rf"apps\.{APP_NAME}\.({'|'.join(apps['additionalProperties']['properties'])})")
    return f"^({'|'.join(sections)})$"


def render(text: str) -> str:
    """Return the chart's schema ``text`` with these parts written anew."""
    schema = json.loads(text)
    model = Settings.model_json_schema()
    settings, apps = settings_schema(model), apps_schema(model)
    schema["properties"] |= {"settings": settings, "apps": apps}
    schema["properties"]["secrets"]["items"]["properties"]["setting"] = {
        "type": "string",
        "description": "section.name as docs/reference/settings.md lists them, lower case, or"
        " apps.<application>.<name>: kafka.sasl_password, apps.my-shop.token.",
        "pattern": secret_setting_pattern(settings, apps),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Write the schema, or with `--check` compare it; return the exit code."""
    text = TARGET.read_text(encoding="utf-8")
    wanted = render(text)
    if "--check" not in arguments:
        TARGET.write_text(wanted, encoding="utf-8")
    elif text != wanted:
        sys.stderr.write(f"{TARGET.name} is not what schemas/gen_chart_schema.py writes: run it\n")
        return 1
    return 0


def _section(model: Schema, reference: Mapping[str, Any]) -> Schema:
    described = model["$defs"][reference["$ref"].rpartition("/")[2]]
    properties = {name: _setting(value) for name, value in described["properties"].items()}
    schema: Schema = {
        "type": "object",
        "description": described["description"],
        "properties": properties,
        "additionalProperties": False,
    }
    # Each may be in a file that something else puts there, a sidecar or a CSI driver say.
    others = [name for name in properties if not name.endswith("file")]
    schema["patternProperties"] = {f"^({'|'.join(others)})_file$": {"type": "string", "minLength": 1}}
    return schema


def _setting(described: Mapping[str, Any]) -> Schema:
    schema: Schema = {name: described[name] for name in ("description",) if name in described}
    choices = [choice for choice in described.get("anyOf", [described]) if choice.get("type") != "null"]
    if _is_secret(choices[0]):
        # Templates refuse it and say where it belongs, which a schema cannot.
        return {"description": f"{described.get('description', '')} Name a Secret in `secrets`, not here."}
    if described.get("default") not in (None, [], ""):
        schema["default"] = described["default"]
    return schema | _values(choices[-1], described)


def _values(choice: Mapping[str, Any], described: Mapping[str, Any]) -> Schema:
    limits = {name: choice[name] for name in _LIMITS if name in choice}
    if "pattern" in limits:  # to the chart an empty text is none, and its templates say what is needed
        limits["pattern"] = f"^$|{limits['pattern']}"
    if "enum" in choice:
        return {"enum": list(choice["enum"])}
    if _is_size(described):
        least = described.get("ge", 0)
        most = {"maximum": described["le"]} if "le" in described else {}
        return {"type": ["integer", "string"], "minimum": least, **most, "pattern": SIZE}
    kind = choice["type"]
    if kind == "string" and "format" in choice:  # the path of a file or a folder
        return {"type": "string", "minLength": 1}
    return {**_OF_KIND[kind], **limits}


# A text and a list of texts are one to the program: the chart joins lists with commas.
_TEXT: Schema = {"type": ["string", "array"], "items": {"type": "string"}}
_OF_KIND: dict[str, Schema] = {
    "boolean": {"enum": [True, False, "true", "false"]},
    "integer": {"type": ["integer", "string"], "pattern": "^[0-9]+$"},
    "number": {"type": ["number", "string"], "pattern": r"^[0-9]+(\.[0-9]+)?$"},
    "array": _TEXT,
    "string": _TEXT,
}
_LIMITS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern")


def _is_secret(choice: Mapping[str, Any]) -> bool:
    return bool(choice.get("writeOnly") or choice.get("items", {}).get("writeOnly"))


def _is_size(described: Mapping[str, Any]) -> bool:
    kinds = [choice.get("type") for choice in described.get("anyOf", ())]
    return kinds == ["string", "integer"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
