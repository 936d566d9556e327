"""Whether every answer was true: what was answered 2xx in each window, beside what stands in Kafka.

Pure; reading Kafka is `tests.bench.reading`. wrk does not say which requests it left unanswered when its time
was up. They are among the last it sent, so Kafka may lack events of the end, and as many as were refused; an
older one that is missing is a lost one.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from tests.bench.load import MARK
from tests.bench.table import Cell

# How many of a run's last numbers may be missing, in multiples of its connections.
TAIL = 2


class Window(Struct, frozen=True, kw_only=True):
    """One run of wrk: its mark, how many answers were 2xx and how many not, ``copies`` of each event sent."""

    program: str
    run: str
    good: int
    failed: int
    connections: int
    copies: int = 1


class Found(Struct):
    """The records of one run: how many, how often each number, and the ids (hashed)."""

    records: int = 0
    numbers: dict[int, int] = field(default_factory=dict)
    ids: set[int] = field(default_factory=set)

    @property
    def distinct(self) -> int:
        """How many different events they are; where they have ids, by these too."""
        return min(len(self.numbers), len(self.ids)) if self.ids else len(self.numbers)


class Account(Struct, frozen=True, kw_only=True):
    """How a window, or all of a program's, stands."""

    program: str
    good: int
    failed: int
    distinct: int
    records: int
    lost: int
    twice: int


class Finds:
    """What was read so far, by run."""

    def __init__(self) -> None:
        self.by_run: dict[str, Found] = {}

    def add(self, value: bytes, event_id: bytes | None) -> None:
        """Take one record; those of no run are passed over."""
        mark = MARK.search(value)
        if mark is None:
            return
        found = self.by_run.setdefault(mark[1].decode(), Found())
        number = int(mark[2])
        found.records += 1
        found.numbers[number] = found.numbers.get(number, 0) + 1
        if event_id is not None:
            found.ids.add(hash(event_id))


def compare(window: Window, found: Found) -> Account:
    """Hold what was answered against what is there."""
    highest = max(found.numbers, default=0)
    settled = max(0, highest - TAIL * window.connections)
    missing = settled - sum(number <= settled for number in found.numbers)
    short = window.good - window.copies * found.distinct
    return Account(
        program=window.program,
        good=window.good,
        failed=window.failed,
        distinct=found.distinct,
        records=found.records,
        lost=max(0, missing - window.failed, short),
        twice=found.records - len(found.numbers),
    )


def settle(windows: Iterable[Window], by_run: Mapping[str, Found]) -> list[Account]:
    """Compare every window and sum them up by program."""
    accounts: dict[str, Account] = {}
    for window in windows:
        one = compare(window, by_run.get(window.run, Found()))
        before = accounts.get(window.program)
        accounts[window.program] = one if before is None else _sum(before, one)
    return list(accounts.values())


def rows(accounts: Iterable[Account]) -> list[dict[str, Cell]]:
    """Write them for a table."""
    return [
        {
            "program": account.program,
            "2xx": account.good,
            "not 2xx": account.failed,
            "different events in Kafka": account.distinct,
            "records": account.records,
            "lost": account.lost,
            "twice": account.twice,
        }
        for account in accounts
    ]


def _sum(one: Account, other: Account) -> Account:
    counts = {
        name: getattr(one, name) + getattr(other, name)
        for name in Account.__struct_fields__
        if name != "program"
    }
    return Account(program=one.program, **counts)
