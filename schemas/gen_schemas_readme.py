# ruff: noqa: INP001 - a tool beside its data, no package
"""Generates the parts of `schemas/README.md` that come from other files: topics, example consumers.

python schemas/gen_schemas_readme.py            write them between the markers
python schemas/gen_schemas_readme.py --check    fail if they are out of date
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from bridge.core.catalogue import EVENT_TYPES, EventType
from bridge.core.record import Routing

SCHEMAS = Path(__file__).resolve().parent
PAGE = SCHEMAS / "README.md"
PUBLISHED = "../bridge/schemas"  # from the page
ROUTING = Routing()


def topics_table() -> str:
    """Return the table of topics: key, trigger, links to schema and examples."""
    triggers = json.loads((SCHEMAS / "triggers.json").read_text(encoding="utf-8"))
    rows = [
        (
            f"`{ROUTING.topic.replace('{type}', row.name)}`",
            key_of(row),
            triggers.get(row.name, ""),
            f"[schema]({PUBLISHED}/{row.name}.v1.schema.json)",
            examples_of(row.name),
        )
        for row in EVENT_TYPES
    ]
    rows.append(
        (
            f"`{ROUTING.topic_other}`",
            "`FileId`, `TaskId`, `CastId`",
            "any event of a type that is not above",
            f"[schema]({PUBLISHED}/event.v1.schema.json)",
            "[examples](examples/PorncheckComplete)",
        )
    )
    rows.append(
        (
            f"`{ROUTING.topic_dead_letter}`",
            "none: the application's name",
            "bytes that can never be an event",
            f"[headers]({PUBLISHED}/dead-letter.v1.schema.json)",
            "",
        )
    )
    head = ("topic", "key", "what triggers it", "schema", "examples")
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


def key_of(row: EventType) -> str:
    """Return the fields that the key is taken from: the first that is set wins."""
    paths = [*row.file_id_paths, *(name for name in ("TaskId", "CastId") if row.has_field(name))]
    return ", ".join(f"`{path}`" for path in paths)


def examples_of(name: str) -> str:
    """Return the link to a type's examples."""
    return f"[{len(list((SCHEMAS / 'examples' / name).glob('*.in.json')))}](examples/{name})"


def code_block(language: str, path: str) -> Callable[[], str]:
    """Return a function that renders a file of `schemas/interop` as a code block."""
    return lambda: f"```{language}\n{(SCHEMAS / 'interop' / path).read_text(encoding='utf-8')}```"


SECTIONS: Mapping[str, Callable[[], str]] = {
    "topics": topics_table,
    "java": code_block("java", "java/src/main/java/Consumer.java"),
    "node": code_block("js", "node/consumer.mjs"),
    "go": code_block("go", "go/main.go"),
}


def render(text: str) -> str:
    """Return the page with the parts between markers regenerated."""
    for name, draw in SECTIONS.items():
        section = re.search(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end of {name} -->)", text, re.DOTALL)
        if section is None:
            raise SystemExit(f"schemas/README.md has no markers for {name}")
        text = f"{text[: section.end(1)]}{draw()}\n{text[section.start(2) :]}"
    return text


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare them; return the exit code."""
    text = PAGE.read_text(encoding="utf-8")
    wanted = render(text)
    if "--check" not in arguments:
        PAGE.write_text(wanted, encoding="utf-8")
    elif text != wanted:
        sys.stderr.write("schemas/README.md is not what schemas/gen_schemas_readme.py writes: run it\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
