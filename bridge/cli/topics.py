"""``vod-bridge topics``: lists the topics that the bridge writes to, and creates missing ones."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer
from aiokafka.errors import KafkaError
from msgspec import Struct
from rich.console import Console
from rich.text import Text

from bridge.cli.support.exit import ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.terminal import safe_text
from bridge.cli.support.time_arg import parse_duration_ms
from bridge.cli.topic_creation import create_with_fallbacks
from bridge.core.plural import counted
from bridge.io.kafka.client import kafka_options
from bridge.operations.kafka_admin import (
    ClusterInfo,
    CreateFailure,
    NewTopic,
    create_topics,
    describe_cluster,
)
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.settings.settings import Settings
from bridge.wiring import build_routing

_PARTITIONS = 4
_TARGET_REPLICATION = 3
_DEAD_LETTER_RETENTION = "30d"
_LISTED_WITHIN_S = 10.0
_LISTED_POLL_S = 0.1


class _TopicDefaults(Struct, frozen=True, kw_only=True):
    """The settings of new topics. ``replication`` 0: as the brokers allow."""

    partitions: int
    replication: int
    retention_ms: int | None
    dead_letter_retention_ms: int
    max_message_bytes: int


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
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of a new topic: the most consumers that share its work.")
    ] = _PARTITIONS,
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
    settings = load_settings_or_exit(config)
    defaults = _TopicDefaults(
        partitions=partitions,
        replication=replication,
        retention_ms=parse_duration_ms("--retention", retention) if retention else None,
        dead_letter_retention_ms=parse_duration_ms("--dead-letter-retention", dead_letter_retention),
        max_message_bytes=int(settings.kafka.topic_max_message_bytes),
    )
    _list_or_create(settings, defaults, create=create, dry_run=dry_run)


def _list_or_create(settings: Settings, defaults: _TopicDefaults, *, create: bool, dry_run: bool) -> None:
    silence_aiokafka()
    options = kafka_options(settings.kafka)
    expected = expected_topics(settings)
    try:
        cluster = asyncio.run(describe_cluster(options))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(asyncio.run(explain_error(options, error))))
    missing = [name for name in expected if name not in cluster.topics]
    if dry_run or not create:
        _print_topics(expected, cluster)
        if not missing:
            return
        if dry_run:
            typer.echo(_describe_plan([_new_topic(name, cluster, settings, defaults) for name in missing]))
            return
        number = f"{len(missing)} of {counted(len(expected), 'topic')}"
        fail(f"missing: {number}; `vod-bridge topics --create` makes them")
    _create_topics([_new_topic(name, cluster, settings, defaults) for name in missing], cluster, options)
    typer.echo(f"{counted(len(missing), 'topic')} made, {len(expected) - len(missing)} there before")


def _create_topics(wanted: Sequence[NewTopic], cluster: ClusterInfo, options: Mapping[str, Any]) -> None:
    if not wanted:
        return

    async def create_on_controller(
        topics: Sequence[NewTopic], *, validate_only: bool
    ) -> Mapping[str, CreateFailure | None]:
        return await create_topics(cluster.controller_address, options, topics, validate_only=validate_only)

    try:
        creation = asyncio.run(create_with_fallbacks(wanted, create_on_controller))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(f"Kafka did not make the topics: {type(error).__name__}: {error}")
    for concession in creation.concessions:
        typer.echo(f"warning: {concession}", err=True)
    for name, failure in creation.failures.items():
        typer.echo(safe_text(f"{name}: {failure}"), err=True)
    if creation.failures:
        number = f"{len(creation.failures)} of {counted(len(wanted), 'topic')}"
        fail(f"not made: {number}; {_remedy(creation.failures)}")
    asyncio.run(_wait_until_listed([topic.name for topic in wanted], options))


async def _wait_until_listed(names: Collection[str], options: Mapping[str, Any]) -> None:
    """Wait until a broker lists the topics: it learns of them a moment after the controller made them.

    Else `check` or `serve` right behind this command could miss them. Not for long: who may create topics may
    still not be allowed to see them.
    """
    with suppress(TimeoutError, KafkaError, OSError):
        async with asyncio.timeout(_LISTED_WITHIN_S):
            while True:
                listed = (await describe_cluster(options)).topics
                if all(name in listed for name in names):
                    return
                await asyncio.sleep(_LISTED_POLL_S)


def _remedy(failures: Mapping[str, CreateFailure]) -> str:
    if any("AUTHORIZATION" in failure.code for failure in failures.values()):
        return "the user needs Create on the cluster or topics"
    return "see what Kafka says of each, and the options --partitions, --replication, --retention"


def _new_topic(name: str, cluster: ClusterInfo, settings: Settings, defaults: _TopicDefaults) -> NewTopic:
    replication = defaults.replication or min(len(cluster.brokers), _TARGET_REPLICATION)
    values = {"cleanup.policy": "delete", "max.message.bytes": str(defaults.max_message_bytes)}
    if replication >= _TARGET_REPLICATION:
        values["min.insync.replicas"] = "2"
    is_dead_letter = name == settings.kafka.topic_dead_letter
    retention_ms = defaults.dead_letter_retention_ms if is_dead_letter else defaults.retention_ms
    if retention_ms is not None:
        values["retention.ms"] = str(retention_ms)
    return NewTopic(name=name, partitions=defaults.partitions, replication=replication, settings=values)


def _describe_plan(topics: Sequence[NewTopic]) -> str:
    lines = []
    for new_topic in topics:
        values = ", ".join(f"{key}={value}" for key, value in new_topic.settings.items())
        numbers = f"partitions={new_topic.partitions}, replication={new_topic.replication}"
        lines.append(f"would make {new_topic.name}: {numbers}, {values}")
    return "\n".join(lines)


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
