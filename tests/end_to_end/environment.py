"""The environment of one test's program: topics of its own, and what they hold at the end.

Starting and stopping parts is the rig's.
"""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct

from tests.rig.consume import Consumed, read_all
from tests.rig.kafka import RealKafka
from tests.rig.kafka_cluster import KafkaCluster
from tests.rig.program import Program
from tests.rig.redis import RealRedis

NO_SPOOL = {"BRIDGE_SPOOL__MAX_BYTES": "0"}
"""For what is promised where nothing but Kafka can make a record durable."""


class Environment(Struct, frozen=True, kw_only=True):
    """One topic for the events of all types, one for others, one for dead letters.

    Where there are ``brokers``, programs speak to all of them through their proxies, and ``kafka`` is one.
    ``is_kafka_well``: no test disturbs it, so that one that is silent for seconds is only busy.
    """

    kafka: RealKafka
    redis: RealRedis
    name: str
    brokers: KafkaCluster | None = None
    is_kafka_well: bool = False

    @property
    def events(self) -> str:
        """The topic of every known type's events."""
        return f"{self.name}.events"

    @property
    def other(self) -> str:
        """The topic of unknown types."""
        return f"{self.name}.other"

    @property
    def dead_letters(self) -> str:
        """The topic of what can never be an event."""
        return f"{self.name}.dead-letters"

    @property
    def topics(self) -> list[str]:
        """All three."""
        return [self.events, self.other, self.dead_letters]

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a program here."""
        return {
            "BRIDGE_KAFKA__BOOTSTRAP_SERVERS": (
                self.brokers.proxied if self.brokers else self.kafka.bootstrap
            ),
            "BRIDGE_KAFKA__TOPIC": self.events,
            "BRIDGE_KAFKA__TOPIC_OTHER": self.other,
            "BRIDGE_KAFKA__TOPIC_DEAD_LETTER": self.dead_letters,
            "BRIDGE_REDIS__URL": self.redis.url,
            # On a busy machine a Redis that is well may need longer than the usual 250 ms.
            "BRIDGE_DEDUP__TIMEOUT_MS": "2000",
        } | ({"BRIDGE_KAFKA__SLOW_AFTER_S": "5"} if self.is_kafka_well else {})

    async def published(self) -> list[dict[str, Any]]:
        """Read the canonical events that Kafka holds now."""
        return [json.loads(record.value) for record in await self.records(self.events)]

    async def ids(self) -> list[str]:
        """Read their ids, sorted."""
        return sorted(event["id"] for event in await self.published())

    async def rejected(self) -> list[Consumed]:
        """Read the dead letters."""
        return await self.records(self.dead_letters)

    async def records(self, *topics: str) -> list[Consumed]:
        """Read what these topics hold now."""
        return await read_all(self.kafka.bootstrap, topics)


@asynccontextmanager
async def running(
    environment: Environment, settings: Mapping[str, str] | None = None, *, wait_for: str = "/readyz"
) -> AsyncIterator[Program]:
    """Run a program here; at the end its log must hold no traceback."""
    async with Program(environment.settings | dict(settings or {}), wait_for=wait_for) as program:
        yield program
        assert "Traceback" not in program.log()
        program.kill()  # an orderly end takes its time; what it promises is in test_stopping
