"""Checks of the Kafka cluster: listeners, topics, their settings, and this user's permissions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaError

from bridge.core.record import RECORD_MAX_BYTES
from bridge.diagnostics.kafka import addresses_of, diagnose_broker
from bridge.operations.check.finding import Finding, failed, ok, warning
from bridge.operations.kafka_admin import ClusterInfo, broker_settings, describe_cluster_at, topic_settings

_MIN_REPLICATION, _MIN_IN_SYNC = 3, 2
_NAMES_SHOWN = 8

ClientOptions = Mapping[str, Any]
TopicSettings = Mapping[str, Mapping[str, str]]


async def check_kafka(
    options: ClientOptions, expected: Sequence[str], topic_bytes: int = RECORD_MAX_BYTES
) -> list[Finding]:
    """Check everything that writing a record to each of the ``expected`` topics needs.

    ``topic_bytes`` is the required ``max.message.bytes`` of each.
    """
    found: list[Finding] = []
    cluster: ClusterInfo | None = None
    for address in addresses_of(options["bootstrap_servers"]):
        problem = await diagnose_broker(address, options)
        if problem:
            found.append(failed("kafka address", problem.message, problem.remedy))
            continue
        found.append(ok("kafka address", f"{address[0]}:{address[1]} answers"))
        cluster = cluster or await describe_cluster_at(address, options, expected)
    if cluster is None:
        return found
    found += await _check_listeners(cluster, options)
    if any(finding.check == "kafka listener" and finding.state == "failed" for finding in found):
        return found  # every further check needs the brokers that cannot be reached
    found.append(_present(expected, cluster))
    existing = [name for name in expected if name in cluster.topics]
    if existing or cluster.unauthorized_topics:
        found.append(_permitted(existing, cluster))
    return found + await _check_settings(existing, cluster, options, topic_bytes)


async def _check_listeners(cluster: ClusterInfo, options: ClientOptions) -> list[Finding]:
    found = []
    for number, address in sorted(cluster.brokers.items()):
        problem = await diagnose_broker(address, options)
        if problem:
            message = f"broker {number} advertises {address[0]}:{address[1]}; {problem.message}"
            found.append(
                failed(
                    "kafka listener",
                    message,
                    "correct the broker's advertised.listeners, or the network path to it",
                )
            )
        else:
            found.append(ok("kafka listener", f"broker {number} answers at {address[0]}:{address[1]}"))
    return found


def _present(expected: Sequence[str], cluster: ClusterInfo) -> Finding:
    missing = [
        name for name in expected if name not in cluster.topics and name not in cluster.unauthorized_topics
    ]
    if missing:
        message = f"{len(missing)} of {len(expected)} are missing: {', '.join(missing)}"
        return failed("kafka topics", message, "`vod-bridge topics --create` makes them")
    return ok("kafka topics", f"none of the {len(expected)} is missing")


def _permitted(existing: Sequence[str], cluster: ClusterInfo) -> Finding:
    topics = {name: cluster.topics[name] for name in existing}
    if cluster.unauthorized_topics:
        message = f"may not see {_abbreviate_names(sorted(cluster.unauthorized_topics), existing)}"
        return failed("kafka permission", message, "grant Describe and Write on these topics")
    refused = [name for name, topic in topics.items() if topic.may_write is False]
    if refused:
        return failed(
            "kafka permission",
            f"may not write to {_abbreviate_names(refused, topics)}",
            "grant Write on these topics",
        )
    if any(topic.may_write is None for topic in topics.values()):
        return warning(
            "kafka permission", "the brokers do not tell permissions", "watch the first deliveries"
        )
    return ok("kafka permission", f"may write to all {len(topics)} that are there")


async def _check_settings(
    names: Sequence[str], cluster: ClusterInfo, options: ClientOptions, topic_bytes: int
) -> list[Finding]:
    if not names:
        return []
    address = cluster.controller_address
    try:
        values = await topic_settings(address, options, names)
        broker = await broker_settings(address, options, _broker_id(address, cluster))
    except (KafkaError, OSError) as error:
        return [
            warning("kafka settings", f"cannot be read ({type(error).__name__})", "grant DescribeConfigs")
        ]
    found = [_check_replication(names, cluster)]
    if values:
        found += [_check_cleanup(values), _check_in_sync(values, cluster), _large(values, topic_bytes)]
    unread = [name for name in names if name not in values]
    if unread:
        found.append(
            warning(
                "kafka settings",
                f"of {_abbreviate_names(unread, names)} cannot be read",
                "grant DescribeConfigs",
            )
        )
    if broker.get("auto.create.topics.enable") == "true":
        message = "auto.create.topics.enable is true: a consumer's typing error makes a topic"
        found.append(
            warning(
                "kafka broker", message, "set it to false, and make topics by `vod-bridge topics --create`"
            )
        )
    return found


def _check_cleanup(values: TopicSettings) -> Finding:
    compacted = [
        name for name, topic_values in values.items() if "compact" in topic_values.get("cleanup.policy", "")
    ]
    if not compacted:
        return ok("kafka cleanup", "no topic is compacted")
    return failed(
        "kafka cleanup",
        f"compacted, which deletes all but a file's latest event: {_abbreviate_names(compacted, values)}",
        "set cleanup.policy=delete",
    )


def _check_replication(names: Sequence[str], cluster: ClusterInfo) -> Finding:
    below = [name for name in names if cluster.topics[name].replication < _MIN_REPLICATION]
    if not below:
        return ok("kafka replication", f"{_MIN_REPLICATION} or more everywhere")
    message = f"below {_MIN_REPLICATION}: {_abbreviate_names(below, names)}; a lost disk loses events"
    return warning("kafka replication", message, f"use {_MIN_REPLICATION} brokers and replicas in production")


def _check_in_sync(values: TopicSettings, cluster: ClusterInfo) -> Finding:
    below = [
        name
        for name, topic_values in values.items()
        if int(topic_values.get("min.insync.replicas") or 1) < _MIN_IN_SYNC
    ]
    if not below:
        return ok("kafka in-sync", f"min.insync.replicas is {_MIN_IN_SYNC} or more everywhere")
    rest = "" if len(cluster.brokers) >= _MIN_IN_SYNC else " once there are three brokers"
    names = _abbreviate_names(below, values)
    message = f"min.insync.replicas is below {_MIN_IN_SYNC}: {names}; one broker alone may acknowledge"
    return warning("kafka in-sync", message, f"set it to {_MIN_IN_SYNC}{rest}")


def _large(values: TopicSettings, topic_bytes: int) -> Finding:
    small = [
        name
        for name, topic_values in values.items()
        if int(topic_values.get("max.message.bytes") or topic_bytes) < topic_bytes
    ]
    if not small:
        return ok("kafka size", f"every topic takes {topic_bytes} bytes")
    names = _abbreviate_names(small, values)
    message = f"max.message.bytes is below {topic_bytes}: {names}; larger events become dead letters"
    remedy = (
        f"set max.message.bytes={topic_bytes}, or BRIDGE_KAFKA__TOPIC_MAX_MESSAGE_BYTES to what is allowed"
    )
    return warning("kafka size", message, remedy)


def _broker_id(address: tuple[str, int], cluster: ClusterInfo) -> int:
    return next(number for number, found in cluster.brokers.items() if found == address)


def _abbreviate_names(names: Sequence[str], among: Collection[str]) -> str:
    if len(names) == len(among) > 1:
        return f"all {len(names)} topics"
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
