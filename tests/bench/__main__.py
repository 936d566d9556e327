"""Runs cases and prints what they found: ``python -m tests.bench [--quick] [CASE ...]``, or ``report``.

Ends with 1 where an event that was answered 2xx is not in Kafka, with 2 where this machine cannot measure.
Speed makes it fail never: its numbers bind nobody on a machine that does other work.
"""

import argparse
import asyncio
import os
import sys
import time

from msgspec.structs import replace
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table as Drawing

from tests.bench.cases import CASES, QUICK
from tests.bench.frozen import refuse_changed
from tests.bench.ledger import Account, rows
from tests.bench.load import wrk_command
from tests.bench.machine import machine
from tests.bench.report import report
from tests.bench.results import FOLDER, Results, newest, write
from tests.bench.stage import Stage, open_stage
from tests.bench.table import Cell, Table, verdict
from tests.rig.parts import ROOT, MissingPartError

# A load average above which a measurement is said to be disturbed.
BUSY = 0.5
WIDTH = 130
REPORT = "report"


def main() -> int:
    """Run what was asked for."""
    words = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    words.add_argument("--quick", action="store_true", help="little: shows the way, proves nothing")
    words.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}; default: all; {REPORT}"
    )
    asked = words.parse_args()
    if asked.cases == [REPORT]:
        return _report()
    names = asked.cases or (QUICK if asked.quick else list(CASES))
    unknown = [name for name in names if name not in CASES]
    if unknown:
        words.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    try:
        refuse_changed()
        wrk_command()
        found = asyncio.run(_run(list(names), quick=asked.quick))
    except MissingPartError as missing:
        sys.stderr.write(f"cannot measure: {missing}\n")
        return 2
    return int(any(table.results.get("lost") for table in found.values()))


def _report() -> int:
    found = newest()
    if found is None:
        sys.stderr.write("nothing was measured yet: make bench\n")
        return 2
    sys.stdout.write(report(found, {name: place for place, name in enumerate(CASES)}))
    return 0


async def _run(names: list[str], *, quick: bool) -> dict[str, Table]:
    console = Console()
    console.width = max(console.width, WIDTH)
    found: dict[str, Table] = {}
    file = FOLDER / time.strftime("%Y%m%dT%H%M%S.json")
    busy = os.getloadavg()[0]
    if busy > BUSY:
        console.print(f"[yellow]this machine is busy (load {busy:.1f}): expect numbers above the truth")
    async with open_stage(quick=quick) as stage:
        told = machine(stage)
        for name in names:
            console.print(f"[dim]{name}: {(CASES[name].__doc__ or '').strip()} ...")
            began = time.monotonic()
            found[name] = await _measure(stage, name)
            _draw(console, found[name])
            console.print(f"[dim]{time.monotonic() - began:.0f} s")
            write(
                Results(machine=told, quick=quick, cases=found), file
            )  # a run that is cut keeps what it has
    console.print(f"written to {file.relative_to(ROOT)}")
    return found


async def _measure(stage: Stage, name: str) -> Table:
    """Run a case on a stage that holds nothing of the last one, and hold its answers against Kafka."""
    await stage.account()
    table = await CASES[name](stage)
    accounts = await stage.account()
    ours = [account for account in accounts if account.program == "bridge"]
    return replace(
        table,
        ledger=rows(accounts),
        results=table.results | _kept(ours),
        bars=table.bars | {"lost": 0, "twice": 0} if ours else table.bars,
    )


def _kept(accounts: list[Account]) -> dict[str, float]:
    return {name: getattr(account, name) for account in accounts for name in ("lost", "twice")}


def _draw(console: Console, table: Table) -> None:
    console.print(f"\n[bold]{table.title}")
    _draw_rows(console, table.rows)
    if table.ledger:
        _draw_rows(console, table.ledger)
    for name, number in table.results.items():
        judged = verdict(table, name)
        console.print(f"{name} = {number:g}" + (f" ({judged})" if judged else ""))


def _draw_rows(console: Console, found: list[dict[str, Cell]]) -> None:
    drawing = Drawing(box=SIMPLE)
    for column in found[0]:
        drawing.add_column(column, justify="right", no_wrap=True)
    for row in found:
        drawing.add_row(*(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row.values()))
    console.print(drawing)


if __name__ == "__main__":
    sys.exit(main())
