"""Three real brokers that are one cluster, each behind a proxy of its own, and leaders that can be moved."""

import asyncio
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest

from tests.rig.kafka import RealKafka
from tests.rig.proxy import Proxy

BROKERS = 3
_WITHIN_MS = 60_000
_SETTINGS = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "auto.leader.rebalance.enable": "false",
}
_NO_TAGS: dict[int, bytes] = {}


class KafkaCluster:
    """The cluster, started and removed by ``with`` (blocking).

    ``bootstrap`` are the brokers' direct addresses; whoever uses ``proxied`` speaks through ``proxies``.
    """

    def __init__(self) -> None:
        self.brokers = [RealKafka() for _ in range(BROKERS)]
        self.bootstrap = ",".join(broker.bootstrap for broker in self.brokers)
        self.proxied = ",".join(broker.proxied for broker in self.brokers)
        self.proxies: list[Proxy] = []
        self._stack = ExitStack()
        voters = ",".join(
            f"{number}@127.0.0.1:{broker.controller_port}"
            for number, broker in enumerate(self.brokers, start=1)
        )
        for number, broker in enumerate(self.brokers, start=1):
            broker.cluster_id = self.brokers[0].cluster_id
            broker.settings |= _SETTINGS | {"node.id": str(number), "controller.quorum.voters": voters}

    def __enter__(self) -> Self:
        """Start all brokers at once: none answers before most of them are there."""
        self._stack.callback(self._remove)
        try:
            with ThreadPoolExecutor(BROKERS) as threads:
                list(threads.map(RealKafka.start, self.brokers))
            self.proxies = [self._stack.enter_context(broker.open_proxy()) for broker in self.brokers]
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill all and remove their data."""
        self._stack.close()

    def _remove(self) -> None:
        for broker in self.brokers:
            broker.remove()

    async def create_topics(
        self, names: Iterable[str], partitions: int = 4, configs: Mapping[str, str] | None = None
    ) -> None:
        """Create topics, each partition on all brokers."""
        await self.brokers[0].create_topics(names, partitions, configs, replication=BROKERS)

    async def move_leaders(self, topics: Iterable[str]) -> None:
        """Let each partition's next replica lead it."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=90_000)
        await admin.start()
        try:
            found = await admin.describe_topics(list(topics))
            partitions = {
                (topic["topic"], partition["partition"]): _next(partition["replicas"], partition["leader"])
                for topic in found
                for partition in topic["partitions"]
            }
            await admin._send_to_controller(_reassignment(partitions))  # noqa: SLF001 - it has no method for that
        finally:
            await admin.close()
        await asyncio.to_thread(_elect, self.bootstrap, list(partitions))


def _next(replicas: list[int], leader: int) -> list[int]:
    """Give the same replicas in an order in which another one than ``leader`` is preferred."""
    ordered = sorted(replicas)
    at = (ordered.index(leader) + 1) % len(ordered) if leader in ordered else 0
    return ordered[at:] + ordered[:at]


def _reassignment(partitions: dict[tuple[str, int], list[int]]) -> AlterPartitionReassignmentsRequest:
    topics: dict[str, list[Any]] = {}
    for (topic, partition), replicas in partitions.items():
        topics.setdefault(topic, []).append((partition, replicas, _NO_TAGS))
    listed = [(topic, orders, _NO_TAGS) for topic, orders in topics.items()]
    return AlterPartitionReassignmentsRequest(_WITHIN_MS, listed, _NO_TAGS)


def _elect(bootstrap: str, partitions: list[tuple[str, int]]) -> None:
    from confluent_kafka import ElectionType, TopicPartition  # noqa: PLC0415 - an extra
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    wanted = [TopicPartition(topic, partition) for topic, partition in partitions]
    admin.elect_leaders(ElectionType.PREFERRED, wanted).result(_WITHIN_MS / 1000)
