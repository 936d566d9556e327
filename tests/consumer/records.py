"""Records as the bridge writes them, made by its core from the sample pairs; and topics of a test's own."""

import asyncio
import json
import uuid
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct

from bridge.core.application import Application
from bridge.core.decode.envelope import open_envelope, read_event
from bridge.core.event import DedupStamp, Notification, Record
from bridge.core.record import RECORD_MAX_BYTES, Routing, event_record
from tests.rig.consume import Consumed, read_all
from tests.rig.kafka import RealKafka
from tests.rig.parts import ROOT

EXAMPLES = ROOT / "schemas" / "examples"
RECEIVED_MS = 1_767_225_600_000


def record_of(body: bytes, routing: Routing | None = None) -> Record:
    """Write the record of a notification."""
    notification = Notification(application=Application(name="my-shop"), body=body, received_ms=RECEIVED_MS)
    event = read_event(open_envelope(body))
    return event_record(event, DedupStamp(id=event.identity.key), notification, routing or Routing())


def sample(event_type: str) -> dict[str, Any]:
    """Give the first sample of a type that is of format 3.0."""
    bodies = [json.loads(file.read_bytes()) for file in sorted((EXAMPLES / event_type).glob("*.in.json"))]
    return next(body for body in bodies if body.get("EventType") == event_type)


def payload_of(body: dict[str, Any]) -> dict[str, Any]:
    """Give a notification's payload."""
    return next(part for part in body.values() if isinstance(part, dict))


def transcoded(task: str, file: str) -> bytes:
    """Write the end of a transcoding, about 1 KB."""
    return _transcoded().replace(b"@task", task.encode()).replace(b"@file", file.encode())


@cache
def _transcoded() -> bytes:
    body = sample("TranscodeComplete")
    payload_of(body).update(TaskId="@task", FileId="@file")
    return json.dumps(body).encode()


def consumed(record: Record, offset: int = 0) -> ConsumerRecord[bytes, bytes]:
    """Give the record as aiokafka hands it out."""
    headers = tuple(record.headers)
    sizes = len(record.key), len(record.value)
    return ConsumerRecord(
        record.topic, 0, offset, RECEIVED_MS, 0, record.key, record.value, None, *sizes, headers
    )


class ConsumerEnvironment(Struct, frozen=True, kw_only=True):
    """Topics and a group of one test's own."""

    name: str
    kafka: RealKafka | None = None

    @property
    def routing(self) -> Routing:
        """How the bridge would be configured here."""
        return Routing(topic=f"{self.name}.{{type}}", topic_other=f"{self.name}.other")

    @property
    def dead_letter_topic(self) -> str:
        """The group's dead-letter topic."""
        return f"{self.name}.dead-letter.readers"

    @property
    def options(self) -> dict[str, Any]:
        """The options of a consumer here."""
        return {
            "group": self.group,
            "bootstrap_servers": self.kafka.bootstrap if self.kafka else "",
            "topic": self.routing.topic,
            "topic_other": self.routing.topic_other,
            "commit_interval_s": 0.05,
            "heartbeat_interval_ms": 100,
            # A member that is well may be silent for seconds on a busy machine.
            "session_timeout_ms": 30_000,
        }

    @property
    def group(self) -> str:
        """The group's name."""
        return f"{self.name}.readers"

    async def create(self, *types: str, partitions: int = 4) -> None:
        """Create the topics of these types (``other`` is one)."""
        configs = {"max.message.bytes": str(RECORD_MAX_BYTES)}
        await self._real_kafka.create_topics([f"{self.name}.{name}" for name in types], partitions, configs)

    async def delete(self, topic: str) -> None:
        """Delete a topic."""
        await self._real_kafka.delete_topics([topic])

    @property
    def _real_kafka(self) -> RealKafka:
        assert self.kafka is not None
        return self.kafka

    async def publish(self, records: Iterable[Record]) -> None:
        """Write records in their order."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._real_kafka.bootstrap, linger_ms=5, max_batch_size=512 * 1024
        )
        async with producer:
            await asyncio.gather(
                *[
                    await producer.send(one.topic, one.value, key=one.key, headers=list(one.headers))
                    for one in records
                ]
            )

    async def publish_transcoded(self, numbers: Sequence[int], keys: int = 40) -> None:
        """Publish transcodings whose tasks are these numbers; a number's key is its rest by ``keys``."""
        await self.publish(
            record_of(transcoded(str(number), f"file-{number % keys}"), self.routing) for number in numbers
        )

    async def committed(self) -> int:
        """Add up the positions that the group has committed."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._real_kafka.bootstrap)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self.group)
            return sum(position.offset for position in found.values())
        finally:
            await admin.close()

    async def group_state(self) -> tuple[str, int]:
        """Give the group's state, as Kafka calls it, and the number of its members."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._real_kafka.bootstrap)
        await admin.start()
        try:
            responses = await admin.describe_consumer_groups([self.group])
            group = responses[0].groups[0]
            return str(group[2]), len(group[5])
        finally:
            await admin.close()

    async def dead_letter_records(self) -> list[Consumed]:
        """Read the group's dead letters."""
        return await read_all(self._real_kafka.bootstrap, [self.dead_letter_topic])


def new_consumer_env(kafka: RealKafka) -> ConsumerEnvironment:
    """Give topics that nobody else has."""
    return ConsumerEnvironment(kafka=kafka, name=f"c{uuid.uuid4().hex[:10]}")
