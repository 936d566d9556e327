"""Each test has its tier and keeps to it; what was left out is told by part."""

import subprocess
import sys

import pytest

from tests.left_out import left_out
from tests.rig.parts import free_port
from tests.tiers import CHART, SERVICES, UNIT, UngroupedTestsError, WrongTierError, check_groups, tier_of


@pytest.mark.parametrize(
    ("marked", "fixtures", "tier"),
    [
        (set(), {"tmp_path"}, UNIT),
        (set(), {"tmp_path", "kafka", "place"}, SERVICES),
        (set(), {"redis", "helm"}, CHART),
        ({"asyncio", "services"}, {"tmp_path"}, SERVICES),
        ({"services"}, {"tools"}, SERVICES),
    ],
)
def test_what_a_test_asks_for_decides_its_tier_where_no_marker_does(
    marked: set[str], fixtures: set[str], tier: str
) -> None:
    assert tier_of(marked, fixtures) == tier


def test_a_test_of_the_tier_unit_that_starts_a_program_is_refused() -> None:
    with pytest.raises(WrongTierError, match="starts true: mark it"):
        subprocess.run(["true"], check=True)  # noqa: S607 - it never starts
    subprocess.run([sys.executable, "-c", ""], check=True)


@pytest.mark.services
def test_a_test_of_another_tier_may_start_one() -> None:
    assert subprocess.run(["true"], check=False).returncode == 0  # noqa: S607 - whichever it is


def test_tests_of_one_part_that_would_go_to_any_worker_are_refused() -> None:
    check_groups(["test_a.py::test_one@secured", "test_a.py::test_two[x]@secured"])
    with pytest.raises(UngroupedTestsError, match="the first being test_a"):
        check_groups(["test_a.py::test_one@secured", "test_a.py::test_two[x]"])


def test_what_was_left_out_is_reported_by_part_with_what_helps() -> None:
    no_helm, no_promtool = "Skipped: chart: no helm: make tools", "Skipped: chart: no promtool: make tools"
    assert left_out(
        [no_helm, no_promtool, no_helm, "Skipped: node: npm is not on PATH", "a reason: of its own"]
    ) == [
        "chart: 3 tests, no helm, no promtool: make tools",
        "node: 1 test, npm is not on PATH",
        "other: 1 test, a reason: of its own",
    ]


def test_no_port_is_given_twice_here_or_to_another_worker() -> None:
    script = "from tests.rig.parts import free_port; print(*[free_port() for _ in range(400)])"
    ours = {free_port() for _ in range(400)}
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)  # noqa: S603 - ours
    theirs = {int(port) for port in told.stdout.split()}
    assert (len(ours), len(theirs), ours & theirs) == (400, 400, set())
