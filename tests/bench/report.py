"""The README's tables, in Markdown: what an event costs, how that stands to the bars, what was worse."""

from collections.abc import Iterator, Mapping

from tests.bench.results import Results, to_draw
from tests.bench.table import Cell, Table, is_good, verdict

COLUMNS = ("CPU us/event", "Redis us", "events/s", "p50 ms", "p99 ms", "p99.9 ms", "RSS MB")
# What is told by the ledger, where it is none.
_COUNTED = ("lost", "twice", "not_2xx")


def report(results: Results, names: Mapping[str, int]) -> str:
    """Write it; ``names`` are the cases in their order."""
    cases = {
        name: results.cases[name] for name in sorted(results.cases, key=lambda name: names.get(name, 99))
    }
    parts = [
        *(["Quick runs: they show the way, they prove nothing.", ""] if results.quick else []),
        _verdict_text(results.machine),
        "",
        *_costs(cases),
        "",
        *_judged(cases),
        "",
        *_ledger(cases),
        "",
        *_worse(cases),
    ]
    return "\n".join(parts) + "\n"


def _verdict_text(machine: Mapping[str, str]) -> str:
    words = [machine["machine"], machine["system"], f"load {machine['load']} at the start"]
    words += [
        f"{name} {found}" for name, found in machine.items() if name not in {"machine", "system", "load"}
    ]
    return f"`make bench`; {'; '.join(words)}. CPU time as median (least-most) of the rounds."


def _costs(cases: Mapping[str, Table]) -> Iterator[str]:
    yield from _head("case", "program", *COLUMNS)
    for name, table in cases.items():
        for row in table.rows:
            if "program" in row and "CPU us/event" in row:
                label = f"{name}, {row['load']}" if "load" in row else name
                yield _line(label, row["program"], f"{row[COLUMNS[0]]} ({row['least-most']})", *_rest(row))


def _rest(row: Mapping[str, Cell]) -> list[Cell]:
    return [f"{cell:,}" if isinstance(cell, int) else cell for cell in (row[name] for name in COLUMNS[1:])]


def _judged(cases: Mapping[str, Table]) -> Iterator[str]:
    yield from _head("what", "found", "bar")
    for name, table in cases.items():
        for result, number in table.results.items():
            if verdict(table, result) and not (result.endswith(_COUNTED) and number == 0):
                yield _line(f"{name}: {_words(result)}", f"{number:g}", verdict(table, result))


def _ledger(cases: Mapping[str, Table]) -> Iterator[str]:
    rows = [
        (name, row) for name, table in cases.items() for row in table.ledger if row["program"] == "bridge"
    ]
    if rows:
        yield from _head("case", *list(rows[0][1])[1:])
        for name, row in rows:
            cells = [f"{cell:,}" if isinstance(cell, int) else cell for cell in row.values()]
            yield _line(name, *cells[1:])


def _worse(cases: Mapping[str, Table]) -> Iterator[str]:
    yield "What was worse:"
    yield ""
    missed = [
        f"* {name}: {_words(result)} is {table.results[result]:g}, {verdict(table, result)}"
        for name, table in cases.items()
        for result in table.results
        if is_good(table, result) is False
    ]
    behind = [
        f"* {label}: {programs['bridge'][0]:.0f} us an event, naive {programs['naive'][0]:.0f}"
        for label, programs in to_draw(cases).items()
        if "naive" in programs and programs["bridge"][0] > programs["naive"][0]
    ]
    yield from (missed + behind) or ["* nothing: every bar is kept, and naive is behind everywhere"]


def _words(result: str) -> str:
    return result.replace("_", " ")


def _head(*names: str) -> Iterator[str]:
    yield _line(*names)
    yield _line(*("---" for _ in names))


def _line(*cells: Cell) -> str:
    return f"| {' | '.join(map(str, cells))} |"
