"""A hook of mkdocs: the catalogue of events, from `bridge/schemas/asyncapi.yaml` and the schemas it names.

A page of all topics, headers and common fields, and a page for each event type: its payload's structures with
the meaning of each field, and an example. All of it is plain Markdown, so the site loads nothing for it.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

SCHEMAS = Path(__file__).resolve().parents[1] / "bridge" / "schemas"
FOLDER = "catalogue"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CODE = re.compile(r"(`[^`]*`)")
_MARKUP = re.compile(r"([\\*_\[\]|])")

Node = dict[str, Any]


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the pages of the catalogue."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the pages can be drawn, and tested, without mkdocs

    for name, text in pages().items():
        files.append(File.generated(config, f"{FOLDER}/{name}.md", content=text))
    return files


def pages() -> dict[str, str]:
    """Return the Markdown of each page by its name."""
    # The file is our own, and both loaders are safe.
    document: Node = yaml.load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"), _LOADER)  # noqa: S506
    channels, messages = document["channels"], document["components"]["messages"]
    key = document["components"]["messageTraits"]["cloud-event"]["bindings"]["kafka"]["key"]["description"]
    found = {"README": _overview(document["info"], key, channels, messages)}
    for name, channel in channels.items():
        found[name] = "\n".join(_page(name, channel, messages[name])) + "\n"
    return found


def _overview(info: Node, key: str, channels: Node, messages: Node) -> str:
    rows = [
        f"| [{name}]({name}.md) | `{channel['address']}` | {_text(messages[name]['summary'])} |"
        for name, channel in channels.items()
    ]
    headers, event = _schema("headers.v1.schema.json"), _schema("event.v1.schema.json")
    return "\n".join(
        [
            "# Event catalogue",
            "",
            f"Drawn from `asyncapi.yaml`, version {info['version']}.",
            "Topics have the names of the default settings; `vod-bridge schemas` shows yours.",
            "",
            "## Types and topics",
            "",
            "| type | topic | what happened |",
            "| --- | --- | --- |",
            *rows,
            "",
            "## Key of every event",
            "",
            _text(key),
            "",
            "## Headers of every event",
            "",
            *_table(headers, "header"),
            "",
            "## Fields of every event",
            "",
            "The value of a record is a JSON object. A field that has no value is absent.",
            "",
            *_table(event, "field"),
            "",
        ]
    )


def _page(name: str, channel: Node, message: Node) -> Iterator[str]:
    binding = channel["bindings"]["kafka"]
    yield from (f"# {name}", "", _text(message["summary"]), "")
    yield f"**Topic:** `{channel['address']}` ({binding['partitions']} partitions unless set otherwise)."
    yield from ("[All types, the headers and the common fields](README.md).", "")
    reference = message["payload"].get("$ref", "")
    if reference:
        schema = _schema(reference)
        structures = schema.get("$defs", {})
        payload = schema["properties"]["payload"]
        root = _type(payload["anyOf"][0]) if "anyOf" in payload else "an object of the vendor's"
        yield f"## Payload\n\n`payload` is {root}. Each of its fields may be absent or null.\n"
        if structures:
            yield "Where `conformance` is `nonconforming`, it is whatever was delivered.\n"
        for title, structure in sorted(structures.items(), key=lambda one: f"`{one[0]}`" not in root):
            yield from (f"### {title}", "", *_table(structure, "field"), "")
    else:
        described = message["payload"].get("description", "The bytes, as they were received.")
        yield from ("## Value", "", _text(described), "")
        yield from ("## Headers", "", *_table(_schema(message["headers"]["$ref"]), "header"), "")
    for example in message["examples"][:1]:
        value = example["payload"]
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
        yield from ("## Example", "", "Headers:", "", "```json")
        yield from (json.dumps(example["headers"], ensure_ascii=False, indent=2), "```", "")
        yield from ("Value:", "", "```json", shown, "```", "")


def _schema(file: str) -> Node:
    found: Node = json.loads((SCHEMAS / file).read_text(encoding="utf-8"))
    return found


def _table(schema: Node, first: str) -> list[str]:
    """Return the table of an object's fields: name, type, meaning."""
    properties = schema.get("properties", {})
    if not properties:
        return ["It has no fields that the vendor documents."]
    required = frozenset(schema.get("required", ()))
    rows = [
        f"| `{name}`{' (required)' if name in required else ''} | {_type(field)} | {_meaning(field)} |"
        for name, field in properties.items()
    ]
    return [f"| {first} | type | meaning |", "| --- | --- | --- |", *rows]


def _type(field: Node) -> str:
    """Return the type of a field in words; one of our structures is a link to its table."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{name.lower()})"
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        kinds = [_type(one) for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    types = field.get("type", "any value")
    names = [types] if isinstance(types, str) else [one for one in types if one != "null"]
    return " or ".join(f"list of {_type(field.get('items', {}))}" if one == "array" else one for one in names)


def _meaning(field: Node) -> str:
    note = "deprecated by the vendor" if field.get("deprecated") else ""
    return "; ".join(one for one in (_text(field.get("description", "")), note) if one)


def _text(text: str) -> str:
    """Return a description as Markdown on one line; its code stays code."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(
        part if part.startswith("`") else _MARKUP.sub(r"\\\1", part).replace("<", "&lt;") for part in parts
    )
