"""Runs cases and prints their results: ``python -m tests.bench [--quick] [CASE ... | peers | report]``.

``peers`` runs the four cases beside other programs and prints their table as Markdown at the end.

Ends with 1 where an event that was answered 2xx is not in Kafka, with 2 where this machine cannot measure.
Speed never makes it fail: figures of a machine that does other work prove nothing.
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

from tests.bench.cases import CASES, GROUPS, QUICK
from tests.bench.frozen import refuse_changed
from tests.bench.ledger import Account, rows
from tests.bench.load import wrk_command
from tests.bench.machine import machine
from tests.bench.report import peers_table, report
from tests.bench.results import FOLDER, Results, newest, write
from tests.bench.stage import Stage, open_stage
from tests.bench.table import Cell, Table, verdict
from tests.rig.parts import ROOT, MissingPartError

# A load average above which a measurement is reported as disturbed.
BUSY = 0.5
WIDTH = 130
REPORT = "report"


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short windows: a first look, no proof")
    parser.add_argument(
        "cases",
        nargs="*",
        metavar="CASE",
        help=f"of {', '.join((*CASES, *GROUPS))}; default: all; {REPORT}: print all results",
    )
    options = parser.parse_args()
    if options.cases == [REPORT]:
        return _report()
    given = options.cases or (QUICK if options.quick else list(CASES))
    names = list(dict.fromkeys(one for name in given for one in GROUPS.get(name, (name,))))
    unknown = [name for name in names if name not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    try:
        refuse_changed()
        wrk_command()
        found = asyncio.run(_run(names, quick=options.quick))
    except MissingPartError as missing:
        sys.stderr.write(f"cannot measure: {missing}\n")
        return 2
    if peers := list(peers_table(found)):
        sys.stdout.write("\n".join(["", *peers, ""]))
    return int(any(table.results.get("lost") for table in found.values()))


def _report() -> int:
    found = newest()
    if found is None:
        sys.stderr.write("nothing was measured yet: make bench\n")
        return 2
    sys.stdout.write(report(found, {name: order for order, name in enumerate(CASES)}))
    return 0


async def _run(names: list[str], *, quick: bool) -> dict[str, Table]:
    console = Console()
    console.width = max(console.width, WIDTH)
    found: dict[str, Table] = {}
    file = FOLDER / time.strftime("%Y%m%dT%H%M%S.json")
    busy = os.getloadavg()[0]
    if busy > BUSY:
        console.print(f"[yellow]this machine is busy (load {busy:.1f}): absolute figures will be too high")
    async with open_stage(quick=quick) as stage:
        described = machine(stage)
        for name in names:
            console.print(f"[dim]{name}: {(CASES[name].__doc__ or '').strip()} ...")
            began = time.monotonic()
            found[name] = await _measure(stage, name)
            _draw(console, found[name])
            console.print(f"[dim]{time.monotonic() - began:.0f} s")
            write(
                Results(machine=described, quick=quick, cases=found), file
            )  # a run that is cut keeps what it has
    console.print(f"written to {file.relative_to(ROOT)}")
    return found


async def _measure(stage: Stage, name: str) -> Table:
    """Run a case on a stage that holds nothing of the last one, and compare its answers with Kafka."""
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
