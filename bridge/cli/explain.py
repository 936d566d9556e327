"""``vod-bridge explain``: reads notifications, and shows what the bridge would make of them, and why.

Nothing is connected to: of the settings only the topics and the applications count.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import UNSET
from rich.console import Console
from rich.text import Text

from bridge.cli.drawing import OUTCOMES, error_text, plain
from bridge.cli.ending import FAILED, USED_WRONGLY, ConfigFile, fail
from bridge.cli.offline import applications_in_force, routing_in_force
from bridge.cli.sources import STDIN, Sourced, files_of, notifications_of
from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.explanation import Explanation
from bridge.core.explanation import explain as explained
from bridge.core.plural import counted
from bridge.core.printable import json_escaped

_SHOWN = 20

Line = tuple[str, Text | str]


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
        int, typer.Option(min=0, metavar="N", help="Also tell the partition, of so many.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    config: ConfigFile = None,
) -> None:
    """Show what the bridge would make of a notification, and why: type, id, outcome, topic, key, repairs.

    Nothing is sent anywhere. Whether it was published before only Redis knows. Signatures are not checked.

    Ends with 1 if one would be rejected.

    Example: vod-bridge explain notification.json
    """
    applications, routing = applications_in_force(config), routing_in_force(config)
    _want(paths)
    application = applications.get(app, Application(name=app))
    console = Console(highlight=False, soft_wrap=True)
    number = rejected = 0
    for number, found in enumerate(_read(paths), start=1):
        notification = Notification(
            application=application, body=found.body, received_ms=time.time_ns() // 1_000_000
        )
        explanation = explained(notification, routing, partitions)
        rejected += explanation.ending == "rejected"
        if as_json:
            typer.echo(json_escaped(msgspec.json.encode(explanation).decode()))
        else:
            _show(console, found, explanation, first=number == 1)
    if not number:
        fail(f"{paths[0]}: nothing in it", USED_WRONGLY)
    if rejected:
        raise typer.Exit(FAILED)


def _want(paths: list[Path]) -> None:
    absent = [path for path in paths if path != STDIN and not path.exists()]
    if absent:
        fail(f"{absent[0]}: there is no such file or folder", USED_WRONGLY)


def _read(paths: list[Path]) -> Iterator[Sourced]:
    """Read all notifications; what cannot be read ends the command."""
    try:
        yield from notifications_of(files_of(paths))
    except OSError as error:
        fail(f"cannot read {error.filename or 'a file'}: {error.strerror}")


def _show(console: Console, found: Sourced, explanation: Explanation, *, first: bool) -> None:
    if not first:
        console.print()
    console.print(
        Text.assemble((plain(found.origin), "bold"), (f"  {counted(explanation.bytes, 'byte')}", "dim"))
    )
    for name, text in _rejected(explanation) if explanation.reason else _published(explanation):
        console.print(Text.assemble((f"  {name:<12}", "cyan"), text))


def _rejected(explanation: Explanation) -> Iterator[Line]:
    yield "ending", Text.assemble(("rejected", "red"), ": kept on the dead-letter topic")
    yield "reason", Text.assemble((explanation.reason, "bold"), f"  {plain(explanation.detail)}")
    if explanation.help:
        yield "what helps", explanation.help


def _published(explanation: Explanation) -> Iterator[Line]:
    yield "format", {"v3": "3.0", "legacy": "legacy"}.get(str(explanation.format), str(explanation.format))
    yield "type", _type(explanation)
    yield "id", Text(plain(explanation.id), "bold")
    for part in explanation.id_parts:
        yield "", Text.assemble((plain(part.text), "bold"), (f"  {part.meaning}", "dim"))
    if explanation.remembered:
        yield "", Text(f"remembered {explanation.remembered}", "dim")
    verdict = str(explanation.outcome)
    yield "outcome", Text.assemble((verdict, OUTCOMES.get(verdict, "dim")), f": {explanation.outcome_why}")
    for error in explanation.errors[:_SHOWN]:
        yield "", Text(plain(error_text(error, "its own code")), "red")
    if (more := len(explanation.errors) - _SHOWN + explanation.errors_truncated) > 0:
        yield "", Text(f"and {more} more", "red")
    yield "conformance", Text(str(explanation.conformance), "" if _fits(explanation) else "yellow")
    for repair in explanation.repairs[:_SHOWN]:
        yield "", f"repaired {plain(repair)}"
    if (more := len(explanation.repairs) - _SHOWN + explanation.repairs_truncated) > 0:
        yield "", f"and {more} more"
    if explanation.misfit:
        yield "", Text(f"misfit {plain(explanation.misfit)}", "yellow")
    yield "topic", plain(explanation.topic)
    yield "key", Text.assemble(plain(explanation.key), (f"  {explanation.key_why}", "dim"))
    if explanation.partition is not UNSET:
        yield "partition", str(explanation.partition)
    yield "original", f"kept: {explanation.original_why}" if explanation.original_why else "not needed"
    if explanation.signed:
        yield "signature", "it carries one, which is not checked here and reaches no topic"


def _type(explanation: Explanation) -> Text:
    text = Text(plain(explanation.type), "bold")
    if explanation.named:
        text.append(f"  delivered as {plain(explanation.named)}", "dim")
    if not explanation.known:
        text.append("  the catalogue does not know it: it goes to the topic for others", "yellow")
    return text


def _fits(explanation: Explanation) -> bool:
    return explanation.conformance == "conforming"
