# ruff: noqa: INP001 - a tool beside its data, no package
"""Draw the tables of README.md that other places know: settings, metrics, topics.

python schemas/gen_readme.py            write them between their markers
python schemas/gen_readme.py --check    fail if one is not what this writes
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from bridge.core.catalogue import EVENT_TYPES
from bridge.observability.metrics import METRICS
from bridge.settings.settings import describe

README = Path(__file__).resolve().parents[1] / "README.md"


def settings_table() -> str:
    """One row a setting."""
    rows = [
        (f"`{name}`", f"`{default}`" if default else "", meaning) for name, default, meaning in describe()
    ]
    return _table(("variable", "default", "meaning"), rows)


def metrics_table() -> str:
    """One row a metric, with its labels."""
    rows = [
        (f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.meaning)
        for metric in METRICS
    ]
    return _table(("metric", "kind", "labels", "meaning"), sorted(rows))


def type_list() -> str:
    """Every type of the catalogue, in its order."""
    return ", ".join(f"`{row.name}`" for row in EVENT_TYPES)


SECTIONS = {"settings": settings_table, "metrics": metrics_table, "types": type_list}


def render(text: str) -> str:
    """Give the page with what stands between its markers drawn anew."""
    for name, draw in SECTIONS.items():
        pattern = re.compile(rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        section = pattern.search(text)
        if section is None:
            raise SystemExit(f"README.md has no place for {name}")
        text = f"{text[: section.end(1)]}{draw()}\n{text[section.start(2) :]}"
    return text


def main(arguments: Sequence[str]) -> int:
    """Write, or with `--check` compare; give the exit code."""
    text = README.read_text(encoding="utf-8")
    wanted = render(text)
    if "--check" not in arguments:
        README.write_text(wanted, encoding="utf-8")
    elif text != wanted:
        sys.stderr.write("README.md is not what schemas/gen_readme.py writes: run it\n")
        return 1
    return 0


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
