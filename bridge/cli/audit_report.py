"""What an audit found, and how it is told."""

from collections import Counter

import msgspec
import typer
from msgspec import UNSET, Struct, UnsetType

from bridge.cli.drawing import plain
from bridge.cli.ending import FAILED, fail
from bridge.core.plural import counted
from bridge.core.printable import json_escaped

_WELL = frozenset({"published", "duplicate"})
_MEANING = {"duplicate": "duplicate (remembered as delivered: in a spool, or no longer kept by Kafka)"}


class Missing(Struct, kw_only=True, omit_defaults=True):
    """A finished task without an event; ``ending`` is how its backfill ended."""

    task_id: str
    type: str
    finish_time: str
    ending: str | UnsetType = UNSET


class Report(Struct, kw_only=True):
    """One audit; ``stopped`` says why it could not go on, and is empty where it came to its end."""

    app: str
    since: str
    until: str
    finished: int = 0
    with_event: int = 0
    missing: list[Missing] = []
    stopped: str = ""


def conclude(report: Report, *, as_json: bool, backfill: bool) -> None:
    """Print it, and end with 1 if something is missing still."""
    if as_json:
        typer.echo(json_escaped(msgspec.json.encode(report).decode()))
    else:
        _show(report)
    if report.stopped:
        fail(report.stopped)
    well = backfill and all(one.ending in _WELL for one in report.missing)
    if report.missing and not well:
        raise typer.Exit(FAILED)


def _show(report: Report) -> None:
    for one in report.missing:
        ending = "" if one.ending is UNSET else f"  {one.ending}"
        typer.echo(plain(f"{one.finish_time}  {one.type}  {one.task_id}{ending}"))
    if report.stopped and not report.finished:
        return
    typer.echo(
        f"{report.app}: {counted(report.finished, 'task')} finished from {report.since} to {report.until}:"
        f" {report.with_event} with an event, {len(report.missing)} missing"
    )
    endings = Counter(one.ending for one in report.missing if one.ending is not UNSET)
    if endings:
        typer.echo(
            "of these "
            + ", ".join(f"{count} {_MEANING.get(ending, ending)}" for ending, count in endings.most_common())
        )
