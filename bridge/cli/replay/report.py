"""The result of a replay or a dry run: progress on standard error, and a summary, as text or JSON."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.support.exit import EXIT_FAILED, fail
from bridge.cli.support.render import safe_text
from bridge.core.plural import counted
from bridge.core.printable import json_escaped
from bridge.operations.replay.attempt_counter import SET_ASIDE
from bridge.operations.replay.report import SUCCESSFUL, TOO_SOON, ItemResult, ReplaySummary

_PROBLEMS_SHOWN_MAX = 20
_PLAN_SHOWN_MAX = 5
_LINE_INTERVAL_S = 5.0
_TOO_SOON_NOTE = f"what {TOO_SOON} only looks like the one before it: in a minute the same command takes it"
_SET_ASIDE_NOTE = f"what is {SET_ASIDE} failed each time: --max-attempts 0 tries it all the same"
_DRY_RUN_NOTE = (
    "a dry run: nothing was written; --execute does it (what was published before will count as a duplicate)"
)
_DRY_RUN_COPY_NOTE = "a dry run: nothing was written; --execute does it"


class ConsoleReporter:
    """Counts into ``summary`` and shows problems, the first items of a dry run, and the progress."""

    def __init__(self, summary: ReplaySummary, console: Console, progress: Progress) -> None:
        self.summary = summary
        self._console = console
        self._progress = progress
        self._task = progress.add_task(summary.unit, total=None)
        self._problems = 0
        self._line_at = time.monotonic()

    def set_total(self, total: int | None) -> None:
        """Set the number of items."""
        self._progress.update(self._task, total=total)

    def add_result(self, result: ItemResult) -> None:
        """Count one, and show it where that is useful."""
        summary = self.summary
        summary.count(result)
        if result.outcome not in SUCCESSFUL:
            self._problems += 1
            if self._problems <= _PROBLEMS_SHOWN_MAX:
                self._print_item(result)
            elif self._problems == _PROBLEMS_SHOWN_MAX + 1:
                self._console.print("further ones are only counted")
        elif summary.dry_run and summary.processed - self._problems <= _PLAN_SHOWN_MAX:
            self._print_item(result)

    def set_done(self, done: int) -> None:
        """Set the number of items done."""
        self._progress.update(self._task, completed=done)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._line_at > _LINE_INTERVAL_S:
            self._line_at = now
            total = self._progress.tasks[self._task].total
            total_text = f" of {total:.0f}" if total is not None else ""
            counts = _format_counts(self.summary.outcomes) or "none yet"
            self._console.print(f"{done}{total_text} {self.summary.unit}: {counts}")

    def _print_item(self, result: ItemResult) -> None:
        parts = (result.outcome, result.type, result.reason, result.name)
        text = "  ".join(safe_text(word) for word in parts if word)
        self._console.print(f"{safe_text(result.origin)}: {text}", markup=False)


@contextmanager
def reporting(summary: ReplaySummary, *, quiet: bool = False) -> Iterator[ConsoleReporter]:
    """Show the progress on standard error: a bar on a terminal, else lines; nothing if ``quiet``."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, quiet=quiet)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    started_at = time.monotonic()
    with Progress(
        *columns, console=console, transient=True, disable=quiet or not console.is_terminal
    ) as progress:
        yield ConsoleReporter(summary, console, progress)
    summary.seconds = round(time.monotonic() - started_at, 3)


def print_summary_and_exit(summary: ReplaySummary, *, as_json: bool) -> None:
    """Print the summary; exit with 1 if something is left to do."""
    if as_json:
        typer.echo(json_escaped(msgspec.json.encode(summary).decode()))
    else:
        _print_summary(summary)
    if summary.stop_reason:
        fail("; ".join(part for part in (summary.stop_reason, summary.resume_hint) if part))
    if not summary.dry_run and not summary.is_successful:
        raise typer.Exit(EXIT_FAILED)


def _print_summary(summary: ReplaySummary) -> None:
    if not summary.processed and not summary.stop_reason:
        typer.echo(f"no {summary.unit} to replay")
    elif summary.processed:
        prefix = "would be " if summary.dry_run else ""
        outcomes = ", ".join(
            f"{count} {prefix}{outcome}" for outcome, count in summary.outcomes.most_common()
        )
        items = counted(summary.processed, summary.unit.removesuffix("s"))
        typer.echo(f"{items} in {summary.seconds:.1f} s: {outcomes}")
        if summary.types and summary.dry_run:
            typer.echo(safe_text(f"by type: {_format_counts(summary.types)}"))
        if summary.reasons:
            typer.echo(
                safe_text(f"rejected{'' if summary.dry_run else ' again'}: {_format_counts(summary.reasons)}")
            )
    if TOO_SOON in summary.outcomes:
        typer.echo(_TOO_SOON_NOTE)
    if summary.skipped:
        typer.echo(safe_text(f"left as they are: {_format_counts(summary.skipped)}"))
    if any(reason.startswith(SET_ASIDE) for reason in summary.skipped):
        typer.echo(_SET_ASIDE_NOTE)
    if summary.note:
        typer.echo(safe_text(summary.note))
    if summary.dry_run and summary.processed:
        typer.echo(_DRY_RUN_COPY_NOTE if summary.unit == "records" else _DRY_RUN_NOTE)


def _format_counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in counter.most_common())
