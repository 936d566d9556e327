"""The tier of each test, by what it asks for, and that a test keeps to its tier.

``unit`` is Python alone, ``services`` starts real parts (Kafka, Redis, Node, openssl ...), ``chart`` runs the
tools of ``make tools``. What a test asks for by its fixtures decides; one that starts a program by other ways
carries its marker itself, or is refused. ``long`` is for scenarios that take their time, in any tier.
"""

import gc
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest

UNIT, SERVICES, CHART, LONG = "unit", "services", "chart", "long"
MARKERS = {
    UNIT: "Python alone: no Kafka, no Redis, no program but Python (assigned by itself)",
    SERVICES: "starts real parts: Kafka, Redis, Node, openssl (assigned by fixture, or by hand)",
    CHART: "runs the tools that check the chart (assigned by fixture, or by hand)",
    LONG: "takes long: left to make test-long",
}
_BY_FIXTURE = {
    "kafka": SERVICES,
    "redis": SERVICES,
    "authority": SERVICES,
    "authorities": SERVICES,
    "parse": SERVICES,
    "tiny_volume": SERVICES,
    "tools": CHART,
    "helm": CHART,
}
# Parts that take seconds to start: the tests of one of them go to one worker.
_SHARED = ("secured", "redis_sentinel", "redis_cluster", "postgres", "parse")
_running = pytest.StashKey[bool]()


class WrongTierError(Exception):
    """A test of the tier ``unit`` started a program that is not Python."""


class UngroupedTestsError(Exception):
    """The tests of one part would go to any worker, and each of these would start it."""


def tier_of(marked: Collection[str], fixtures: Collection[str]) -> str:
    """Give the tier of a test with these markers and fixtures; a marker set by hand goes first."""
    by_hand = [tier for tier in (CHART, SERVICES, UNIT) if tier in marked]
    by_fixture = {tier for name, tier in _BY_FIXTURE.items() if name in fixtures}
    return (by_hand or [tier for tier in (CHART, SERVICES) if tier in by_fixture] or [UNIT])[0]


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known, and watch which programs are started."""
    for name, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    config.stash[_running] = False

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "subprocess.Popen" and config.stash[_running]:
            _refuse_but_python(str(arguments[0]))

    sys.addaudithook(watch)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect without the garbage collector, which would walk what is collected so far again and again.

    That is a quarter of the CPU time of collecting, in each worker.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test: with its tier, and with the part that it shares with others."""
    fixtures = getattr(item, "fixturenames", ())
    item.add_marker(tier_of({mark.name for mark in item.iter_markers()}, fixtures))
    if shared := next((name for name in _SHARED if name in fixtures), ""):
        module = f"-{item.path.stem}" if _has_its_own(item, shared) else ""
        item.add_marker(pytest.mark.xdist_group(f"{shared}{module}"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long ones and those that wait go first, so that the workers end together."""
    items.sort(key=_turn)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the garbage collector pass over what the tests are made of: it lives as long as this process.

    Raises `UngroupedTestsError` where the tests of one part would go to any worker.
    """
    gc.freeze()
    if session.config.getoption("loadgroup", default=False):
        check_groups(item.nodeid for item in session.items if item.get_closest_marker("xdist_group"))


def check_groups(grouped: Iterable[str]) -> None:
    """Check that pytest-xdist has put the group's name into each id, by which it keeps a group together."""
    lost = [nodeid for nodeid in grouped if "@" not in nodeid]
    if lost:
        raise UngroupedTestsError(
            f"pytest-xdist does not group tests with pytest {pytest.__version__}, the first being {lost[0]}:"
            " install the versions of constraints.txt"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hold a test of the tier ``unit`` to it, from its setup to its teardown."""
    item.config.stash[_running] = item.get_closest_marker(UNIT) is not None
    try:
        return (yield)
    finally:
        item.config.stash[_running] = False


def _has_its_own(item: pytest.Item, fixture: str) -> bool:
    """Return whether the test's file defines the fixture for itself."""
    return hasattr(getattr(item, "module", None), fixture)


def _turn(item: pytest.Item) -> int:
    return next(
        turn for turn, name in enumerate((LONG, SERVICES, CHART, UNIT)) if item.get_closest_marker(name)
    )


def _refuse_but_python(program: str) -> None:
    if not Path(os.fspath(program)).name.startswith("python"):
        raise WrongTierError(
            f"a test of the tier unit starts {program}: mark it pytest.mark.services (or chart)"
        )
