"""``vod-bridge find``: the records of a file, task, event or session over all topics, as a timeline."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.render import OUTCOME_STYLES, safe_text
from bridge.cli.support.terminal import mask_nested
from bridge.cli.support.time_arg import parse_time
from bridge.core.plural import counted
from bridge.core.printable import json_escaped
from bridge.io.kafka.client import kafka_options
from bridge.operations.find import (
    DEFAULT_DAYS,
    TEXT_MAX,
    FindProgress,
    FindRequest,
    FoundGroups,
    find_records,
    with_groups,
)
from bridge.operations.found_record import FoundRecord
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

_TEXT_MIN = 4


def find(
    text: Annotated[
        str,
        typer.Argument(metavar="ID", help="A file id, task id, event id or session id.", show_default=False),
    ],
    *,
    since: Annotated[
        str, typer.Option(metavar="WHEN", help="How far to look back: 2h, 30d, RFC 3339.")
    ] = f"{DEFAULT_DAYS}d",
    everywhere: Annotated[
        bool,
        typer.Option(
            "--everywhere", help="For a file id read all partitions: also events that only name it."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigFile = None,
) -> None:
    """Find the records of a file, task, event or session over all topics, the newest first.

    A file id is the key of its events: one partition of each topic is read. Dead letters are looked at, too.

    It also tells how far each consumer group is past the records.

    Ends with 1 if nothing is found.

    Example: vod-bridge find 24961954183923290

    Example: vod-bridge find 1256768367-Transcode-1a2b --since 30d
    """
    if not _TEXT_MIN <= len(text) <= TEXT_MAX:
        fail(f"ID: must have {_TEXT_MIN} to {TEXT_MAX} characters", EXIT_USAGE)
    silence_aiokafka()
    settings = load_settings_or_exit(config)
    now = now_ms()
    request = FindRequest(
        text=text, since_ms=parse_time("--since", since, now), now_ms=now, everywhere=everywhere
    )
    try:
        found = run_interruptible(_find(settings, request, as_json=as_json))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(run_interruptible(explain_error(kafka_options(settings.kafka), error))))
    if not found:
        raise typer.Exit(EXIT_FAILED)


async def _find(settings: Settings, request: FindRequest, *, as_json: bool) -> int:
    """Print what is found as it is found, as JSON once the groups are known; return how much."""
    console = Console(highlight=False, soft_wrap=True)
    records: list[FoundRecord] = []
    groups, progress = FoundGroups(), None
    async for found in find_records(settings, request):
        if isinstance(found, FindProgress):
            progress = found
        elif isinstance(found, FoundGroups):
            groups = found
        else:
            records += found
            for record in () if as_json else found:
                console.print(_render(record))
    records = with_groups(records, groups.offsets)
    if as_json:
        for record in records:
            shown = mask_nested(msgspec.to_builtins(record))
            typer.echo(json_escaped(msgspec.json.encode(shown).decode()))
    else:
        _print_groups(records)
    if groups.problem:
        typer.echo(safe_text(groups.problem), err=True)
    if progress is not None:
        typer.echo(_summary(len(records), progress, request), err=True)
    return len(records)


def _print_groups(records: Sequence[FoundRecord]) -> None:
    """Print how many of the records each consumer group has committed, and how far it is from the others."""
    by_group: dict[str, list[int]] = {}
    for record in records:
        for one in record.groups:
            by_group.setdefault(one.group, []).append(one.past)
    for group, distances in by_group.items():
        left = [1 - past for past in distances if past <= 0]
        text = f"group {group}: past {len(distances) - len(left)} of {counted(len(records), 'record')}"
        typer.echo(safe_text(f"{text}, at most {max(left)} to go" if left else text))


def _summary(number: int, progress: FindProgress, request: FindRequest) -> str:
    text = (
        f"{counted(number, 'record')} found: looked at {progress.records_read} in"
        f" {counted(progress.partitions, 'partition')} of {counted(progress.topics, 'topic')},"
        f" back to {progress.looked_back_to}"
    )
    if progress.is_full:
        return f"{text}; there are more"
    if not number and progress.by_key and not request.everywhere:
        return f"{text}; --everywhere reads all partitions, --since looks further back"
    if not number:
        return (
            f"{text}; refused requests are in `vod-bridge tail --api`, what never came in `vod-bridge audit`"
        )
    return text


def _render(record: FoundRecord) -> Text:
    is_event = record.kind == "event"
    ending = record.outcome if is_event else record.reason
    line = Text.assemble(
        (safe_text(record.time or record.written), "dim"),
        "  ",
        (safe_text(record.type) or "dead letter", "bold" if is_event else "bold red"),
        "  ",
        (safe_text(record.application), "magenta"),
        "  ",
        (safe_text(ending), OUTCOME_STYLES.get(record.outcome, "dim") if is_event else "red"),
    )
    for word, text in (("file", record.file_id), ("task", record.task_id), ("", record.detail)):
        if text:
            line.append(f"  {word} {safe_text(text)}" if word else f"  {safe_text(text)}")
    if record.revision:
        line.append("  revision", "yellow")
    if not record.deduplicated:
        line.append("  not deduplicated", "yellow")
    for error in record.errors:
        line.append(f"  {safe_text(error)}", "red")
    return line.append(f"  {record.topic}/{record.partition}/{record.offset}", "blue")
