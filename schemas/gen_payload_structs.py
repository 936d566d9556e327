# ruff: noqa: INP001 - a tool beside its data, no package
"""Generates `bridge/core/payloads.py` from the vendor's catalogue in `schemas/vendor/structs.json`.

    python schemas/gen_payload_structs.py            write it
    python schemas/gen_payload_structs.py --check    fail if it is out of date

It imports nothing of the bridge, so that a struct can be added before the row of `bridge/core/catalogue.py`
that refers to it.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STRUCTS_FILE = ROOT / "schemas" / "vendor" / "structs.json"
PAYLOADS = ROOT / "bridge" / "core" / "payloads.py"

Field = dict[str, Any]

MODULE_HEADER = '''"""The vendor's payload structs. Generated: edit `schemas/gen_payload_structs.py` instead.

From {package} (API {api_version}): {structs} structs, {fields} fields. Every field may be absent or null,
unknown keys are allowed, names are the vendor's own. `bridge.core.decode.schema` derives strict structs.
"""

from __future__ import annotations

from msgspec import Struct


class Payload(Struct, kw_only=True, omit_defaults=True):
    """The base class of the vendor's structs: absent and null mean the same."""
'''

TYPES = {"string": "str", "integer": "int", "number": "int | float", "boolean": "bool"}


def annotation(field: Field) -> str:
    """Return the annotation of a field; every field may be absent."""
    one = field["struct"] if field["type"] == "object" else TYPES[field["type"]]
    return f"list[{one}] | None" if field.get("array") else f"{one} | None"


def field_comment(field: Field) -> str:
    """Return the comment of a field: meaning, unit, known values, limits."""
    parts = [field["meaning"]]
    if "unit" in field and field["unit"].rstrip("s") not in field["meaning"]:
        parts.append(f"in {field['unit']}")
    if "enum" in field and not all(str(word) in field["meaning"] for word in field["enum"]):
        parts.append("one of " + " ".join(map(str, field["enum"])))
    if "max_items_shown" in field:
        parts.append(f"at most {field['max_items_shown']} shown")
    if field.get("deprecated"):
        parts.append("deprecated")
    return "; ".join(parts)


def render_struct(name: str, fields: list[Field], parents: list[str]) -> str:
    """Return the text of one class. Fields are sorted, so that encoding gives canonical key order."""
    doc = f"Part of {', '.join(parents)}." if parents else "The payload of an event."
    lines = [f"class {name}(Payload):", f'    """{doc}"""', ""]
    lines += [
        f"    {field['name']}: {annotation(field)} = None  # {field_comment(field)}"
        for field in sorted(fields, key=lambda field: str(field["name"]))
    ]
    return "\n".join(lines) + "\n"


def render_module(catalogue: dict[str, Any]) -> str:
    """Return the text of `payloads.py`."""
    structs: dict[str, list[Field]] = catalogue["structs"]
    parents: dict[str, list[str]] = {name: [] for name in structs}
    for name, fields in sorted(structs.items()):
        for field in fields:
            if "struct" in field and name not in parents[field["struct"]]:
                parents[field["struct"]].append(name)
    head = MODULE_HEADER.format(
        package=catalogue["source"]["package"],
        api_version=catalogue["source"]["api_version"],
        structs=len(structs),
        fields=sum(map(len, structs.values())),
    )
    return "\n\n".join(
        [head, *(render_struct(name, structs[name], parents[name]) for name in sorted(structs))]
    )


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return the exit code."""
    text = render_module(json.loads(STRUCTS_FILE.read_text(encoding="utf-8")))
    if "--check" in arguments:
        if PAYLOADS.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write(
            f"{PAYLOADS.relative_to(ROOT)} is not what schemas/gen_payload_structs.py writes: run it\n"
        )
        return 1
    PAYLOADS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
