"""The table of retries and time limits in ARCHITECTURE.md shows the numbers that the code has."""

import re
from pathlib import Path

import pytest

from bridge.settings.settings import load
from tests.rig.parts import ROOT

_SECTION = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Retries and time limits")[2]
ROWS = [line for line in _SECTION.partition("\n## ")[0].splitlines() if re.search(r"\|.*\d.*\|", line)]
_SETTING = re.compile(r"(http|kafka|dedup)\.\w+")


def numbers_of(row: str) -> set[float]:
    """Return the numbers that a row shows outside of names."""
    return {float(number) for number in re.findall(r"\d+(?:\.\d+)?", re.sub(r"`[^`]*`", "", row))}


def defaults_of(row: str) -> dict[str, set[float]]:
    """Return the names of a row with their values, in seconds: of a setting its default, else the code's."""
    names = re.findall(r"`([^`]+)`", row.split("|")[4])
    files = [ROOT / "bridge" / name.partition(":")[0] for name in names if ".py" in name]
    everywhere = sorted((ROOT / "bridge").rglob("*.py"))
    found = {}
    for name in (name for name in names if ".py" not in name):
        if _SETTING.fullmatch(name):
            section, field = name.split(".")
            values = {float(getattr(getattr(load(None, {}), section), field))}
        else:
            field = name.rpartition(".")[2]
            values = values_in(files, field) or values_in(everywhere, field)
        found[name] = {value / 1000 for value in values} if field.endswith("_ms") else values
    return found


def values_in(files: list[Path], name: str) -> set[float]:
    """Return the numbers that a field or a constant, or an argument, of this name is given."""
    pattern = rf'^\s*"?{re.escape(name)}"?(?:: [\w .|]+?)?\s?[=:]\s?(\d[\d_.]*)\b'
    assigned = re.compile(pattern, re.MULTILINE)
    return {
        float(number.replace("_", ""))
        for file in files
        for number in assigned.findall(file.read_text(encoding="utf-8"))
    }


@pytest.mark.parametrize("row", ROWS, ids=[row.split("|")[1].strip() for row in ROWS])
def test_a_row_of_retries_shows_the_numbers_of_the_code(row: str) -> None:
    for name, values in defaults_of(row).items():
        assert values, f"{name} has no number in the code: name what has it"
        assert values <= numbers_of(row), f"{name} is {values}: change the row, and the pages that name it"


def test_the_table_has_rows() -> None:
    assert len(ROWS) > 20
