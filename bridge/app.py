"""The life cycle of the service: start in order, stop within one budget, readiness. `wiring` builds parts."""

import asyncio
import os
import signal
from contextlib import suppress
from functools import partial

import aiohttp
import structlog
import uvloop

from bridge import __version__
from bridge.aio.supervisor import count_unhandled, supervise
from bridge.console.site import Console
from bridge.console.state import BridgeView
from bridge.core.catalogue import BY_NAME
from bridge.core.plural import counted
from bridge.delivery.durable_writer import DurableWriter
from bridge.delivery.pipeline import Pipeline
from bridge.diagnostics.listen import start_listening
from bridge.diagnostics.monitor import ConnectivityMonitor
from bridge.io.admin import Admin, Readiness
from bridge.observability.logging import configure_logging
from bridge.observability.masking import header_secrets, mask_for
from bridge.observability.telemetry import Telemetry
from bridge.process import disable_core_dumps, exit_despite_threads, tune_gc, tune_malloc
from bridge.settings.settings import Settings
from bridge.startup import TOPICS_LISTED_MAX, callback_paths, describe_dedup_unavailable, log_missing_topics
from bridge.wiring import (
    build_dedup,
    build_drain,
    build_ingress,
    build_pollers,
    build_publisher,
    build_routing,
    build_spool,
    build_tracing,
    hold_policy,
    ingress_tls,
    now_ms,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# The stop's time budget, in seconds, so that the end comes within the 20 that docs/howto/outages.md promises:
# the publisher may take 4 more to close a producer, the dedup store and the admin endpoint a second.
_STILL_ACCEPTING_S = 5.0
_STOP_S = 9.0
_INGRESS_S = 7.0
_IN_FLIGHT_S = 1.0
_DRAIN_S = 3.0
_PUBLISHER_S = 2.0
_SPOOL_S = 2.0
_SPOOL_MIN_S = 0.5
_SPANS_S = 2.0
_SPANS_MIN_S = 0.5

_SUMMARY_INTERVAL_S = 60


class Bridge:
    """The whole program, built from ``settings``. To be made inside a running loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mask = mask_for(settings)
        self._applications = settings.applications()
        self._routing = build_routing(settings)
        self._topics = self._routing.topics(list(self._applications))
        self.telemetry = Telemetry(
            types=BY_NAME,
            apps=list(self._applications),
            pulled=[app.name for app in self._applications.values() if app.mode != "push"],
            deliveries=settings.log.deliveries,
        )
        self._dedup = build_dedup(settings, self.telemetry)
        self._publisher = build_publisher(settings, self.telemetry)
        self._spool = build_spool(settings, self.telemetry)
        self._drain = build_drain(settings, self._publisher, self._spool, self.telemetry)
        self._tracing = tracing = build_tracing(settings)
        dedup, writer = (
            tracing.dedup(self._dedup),
            tracing.writer(DurableWriter(self._publisher, self._spool)),
        )
        policy = hold_policy(settings)
        self._pipeline = Pipeline(dedup, writer, self._routing, self.telemetry, policy)
        deliver = tracing.deliver(self._pipeline.deliver)
        self._ingress = build_ingress(settings, deliver, self.telemetry)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._pollers = build_pollers(settings, deliver, self._publisher, self.telemetry, self._session)
        names = [name.strip() for name in settings.admin.allowed_hosts.split(",") if name.strip()]
        view = BridgeView(
            settings=settings, telemetry=self.telemetry, spool=self._spool, readiness=self._readiness
        )
        self._console = Console(view, self._mask)
        self._admin = Admin(self._readiness, self.telemetry.render, allowed_hosts=names, site=self._console)
        self.telemetry.set_spool_limit(int(settings.spool.max_bytes))
        self.telemetry.ready.set_function(lambda: self._readiness().ready)
        self.telemetry.topics_missing.set_function(lambda: len(self._missing_topics() or ()))
        self._connectivity_monitor = ConnectivityMonitor(
            settings.kafka,
            settings.redis,
            lambda: not self._publisher.accepting,
            lambda: bool(self._dedup.unavailable),
        )
        self._stopping = self._stopped = False
        self._background: list[asyncio.Task[None]] = []
        self.http_port = 0
        self.admin_port = 0

    async def start(self) -> None:
        """Listen, and start to connect. Kafka, Redis and the spool's disk may be unavailable.

        Raises `ListenError` if a port is taken, `SpoolLockedError` if another process has the spool's folder;
        what was opened until then is closed.
        """
        count_unhandled(asyncio.get_running_loop(), self.telemetry)
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        for weakness in self._settings.weaknesses():
            log.warning("settings_warning", problem=weakness.message, remedy=weakness.remedy)
        self._spool.start()
        self._dedup.start()
        self._publisher.start()
        self._pipeline.start()
        self._drain.start()
        for poller in self._pollers:
            poller.start()
        admin, http, tls = self._settings.admin, self._settings.http, ingress_tls(self._settings)
        # The admin endpoint last: a process that says it is alive takes deliveries.
        start = partial(self._ingress.start, tls=tls)
        self.http_port = await start_listening(start, "HTTP", http.host, http.port)
        self.admin_port = await start_listening(self._admin.start, "ADMIN", admin.host, admin.port)
        work = (
            self._summary_loop,
            self._connectivity_monitor.run,
            partial(log_missing_topics, self._missing_topics),
        )
        self._background = [asyncio.create_task(supervise(one, self.telemetry)) for one in work]
        log.info(
            "listening",
            version=__version__,
            url=f"{'https' if tls else 'http'}://{http.host or '*'}:{self.http_port}/callbacks",
            http_port=self.http_port,
            admin_port=self.admin_port,
            callbacks=callback_paths(self._applications.values()),
        )

    async def stop(self) -> None:
        """Stop in order, in one budget: ingress, events in flight, drain, publisher, spool, dedup, spans.

        A second call does nothing, nor does one after a start that failed.
        """
        if self._stopped:
            return
        self._stopping = self._stopped = True
        for task in self._background:
            task.cancel()
        clock = asyncio.get_running_loop().time
        deadline = clock() + _STOP_S

        def at_most(seconds: float) -> float:
            return min(seconds, max(0.0, deadline - clock()))

        pulled = [poller.stop(at_most(_INGRESS_S)) for poller in self._pollers]
        for result in await asyncio.gather(
            self._ingress.stop(at_most(_INGRESS_S)), *pulled, return_exceptions=True
        ):
            if isinstance(result, Exception):  # a bug there must not keep what is on its way from the spool
                log.error("internal_error", exc_info=result)
                self.telemetry.internal_errors.inc()
        await self._session.close()
        await self._pipeline.stop(at_most(_IN_FLIGHT_S))
        should_drain = self._settings.spool.drain_on_stop and self._publisher.accepting
        await self._drain.stop(at_most(_DRAIN_S) if should_drain else 0)
        # What the writer does not bring to its end it hands to the spool, which is left whole.
        await self._publisher.stop(at_most(_PUBLISHER_S))
        await self._spool.stop(max(_SPOOL_MIN_S, at_most(_SPOOL_S)))
        spans = self._tracing.stop(max(_SPANS_MIN_S, at_most(_SPANS_S)))
        await asyncio.gather(self._dedup.stop(), spans)
        await self._console.stop()
        await self._admin.stop()
        self.telemetry.log_summary()
        log.info("stopped")

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; a second one ends it at once. Returns the exit code."""
        stop_requested = asyncio.Event()
        stop_now = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            (stop_now if stop_requested.is_set() else stop_requested).set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)
        await self.start()
        await stop_requested.wait()
        # Taken out of the load balancer first, still answering: a closed port's 502 is a yes to the vendor.
        self._stopping = True
        self._ingress.drain()
        for poller in self._pollers:
            poller.stop_pulling()
        log.info(
            "stopping", accepting_for_s=_STILL_ACCEPTING_S, remedy="nothing; a second signal ends it at once"
        )
        with suppress(TimeoutError):
            await asyncio.wait_for(stop_now.wait(), _STILL_ACCEPTING_S)
        await self.stop()
        return 0

    def _readiness(self) -> Readiness:
        missing = self._publisher.missing_topics(self._topics)
        degraded = []
        if not self._publisher.accepting:
            degraded.append("kafka: not answering")
        if missing and self._publisher.metadata_loaded:
            named = ", ".join(missing[:TOPICS_LISTED_MAX]) + (
                ", …" if len(missing) > TOPICS_LISTED_MAX else ""
            )
            degraded.append(f"kafka: {counted(len(missing), 'topic')} missing ({named})")
        if self._spool.unavailable_reason and self._settings.spool.max_bytes:
            degraded.append(f"spool: {self._spool.unavailable_reason}")
        if self._spool.records:
            degraded.append(self._describe_spool_backlog())
        is_unchecked = self._settings.dedup.when_unavailable == "publish"
        degraded += describe_dedup_unavailable(self._dedup.unavailable, is_unchecked=is_unchecked)
        degraded += [f"vendor: {one.name} cannot be pulled" for one in self._pollers if one.failing]
        # A spool that takes writes is enough, but a Kafka that is well is given the moment to show it.
        ready = (self._publisher.accepting and not missing) or (
            self._publisher.health_known and self._spool.accepts_size(0)
        )
        return Readiness(
            ready=ready, stopping=self._stopping, degraded=[self._mask.mask_line(text) for text in degraded]
        )

    def _missing_topics(self) -> list[str] | None:
        """Name the topics that do not exist; None until Kafka has listed them."""
        return self._publisher.missing_topics(self._topics) if self._publisher.metadata_loaded else None

    def _describe_spool_backlog(self) -> str:
        age_s = max(0, now_ms() - (self._spool.oldest_ms or now_ms())) // 1000
        return (
            f"spool: {counted(self._spool.records, 'record')} waiting"
            f" ({self._spool.bytes} bytes, the oldest for {age_s} s)"
        )

    async def _summary_loop(self) -> None:
        while True:
            await asyncio.sleep(_SUMMARY_INTERVAL_S)
            self.telemetry.log_summary()


def serve(settings: Settings) -> int:
    """Run the bridge in a fast loop of its own until it is told to stop; returns the exit code."""
    configure_logging(
        settings.log.level,
        settings.log.format,
        mask=mask_for(settings, *header_secrets(os.environ)).mask_nested,
    )
    tune_gc()
    tune_malloc()
    disable_core_dumps()

    async def run() -> int:
        return await Bridge(settings).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(run())
    exit_despite_threads(code)
    return code
