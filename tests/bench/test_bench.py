"""The bench's own reckoning: medians, the ledger, what is posted, what is drawn. No timing."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from bridge.core.catalogue import EVENT_TYPES
from bridge.core.decode.envelope import open_envelope, read_event
from tests.bench.bodies import LARGE, MIDDLE, PROPORTIONS, SMALL, mix, of_every_type, of_legacy, of_size
from tests.bench.cases import CASES, QUICK
from tests.bench.chart import draw
from tests.bench.contest import ratios
from tests.bench.core import cases, read_and_write
from tests.bench.figures import Cost, median, per_event_us, ratio, row, spread
from tests.bench.frozen import SUMS, refuse_changed, sum_of
from tests.bench.ledger import Finds, Found, Window, compare, settle
from tests.bench.load import MARK, ONE_TYPE, Load, script_of
from tests.bench.report import report
from tests.bench.results import Results, newest, to_draw, write
from tests.bench.table import Table, is_good, verdict
from tests.rig.parts import MissingPartError

RUN = "0123abcd"


def _cost(cpu_us: float, *, failed: int = 0, redis_us: float = 4.0) -> Cost:
    return Cost(
        requests=100,
        per_s=1_000.0,
        cpu_us=cpu_us,
        redis_us=redis_us,
        p50_ms=0.5,
        p99_ms=cpu_us / 10,
        p999_ms=3.0,
        rss_mb=50.0,
        failed=failed,
    )


def _window(good: int, *, failed: int = 0, connections: int = 2, copies: int = 1) -> Window:
    return Window(program="bridge", run=RUN, good=good, failed=failed, connections=connections, copies=copies)


def _found(*numbers: int, ids: bool = True) -> Found:
    finds = Finds()
    for number in numbers:
        name = b"Type:bx%b-%dx" % (RUN.encode(), number)
        finds.add(b'{"id":"%b"}' % name, name if ids else None)
    return finds.by_run[RUN]


def test_of_several_windows_the_middle_counts_and_what_is_counted_adds_up() -> None:
    middle = median([_cost(30, failed=1), _cost(10), _cost(80, failed=2)])
    assert (middle.cpu_us, middle.requests, middle.failed) == (30.0, 300, 3)


def test_a_row_shows_how_far_the_windows_lie_apart() -> None:
    assert spread([30, 10, 80]) == [30.0, 10.0, 80.0]
    shown = row("bridge", [_cost(30), _cost(10), _cost(80)])
    assert (shown["CPU us/event"], shown["least-most"]) == (30.0, "10-80")


def test_time_for_no_event_and_less_than_idle_are_no_numbers_below_zero() -> None:
    assert per_event_us(0.5, 1_000) == 500.0
    assert per_event_us(-0.1, 1_000) == 0.0
    assert per_event_us(0.5, 0) == 500_000.0
    assert ratio(3.0, 0.0) == 0.0


def test_the_bridge_is_reported_as_multiples_of_the_others_measured() -> None:
    costs = {"bare": [_cost(40)], "naive": [_cost(200, redis_us=8)], "bridge": [_cost(80)]}
    assert ratios(costs) == {
        "bridge_to_bare": 2.0,
        "p99_to_bare": 2.0,
        "bridge_to_naive": 0.4,
        "redis_to_naive": 0.5,
        "not_2xx": 0,
    }
    assert "bridge_to_naive" not in ratios({"bare": [_cost(40)], "bridge": [_cost(80)]})


def test_more_in_kafka_than_was_answered_is_no_loss() -> None:
    account = compare(_window(8), _found(*range(1, 11)))
    assert (account.lost, account.twice, account.distinct) == (0, 0, 10)


def test_fewer_in_kafka_than_were_answered_are_lost() -> None:
    assert compare(_window(10), _found(1, 2, 3, 4)).lost == 6
    assert compare(_window(10), Found()).lost == 10


def test_a_hole_that_is_old_is_a_loss_even_where_the_count_is_good() -> None:
    numbers = set(range(1, 101)) - {7}
    assert compare(_window(98), _found(*numbers)).lost == 1
    assert compare(_window(98, failed=1), _found(*numbers)).lost == 0


def test_a_hole_among_the_last_requests_may_be_one_that_was_never_answered() -> None:
    numbers = set(range(1, 101)) - {98}
    assert compare(_window(98), _found(*numbers)).lost == 0


def test_two_events_under_one_id_are_one_too_few() -> None:
    found = _found(1, 2, 3)
    found.ids.pop()
    assert compare(_window(3), found).lost == 1


def test_an_event_sent_twice_is_one_event_and_written_twice_it_is_a_repeat() -> None:
    assert compare(_window(20, copies=2), _found(*range(1, 11))).lost == 0
    assert compare(_window(21, copies=2), _found(*range(1, 11))).lost == 1
    assert compare(_window(3), _found(1, 2, 2, 3)).twice == 1


def test_records_without_an_id_are_distinguished_by_what_was_posted() -> None:
    assert compare(_window(3), _found(1, 2, 3, ids=False)).lost == 0


def test_records_that_are_nobodys_count_for_nothing() -> None:
    finds = Finds()
    finds.add(b'{"id":"another"}', b"another")
    assert finds.by_run == {}


def test_windows_add_up_by_program() -> None:
    windows = [_window(3), _window(4), Window(program="naive", run=RUN, good=9, failed=1, connections=2)]
    accounts = settle(windows, {RUN: _found(1, 2, 3)})
    told = [(account.program, account.good, account.lost) for account in accounts]
    assert told == [("bridge", 7, 1), ("naive", 9, 6)]


def test_the_frozen_programs_are_what_they_were() -> None:
    refuse_changed()


def test_a_changed_program_is_refused_by_name(tmp_path: Path) -> None:
    for name in SUMS:
        (tmp_path / name).write_text("print()\n", encoding="utf-8")
    good = {name: sum_of(tmp_path / name) for name in SUMS}
    refuse_changed(good, tmp_path)
    (tmp_path / "naive.py").write_text("print(1)\n", encoding="utf-8")
    with pytest.raises(MissingPartError, match=r"naive\.py is frozen and was changed"):
        refuse_changed(good, tmp_path)


def test_every_type_of_the_catalogue_is_posted_and_read_as_what_it_is() -> None:
    bodies = of_every_type()
    assert list(bodies) == [catalogued.name for catalogued in EVENT_TYPES]
    for name, body in bodies.items():
        one, other = (read_event(open_envelope(_numbered(body, number))) for number in (1, 2))
        assert one.type == name
        assert one.identity.key != other.identity.key


def test_every_legacy_notification_that_is_posted_is_one() -> None:
    for body in of_legacy():
        one, other = (read_event(open_envelope(_numbered(body, number))) for number in (1, 2))
        assert one.format == "legacy"
        assert one.identity.key != other.identity.key


@pytest.mark.parametrize("size", [SMALL, MIDDLE, LARGE])
def test_a_body_has_the_size_it_is_named_by_and_conforms(size: int) -> None:
    body = _numbered(of_size(size), 1_234_567)
    assert abs(len(body) - size) <= 1
    assert read_event(open_envelope(body)).conformance == "conforming"


def test_the_mix_has_every_size_in_its_proportion() -> None:
    bodies, order = mix()
    shares = [order.count(index) for index in range(len(bodies))]
    assert shares == list(PROPORTIONS.values())
    assert mix() == (bodies, order)


def test_what_is_posted_is_known_again_in_what_the_core_writes() -> None:
    for body in (ONE_TYPE, *cases().values()):
        record = read_and_write(_numbered(body, 42))
        mark = MARK.search(record.value)
        assert mark is not None
        assert (mark[1].decode(), int(mark[2])) == (RUN, 42)


def test_wrk_is_given_the_number_of_its_round() -> None:
    script = script_of(Load(bodies=("a@b", "c@"), order=(1, 0, 1), block=7, pause_ms=20), RUN)
    assert "{ [==[a]==], [==[b]==] }," in script
    assert "local order = { 2, 1, 2 }" in script
    assert "local block = 7" in script
    assert "function delay() return 20 end" in script
    assert f"bx{RUN}-" in script
    assert "delay" not in script_of(Load(), RUN)


def test_a_bar_is_a_most_or_a_least() -> None:
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


def _results(number: float, *, quick: bool, case: str = "cost") -> Results:
    told = {"machine": "2 cores", "system": "Linux", "load": "0.1", "Python": "3.11"}
    table = Table(
        title="one event type",
        rows=[row("bridge", [_cost(number)])],
        results={"bridge_to_bare": 2.5, "lost": 0},
        bars={"bridge_to_bare": 1.75, "lost": 0},
        cpu={"": {"bridge": [number, number, number]}},
        ledger=[{"program": "bridge", "2xx": 1_000, "lost": 0}],
    )
    return Results(machine=told, quick=quick, cases={case: table})


def test_what_was_written_down_is_read_again_thorough_runs_before_quick_ones(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    write(_results(80, quick=False), tmp_path / "1.json")
    write(_results(70, quick=True), tmp_path / "2.json")
    write(_results(60, quick=False, case="spread"), tmp_path / "3.json")
    (tmp_path / "0.json").write_text('{"machine": {}}', encoding="utf-8")
    found = newest(tmp_path)
    assert found is not None
    assert not found.quick
    assert to_draw(found.cases) == {"cost": {"bridge": [80, 80, 80]}, "spread": {"bridge": [60, 60, 60]}}
    assert to_builtins(found.cases["cost"]) == to_builtins(_results(80, quick=False).cases["cost"])
    assert (tmp_path / "1.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_report_names_the_machine_the_costs_the_ledger_and_what_was_worse() -> None:
    text = report(_results(80, quick=False), {"cost": 0})
    assert "2 cores; Linux; load 0.1 at the start; Python 3.11" in text
    assert re.search(r"\| cost \| bridge \| 80.0 \(80-80\) \|", text)
    assert "| case | 2xx | lost |" in text
    assert "| cost | 1,000 | 0 |" in text
    assert "* cost: bridge to bare is 2.5, at most 1.75: OVER" in text
    assert "Quick runs" not in text
    assert "Quick runs" in report(_results(80, quick=True), {})


def test_the_report_shows_where_naive_needs_less() -> None:
    one = _results(80, quick=False)
    table = replace(one.cases["cost"], cpu={"1": {"naive": [60, 50, 70], "bridge": [80, 75, 90]}})
    text = report(replace(one, cases={"crowd": table}), {})
    assert "* crowd, 1: 80 us an event, naive 60" in text


def test_every_case_describes_what_it_measures_and_the_quick_ones_are_cases() -> None:
    assert [name for name, case in CASES.items() if not (case.__doc__ or "").startswith("Measure")] == []
    assert set(QUICK) <= set(CASES)


def _numbered(body: str, number: int) -> bytes:
    return body.replace("@", f"bx{RUN}-{number}x").encode()
