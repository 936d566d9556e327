"""``vod-bridge topics``: which topics the bridge writes to, how they stand, and to make those that miss."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from bridge.build import routing_of
from bridge.cli.ending import ConfigFile, fail, settings_of
from bridge.cli.kafka import Cluster, NewTopic, create_topics, read_cluster
from bridge.cli.terminal import plain
from bridge.cli.trouble import hush_library, trouble_of
from bridge.core.record import RECORD_MAX_BYTES
from bridge.links import kafka_options
from bridge.settings import Settings

_PARTITIONS = 4
_ENOUGH_BROKERS = 3
_DEAD_LETTERS_KEPT_MS = 30 * 24 * 60 * 60 * 1000


def expected_topics(settings: Settings) -> list[str]:
    """Every topic that the bridge may write to."""
    return routing_of(settings).topics(sorted(settings.applications()))


def topics(
    *,
    config: ConfigFile = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make the missing ones; those that exist are left as they are.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what --create would do, and stop.")] = False,
) -> None:
    """List the topics that the bridge writes to, and create the missing ones.

    New ones get 4 partitions, cleanup.policy delete, 16 MiB messages; dead letters are kept 30 days.

    Replication is 3 and min.insync.replicas 2 where there are three brokers, else what the brokers allow.

    Example: vod-bridge topics --create
    """
    hush_library()
    settings = settings_of(config)
    options = kafka_options(settings.kafka)
    expected = expected_topics(settings)
    try:
        cluster = asyncio.run(read_cluster(options))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(asyncio.run(trouble_of(options, error))))
    missing = [name for name in expected if name not in cluster.topics]
    if dry_run or not create:
        _show(expected, cluster)
        if not missing:
            return
        if dry_run:
            typer.echo(_plan(missing, cluster, settings))
            return
        fail(f"{len(missing)} of {len(expected)} topics are missing: `vod-bridge topics --create` makes them")
    _create([_new(name, cluster, settings) for name in missing], cluster, options)
    typer.echo(f"{len(missing)} made, {len(expected) - len(missing)} were there")


def _create(wanted: Sequence[NewTopic], cluster: Cluster, options: Mapping[str, Any]) -> None:
    if not wanted:
        return
    try:
        refusals = asyncio.run(create_topics(cluster.controller_address, options, wanted))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(f"Kafka did not make the topics: {type(error).__name__}: {error}")
    refused = {name: why for name, why in refusals.items() if why}
    for name, why in refused.items():
        typer.echo(plain(f"{name}: {why}"), err=True)
    if refused:
        fail(f"{len(refused)} of {len(wanted)} were not made: the user needs Create on the cluster or topics")


def _new(name: str, cluster: Cluster, settings: Settings) -> NewTopic:
    replication = min(len(cluster.brokers), _ENOUGH_BROKERS)
    values = {"cleanup.policy": "delete", "max.message.bytes": str(RECORD_MAX_BYTES)}
    if replication == _ENOUGH_BROKERS:
        values["min.insync.replicas"] = "2"
    if name == settings.kafka.topic_dead_letter:
        values["retention.ms"] = str(_DEAD_LETTERS_KEPT_MS)
    return NewTopic(name=name, partitions=_PARTITIONS, replication=replication, settings=values)


def _plan(missing: Sequence[str], cluster: Cluster, settings: Settings) -> str:
    lines = []
    for new in (_new(name, cluster, settings) for name in missing):
        values = ", ".join(f"{key}={value}" for key, value in new.settings.items())
        lines.append(
            f"would make {new.name}: partitions={new.partitions}, replication={new.replication}, {values}"
        )
    return "\n".join(lines)


def _show(expected: Sequence[str], cluster: Cluster) -> None:
    console = Console(highlight=False, soft_wrap=True)
    width = max(map(len, expected))
    for name in expected:
        found = cluster.topics.get(name)
        line = Text(name.ljust(width + 2))
        if found is None:
            line.append("missing", "red")
        else:
            line.append("there", "green").append(
                f"    {found.partitions} partitions, replication {found.replication}"
            )
        console.print(line)
