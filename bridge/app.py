"""Builds every part, ties them, starts and stops them in order. It alone knows both sides.

Parts get plain values; none of them reads a setting.
"""

import asyncio
import gc
import signal
import time
from contextlib import suppress

import structlog
import uvloop

from bridge import __version__
from bridge.core.catalogue import BY_NAME
from bridge.core.record import RECORD_MAX_BYTES, Routing
from bridge.holding import Holding
from bridge.io.admin import Admin, Readiness
from bridge.io.dedup import Limits as MemoryLimits
from bridge.io.dedup import Memory
from bridge.io.ingress import Clock, Ingress
from bridge.io.ingress import Limits as DoorLimits
from bridge.io.publisher import Limits as WriterLimits
from bridge.io.publisher import Publisher
from bridge.links import kafka_options, redis_client
from bridge.pipeline import Pipeline
from bridge.settings import Settings
from bridge.telemetry import Telemetry, set_up_logging

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# The stop's time budget, in seconds; together they stay under the 20 that the README promises.
_STILL_ACCEPTING_S = 5.0
_DOOR_S = 7.0
_UNDER_WAY_S = 1.0
_WRITER_S = 2.0

_SUMMARY_EVERY_S = 60
_TOPICS_NAMED = 5
_MILLISECONDS_A_DAY = 86_400_000
_COLLECT_SELDOM = (20_000, 50, 100)


def now_ms() -> int:
    """Tell the wall clock's time in unix milliseconds."""
    return time.time_ns() // 1_000_000


def routing_of(settings: Settings) -> Routing:
    """Say which topics events go to."""
    kafka = settings.kafka
    return Routing(
        topic=kafka.topic,
        topic_other=kafka.topic_other,
        topic_dead_letter=kafka.topic_dead_letter,
        schema_base_uri=settings.schemas.base_uri,
    )


class Bridge:
    """The whole program, built from ``settings``. To be made inside a running loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._applications = settings.applications()
        self._routing = routing_of(settings)
        self._topics = self._routing.topics(list(self._applications))
        self.telemetry = Telemetry(
            types=BY_NAME, apps=list(self._applications), deliveries=settings.log.deliveries
        )
        self._memory = self._build_memory()
        self._writer = self._build_writer()
        self._pipeline = Pipeline(
            self._memory, self._writer, self._routing, self.telemetry, self._holding_rule()
        )
        self._door = self._build_door()
        self._admin = Admin(self._readiness, self.telemetry.exposition)
        self._stopping = False
        self._summaries: asyncio.Task[None] | None = None
        self.http_port = 0
        self.admin_port = 0

    async def start(self) -> None:
        """Listen, and begin to connect. Kafka and Redis may be away; raises OSError where a port is taken."""
        for warning in self._settings.warnings():
            log.warning("settings", warning=warning)
        self._memory.start()
        self._writer.start()
        self._pipeline.start()
        self.admin_port = await self._admin.start(self._settings.admin.host, self._settings.admin.port)
        self.http_port = await self._door.start(self._settings.http.host, self._settings.http.port)
        self._summaries = asyncio.create_task(self._summarise())
        log.info("listening", version=__version__, http_port=self.http_port, admin_port=self.admin_port)

    async def stop(self) -> None:
        """End in order: the door, what is under way, the writer, the memory. Each within its time."""
        self._stopping = True
        if self._summaries is not None:
            self._summaries.cancel()
        await self._door.stop(_DOOR_S)
        await self._pipeline.stop(_UNDER_WAY_S)
        await self._writer.stop(_WRITER_S)
        await self._memory.stop()
        await self._admin.stop()
        self.telemetry.summarise()
        log.info("stopped")

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; a second one ends it at once. Returns the exit code."""
        told = asyncio.Event()
        hurried = asyncio.Event()
        loop = asyncio.get_running_loop()

        def tell() -> None:
            (hurried if told.is_set() else told).set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, tell)
        await self.start()
        await told.wait()
        # Taken out of the load balancer first, still answering: a closed door's 502 is a yes to the vendor.
        self._stopping = True
        self._door.drain()
        log.info("stopping", accepting_for_s=_STILL_ACCEPTING_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(hurried.wait(), _STILL_ACCEPTING_S)
        await self.stop()
        return 0

    def _readiness(self) -> Readiness:
        missing = self._writer.missing(self._topics)
        degraded = []
        if not self._writer.flowing:
            degraded.append("kafka: not answering")
        if missing and self._writer.listed:
            named = ", ".join(missing[:_TOPICS_NAMED]) + (", …" if len(missing) > _TOPICS_NAMED else "")
            degraded.append(f"kafka: {len(missing)} topics missing ({named})")
        if self._memory.away:
            unchecked = self._settings.dedup.when_unavailable == "publish"
            degraded.append(f"redis: away, events are {'published unchecked' if unchecked else 'held'}")
        return Readiness(
            ready=self._writer.flowing and not missing, stopping=self._stopping, degraded=degraded
        )

    async def _summarise(self) -> None:
        while True:
            await asyncio.sleep(_SUMMARY_EVERY_S)
            self.telemetry.summarise()

    def _holding_rule(self) -> Holding:
        http = self._settings.http
        return Holding(
            hold_s=http.hold_s,
            slow_s=self._settings.kafka.slow_after_s,
            most=http.held_max,
            most_bytes=http.held_max_bytes,
            publish_unchecked=self._settings.dedup.when_unavailable == "publish",
        )

    def _build_memory(self) -> Memory:
        dedup = self._settings.dedup
        limits = MemoryLimits(
            call_s=dedup.timeout_ms / 1000, remember_ms=int(dedup.remember_days * _MILLISECONDS_A_DAY)
        )
        # Two lines an application, and what a silent Redis still holds while it is probed.
        redis = redis_client(self._settings.redis, 2 * len(self._applications) + 8)
        return Memory(redis, self.telemetry, now_ms, limits)

    def _build_writer(self) -> Publisher:
        kafka = self._settings.kafka
        options = kafka_options(kafka) | {
            "max_batch_size": int(kafka.batch_max_bytes),
            "max_request_size": RECORD_MAX_BYTES,
            "compression_type": None if kafka.compression == "none" else kafka.compression,
            "request_timeout_ms": 10_000,
        }
        limits = WriterLimits(in_flight_bytes=kafka.in_flight_max_bytes, slow_after=kafka.slow_after_s)
        return Publisher(options, self.telemetry, limits)

    def _build_door(self) -> Ingress:
        http = self._settings.http
        return Ingress(
            self._pipeline.deliver,
            self._applications,
            DoorLimits(
                body_max_bytes=http.body_max_bytes,
                bodies_max_bytes=http.bodies_max_bytes,
                connections_max=http.connections_max,
                read_timeout_s=http.read_timeout_s,
                hold_s=http.hold_s,
            ),
            Clock(now_ms=now_ms, monotonic=time.monotonic),
            self.telemetry,
        )


def serve(settings: Settings) -> int:
    """Run the bridge in a fast loop of its own until it is told to stop; returns the exit code."""
    set_up_logging(settings.log.level, settings.log.format)
    # Counting references frees nearly all of an event; the collector's passes over what lives cost a tenth.
    gc.freeze()
    gc.set_threshold(*_COLLECT_SELDOM)

    async def run() -> int:
        return await Bridge(settings).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())
