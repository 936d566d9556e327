"""The bridge's own delivery pipeline inside a command: without an ingress and without a spool."""

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
    """Accepts nothing: a command reports what Kafka did not accept, and can be run again."""

    def accepts_size(self, size: int) -> bool:  # noqa: ARG002 - whatever its size
        return False

    def accepts(self, record: Record) -> bool:  # noqa: ARG002 - whatever it is
        return False

    def has_pending(self, record: Record) -> bool:  # noqa: ARG002 - whatever it is
        return False

    def append(self, record: Record, *, pending: bool = False) -> SpoolHandle:
        raise UnavailableError(f"there is no spool ({record.topic}, pending: {pending})")


class _SkippedWrite:
    """A dead letter that is not written: its bytes stay where they were read."""

    durable: Promise[DeliveryOutcome]

    def __init__(self) -> None:
        self.durable = Promise[DeliveryOutcome]()
        self.durable.set_result(DeliveryOutcome.REJECTED)

    def withdraw(self) -> bool:
        return False


class _DropDeadLetters:
    """Writes events, and skips dead letters."""

    def __init__(self, writer: DurableWriter, dead_letter_topic: str) -> None:
        self._writer = writer
        self._dead_letter_topic = dead_letter_topic

    @property
    def accepting(self) -> bool:
        return self._writer.accepting

    def send(self, record: Record) -> WriteHandle:
        return _SkippedWrite() if record.topic == self._dead_letter_topic else self._writer.send(record)


class PipelineSession(Struct, frozen=True):
    """``pipeline`` delivers notifications, ``writer`` writes finished records."""

    pipeline: Pipeline
    writer: DurableWriter
    publisher: KafkaPublisher

    @property
    def missing_topics_hint(self) -> str:
        """What to do about missing topics that records were for; "" where none is missing."""
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
    """Build and start the pipeline; stop it at the end.

    Rejected notifications become dead letters only with ``write_dead_letters``. While Redis is unavailable an
    event is published unchecked with ``fail_open``, else it is deferred.
    """
    telemetry = Telemetry()
    dedup, publisher = build_dedup(settings, telemetry), build_publisher(settings, telemetry)
    # Nothing is redelivered here: instead of withholding a response, the caller waits.
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
