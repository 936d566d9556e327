"""``vod-bridge check``: what is wrong with the installation, and how to fix it."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from bridge.cli.support.exit import EXIT_FAILED, ConfigFile
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.terminal import mask_secrets_of
from bridge.core.plural import counted
from bridge.core.printable import json_escaped, printable
from bridge.operations.check.finding import Finding, failed
from bridge.operations.check.run import run_checks
from bridge.operations.kafka_errors import silence_aiokafka
from bridge.settings.settings import SettingsError, load

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def check(
    *,
    config: ConfigFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON object.")] = False,
) -> None:
    """Check settings, connections, topics, permissions, and the vendor's side of what is pulled.

    Shows what is wrong and the remedy. Publishes nothing, leaves nothing behind. Ends with 1 if one failed.

    Example: vod-bridge check --config bridge.toml
    """
    silence_aiokafka()
    try:
        settings = load(config)
        mask = mask_secrets_of(settings)
        findings = run_interruptible(run_checks(settings, mask))
    except SettingsError as error:
        findings = [
            failed("settings", printable(str(mistake)), "mend this setting; the rest is checked then")
            for mistake in error.issues
        ]
    counts = {state: sum(found.state == state for found in findings) for state in ("ok", "warning", "failed")}
    if as_json:
        typer.echo(json_escaped(msgspec.json.encode({"findings": findings, **counts}).decode()))
    else:
        _print_findings(findings, counts)
    if counts["failed"]:
        raise typer.Exit(EXIT_FAILED)


def _print_findings(findings: Sequence[Finding], counts: dict[str, int]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(_render(finding))
    console.print(f"{counts['ok']} ok, {counted(counts['warning'], 'warning')}, {counts['failed']} failed")


def _render(finding: Finding) -> Text:
    text = Text.assemble(
        (f"{finding.state:<8}", _STYLES[finding.state]), f"{finding.check}: {finding.message}"
    )
    if finding.remedy:
        text.append(f" - {finding.remedy}", "bold")
    return text
