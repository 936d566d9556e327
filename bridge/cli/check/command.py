"""``vod-bridge check``: what is wrong with the installation, and how to fix it."""

import asyncio
import resource
import time
from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from bridge.cli.check.finding import Finding, failed, ok, warning
from bridge.cli.check.ingress import check_ingress
from bridge.cli.check.kafka import check_kafka
from bridge.cli.check.redis import check_redis
from bridge.cli.check.spool import check_spool
from bridge.cli.check.vendor import check_vendor
from bridge.cli.support.exit import EXIT_FAILED, ConfigFile
from bridge.cli.support.kafka_errors import silence_aiokafka
from bridge.cli.support.terminal import mask_secrets_of
from bridge.cli.topics import expected_topics
from bridge.core.plural import counted
from bridge.core.printable import json_escaped, printable
from bridge.io.kafka.client import kafka_options
from bridge.settings.settings import Settings, SettingsError, load

_OTHER_FILES = 256  # connections to Kafka and Redis, and what else the process has open


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
        findings = [
            Finding(found.state, found.check, mask.mask_line(found.message), mask.mask_line(found.remedy))
            for found in asyncio.run(_run_checks(settings))
        ]
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


async def _run_checks(settings: Settings) -> list[Finding]:
    local_findings = [
        ok("settings", "all understood"),
        *_check_weaknesses(settings),
        _file_limit(settings),
        check_spool(settings.spool),
        *check_ingress(settings.http, time.time()),
    ]
    kafka, redis, vendor = await asyncio.gather(
        check_kafka(
            kafka_options(settings.kafka),
            expected_topics(settings),
            int(settings.kafka.topic_max_message_bytes),
        ),
        check_redis(settings.redis),
        check_vendor(settings.apps),
    )
    return [*local_findings, *kafka, *redis, *vendor]


def _check_weaknesses(settings: Settings) -> list[Finding]:
    return [warning("settings", weakness.message, weakness.remedy) for weakness in settings.weaknesses()]


def _file_limit(settings: Settings) -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = settings.http.connections_max + _OTHER_FILES
    if hard != resource.RLIM_INFINITY and hard < wanted:
        message = f"at most {hard}, so it takes at most {counted(max(0, hard - _OTHER_FILES), 'connection')}"
        return warning("open files", message, f"raise its hard limit (ulimit -Hn, LimitNOFILE) to {wanted}")
    return ok("open files", f"{wanted} may be open")


def _print_findings(findings: Sequence[Finding], counts: dict[str, int]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        console.print(finding.render())
    console.print(f"{counts['ok']} ok, {counted(counts['warning'], 'warning')}, {counts['failed']} failed")
