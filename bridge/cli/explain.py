"""``vod-bridge explain``: decodes notifications, and shows what the bridge would make of them, and why.

No connection is made: of the settings only topics and applications are used.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from msgspec import UNSET
from rich.console import Console
from rich.text import Text

from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, ConfigFile, fail
from bridge.cli.support.input_files import InputNotification, list_files, read_notifications, require_paths
from bridge.cli.support.offline_settings import effective_applications, effective_routing
from bridge.cli.support.render import OUTCOME_STYLES, json_line, render_failure, safe_text
from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.explanation import Explanation
from bridge.core.explanation import explain as explained
from bridge.core.plural import counted

_MAX_SHOWN = 20

Row = tuple[str, Text | str]


def explain(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE",
            help="A notification (a dead letter's bytes, too), JSON lines, a folder, - for standard input.",
            show_default=False,
        ),
    ],
    *,
    app: Annotated[str, typer.Option(help="The application it would come from.")] = "default",
    partitions: Annotated[
        int, typer.Option(min=0, metavar="N", help="Also show the partition, of so many.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show what the bridge would make of a notification, and why: type, id, outcome, topic, key, repairs.

    Nothing is sent anywhere. Whether it was published before only Redis knows. Signatures are not checked.

    Ends with 1 if one would be rejected.

    Example: vod-bridge explain notification.json
    """
    applications, routing = effective_applications(config), effective_routing(config)
    require_paths(paths)
    application = applications.get(app, Application(name=app))
    console = Console(highlight=False, soft_wrap=True)
    number = rejected = 0
    for number, found in enumerate(_read_all(paths), start=1):
        notification = Notification(
            application=application, body=found.body, received_ms=time.time_ns() // 1_000_000
        )
        explanation = explained(notification, routing, partitions)
        rejected += explanation.delivery_outcome == "rejected"
        if as_json:
            typer.echo(json_line(explanation))
        else:
            _print_explanation(console, found, explanation, first=number == 1)
    if not number:
        fail(f"{paths[0]}: nothing in it", EXIT_USAGE)
    if rejected:
        raise typer.Exit(EXIT_FAILED)


def _read_all(paths: list[Path]) -> Iterator[InputNotification]:
    """Read all notifications; an unreadable file ends the command."""
    try:
        yield from read_notifications(list_files(paths))
    except OSError as error:
        fail(f"cannot read {error.filename or 'a file'}: {error.strerror}")


def _print_explanation(
    console: Console, found: InputNotification, explanation: Explanation, *, first: bool
) -> None:
    if not first:
        console.print()
    console.print(
        Text.assemble((safe_text(found.origin), "bold"), (f"  {counted(explanation.bytes, 'byte')}", "dim"))
    )
    for name, text in _rejected_rows(explanation) if explanation.reason else _published_rows(explanation):
        console.print(Text.assemble((f"  {name:<12}", "cyan"), text))


def _rejected_rows(explanation: Explanation) -> Iterator[Row]:
    yield "ending", Text.assemble(("rejected", "red"), ": kept on the dead-letter topic")
    yield "reason", Text.assemble((explanation.reason, "bold"), f"  {safe_text(explanation.detail)}")
    if explanation.remedy:
        yield "remedy", explanation.remedy


def _published_rows(explanation: Explanation) -> Iterator[Row]:
    yield "format", {"v3": "3.0", "legacy": "legacy"}.get(str(explanation.format), str(explanation.format))
    yield "type", _type_text(explanation)
    yield "id", Text(safe_text(explanation.id), "bold")
    for part in explanation.id_parts:
        yield "", Text.assemble((safe_text(part.text), "bold"), (f"  {part.meaning}", "dim"))
    if explanation.dedup_note:
        yield "", Text(f"deduplicated {explanation.dedup_note}", "dim")
    event_outcome = str(explanation.outcome)
    yield (
        "outcome",
        Text.assemble(
            (event_outcome, OUTCOME_STYLES.get(event_outcome, "dim")), f": {explanation.outcome_reason}"
        ),
    )
    for error in explanation.errors[:_MAX_SHOWN]:
        yield "", Text(safe_text(render_failure(error, "its own code")), "red")
    if (more := len(explanation.errors) - _MAX_SHOWN + explanation.errors_truncated) > 0:
        yield "", Text(f"and {more} more", "red")
    yield "conformance", Text(str(explanation.conformance), "" if _is_conforming(explanation) else "yellow")
    for repair in explanation.repairs[:_MAX_SHOWN]:
        yield "", f"repaired {safe_text(repair)}"
    if (more := len(explanation.repairs) - _MAX_SHOWN + explanation.repairs_truncated) > 0:
        yield "", f"and {more} more"
    if explanation.schema_error:
        yield "", Text(f"schema error {safe_text(explanation.schema_error)}", "yellow")
    yield "topic", safe_text(explanation.topic)
    yield "key", Text.assemble(safe_text(explanation.key), (f"  {explanation.key_reason}", "dim"))
    if explanation.partition is not UNSET:
        yield "partition", str(explanation.partition)
    yield "original", f"kept: {explanation.original_reason}" if explanation.original_reason else "not needed"
    if explanation.signed:
        yield "signature", "it carries one, which is not checked here and reaches no topic"


def _type_text(explanation: Explanation) -> Text:
    text = Text(safe_text(explanation.type), "bold")
    if explanation.received_type:
        text.append(f"  delivered as {safe_text(explanation.received_type)}", "dim")
    if not explanation.is_known_type:
        text.append("  the catalogue does not know it: it goes to the topic for others", "yellow")
    return text


def _is_conforming(explanation: Explanation) -> bool:
    return explanation.conformance == "conforming"
