"""Admin requests of the commands: cluster metadata, topic settings, creating topics.

Each request uses a connection of its own that is closed at once. Nothing here creates a topic by asking for
it, and nothing publishes.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, for_code
from aiokafka.protocol.admin import CreateTopicsRequest, DescribeConfigsRequest
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String
from msgspec import Struct

from bridge.diagnostics.kafka import Address, addresses_of
from bridge.diagnostics.problem import RESPONSE_TIMEOUT_S

_OP_WRITE = 4  # AclOperation, by Kafka's number
_TOPIC_UNAUTHORIZED = TopicAuthorizationFailedError.errno
_RESOURCE_TOPIC, _RESOURCE_BROKER = 2, 4  # ConfigResource types, by Kafka's numbers


class TopicInfo(Struct, frozen=True, kw_only=True):
    """A topic as the cluster lists it; ``may_write`` is None where the brokers report no permissions."""

    partitions: int
    replication: int
    may_write: bool | None = None


class ClusterInfo(Struct, frozen=True, kw_only=True):
    """The cluster's metadata; ``unauthorized_topics``: requested, but this user may not see them."""

    brokers: Mapping[int, Address]
    controller: int
    topics: Mapping[str, TopicInfo]
    unauthorized_topics: frozenset[str] = frozenset()

    @property
    def controller_address(self) -> Address:
        """The controller, which creates topics; else any broker (it forwards the request)."""
        return self.brokers.get(self.controller) or next(iter(self.brokers.values()))


class NewTopic(Struct, frozen=True, kw_only=True):
    """A topic to create."""

    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


class CreateFailure(Struct, frozen=True, kw_only=True):
    """Why a topic was not created: Kafka's error name (``POLICY_VIOLATION``) and message."""

    code: str
    message: str

    def __str__(self) -> str:
        return self.message


class _MetadataResponseV8(Response):  # type: ignore[misc] # the library asks for this base, and is untyped
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8"))),
        ),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("operations", Int32),
            ),
        ),
        ("operations", Int32),
    )


class _MetadataRequestV8(RequestStruct):  # type: ignore[misc] # the library asks for this base, and is untyped
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _MetadataResponseV8
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _MetadataRequest(Request[_MetadataRequestV8]):  # type: ignore[misc] # the library asks for this base, and is untyped
    """All topics, or those named, with permissions, which version 8 has; aiokafka stops at 5."""

    API_KEY = 3

    def __init__(self, topics: Sequence[str] | None) -> None:
        self._topics = None if topics is None else list(topics)

    def build(self, request_struct_class: type[_MetadataRequestV8]) -> _MetadataRequestV8:
        no, yes = False, True  # create nothing; include this user's permissions
        return request_struct_class(self._topics, no, no, yes)


@asynccontextmanager
async def connection(address: Address, options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaConnection]:
    """Connect to one broker, authenticated; everything ends after `ANSWER_WITHIN_S`."""
    conn_options = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    async with asyncio.timeout(RESPONSE_TIMEOUT_S):
        conn = await create_conn(*address, request_timeout_ms=int(RESPONSE_TIMEOUT_S * 1000), **conn_options)
    try:
        yield conn
    finally:
        conn.close()


async def describe_cluster(options: Mapping[str, Any]) -> ClusterInfo:
    """Ask the first address that responds; raises KafkaError or OSError of the last one."""
    failure: Exception = OSError("no address")
    for address in addresses_of(options["bootstrap_servers"]):
        try:
            return await describe_cluster_at(address, options)
        except (KafkaError, OSError) as error:
            failure = error
    raise failure


async def describe_cluster_at(
    address: Address, options: Mapping[str, Any], topics: Sequence[str] | None = None
) -> ClusterInfo:
    """Ask one broker for all topics that this user may describe, or those named."""
    async with connection(address, options) as conn:
        response = (await conn.send(_MetadataRequest(topics))).to_object()
    found = {
        topic["topic"]: TopicInfo(
            partitions=len(topic["partitions"]),
            replication=min(
                (len(partition_info["replicas"]) for partition_info in topic["partitions"]), default=0
            ),
            may_write=_may_write(topic["operations"]),
        )
        for topic in response["topics"]
        if not topic["error_code"]
    }
    return ClusterInfo(
        brokers={broker["node_id"]: (broker["host"], broker["port"]) for broker in response["brokers"]},
        controller=response["controller_id"],
        topics=found,
        unauthorized_topics=frozenset(
            topic["topic"] for topic in response["topics"] if topic["error_code"] == _TOPIC_UNAUTHORIZED
        ),
    )


async def topic_settings(
    address: Address, options: Mapping[str, Any], topics: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Read each topic's settings; topics whose settings this user may not read are left out."""
    return await _describe_configs(address, options, [(_RESOURCE_TOPIC, topic, None) for topic in topics])


async def broker_settings(address: Address, options: Mapping[str, Any], broker: int) -> dict[str, str]:
    """Read one broker's settings; empty where this user may not."""
    found = await _describe_configs(address, options, [(_RESOURCE_BROKER, str(broker), None)])
    return found.get(str(broker), {})


async def create_topics(
    address: Address,
    options: Mapping[str, Any],
    topics: Sequence[NewTopic],
    *,
    validate_only: bool = False,
) -> dict[str, CreateFailure | None]:
    """Create ``topics``; return the failure of each, None where it exists now.

    With ``validate_only`` nothing is created: the cluster only validates.
    """
    wanted: list[tuple[Any, ...]] = [
        (topic.name, topic.partitions, topic.replication, [], list(topic.settings.items()))
        for topic in topics
    ]
    timeout_ms = int(RESPONSE_TIMEOUT_S * 1000)
    async with connection(address, options) as conn:
        response = await conn.send(CreateTopicsRequest(wanted, timeout_ms, validate_only=validate_only))
    outcomes: dict[str, CreateFailure | None] = {}
    for name, code, message in (row[:3] for row in response.topic_errors):
        error = for_code(code)
        exists = not code or error.__name__ == "TopicAlreadyExistsError"
        words = message or error.description or error.__name__
        outcomes[name] = None if exists else CreateFailure(code=error.message, message=words)
    return outcomes


async def _describe_configs(
    address: Address, options: Mapping[str, Any], resources: Sequence[tuple[int, str, None]]
) -> dict[str, dict[str, str]]:
    async with connection(address, options) as conn:
        response = await conn.send(DescribeConfigsRequest(list(resources)))
    # code, message, kind, name, entries; of an entry name and value come first in every version
    return {
        name: {entry[0]: entry[1] or "" for entry in entries}
        for code, _, _, name, entries in response.resources
        if not code
    }


def _may_write(operations: int) -> bool | None:
    if operations < 0:  # the broker sends no value
        return None
    return bool(operations >> _OP_WRITE & 1)
