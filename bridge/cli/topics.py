"""``vod-bridge topics``: lists the topics that the bridge writes to, and creates missing ones."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from bridge.cli.support.exit import EXIT_FAILED, EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.terminal import safe_text
from bridge.cli.support.time_arg import parse_duration_ms
from bridge.core.plural import counted
from bridge.io.kafka.client import kafka_options
from bridge.operations.kafka_admin import ClusterInfo, NewTopic, describe_cluster
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.operations.topic_plan import (
    DEAD_LETTER_RETENTION_DAYS,
    PARTITIONS,
    TopicDefaults,
    create_missing,
    creation_remedy,
    describe_new_topic,
    missing_topics,
)
from bridge.settings.settings import Settings
from bridge.wiring import build_routing

_DEAD_LETTER_RETENTION = f"{DEAD_LETTER_RETENTION_DAYS}d"


def expected_topics(settings: Settings) -> list[str]:
    """Every topic that the bridge may write to."""
    return build_routing(settings).topics(sorted(settings.applications()))


def topics(  # noqa: PLR0913 - an option each
    *,
    config: ConfigFile = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make the missing ones; those that exist are left as they are.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what --create would do, and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="List them as JSON; changes nothing.")] = False,
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of a new topic: the most consumers that share its work.")
    ] = PARTITIONS,
    replication: Annotated[
        int, typer.Option(min=0, help="Copies of a new topic; 0: 3, or as many as there are brokers.")
    ] = 0,
    retention: Annotated[
        str, typer.Option(help="How long records are kept: 7d, 12h, unlimited. Empty: as the cluster does.")
    ] = "",
    dead_letter_retention: Annotated[
        str, typer.Option(help="How long dead letters are kept.")
    ] = _DEAD_LETTER_RETENTION,
) -> None:
    """List the topics that the bridge writes to, and create the missing ones.

    New ones get cleanup.policy delete and the message size of BRIDGE_KAFKA__TOPIC_MAX_MESSAGE_BYTES (16 MiB).

    Replication is 3 and min.insync.replicas 2 where there are three brokers, else what the brokers allow.

    Where a cluster refuses a value, the nearest one that it allows is used, and the consequence is shown.

    Example: vod-bridge topics --create

    Example: vod-bridge topics --create --partitions 12 --retention 14d
    """
    if as_json and (create or dry_run):
        fail("--json lists: it goes with neither --create nor --dry-run", EXIT_USAGE)
    settings = load_settings_or_exit(config)
    defaults = TopicDefaults(
        partitions=partitions,
        replication=replication,
        retention_ms=parse_duration_ms("--retention", retention) if retention else None,
        dead_letter_retention_ms=parse_duration_ms("--dead-letter-retention", dead_letter_retention),
    )
    silence_aiokafka()
    if as_json:
        _print_json(expected_topics(settings), _described(kafka_options(settings.kafka)))
    else:
        _list_or_create(settings, defaults, create=create, dry_run=dry_run)


def _described(options: Mapping[str, Any]) -> ClusterInfo:
    """Ask the cluster; where it cannot be asked, the command ends with the reason."""
    try:
        return run_interruptible(describe_cluster(options))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(run_interruptible(explain_error(options, error))))


def _list_or_create(settings: Settings, defaults: TopicDefaults, *, create: bool, dry_run: bool) -> None:
    options = kafka_options(settings.kafka)
    expected = expected_topics(settings)
    cluster = _described(options)
    missing = missing_topics(settings, cluster, defaults)
    if dry_run or not create:
        _print_topics(expected, cluster)
        if not missing:
            return
        if dry_run:
            typer.echo("\n".join(f"would make {describe_new_topic(topic)}" for topic in missing))
            return
        number = f"{len(missing)} of {counted(len(expected), 'topic')}"
        fail(f"missing: {number}; `vod-bridge topics --create` makes them")
    _create_topics(missing, cluster, options)
    typer.echo(f"{counted(len(missing), 'topic')} made, {len(expected) - len(missing)} there before")


def _create_topics(wanted: Sequence[NewTopic], cluster: ClusterInfo, options: Mapping[str, Any]) -> None:
    if not wanted:
        return
    try:
        creation = run_interruptible(create_missing(wanted, cluster, options))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(f"Kafka did not make the topics: {type(error).__name__}: {error}")
    for concession in creation.concessions:
        typer.echo(f"warning: {concession}", err=True)
    for name, failure in creation.failures.items():
        typer.echo(safe_text(f"{name}: {failure}"), err=True)
    if creation.failures:
        number = f"{len(creation.failures)} of {counted(len(wanted), 'topic')}"
        fail(f"not made: {number}; {creation_remedy(creation.failures)}")


def _print_json(expected: Sequence[str], cluster: ClusterInfo) -> None:
    """Print an object for each topic; exit with 1 where one is missing."""
    entries = []
    for name in expected:
        found = cluster.topics.get(name)
        sizes = {} if found is None else {"partitions": found.partitions, "replication": found.replication}
        entries.append({"topic": name, "exists": found is not None, **sizes})
    typer.echo(msgspec.json.format(msgspec.json.encode(entries), indent=2).decode())
    if not all(entry["exists"] for entry in entries):
        raise typer.Exit(EXIT_FAILED)


def _print_topics(expected: Sequence[str], cluster: ClusterInfo) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(map(len, expected))
    for name in expected:
        found = cluster.topics.get(name)
        line = Text(name.ljust(width + 2))
        if found is None:
            line.append("missing", "red")
        else:
            line.append("there", "green").append(
                f"    {counted(found.partitions, 'partition')}, replication {found.replication}"
            )
        console.print(line)
