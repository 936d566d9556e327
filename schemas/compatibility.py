# ruff: noqa: INP001 - a tool beside its data, no package
"""Checks that the schemas break no reader of the last release: within a version, only additions are allowed.

    python schemas/compatibility.py            compare with `schemas/released`, and list every breaking change
    python schemas/compatibility.py --check    the same
    python schemas/compatibility.py --release  save the current schemas as released, if nothing breaks

Compatible in both directions: a new reader reads old records, which stay in Kafka for their retention time,
and an old reader reads new ones. So every assertion of a released schema stays exactly as it is. Titles,
descriptions, examples and deprecation marks may change; optional keys may be added.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PUBLISHED = ROOT / "bridge" / "schemas"
RELEASED = ROOT / "schemas" / "released"
PATTERN = "*.v1.schema.json"

Schema = Any

# How keywords are compared; all others must be equal.
FREE = frozenset({"$schema", "$defs", "$comment", "title", "description", "examples", "deprecated"})
WALKED = frozenset(
    {"properties", "required", "type", "enum", "$ref", "items", "additionalProperties", "anyOf", "allOf"}
)
NESTING = frozenset({"if", "then", "else", "not", "propertyNames", "contains"})


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Return what in ``new`` would break a reader of ``old``: one line a change, with its path."""
    return list(dict.fromkeys(_Comparison(old, new).compare(old, new, "")))


