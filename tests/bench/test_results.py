"""What the bench makes of its figures: bars, chart, files, tables. No timing."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from tests.bench.cases import CASES, GROUPS
from tests.bench.chart import draw
from tests.bench.comparison import ratios
from tests.bench.examples import example_cost
from tests.bench.figures import Cost, row
from tests.bench.report import PEER_CASES, peers_table, report
from tests.bench.results import Results, newest, to_draw, write
from tests.bench.table import Table, is_good, verdict


def test_a_bar_is_a_maximum_or_a_minimum() -> None:
    table = Table(
        title="",
        rows=[],
        results={"a": 2.0, "b": 0.5, "c": 1.0},
        bars={"a": 2.0},
        floors={"b": 0.85},
        dreams={"a": 1.5},
    )
    assert [is_good(table, name) for name in "abc"] == [True, False, None]
    assert verdict(table, "a") == "at most 2, dream 1.5: good"
    assert verdict(table, "b") == "at least 0.85: UNDER"
    assert verdict(table, "c") == ""


def test_the_chart_is_svg_with_a_bar_for_each_program_as_long_as_its_number() -> None:
    svg = draw({"cost & more": {"bare": [40.0, 38.0, 45.0], "bridge": [80.0, 78.0, 90.0]}}, "one <core>")
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    bars = [rect for rect in root.iter("{http://www.w3.org/2000/svg}rect") if rect.get("height") == "12"]
    widths = [float(rect.get("width") or 0) for rect in bars if rect.get("x") == "190"]
    assert len(widths) >= 2
    assert widths[-1] == pytest.approx(2 * widths[-2], rel=0.01)
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"one <core>", "cost & more", "40 us", "80 us"} <= set(texts)


def test_a_chart_of_nothing_is_a_chart() -> None:
    assert ET.fromstring(draw({}, "nothing")).tag.endswith("svg")  # noqa: S314 - our own text


def _results(number: float, *, quick: bool, case: str = "plain") -> Results:
    machine = {"machine": "2 cores", "system": "Linux", "load": "0.1", "Python": "3.11"}
    table = Table(
        title="one event type",
        rows=[row("bridge", [example_cost(number)])],
        results={"bridge_to_bare": 2.5, "lost": 0},
        bars={"bridge_to_bare": 1.75, "lost": 0},
        cpu={"": {"bridge": [number, number, number]}},
        ledger=[{"program": "bridge", "2xx": 1_000, "lost": 0}],
    )
    return Results(machine=machine, quick=quick, cases={case: table})


def test_stored_results_are_read_back_and_full_runs_take_precedence_over_quick_ones(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    write(_results(80, quick=False), tmp_path / "1.json")
    write(_results(70, quick=True), tmp_path / "2.json")
    write(_results(60, quick=False, case="types"), tmp_path / "3.json")
    (tmp_path / "0.json").write_text('{"machine": {}}', encoding="utf-8")
    found = newest(tmp_path)
    assert found is not None
    assert not found.quick
    assert to_draw(found.cases) == {"plain": {"bridge": [80, 80, 80]}, "types": {"bridge": [60, 60, 60]}}
    assert to_builtins(found.cases["plain"]) == to_builtins(_results(80, quick=False).cases["plain"])
    assert (tmp_path / "1.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_report_has_the_machine_the_costs_the_ledger_and_what_was_worse() -> None:
    text = report(_results(80, quick=False), {"plain": 0})
    assert "2 cores; Linux; load 0.1 at the start; Python 3.11" in text
    assert re.search(r"\| plain \| bridge \| 80.0 \(80-80\) \|", text)
    assert "| case | 2xx | lost |" in text
    assert "| plain | 1,000 | 0 |" in text
    assert "* plain: bridge to bare is 2.5, at most 1.75: OVER" in text
    assert "Quick runs" not in text
    assert "Quick runs" in report(_results(80, quick=True), {})


def test_the_report_lists_where_a_peer_needs_less() -> None:
    one = _results(80, quick=False)
    table = replace(
        one.cases["plain"], cpu={"1": {"naive": [60, 50, 70], "go": [30, 20, 40], "bridge": [80, 75, 90]}}
    )
    text = report(replace(one, cases={"connections": table}), {})
    assert "* connections, 1: 80 us an event, naive 60" in text
    assert "* connections, 1: 80 us an event, go 30" in text


def test_the_peers_table_has_a_line_for_each_case_and_a_dash_for_who_did_not_take_part() -> None:
    costs = {
        "bare": [example_cost(40)],
        "naive": [example_cost(200)],
        "go": [example_cost(50)],
        "bridge": [example_cost(80)],
    }
    table = _table(costs)
    lines = list(peers_table({"kept": table, "soak": table}))
    assert len(lines) == 3
    assert lines[2].endswith("null siblings | 40.0 | 200.0 | 50.0 | 80.0 | 1.6 | 2.0 | 5.0 | 8.0 | 1.6 |")
    del costs["go"]
    assert list(peers_table({"plain": _table(costs)}))[2].endswith("| - | 80.0 | - | 2.0 | - | 8.0 | - |")
    assert list(peers_table({"soak": table})) == []


def _table(costs: dict[str, list[Cost]]) -> Table:
    return Table(title="", rows=[row(name, each) for name, each in costs.items()], results=ratios(costs))


def test_a_group_names_cases_in_their_order_and_each_has_its_line_in_the_table() -> None:
    assert list(PEER_CASES) == list(GROUPS["peers"])
    assert [name for name in CASES if name in PEER_CASES] == list(PEER_CASES)
