"""Checks of the Kafka cluster: its addresses, the topics, how they are set, what this user may do."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from bridge.cli.finding import Finding, failed, ok, warning
from bridge.cli.kafka import Cluster, broker_settings, list_from, topic_settings
from bridge.core.record import RECORD_MAX_BYTES
from bridge.diagnostics.kafka import addresses_of, diagnose_broker

_REPLICATION, _IN_SYNC = 3, 2
_NAMES_SHOWN = 8

Options = Mapping[str, Any]
Values = Mapping[str, Mapping[str, str]]


async def check_kafka(
    options: Options, expected: Sequence[str], topic_bytes: int = RECORD_MAX_BYTES
) -> list[Finding]:
    """Check everything between here and a record on each of the ``expected`` topics.

    ``topic_bytes`` is the least ``max.message.bytes`` that each is to have.
    """
    found: list[Finding] = []
    cluster: Cluster | None = None
    for address in addresses_of(options["bootstrap_servers"]):
        trouble = await diagnose_broker(address, options)
        if trouble:
            found.append(failed("kafka address", trouble.message, trouble.remedy))
            continue
        found.append(ok("kafka address", f"{address[0]}:{address[1]} answers"))
        cluster = cluster or await list_from(address, options, expected)
    if cluster is None:
        return found
    found += await _advertised(cluster, options)
    if any(finding.check == "kafka listener" and finding.state == "failed" for finding in found):
        return found  # everything further would ask the brokers that cannot be reached
    found.append(_present(expected, cluster))
    there = [name for name in expected if name in cluster.topics]
    if there or cluster.hidden:
        found.append(_permitted(there, cluster))
    return found + await _settings(there, cluster, options, topic_bytes)


async def _advertised(cluster: Cluster, options: Options) -> list[Finding]:
    found = []
    for number, address in sorted(cluster.brokers.items()):
        trouble = await diagnose_broker(address, options)
        if trouble:
            what = f"broker {number} tells clients to come to {address[0]}:{address[1]}; {trouble.message}"
            found.append(
                failed("kafka listener", what, "mend the broker's advertised.listeners, or the way there")
            )
        else:
            found.append(ok("kafka listener", f"broker {number} answers at {address[0]}:{address[1]}"))
    return found


def _present(expected: Sequence[str], cluster: Cluster) -> Finding:
    missing = [name for name in expected if name not in cluster.topics and name not in cluster.hidden]
    if missing:
        what = f"{len(missing)} of {len(expected)} are missing: {', '.join(missing)}"
        return failed("kafka topics", what, "`vod-bridge topics --create` makes them")
    return ok("kafka topics", f"none of the {len(expected)} is missing")


def _permitted(there: Sequence[str], cluster: Cluster) -> Finding:
    topics = {name: cluster.topics[name] for name in there}
    if cluster.hidden:
        what = f"may not see {_some(sorted(cluster.hidden), there)}"
        return failed("kafka permission", what, "grant Describe and Write on these topics")
    refused = [name for name, topic in topics.items() if topic.may_write is False]
    if refused:
        return failed(
            "kafka permission", f"may not write to {_some(refused, topics)}", "grant Write on these topics"
        )
    if any(topic.may_write is None for topic in topics.values()):
        return warning(
            "kafka permission", "the brokers do not tell permissions", "watch the first deliveries"
        )
    return ok("kafka permission", f"may write to all {len(topics)} that are there")


async def _settings(
    names: Sequence[str], cluster: Cluster, options: Options, topic_bytes: int
) -> list[Finding]:
    if not names:
        return []
    address = cluster.controller_address
    try:
        values = await topic_settings(address, options, names)
        broker = await broker_settings(address, options, _broker_at(address, cluster))
    except (KafkaError, OSError) as error:
        return [
            warning("kafka settings", f"cannot be read ({type(error).__name__})", "grant DescribeConfigs")
        ]
    found = [_replicated(names, cluster)]
    if values:
        found += [_not_compacted(values), _in_sync(values, cluster), _large(values, topic_bytes)]
    unread = [name for name in names if name not in values]
    if unread:
        found.append(
            warning("kafka settings", f"of {_some(unread, names)} cannot be read", "grant DescribeConfigs")
        )
    if broker.get("auto.create.topics.enable") == "true":
        what = "auto.create.topics.enable is true: a consumer's typing error makes a topic"
        found.append(
            warning("kafka broker", what, "set it to false, and make topics by `vod-bridge topics --create`")
        )
    return found


def _not_compacted(values: Values) -> Finding:
    compacted = [name for name, own in values.items() if "compact" in own.get("cleanup.policy", "")]
    if not compacted:
        return ok("kafka cleanup", "no topic is compacted")
    return failed(
        "kafka cleanup",
        f"compacted, which deletes all but a file's latest event: {_some(compacted, values)}",
        "set cleanup.policy=delete",
    )


def _replicated(names: Sequence[str], cluster: Cluster) -> Finding:
    few = [name for name in names if cluster.topics[name].replication < _REPLICATION]
    if not few:
        return ok("kafka replication", f"{_REPLICATION} or more everywhere")
    what = f"below {_REPLICATION}: {_some(few, names)}; a lost disk loses events"
    return warning("kafka replication", what, f"use {_REPLICATION} brokers and replicas in production")


def _in_sync(values: Values, cluster: Cluster) -> Finding:
    few = [name for name, own in values.items() if int(own.get("min.insync.replicas") or 1) < _IN_SYNC]
    if not few:
        return ok("kafka in-sync", f"min.insync.replicas is {_IN_SYNC} or more everywhere")
    more = "" if len(cluster.brokers) >= _IN_SYNC else " once there are three brokers"
    what = f"min.insync.replicas is below {_IN_SYNC}: {_some(few, values)}; one broker alone may acknowledge"
    return warning("kafka in-sync", what, f"set it to {_IN_SYNC}{more}")


def _large(values: Values, topic_bytes: int) -> Finding:
    small = [
        name for name, own in values.items() if int(own.get("max.message.bytes") or topic_bytes) < topic_bytes
    ]
    if not small:
        return ok("kafka size", f"every topic takes {topic_bytes} bytes")
    what = (
        f"max.message.bytes is below {topic_bytes}: {_some(small, values)}; larger events become dead letters"
    )
    todo = f"set max.message.bytes={topic_bytes}, or BRIDGE_KAFKA__TOPIC_MAX_MESSAGE_BYTES to what is allowed"
    return warning("kafka size", what, todo)


def _broker_at(address: tuple[str, int], cluster: Cluster) -> int:
    return next(number for number, found in cluster.brokers.items() if found == address)


def _some(names: Sequence[str], among: Collection[str]) -> str:
    if len(names) == len(among) > 1:
        return f"all {len(names)} topics"
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")