class _Comparison:
    """Compares two schemas, and the definitions that they refer to."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._roots = (old, new)
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Schema, new: Schema, path: str, *, strict: bool = False) -> Iterator[str]:
        """Yield breaking changes. ``strict``: in a condition or a choice, where a new key is an assertion."""
        if old == new and not _has_reference(old):
            return
        if not isinstance(old, dict) or not isinstance(new, dict):
            yield f"{path or 'the schema'}: was {_abbreviate(old)}, is {_abbreviate(new)}"
            return
        yield from self._references(old, new, path)
        yield from _type_changes(old, new, path)
        yield from _enum_changes(old, new, path)
        yield from _required_changes(old, new, path)
        yield from self._members(old, new, path, strict=strict)
        yield from self._choices(old, new, path, strict=strict)
        for keyword in sorted((old.keys() | new.keys()) - FREE - WALKED):
            yield from self._other(keyword, old, new, path)

    def _references(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        one, other = old.get("$ref"), new.get("$ref")
        if one is None and other is None:
            return
        if one is None or other is None:
            yield f"{path}: was {_abbreviate(old)}, is {_abbreviate(new)}"
            return
        if (one, other) in self._seen:
            return
        self._seen.add((one, other))
        yield from self.compare(_lookup(self._roots[0], one), _lookup(self._roots[1], other), path)

    def _members(self, old: Schema, new: Schema, path: str, *, strict: bool) -> Iterator[str]:
        if old.get("additionalProperties", True) != new.get("additionalProperties", True):
            yield f"{path or 'the event'}: closed, further keys were allowed"
        before, after = old.get("properties", {}), new.get("properties", {})
        for name, member in before.items():
            where = f"{path}.{name}".removeprefix(".")
            if name not in after:
                yield f"{where}: removed"
            else:
                yield from self.compare(member, after[name], where, strict=strict)
        for name in after.keys() - before.keys():
            if strict or after[name] is False:
                yield f"{path}.{name}: asserted now".removeprefix(".")

    def _choices(self, old: Schema, new: Schema, path: str, *, strict: bool) -> Iterator[str]:
        if "items" in old or "items" in new:
            items = old.get("items", True), new.get("items", True)
            yield from self.compare(*items, f"{path}[]", strict=strict)
        for keyword in ("anyOf", "allOf"):
            before, after = old.get(keyword, []), new.get(keyword, [])
            if len(before) != len(after):
                yield f"{path}: type changed, {_abbreviate(before)} to {_abbreviate(after)}"
                continue
            for one, other in zip(before, after, strict=True):
                yield from self.compare(one, other, path, strict=True)

    def _other(self, keyword: str, old: Schema, new: Schema, path: str) -> Iterator[str]:
        if keyword in NESTING and keyword in old and keyword in new:
            yield from self.compare(old[keyword], new[keyword], path, strict=True)
        elif keyword not in old and keyword.startswith("x-"):
            return  # an annotation was added
        elif keyword not in old:
            yield f"{path}: {keyword} {_abbreviate(new[keyword])} added"
        elif keyword not in new:
            yield f"{path}: {keyword} {_abbreviate(old[keyword])} removed"
        elif old[keyword] != new[keyword]:
            yield f"{path}: {keyword} changed, {_abbreviate(old[keyword])} to {_abbreviate(new[keyword])}"


def _type_changes(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = _kinds(old), _kinds(new)
    if before == after:
        return
    how = "changed"
    if before and after:
        how = "narrowed" if after < before else "widened" if before < after else how
    yield f"{path}: type {how}, {_format_kinds(before)} to {_format_kinds(after)}"


def _kinds(schema: Schema) -> frozenset[str]:
    kinds = schema.get("type", [])
    return frozenset([kinds] if isinstance(kinds, str) else kinds)


def _enum_changes(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = old.get("enum"), new.get("enum")
    if before == after:
        return
    if before is None:
        yield f"{path}: enumeration closed to {_abbreviate(after)}"
    elif after is None:
        yield f"{path}: enumeration opened, it was {_abbreviate(before)}"
    else:
        for enum_value in before:
            if enum_value not in after:
                yield f"{path}: value {_abbreviate(enum_value)} removed"
        for enum_value in after:
            if enum_value not in before:
                yield f"{path}: value {_abbreviate(enum_value)} added to a closed enumeration"


def _required_changes(old: Schema, new: Schema, path: str) -> Iterator[str]:
    before, after = set(old.get("required", [])), set(new.get("required", []))
    for name in sorted(after - before):
        yield f"{path}.{name}: required now".removeprefix(".")
    for name in sorted(before - after):
        yield f"{path}.{name}: no longer required".removeprefix(".")


def _has_reference(schema: Schema) -> bool:
    if isinstance(schema, dict):
        return "$ref" in schema or any(map(_has_reference, schema.values()))
    return isinstance(schema, list) and any(map(_has_reference, schema))


def _lookup(root: Schema, reference: str) -> Schema:
    found = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def _format_kinds(kinds: frozenset[str]) -> str:
    return " or ".join(sorted(kinds)) or "any"


def _abbreviate(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return json.dumps(value, ensure_ascii=False)


def breaking_changes_in(released: Path, today: Path) -> list[str]:
    """Return what breaks between two folders of schemas, as ``<schema>: <path>: <change>``."""
    found: list[str] = []
    for path in sorted(released.glob(PATTERN)):
        name, now = path.name.removesuffix(".schema.json"), today / path.name
        if now.exists():
            found += [f"{name}: {change}" for change in breaking_changes(_read(path), _read(now))]
        else:
            found.append(f"{name}: removed")
    return found


def _read(path: Path) -> Schema:
    return json.loads(path.read_text(encoding="utf-8"))


def save_release(today: Path, released: Path) -> None:
    """Save the schemas of folder ``today`` as the released ones."""
    released.mkdir(exist_ok=True)
    for path in sorted(today.glob(PATTERN)):
        text = json.dumps(_read(path), separators=(",", ":"), ensure_ascii=False)
        (released / path.name).write_text(text + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Compare; with `--release` save the current schemas if nothing breaks. Return the exit code."""
    found = breaking_changes_in(RELEASED, PUBLISHED)
    for line in found:
        sys.stderr.write(f"breaks a reader of the last release: {line}\n")
    if "--release" in arguments and not found:
        save_release(PUBLISHED, RELEASED)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
