"""The README's tables, in Markdown: the bridge beside others, costs, bars, what was worse."""

from collections.abc import Iterator, Mapping

from tests.bench.results import Results, to_draw
from tests.bench.table import Cell, Table, is_good, verdict

COLUMNS = ("CPU us/event", "Redis us", "events/s", "p50 ms", "p99 ms", "p99.9 ms", "RSS MB")
PROGRAMS = ("bare", "naive", "go", "bridge")
# The cases beside other programs, by what they post.
PEER_CASES = {
    "kept": "kept connections, ingress-nginx's head, 600 body lengths, null siblings",
    "types": "the same, 37 types x 4 partitions",
    "closing": "a new connection for each event",
    "plain": "kept, plain head, one body length",
}
# Counts that are left out where they are 0: the ledger shows them.
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
        *peers_table(cases),
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


def peers_table(cases: Mapping[str, Table]) -> Iterator[str]:
    """Write a line for each case beside other programs: CPU time, ratios, p99; nothing where none was run."""
    peers = {name: _by_program(table) for name, table in cases.items() if name in PEER_CASES}
    if not peers:
        return
    yield from _head(
        "CPU us an event",
        *("**ours**" if program == "bridge" else program for program in PROGRAMS),
        *("ours / go", "ours / bare", "p99 ms: go", "p99 ms: ours", "ours / go"),
    )
    for name, found in peers.items():
        results = cases[name].results
        yield _line(
            PEER_CASES[name],
            *(found.get(program, {}).get(COLUMNS[0], "-") for program in PROGRAMS),
            *(results.get(ratio, "-") for ratio in ("bridge_to_go", "bridge_to_bare")),
            *(found.get(program, {}).get("p99 ms", "-") for program in ("go", "bridge")),
            results.get("p99_to_go", "-"),
        )


def _by_program(table: Table) -> dict[str, Mapping[str, Cell]]:
    return {str(row["program"]): row for row in table.rows}


def _verdict_text(machine: Mapping[str, str]) -> str:
    parts = [machine["machine"], machine["system"], f"load {machine['load']} at the start"]
    parts += [
        f"{name} {found}" for name, found in machine.items() if name not in {"machine", "system", "load"}
    ]
    return f"`make bench`; {'; '.join(parts)}. CPU time as median (least-most) of the rounds."


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
                yield _line(f"{name}: {_spaced(result)}", f"{number:g}", verdict(table, result))


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
        f"* {name}: {_spaced(result)} is {table.results[result]:g}, {verdict(table, result)}"
        for name, table in cases.items()
        for result in table.results
        if is_good(table, result) is False
    ]
    behind = [
        f"* {label}: {programs['bridge'][0]:.0f} us an event, {peer} {programs[peer][0]:.0f}"
        for label, programs in to_draw(cases).items()
        for peer in ("naive", "go")
        if peer in programs and programs["bridge"][0] > programs[peer][0]
    ]
    yield from (missed + behind) or ["* nothing: every bar is kept, and naive and go are behind everywhere"]


def _spaced(result: str) -> str:
    return result.replace("_", " ")


def _head(*names: str) -> tuple[str, str]:
    return _line(*names), _line(*("---" for _ in names))


def _line(*cells: Cell) -> str:
    return f"| {' | '.join(map(str, cells))} |"
