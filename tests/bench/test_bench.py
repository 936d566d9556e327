"""The bench's own arithmetic: medians, ratios, the ledger; its cases and frozen programs. No timing."""

import inspect
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest

from bridge.core.decode.envelope import open_envelope
from tests.bench.cases import CASES, QUICK
from tests.bench.comparison import ratios
from tests.bench.examples import example_cost
from tests.bench.figures import median, per_event_us, ratio, row, spread
from tests.bench.frozen import SUMS, refuse_changed, sum_of
from tests.bench.go_service import SOURCES
from tests.bench.ledger import Finds, Found, Window, compare, settle
from tests.bench.profiling import layer_of, table_of
from tests.rig.parts import MissingPartError

RUN = "0123abcd"


def _window(good: int, *, failed: int = 0, connections: int = 2, copies: int = 1) -> Window:
    return Window(program="bridge", run=RUN, good=good, failed=failed, connections=connections, copies=copies)


def _found(*numbers: int, ids: bool = True) -> Found:
    finds = Finds()
    for number in numbers:
        name = b"Type:bx%b-%dx" % (RUN.encode(), number)
        finds.add(b'{"id":"%b"}' % name, name if ids else None)
    return finds.by_run[RUN]


def test_of_several_windows_the_median_is_taken_and_counts_are_summed() -> None:
    middle = median([example_cost(30, failed=1), example_cost(10), example_cost(80, failed=2)])
    assert (middle.cpu_us, middle.requests, middle.failed) == (30.0, 300, 3)


def test_a_row_shows_the_spread_of_the_windows() -> None:
    assert spread([30, 10, 80]) == [30.0, 10.0, 80.0]
    shown = row("bridge", [example_cost(30), example_cost(10), example_cost(80)])
    assert (shown["CPU us/event"], shown["least-most"]) == (30.0, "10-80")


def test_time_for_no_event_and_less_than_idle_are_no_numbers_below_zero() -> None:
    assert per_event_us(0.5, 1_000) == 500.0
    assert per_event_us(-0.1, 1_000) == 0.0
    assert per_event_us(0.5, 0) == 500_000.0
    assert ratio(3.0, 0.0) == 0.0


def test_the_bridge_is_compared_with_those_that_took_part() -> None:
    costs = {
        "bare": [example_cost(40)],
        "naive": [example_cost(200, redis_us=8)],
        "bridge": [example_cost(80)],
    }
    assert ratios(costs) == {
        "bridge_to_bare": 2.0,
        "p99_to_bare": 2.0,
        "bridge_to_naive": 0.4,
        "redis_to_naive": 0.5,
        "not_2xx": 0,
    }
    assert "bridge_to_naive" not in ratios({"bare": [example_cost(40)], "bridge": [example_cost(80)]})
    beside_go = ratios({"go": [example_cost(50)], "bridge": [example_cost(80)]})
    assert beside_go == {"bridge_to_go": 1.6, "p99_to_go": 1.6, "not_2xx": 0}


def test_more_in_kafka_than_was_answered_is_no_loss() -> None:
    account = compare(_window(8), _found(*range(1, 11)))
    assert (account.lost, account.twice, account.distinct) == (0, 0, 10)


def test_fewer_in_kafka_than_were_answered_are_lost() -> None:
    assert compare(_window(10), _found(1, 2, 3, 4)).lost == 6
    assert compare(_window(10), Found()).lost == 10


def test_an_old_gap_is_a_loss_even_where_the_count_matches() -> None:
    numbers = set(range(1, 101)) - {7}
    assert compare(_window(98), _found(*numbers)).lost == 1
    assert compare(_window(98, failed=1), _found(*numbers)).lost == 0


def test_a_gap_among_the_last_requests_may_be_one_that_was_never_answered() -> None:
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


def test_records_without_an_id_are_distinguished_by_the_posted_mark() -> None:
    assert compare(_window(3), _found(1, 2, 3, ids=False)).lost == 0


def test_records_without_a_mark_are_not_counted() -> None:
    finds = Finds()
    finds.add(b'{"id":"another"}', b"another")
    assert finds.by_run == {}


def test_windows_add_up_by_program() -> None:
    windows = [_window(3), _window(4), Window(program="naive", run=RUN, good=9, failed=1, connections=2)]
    accounts = settle(windows, {RUN: _found(1, 2, 3)})
    found = [(account.program, account.good, account.lost) for account in accounts]
    assert found == [("bridge", 7, 1), ("naive", 9, 6)]


def test_the_frozen_programs_have_their_checksums() -> None:
    refuse_changed()


def test_every_source_of_the_go_service_is_frozen() -> None:
    files = {f"peers/go/{file.name}" for file in SOURCES.iterdir() if file.is_file()}
    assert files <= set(SUMS)


def test_a_changed_program_is_refused_by_name(tmp_path: Path) -> None:
    for name in SUMS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("print()\n", encoding="utf-8")
    good = {name: sum_of(tmp_path / name) for name in SUMS}
    refuse_changed(good, tmp_path)
    (tmp_path / "naive.py").write_text("print(1)\n", encoding="utf-8")
    with pytest.raises(MissingPartError, match=r"naive\.py is frozen and was changed"):
        refuse_changed(good, tmp_path)


def test_every_case_has_a_sentence_of_what_it_measures_and_the_quick_ones_are_cases() -> None:
    assert [name for name, case in CASES.items() if not (case.__doc__ or "").startswith("Measure")] == []
    assert set(QUICK) <= set(CASES)


def test_a_sample_belongs_to_the_layer_of_the_innermost_frame_of_ours() -> None:
    frames: list[FrameType | None] = []

    class Body(bytes):
        """Notes the stack when it is decoded."""

        def removeprefix(self, *_: object) -> bytes:
            frames.append(inspect.currentframe())
            return bytes(self)

    open_envelope(Body(b"{}"), try_fast_path=False)
    assert [layer_of(frame) for frame in frames] == ["core"]
    assert layer_of(inspect.currentframe()) == layer_of(None) == ""


def test_the_profile_shares_out_the_cost_that_was_measured_without_sampling() -> None:
    table = table_of(Counter({"io/http": 30, "core": 10}), [example_cost(80)])
    assert [(row["us"], row["%"]) for row in table.rows[:3]] == [(60.0, 75), (0.0, 0), (20.0, 25)]
    assert table_of(Counter(), [example_cost(80)]).rows[0]["us"] == 0.0
