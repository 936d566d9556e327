# ruff: noqa: INP001 - a tool beside its data, no package
"""Generates `<type>.v1.schema.json`: the JSON Schema of the record's value, for each type of the catalogue.

    python schemas/gen_json_schemas.py            write them to `bridge/schemas`, their only copy
    python schemas/gen_json_schemas.py --check    fail if one is out of date

Also `event.v1`, for types that the catalogue does not know; `headers.v1`, the headers of every event's
record; and `dead-letter.v1`, the headers of a dead letter, whose value may be any bytes.

Sources: `schemas/envelope.json` for the envelopes, `schemas/vendor/structs.json` for the payloads,
`bridge/core/catalogue.py` for the struct of each type, `schemas/triggers.json` for what triggers it.

Only keywords with the same meaning in the drafts 2020-12 and 07 are used, so that AsyncAPI's own schema
format can refer to these files as well.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bridge.core.catalogue import EVENT_TYPES, EventType
from bridge.core.record import Routing

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "schemas"
PUBLISHED = ROOT / "bridge" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]
Structs = Mapping[str, list[dict[str, Any]]]

# The range of 64 bits, signed or unsigned; values beyond it are nonconforming.
INTEGER: Schema = {"minimum": -(2**63), "maximum": 2**64 - 1}
NONCONFORMING: Schema = {
    "required": ["conformance"],
    "properties": {"conformance": {"const": "nonconforming"}},
}
AS_DELIVERED_DESCRIPTION = "As delivered, whatever that is: only where `conformance` is `nonconforming`."
OTHER_DESCRIPTION = "An event of a type that the catalogue does not know; its payload is as delivered."
HEADERS_DESCRIPTION = (
    "The headers of every event's record: a CloudEvent in binary mode. All are texts in UTF-8, except"
    " `__value_schema_id`, which is there where the setting schemas.ids_file is."
)
DEAD_LETTER_DESCRIPTION = (
    "The headers of a record on the dead-letter topic. Its key is the application's name, its value the body "
    "as received (compressed as it came, see content-encoding), which may be any bytes."
)


def schemas() -> Iterator[tuple[str, Schema]]:
    """Yield (name, schema) for every schema; the name is without `.v1`."""
    envelope = json.loads((SCHEMAS / "envelope.json").read_text(encoding="utf-8"))
    structs: Structs = json.loads((SCHEMAS / "vendor" / "structs.json").read_text(encoding="utf-8"))[
        "structs"
    ]
    triggers = json.loads((SCHEMAS / "triggers.json").read_text(encoding="utf-8"))
    for row in EVENT_TYPES:
        yield row.name, event_schema(row, triggers.get(row.name, ""), envelope, structs)
    yield "event", schema_head("event", OTHER_DESCRIPTION) | open_object(envelope["event"])
    yield "headers", schema_head("headers", HEADERS_DESCRIPTION) | open_object(envelope["headers"])
    yield (
        "dead-letter",
        schema_head("dead-letter", DEAD_LETTER_DESCRIPTION) | open_object(envelope["dead-letter"]),
    )


def event_schema(row: EventType, trigger: str, envelope: Mapping[str, Schema], structs: Structs) -> Schema:
    """Return the schema of a known type's events: the envelope around its payload.

    A nonconforming payload is published as delivered, so the payload's schema applies to all others only.
    """
    payload = {"$ref": f"#/$defs/{row.struct.__name__}"}
    members = dict(envelope["event"]["properties"])
    members["type"] = {"description": members["type"]["description"], "const": row.name}
    members["payload"] = {
        "description": f"The vendor's `{row.struct.__name__}`, in the spelling of format 3.0.",
        "anyOf": [payload, {"description": AS_DELIVERED_DESCRIPTION, "type": "object"}],
    }
    return (
        schema_head(row.name, f"An event on the topic of {row.name}{': ' if trigger else ''}{trigger}.")
        | open_object(envelope["event"] | {"properties": members})
        | {"if": NONCONFORMING, "else": {"properties": {"payload": payload}}}
        | {
            "$defs": {
                name: struct_schema(name, structs)
                for name in sorted(reachable_structs(row.struct.__name__, structs))
            }
        }
    )


def schema_head(name: str, description: str) -> Schema:
    """Return the keywords that every schema begins with."""
    return {
        "$schema": DIALECT,
        "$id": f"{Routing().schema_base_uri}{name}.v1",
        "title": f"{name}, version 1",
        "description": description,
    }


def open_object(described: Schema) -> Schema:
    """Return the schema of an object that allows further keys."""
    return {"type": "object"} | described | {"additionalProperties": True}


def struct_schema(name: str, structs: Structs) -> Schema:
    """Return the schema of one of the vendor's structs: every field may be absent or null."""
    fields = sorted(structs[name], key=lambda field: str(field["name"]))
    return {"title": name} | open_object(
        {"properties": {field["name"]: field_schema(field) for field in fields}}
    )


def reachable_structs(name: str, structs: Structs) -> set[str]:
    """Return the names of a struct and of all structs that its fields refer to."""
    found, pending = {name}, [name]
    while pending:
        inner = {field["struct"] for field in structs[pending.pop()] if "struct" in field} - found
        found |= inner
        pending += inner
    return found


def field_schema(field: Mapping[str, Any]) -> Schema:
    """Return the schema of a field. Known values are `examples`, no `enum`: the vendor may add some."""
    annotations: Schema = {"description": field_description(field)}
    if "unit" in field:
        annotations["x-unit"] = field["unit"]
    if field.get("deprecated"):
        annotations["deprecated"] = True
    one = {"$ref": f"#/$defs/{field['struct']}"} if "struct" in field else scalar_schema(field)
    if field.get("array"):
        return annotations | {"type": ["array", "null"], "items": one}
    if "struct" in field:
        return annotations | {"anyOf": [one, {"type": "null"}]}
    return annotations | one | {"type": [one["type"], "null"]}


def scalar_schema(field: Mapping[str, Any]) -> Schema:
    """Return the schema of a value that is no object."""
    bounds = INTEGER if field["type"] == "integer" else {}
    enum_values = {"examples": field["enum"]} if "enum" in field else {}
    return {"type": field["type"], **bounds, **enum_values}


def field_description(field: Mapping[str, Any]) -> str:
    """Return the description of a field: meaning, unit, known values, limits."""
    parts = [field["meaning"]]
    if "unit" in field and field["unit"].rstrip("s") not in field["meaning"]:
        parts.append(f"in {field['unit']}")
    if "enum" in field:
        parts.append(f"values seen: {' '.join(map(str, field['enum']))}; others may follow")
    if "max_items_shown" in field:
        parts.append(f"at most {field['max_items_shown']} shown")
    return "; ".join(parts)


def files() -> Iterator[tuple[Path, str]]:
    """Yield (path, text) for every file."""
    for name, schema in schemas():
        file = f"{name}.v1.schema.json"
        yield PUBLISHED / file, json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return the exit code."""
    wanted = dict(files())
    existing = set(PUBLISHED.glob("*.schema.json"))
    if "--check" not in arguments:
        PUBLISHED.mkdir(exist_ok=True)
        for path in existing - wanted.keys():
            path.unlink()
        for path, text in wanted.items():
            path.write_text(text, encoding="utf-8")
        return 0
    wrong = existing - wanted.keys() | {
        path
        for path, text in wanted.items()
        if path not in existing or path.read_text(encoding="utf-8") != text
    }
    for path in sorted(wrong):
        sys.stderr.write(f"{path.relative_to(ROOT)} is not what schemas/gen_json_schemas.py writes: run it\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
