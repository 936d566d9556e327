# ruff: noqa: INP001 - a tool beside its data, no package
"""Draw `bridge/core/payloads.py` from the vendor's catalogue in `schemas/vendor/structs.json`.

    python schemas/generate.py            write it
    python schemas/generate.py --check    fail if what stands there is not what this writes

Only data goes in and only text comes out; nothing of the bridge is imported, so that a struct can be added
before the row of `bridge/core/catalogue.py` that names it.
"""

import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "schemas" / "vendor" / "structs.json"
PAYLOADS = ROOT / "bridge" / "core" / "payloads.py"

Field = dict[str, Any]

HEAD = '''"""The vendor's payload structs, for typed reading. Drawn by `schemas/generate.py`, never edited.

From {package} (API {api_version}): {structs} structs, {fields} fields. Every field may be absent or null,
unknown keys are allowed, names are the vendor's own. `bridge.core.conformance` derives the strict reading.
"""

from __future__ import annotations

from msgspec import Struct


class Payload(Struct, kw_only=True, omit_defaults=True):
    """What every struct of the vendor has in common: absent and null mean the same."""
'''

TYPES = {"string": "str", "integer": "int", "number": "int | float", "boolean": "bool"}


def annotation(field: Field) -> str:
    """Spell the Python type of a field; every one may be absent."""
    one = field["struct"] if field["type"] == "object" else TYPES[field["type"]]
    return f"list[{one}] | None" if field.get("array") else f"{one} | None"


def remark(field: Field) -> str:
    """Say what a reader of the field wants to know, in one line."""
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


def struct(name: str, fields: list[Field], parents: list[str]) -> str:
    """Draw one class. Fields are sorted, so that encoding one gives the canonical order of keys."""
    doc = f"Part of {', '.join(parents)}." if parents else "The payload of an event."
    lines = [f"class {name}(Payload):", f'    """{doc}"""', ""]
    lines += [
        f"    {field['name']}: {annotation(field)} = None  # {remark(field)}"
        for field in sorted(fields, key=lambda field: str(field["name"]))
    ]
    return "\n".join(lines) + "\n"


def payloads(catalogue: dict[str, Any]) -> str:
    """Draw the text of `payloads.py`."""
    structs: dict[str, list[Field]] = catalogue["structs"]
    parents: dict[str, list[str]] = {name: [] for name in structs}
    for name, fields in sorted(structs.items()):
        for field in fields:
            if "struct" in field and name not in parents[field["struct"]]:
                parents[field["struct"]].append(name)
    head = HEAD.format(
        package=catalogue["source"]["package"],
        api_version=catalogue["source"]["api_version"],
        structs=len(structs),
        fields=sum(map(len, structs.values())),
    )
    return "\n\n".join([head, *(struct(name, structs[name], parents[name]) for name in sorted(structs))])


def main(arguments: list[str]) -> int:
    """Write, or with `--check` compare; give the exit code."""
    text = payloads(json.loads(VENDOR.read_text(encoding="utf-8")))
    if "--check" in arguments:
        if PAYLOADS.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write(f"{PAYLOADS.relative_to(ROOT)} is not what schemas/generate.py writes: run it\n")
        return 1
    PAYLOADS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
