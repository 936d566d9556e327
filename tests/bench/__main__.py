"""Runs cases and prints what they found: ``python -m tests.bench [--quick] [CASE ...]``."""

import argparse
import asyncio
import json
import os
import platform
import sys
import time

from msgspec import to_builtins
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Drawing

from tests.bench.cases import CASES, QUICK
from tests.bench.load import wrk_command
from tests.bench.stage import open_stage
from tests.bench.table import Table
from tests.rig.parts import ROOT, Missing

# A load average above which a measurement is said to be disturbed.
BUSY = 0.5
WIDTH = 110


def main() -> int:
    """Run what was asked for; 2 where this machine cannot."""
    words = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    words.add_argument("--quick", action="store_true", help="under a minute: shows the way, proves nothing")
    words.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; default: all")
    asked = words.parse_args()
    names = asked.cases or (QUICK if asked.quick else list(CASES))
    unknown = [name for name in names if name not in CASES]
    if unknown:
        words.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    try:
        wrk_command()
        found = asyncio.run(_run(list(names), quick=asked.quick))
    except Missing as missing:
        sys.stderr.write(f"cannot measure: {missing}\n")
        return 2
    _write(found)
    return 0


async def _run(names: list[str], *, quick: bool) -> dict[str, Table]:
    console = Console()
    console.width = max(console.width, WIDTH)
    found: dict[str, Table] = {}
    busy = os.getloadavg()[0]
    if busy > BUSY:
        console.print(f"[yellow]this machine is busy (load {busy:.1f}): expect numbers above the truth")
    async with open_stage(quick=quick) as stage:
        for name in names:
            console.print(f"[dim]{name}: {(CASES[name].__doc__ or '').strip()} ...")
            found[name] = await CASES[name](stage)
            _draw(console, found[name])
    return found


def _draw(console: Console, table: Table) -> None:
    console.print(f"\n[bold]{table.title}")
    drawing = Drawing(box=SIMPLE)
    for column in table.rows[0]:
        drawing.add_column(column, justify="right", no_wrap=True)
    for row in table.rows:
        drawing.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row.values()))
    console.print(drawing)
    for name, number in table.results.items():
        bar = table.bars.get(name)
        verdict = "" if bar is None else f" (bar {bar:g}: {'good' if number <= bar else 'OVER'})"
        console.print(f"{name} = {number:g}{verdict}")


def _write(found: dict[str, Table]) -> None:
    folder = ROOT / ".cache" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / time.strftime("%Y%m%dT%H%M%S.json")
    machine = {"python": platform.python_version(), "system": platform.platform(), "cores": os.cpu_count()}
    file.write_text(json.dumps({"machine": machine, "cases": to_builtins(found)}, indent=1) + "\n")
    sys.stdout.write(f"written to {file.relative_to(ROOT)}\n")


if __name__ == "__main__":
    sys.exit(main())
