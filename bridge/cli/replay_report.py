"""What a replay did or would do, and how that is told: progress on the way, a summary at its end."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.drawing import plain
from bridge.cli.ending import FAILED, fail
from bridge.core.plural import counted
from bridge.core.printable import json_escaped

_SHOWN = 20
_SHOWN_OF_A_PLAN = 5
_LINE_EACH_S = 5.0
_WELL = frozenset({"published", "duplicate"})

APART = "came again too soon"
_OF_APART = f"what {APART} only looks like the one before it: in a minute the same command takes it"
_FIRST = (
    "a dry run: nothing was written; --run does it (what was published before will be told as a duplicate)"
)
_FIRST_OF_COPIES = "a dry run: nothing was written; --run does it"


class Tally(Struct, kw_only=True):
    """What was looked at: ``what`` it is, and how much of it ended how.

    ``left`` counts what was not touched, by why. ``stopped`` says why it could not go on, ``again`` how it
    goes on. In a dry run the endings are those that would be.
    """

    what: str
    dry_run: bool
    looked_at: int = 0
    endings: Counter[str] = msgspec.field(default_factory=Counter)
    types: Counter[str] = msgspec.field(default_factory=Counter)
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    left: Counter[str] = msgspec.field(default_factory=Counter)
    seconds: float = 0.0
    stopped: str = ""
    again: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing has to be looked after."""
        return not self.stopped and set(self.endings) <= _WELL


class End(Struct, frozen=True):
    """How one of them ended, or would: ``name`` is its id or its reason and detail."""

    origin: str
    ending: str
    type: str = ""
    reason: str = ""
    name: str = ""


class Teller:
    """Counts into ``tally`` and tells the way: problems, the first lines of a dry run, how far it is."""

    def __init__(self, tally: Tally, console: Console, progress: Progress) -> None:
        self.tally = tally
        self._console = console
        self._progress = progress
        self._task = progress.add_task(tally.what, total=None)
        self._problems = 0
        self._said_at = time.monotonic()

    def expect(self, total: int | None) -> None:
        """Say how many there are at most."""
        self._progress.update(self._task, total=total)

    def end(self, end: End) -> None:
        """Count one, and show it where a person wants to see it."""
        tally = self.tally
        tally.looked_at += 1
        tally.endings[end.ending] += 1
        if end.type:
            tally.types[end.type] += 1
        if end.reason:
            tally.reasons[end.reason] += 1
        if end.ending not in _WELL:
            self._problems += 1
            if self._problems <= _SHOWN:
                self._show(end)
            elif self._problems == _SHOWN + 1:
                self._console.print("further ones are only counted")
        elif tally.dry_run and tally.looked_at - self._problems <= _SHOWN_OF_A_PLAN:
            self._show(end)

    def move(self, done: int) -> None:
        """Say how far it is."""
        self._progress.update(self._task, completed=done)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._said_at > _LINE_EACH_S:
            self._said_at = now
            total = self._progress.tasks[self._task].total
            of = f" of {total:.0f}" if total is not None else ""
            self._console.print(f"{done}{of} {self.tally.what}: {_counted(self.tally.endings) or 'none yet'}")

    def _show(self, end: End) -> None:
        words = (end.ending, end.type, end.reason, end.name)
        text = "  ".join(plain(word) for word in words if word)
        self._console.print(f"{plain(end.origin)}: {text}", markup=False)


@contextmanager
def telling(tally: Tally, *, quiet: bool = False) -> Iterator[Teller]:
    """Tell the way on standard error: a bar on a terminal, else a line now and then; ``quiet``, nothing."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    began = time.monotonic()
    with Progress(
        *columns, console=console, transient=True, disable=quiet or not console.is_terminal
    ) as progress:
        yield Teller(tally, console, progress)
    tally.seconds = round(time.monotonic() - began, 3)


def conclude(tally: Tally, *, as_json: bool) -> None:
    """Print the summary, and end with 1 if something is left to do."""
    if as_json:
        typer.echo(json_escaped(msgspec.json.encode(tally).decode()))
    else:
        _show(tally)
    if tally.stopped:
        fail("; ".join(part for part in (tally.stopped, tally.again) if part))
    if not tally.dry_run and not tally.well:
        raise typer.Exit(FAILED)


def _show(tally: Tally) -> None:
    if not tally.looked_at and not tally.stopped:
        typer.echo(f"no {tally.what} to replay")
    elif tally.looked_at:
        would = "would be " if tally.dry_run else ""
        endings = ", ".join(f"{count} {would}{ending}" for ending, count in tally.endings.most_common())
        typer.echo(
            f"{counted(tally.looked_at, tally.what.removesuffix('s'))} in {tally.seconds:.1f} s: {endings}"
        )
        if tally.types and tally.dry_run:
            typer.echo(plain(f"by type: {_counted(tally.types)}"))
        if tally.reasons:
            typer.echo(plain(f"rejected{'' if tally.dry_run else ' again'}: {_counted(tally.reasons)}"))
    if APART in tally.endings:
        typer.echo(_OF_APART)
    if tally.left:
        typer.echo(plain(f"left as they are: {_counted(tally.left)}"))
    if tally.dry_run and tally.looked_at:
        typer.echo(_FIRST_OF_COPIES if tally.what == "records" else _FIRST)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counter.most_common())
