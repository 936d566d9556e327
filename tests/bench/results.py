"""The results of runs on disk: one file a run, grown case by case, and the newest figures of all of them."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.bench.chart import draw
from tests.bench.table import Table
from tests.rig.parts import ROOT

FOLDER = ROOT / ".cache" / "bench"


class Results(Struct, frozen=True, kw_only=True):
    """One run: on what, how thorough, what each case found."""

    machine: dict[str, str]
    quick: bool
    cases: dict[str, Table]


def write(results: Results, file: Path) -> None:
    """Write a run to its file, and its chart beside it where there is anything to draw."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(msgspec.to_builtins(results), indent=1) + "\n", encoding="utf-8")
    bars = to_draw(results.cases)
    if bars:
        title = f"CPU time of an event, one core ({results.machine['machine']})"
        file.with_suffix(".svg").write_text(draw(bars, title), encoding="utf-8")


def to_draw(cases: Mapping[str, Table]) -> dict[str, dict[str, list[float]]]:
    """Give the chart's groups of bars: case, and load where there are several."""
    return {
        f"{name}, {label}" if label else name: programs
        for name, table in cases.items()
        for label, programs in table.cpu.items()
    }


def newest(folder: Path = FOLDER) -> Results | None:
    """Put together the newest figures of each case; a thorough run's stand above any quick one's.

    The machine is the newest run's. None where nothing was written yet.
    """
    runs = []
    for file in sorted(folder.glob("*.json")):
        try:
            runs.append(msgspec.json.decode(file.read_bytes(), type=Results))
        except msgspec.DecodeError:
            continue  # another release's, or cut off
    runs.sort(key=lambda run: not run.quick)  # later ones overwrite
    if not runs:
        return None
    cases: dict[str, Table] = {}
    for run in runs:
        cases |= run.cases
    return Results(machine=runs[-1].machine, quick=runs[-1].quick, cases=cases)
