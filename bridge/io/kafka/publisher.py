"""Writes records to Kafka by a producer that is replaced when it dies, behind a circuit breaker.

`accumulator` keeps the records on their way; here is the producer: how it starts, when it is fed, when it is
replaced. Nothing here knows what an event is, or what becomes of a record that is not taken.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaConnectionError, KafkaError

from bridge.aio.supervisor import supervise
from bridge.aiokafka_internals import ended_producer_task
from bridge.core.event import Record
from bridge.core.partition import hash_key
from bridge.delivery.ports import DeliveryCallbacks
from bridge.io.kafka import stalls
from bridge.io.kafka.accumulator import RecordAccumulator
from bridge.io.kafka.accumulator_sender import choose_sender
from bridge.io.kafka.batch_sender import BatchSender
from bridge.io.kafka.broker_health import BrokerHealth, Probe, ProbeResult
from bridge.io.kafka.broker_probe import any_broker_responds, cluster_is_reachable
from bridge.io.kafka.limits import BufferLimits, PublisherLimits
from bridge.io.kafka.metadata import TopicMetadata, read_cluster
from bridge.io.kafka.pending import PendingRecord
from bridge.io.kafka.producers import close_producer, create_producer
from bridge.observability.telemetry import Telemetry

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_LINGER_MIN_BATCH = 8


class KafkaPublisher:
    """Publishes with acks=all, idempotent. ``options`` are the producer's (addresses, security, batches).

    The breaker is open, and nothing enters the producer, until it is connected and while no broker answers.
    ``accepting``: the breaker is closed, Kafka takes records now.
    """

    def __init__(self, options: Mapping[str, Any], telemetry: Telemetry, limits: PublisherLimits) -> None:
        self._options = options
        self._telemetry = telemetry
        self._limits = limits
        buffer = BufferLimits(max_bytes=limits.max_in_flight_bytes, max_records=limits.max_in_flight_records)
        self._metadata = TopicMetadata()
        self._accumulator = RecordAccumulator(buffer, self._metadata, self._on_ack, self._mark_fatal)
        self._health = BrokerHealth(limits)
        self._sender: BatchSender | None = None
        self._fatal = False
        self._unreachable = False
        self._metadata_requested_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._loop = asyncio.get_running_loop()
        self.accepting = False  # the breaker is open until a first producer lives

    @property
    def metadata_loaded(self) -> bool:
        """Whether the topics of the cluster were ever listed."""
        return bool(self._metadata.partitions) or self._sender is not None

    @property
    def health_known(self) -> bool:
        """Whether Kafka's state is known: it answered, it refused, or its time to answer is over."""
        return self._unreachable or self._health.is_known(self._loop.time())

    @property
    def availability_epoch(self) -> int:
        """A number that grows whenever more records may be sent than before."""
        return self._accumulator.availability_epoch

    @property
    def unknown_topics(self) -> frozenset[str]:
        """The topics of records that were in no listing."""
        return frozenset(self._metadata.unknown_topics)

    def missing_topics(self, topics: Iterable[str]) -> list[str]:
        """Return those of ``topics`` that are not in the last full listing."""
        return [topic for topic in topics if topic not in self._metadata.partitions]

    def start(self) -> None:
        """Begin to connect. Returns at once: Kafka may be unavailable."""
        self._health.on_producer_lost(self._loop.time())
        work = (self._producer_loop, self._sender_loop, self._health_loop, self._probe_loop)
        self._tasks = [asyncio.create_task(supervise(loop, self._telemetry)) for loop in work]

    async def stop(self, timeout_s: float) -> None:
        """Wait at most ``timeout_s`` for batches in flight, divert the other records, close the producer."""
        await self._await_in_flight(timeout_s if self.accepting else 0)
        self._accumulator.mark_all_stalled()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2 * self._limits.close_timeout_s)
        sender, self._sender = self._sender, None
        if sender is not None:
            await close_producer(sender.producer, self._limits.close_timeout_s)

    def accepts(self, topic: str, key_hash: int) -> bool:
        """Whether a record of that topic and key hash would be sent now, as far as is known."""
        return self.accepting and self._accumulator.accepts(topic, key_hash)

    def try_send(self, record: Record, callbacks: DeliveryCallbacks) -> PendingRecord | None:
        """Send ``record`` if it can leave now; None if it would have to wait."""
        if not self.accepting:
            return None
        return self._accumulator.try_send(record, hash_key(record.key), callbacks)

    def divert_earlier(self, record: Record) -> None:
        """Call `on_stalled` of the records queued before ``record``, which is about to be spooled."""
        self._accumulator.divert_earlier(record.topic, hash_key(record.key))

    def send(self, record: Record, callbacks: DeliveryCallbacks) -> PendingRecord:
        """Send ``record``, however long it waits. Raises `UnavailableError` if the buffer is full."""
        return self._accumulator.send(record, hash_key(record.key), callbacks)

    async def _sender_loop(self) -> None:
        ready_event = self._accumulator.ready_event
        while True:
            await ready_event.wait()
            ready_event.clear()
            sender = self._sender
            # Nothing enters while the broker is silent: waiting records can still be withdrawn, or spooled.
            if sender is None or not self.accepting or self._fatal:
                continue
            if await self._accumulator.send_ready(sender) >= _LINGER_MIN_BATCH:
                # Under load requests are gathered: one costs as much as thirty of the records in it.
                await asyncio.sleep(self._limits.linger_s)

    async def _producer_loop(self) -> None:
        while True:
            if self._fatal:
                await self._replace_producer()
            if self._sender is None:
                await self._start_producer()
            await asyncio.sleep(self._limits.tick_s)

    async def _health_loop(self) -> None:
        while True:
            await asyncio.sleep(self._limits.tick_s)
            await asyncio.sleep(0)  # responses that came while our own loop stood still are handled first
            self._check_timeouts()
            self._refresh_metadata()

    async def _start_producer(self) -> None:
        """Start a producer, and fetch the topics by one full listing (naming one might create it)."""
        producer = create_producer(self._options, self._limits.metadata_max_age_s)
        sender = choose_sender(producer, self._accumulator.on_batches_done)
        try:
            async with asyncio.timeout(self._limits.connect_timeout_s):
                await producer.start()
                if not await producer.client.force_metadata_update():
                    raise KafkaConnectionError("no broker lists its topics")
        except (KafkaError, OSError, TimeoutError, ValueError) as error:
            if not self._unreachable:
                self._unreachable = True
                # A replacement that does not succeed at once is not missed yet.
                self._telemetry.breaker_open.set(not self.accepting)
                log.warning("kafka_unavailable", error=str(error) or type(error).__name__)
            await close_producer(producer, self._limits.close_timeout_s)
            await asyncio.sleep(self._limits.reconnect_backoff_s)
            return
        except asyncio.CancelledError:  # stopped meanwhile
            await close_producer(producer, self._limits.close_timeout_s)
            raise
        self._sender, self._unreachable = sender, False
        self._health.on_connected(self._loop.time())
        # Not before: the first response of a client's bootstrap lists no topic.
        producer.client.cluster.add_listener(self._on_metadata_changed)
        self._apply_metadata(producer.client.cluster)
        if not self._close_breaker():
            self._accumulator.mark_all_ready()  # for what the replaced producer left
        log.info("kafka_connected", topics=len(self._metadata.partitions), sender=sender.name)

    async def _replace_producer(self) -> None:
        """Discard the producer: after one refused batch its sequence numbers no longer fit, and all fail."""
        sender, self._sender = self._sender, None
        self._health.on_producer_lost(self._loop.time())
        self._telemetry.producer_replacements.inc()
        await self._await_in_flight(self._limits.close_timeout_s)
        if sender is not None:
            await close_producer(sender.producer, self._limits.close_timeout_s)
        # What it held without an acknowledgement may be in Kafka twice, under the same event ids.
        self._accumulator.requeue_in_flight()
        self._fatal = False

    async def _await_in_flight(self, timeout_s: float) -> None:
        futures = [batch.as_future() for queue in self._accumulator.in_flight if (batch := queue.batch)]
        if futures:
            await asyncio.wait(futures, timeout=timeout_s)

    def _check_timeouts(self) -> None:
        """Open the breaker if the broker does not answer; divert overdue queues; detect a dead producer."""
        now = self._loop.time()
        overdue = stalls.overdue(self._accumulator.queues, now, self._limits.ack_timeout_s)
        sent_at = [queue.sent_at for queue in overdue if queue.in_flight and not queue.stalled]
        if self._health.is_silent(sent_at, now):
            self._open_breaker("kafka_ack_timeout", pending=sum(len(queue.in_flight) for queue in overdue))
        # At every tick again: the spool may take now what it did not take before.
        self._accumulator.mark_stalled(overdue)
        self._accumulator.notify_unassigned()
        queues, stalled_after_s = self._accumulator.queues, self._limits.stalled_after_s
        if not self._fatal and stalls.is_producer_stalled(queues, now, stalled_after_s):
            self._request_replacement(
                "kafka_producer_stalled", note="Kafka answers, but not this producer's sends"
            )
        if self._sender and not self._fatal and (task := ended_producer_task(self._sender.producer)):
            self._request_replacement(
                "kafka_producer_task_ended", task=task, note="the library does not start it again"
            )

    def _open_breaker(self, log_event: str, **facts: object) -> None:
        """Stop feeding the producer and notify all pending records so they can go to the spool."""
        if not self.accepting:
            return
        self.accepting = False
        self._telemetry.breaker_open.set(1)
        log.warning(log_event, **facts)
        self._accumulator.mark_all_stalled()

    def _close_breaker(self) -> bool:
        """Resume sending. Returns True if it was open."""
        was_open, self.accepting = not self.accepting, True
        if was_open:
            self._telemetry.breaker_open.set(0)
            self._accumulator.mark_all_ready()
        return was_open

    def _on_contact(self) -> None:
        """Close the breaker because Kafka answered; without a producer nothing can be sent yet."""
        if self._sender is not None and self._close_breaker():
            log.warning("kafka_recovered")

    def _on_ack(self) -> None:
        self._health.on_ack(self._loop.time())
        if not self.accepting:
            self._on_contact()

    def _mark_fatal(self) -> None:
        self._fatal = True

    def _request_replacement(self, log_event: str, **facts: object) -> None:
        log.warning(log_event, **facts)
        self._mark_fatal()

    async def _probe_loop(self) -> None:
        while True:
            await asyncio.sleep(self._limits.metadata_retry_s)
            sender = self._sender
            if sender is None or self._fatal:
                continue
            asked_at, has_in_flight = self._loop.time(), bool(self._accumulator.in_flight)
            breaker_open = not self.accepting
            probe = self._health.due_probe(asked_at, breaker_open=breaker_open, has_in_flight=has_in_flight)
            if probe is None:
                continue
            responded = await self._ask(probe, sender)
            if self._sender is not sender:
                continue
            found = self._health.on_probe(probe, asked_at, self._loop.time(), responded=responded)
            if found is ProbeResult.PRODUCER_CUT_OFF:
                self._request_replacement(
                    "kafka_producer_isolated", note="a fresh client reaches Kafka, it does not"
                )
            elif found is ProbeResult.BROKERS_UNRESPONSIVE and not self._accumulator.in_flight:
                self._open_breaker("kafka_ack_timeout", pending=0)

    async def _ask(self, probe: Probe, sender: BatchSender) -> bool:
        """Return whether a broker responds to ``probe`` in time."""
        if probe is Probe.KNOWN_BROKERS:
            return await any_broker_responds(sender.producer.client, self._limits.ack_timeout_s)
        return await cluster_is_reachable(self._options, self._limits.connect_timeout_s)

    def _refresh_metadata(self) -> None:
        """Request new metadata if it may help: a topic or leader is missing, or a queue is stalled."""
        self._accumulator.retry_backed_off(self._loop.time())
        wanted, now = not self.accepting or self._accumulator.needs_metadata, self._loop.time()
        if self._sender and wanted and now - self._metadata_requested_at > self._limits.metadata_retry_s:
            self._metadata_requested_at = now
            self._sender.producer.client.force_metadata_update().add_done_callback(self._on_metadata_response)

    def _on_metadata_response(self, update: asyncio.Future[bool]) -> None:
        if not update.cancelled() and update.exception() is None and update.result():
            now = self._loop.time()
            self._health.on_contact(now)
            stalls.note_broker_alive(self._accumulator.queues, now)
            # A partition that is silent, for as long as that lasts, does not hold up the others.
            self._on_contact()

    def _on_metadata_changed(self, cluster: ClusterMetadata) -> None:
        # In the next turn: a bug of ours must not end the library's metadata task, which calls this.
        self._loop.call_soon(self._apply_metadata, cluster)

    def _apply_metadata(self, cluster: ClusterMetadata) -> None:
        if self._sender is not None and self._sender.producer.client.cluster is cluster:
            self._accumulator.update_metadata(*read_cluster(cluster))
