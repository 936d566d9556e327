"""The result of an audit, as text or JSON. The JSON names are part of the public interface."""

from collections import Counter

import msgspec
import typer
from msgspec import UNSET, Struct, UnsetType, field

from bridge.cli.support.exit import EXIT_FAILED, fail
from bridge.cli.support.render import safe_text
from bridge.core.plural import counted
from bridge.core.printable import json_escaped

_SUCCESSFUL = frozenset({"published", "duplicate"})
_OUTCOME_NOTES = {"duplicate": "duplicate (remembered as delivered: in a spool, or no longer kept by Kafka)"}


class MissingTask(Struct, kw_only=True, omit_defaults=True):
    """A finished task without an event; ``outcome`` is that of its backfill."""

    task_id: str
    type: str
    finish_time: str
    outcome: str | UnsetType = field(name="ending", default=UNSET)


class AuditReport(Struct, kw_only=True):
    """One audit; ``stop_reason`` is why it could not continue, empty where it was completed."""

    app: str
    since: str
    until: str
    finished: int = 0
    with_event: int = 0
    missing: list[MissingTask] = []
    stop_reason: str = field(name="stopped", default="")


def print_report_and_exit(report: AuditReport, *, as_json: bool, backfill: bool) -> None:
    """Print the report; exit with 1 if an event is still missing."""
    if as_json:
        typer.echo(json_escaped(msgspec.json.encode(report).decode()))
    else:
        _print_report(report)
    if report.stop_reason:
        fail(report.stop_reason)
    is_successful = backfill and all(task.outcome in _SUCCESSFUL for task in report.missing)
    if report.missing and not is_successful:
        raise typer.Exit(EXIT_FAILED)


def _print_report(report: AuditReport) -> None:
    for task in report.missing:
        outcome = "" if task.outcome is UNSET else f"  {task.outcome}"
        typer.echo(safe_text(f"{task.finish_time}  {task.type}  {task.task_id}{outcome}"))
    if report.stop_reason and not report.finished:
        return
    typer.echo(
        f"{report.app}: {counted(report.finished, 'task')} finished from {report.since} to {report.until}:"
        f" {report.with_event} with an event, {len(report.missing)} missing"
    )
    outcome_counts = Counter(task.outcome for task in report.missing if task.outcome is not UNSET)
    if outcome_counts:
        typer.echo(
            "of these "
            + ", ".join(
                f"{count} {_OUTCOME_NOTES.get(outcome, outcome)}"
                for outcome, count in outcome_counts.most_common()
            )
        )
