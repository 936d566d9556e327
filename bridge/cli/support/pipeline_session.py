"""The journey of events that a command brings in: the bridge's own, without a door, and without a spool."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct
from msgspec.structs import replace

from bridge.aio.promise import Promise
from bridge.core.event import Record
from bridge.core.outcome import DeliveryOutcome, UnavailableError
from bridge.delivery.durable_writer import DurableWriter
from bridge.delivery.pipeline import Pipeline
from bridge.delivery.ports import SpoolHandle, WriteHandle
from bridge.io.kafka.publisher import KafkaPublisher
from bridge.observability.telemetry import Telemetry
from bridge.settings.settings import Settings
from bridge.wiring import build_dedup, build_publisher, build_routing, hold_policy

DELIVERY_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 2.0


class _NullSpool:
    """Keeps nothing: whoever typed the command is told what Kafka did not take, and can type it again."""

    def accepts_size(self, size: int) -> bool:  # noqa: ARG002 - whatever its size
        return False

    def accepts(self, record: Record) -> bool:  # noqa: ARG002 - whatever it is
        return False

    def has_pending(self, record: Record) -> bool:  # noqa: ARG002 - whatever it is
        return False

    def append(self, record: Record, *, pending: bool = False) -> SpoolHandle:
        raise UnavailableError(f"there is no spool ({record.topic}, pending: {pending})")


class _SkippedWrite:
    """A dead letter that is not written: its bytes are where they were read from, and stay there."""

    durable: Promise[DeliveryOutcome]

    def __init__(self) -> None:
        self.durable = Promise[DeliveryOutcome]()
        self.durable.set_result(DeliveryOutcome.REJECTED)

    def withdraw(self) -> bool:
        return False


class _DropDeadLetters:
    """Writes events, and no dead letters."""

    def __init__(self, writer: DurableWriter, dead_letter_topic: str) -> None:
        self._writer = writer
        self._dead_letter_topic = dead_letter_topic

    @property
    def accepting(self) -> bool:
        return self._writer.accepting

    def send(self, record: Record) -> WriteHandle:
        return _SkippedWrite() if record.topic == self._dead_letter_topic else self._writer.send(record)


class PipelineSession(Struct, frozen=True):
    """What takes events to Kafka: ``pipeline`` what is a delivery again, ``keeper`` records as they are."""

    pipeline: Pipeline
    writer: DurableWriter
    publisher: KafkaPublisher

    @property
    def missing_topics_hint(self) -> str:
        """What to do about topics that Kafka does not have and records were for, if there are any."""
        topic_names = ", ".join(sorted(self.publisher.unknown_topics))
        return (
            f"topics are missing: {topic_names}: `vod-bridge topics --create` makes them"
            if topic_names
            else ""
        )


@asynccontextmanager
async def open_session(
    settings: Settings, *, fail_open: bool, write_dead_letters: bool = False
) -> AsyncIterator[PipelineSession]:
    """Build and start what takes events to Kafka, and stop it at the end.

    What is rejected is written to the dead-letter topic only where that is wanted (``bury``). While Redis is
    away an event is published all the same where that is allowed (``unchecked``), else it is deferred.
    """
    telemetry = Telemetry()
    dedup, publisher = build_dedup(settings, telemetry), build_publisher(settings, telemetry)
    # Nobody sends again what this holds: it waits, and then says so.
    policy = replace(
        hold_policy(settings), hold_s=0.0, wait_without_hold_s=DELIVERY_TIMEOUT_S, fail_open=fail_open
    )
    routing = build_routing(settings)
    durable_writer = DurableWriter(publisher, _NullSpool())
    writer = (
        durable_writer if write_dead_letters else _DropDeadLetters(durable_writer, routing.topic_dead_letter)
    )
    pipeline = Pipeline(dedup, writer, routing, telemetry, policy)
    dedup.start()
    publisher.start()
    pipeline.start()
    try:
        yield PipelineSession(pipeline, durable_writer, publisher)
    finally:
        await pipeline.stop(_STOP_TIMEOUT_S)
        await publisher.stop(_STOP_TIMEOUT_S)
        await dedup.stop()
