"""The last lines of a run: what was left out here, by part and number of tests, and how to have it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Protocol

import pytest

from tests.tiers import LONG

_MARKS_LEFT_OUT = "not long"  # as `make test` asks
_PART = re.compile("([a-z-]+): ")
_long = pytest.StashKey[int]()


class _Node(Protocol):
    """A worker of pytest-xdist, seen from the process that gave it its tests."""

    config: pytest.Config
    workeroutput: dict[str, int]


def left_out(reasons: Iterable[str]) -> list[str]:
    """Give a line for each part, from the reasons of skipped tests: ``part: what is wrong: what helps``."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    lacks: dict[tuple[str, str], list[str]] = defaultdict(list)
    for reason in reasons:
        text = reason.removeprefix("Skipped: ")
        part = "other"
        if named := _PART.match(text):
            part, text = named[1], text[named.end() :]
        lack, _, help_ = text.partition(": ")
        key = (part, help_)
        counts[key] += 1
        if lack not in lacks[key]:
            lacks[key].append(lack)
    lines = []
    for key, count in sorted(counts.items()):
        part, help_ = key
        text = ", ".join(sorted(lacks[key])) + (f": {help_}" if help_ else "")
        lines.append(f"{part}: {_tests(count)}, {text}")
    return lines


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[_long] = 0


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Count the long ones, where ``make test`` leaves them out."""
    if items and items[0].config.option.markexpr == _MARKS_LEFT_OUT:
        items[0].config.stash[_long] += sum(item.get_closest_marker(LONG) is not None for item in items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report to the process that gave this worker its tests."""
    output: dict[str, int] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[LONG] = session.config.stash[_long]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: _Node) -> None:
    """Receive it from a worker; each of them collected the same."""
    counted = getattr(node, "workeroutput", {}).get(LONG, 0)  # a worker that crashed reports nothing
    node.config.stash[_long] = max(node.config.stash[_long], counted)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around all others, and so after them
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Iterator[None]:
    """Write the lines."""
    yield
    skipped = {report.nodeid: report.longrepr for report in terminalreporter.stats.get("skipped", ())}
    lines = left_out(where[2] for where in skipped.values() if isinstance(where, tuple))
    if long := config.stash[_long]:
        lines.append(f"long: {_tests(long)}: make test-long")
    if lines:
        terminalreporter.section("left out on this machine", sep="-")
        for line in lines:
            terminalreporter.line(line)


def _tests(count: int) -> str:
    return f"{count} test" if count == 1 else f"{count} tests"
