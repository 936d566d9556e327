"""The life cycle of the service: start in order, stop within one budget, readiness. `wiring` builds parts."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import aiohttp
import structlog
import uvloop

from bridge.aio.supervisor import count_unhandled, supervise
from bridge.console import deferred
from bridge.delivery.drain import Drain
from bridge.delivery.durable_writer import DurableWriter
from bridge.delivery.pipeline import Pipeline
from bridge.diagnostics.listen import start_listening
from bridge.diagnostics.monitor import ConnectivityMonitor
from bridge.io.admin import Admin, Readiness
from bridge.io.spool import Spool
from bridge.io.spool.folders import SpoolFolders
from bridge.malloc import reuse_heap
from bridge.observability.masking import mask_for
from bridge.orphaned_spools import OrphanedSpools
from bridge.process import exit_despite_threads
from bridge.readiness import Observed, ReadinessReport
from bridge.settings.settings import Settings
from bridge.startup import (
    log_hangup_ignored,
    log_listening,
    log_missing_topics,
    log_stopping,
    log_weaknesses,
    prepare_process,
)
from bridge.wiring import (
    PullShare,
    build_dedup,
    build_drain,
    build_ingress,
    build_orphaned_spool,
    build_pollers,
    build_publisher,
    build_routing,
    build_spool,
    build_telemetry,
    build_tracing,
    hold_policy,
    ingress_tls,
    now_ms,
)
from bridge.workers.limits import divided
from bridge.workers.role import WorkerRole
from bridge.workers.supervisor_link import LinkHandlers

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
    """The whole program, built from ``settings``. To be made inside a running loop.

    Without ``confirm_pulled`` what is pulled is left at the vendor.
    """

    def __init__(
        self, settings: Settings, role: WorkerRole | None = None, *, confirm_pulled: bool = True
    ) -> None:
        self._role = role
        number, workers = (role.number, role.workers) if role else (0, 1)
        folders = SpoolFolders(Path(settings.spool.path), number, workers, int(settings.spool.max_bytes))
        self._settings = settings = divided(settings, workers) if role else settings
        self._routing = build_routing(settings)
        self.telemetry = build_telemetry(settings)
        self._dedup = build_dedup(settings, self.telemetry)
        self._publisher = build_publisher(settings, self.telemetry)
        self.telemetry.set_spool_limit(folders.max_bytes)
        folder, self._spool = folders.claim_own(partial(build_spool, settings, self.telemetry))
        self._spool.set_limit(folders.limit_of(folder))
        self._drain = build_drain(settings, self._publisher, self._spool, self.telemetry)
        self._orphans = OrphanedSpools(folders, folder, self._build_orphan, self._spool.set_limit)
        self._tracing = tracing = build_tracing(settings)
        dedup = tracing.dedup(self._dedup)
        writer = tracing.writer(DurableWriter(self._publisher, self._spool))
        policy = hold_policy(settings)
        self._pipeline = Pipeline(dedup, writer, self._routing, self.telemetry, policy)
        deliver = tracing.deliver(self._pipeline.deliver)
        self._ingress = build_ingress(settings, deliver, self.telemetry)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        share = PullShare(number=max(1, number), workers=workers, confirm=confirm_pulled)
        self._pollers = build_pollers(
            settings, deliver, self._publisher, self.telemetry, self._session, share=share
        )
        self._report = self._observe(settings)
        view = partial(deferred.process_view, settings, self.telemetry, self._spools, self._readiness)
        # A worker serves no pages: its supervisor does, and asks the workers.
        self._console = None if role else deferred.DeferredConsole(partial(deferred.build_console, view))
        self._answers = deferred.DeferredAnswers(partial(deferred.build_answers, view))
        names = settings.admin.host_names
        self._admin = Admin(self._readiness, self.telemetry.render, allowed_hosts=names, site=self._console)
        self._connectivity_monitor = ConnectivityMonitor(
            settings.kafka,
            settings.redis,
            lambda: not self._publisher.accepting,
            lambda: bool(self._dedup.unavailable),
        )
        self._stopping = self._stopped = False
        self._stop_requested, self._stop_now = asyncio.Event(), asyncio.Event()
        self._background: list[asyncio.Task[None]] = []
        self.http_port = 0
        self.admin_port = 0

    def _observe(self, settings: Settings) -> ReadinessReport:
        """Export the state of the parts, and return what reports it."""
        topics = self._routing.topics(list(settings.applications()))
        parts = Observed(
            publisher=self._publisher, dedup=self._dedup, spools=self._spools, pollers=self._pollers
        )
        report = ReadinessReport(settings, mask_for(settings), topics, parts, now_ms)
        self.telemetry.ready.set_function(lambda: self._readiness().ready)
        self.telemetry.topics_missing.set_function(lambda: len(report.missing_topics() or ()))
        return report

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
        if self._role is None:
            log_weaknesses(self._settings)
        self._spool.start()
        self.telemetry.watch_spools(self._spools, now_ms)
        self._dedup.start()
        self._publisher.start()
        self._pipeline.start()
        self._drain.start()
        for poller in self._pollers:
            poller.start()
        work: list[Callable[[], Awaitable[None]]] = [
            self._summary_loop,
            self._connectivity_monitor.run,
            partial(log_missing_topics, self._report.missing_topics),
            self._orphans.run,
            reuse_heap,
        ]
        if self._role is None:
            await self._listen()
        else:
            self._ingress.start_shared(self._role.shared, ingress_tls(self._settings))
            await self._role.link.start(
                LinkHandlers(
                    self._readiness,
                    self.telemetry.registry.collect,
                    self._retire,
                    self._on_supervisor_lost,
                    answer=self._answers.answer,
                )
            )
            work.append(self._role.link.run)
        self._background = [asyncio.create_task(supervise(one, self.telemetry)) for one in work]

    async def _listen(self) -> None:
        admin, http, tls = self._settings.admin, self._settings.http, ingress_tls(self._settings)
        # The admin endpoint last: a process that says it is alive takes deliveries.
        start = partial(self._ingress.start, tls=tls)
        self.http_port = await start_listening(start, "HTTP", http.host, http.port)
        self.admin_port = await start_listening(self._admin.start, "ADMIN", admin.host, admin.port)
        log_listening(self._settings, self.http_port, self.admin_port)

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
        await self._orphans.stop_draining()
        # What the writer does not bring to its end it hands to the spool, which is left whole.
        await self._publisher.stop(at_most(_PUBLISHER_S))
        spool_s = max(_SPOOL_MIN_S, at_most(_SPOOL_S))
        await asyncio.gather(self._spool.stop(spool_s), self._orphans.stop(spool_s))
        spans = self._tracing.stop(max(_SPANS_MIN_S, at_most(_SPANS_S)))
        await asyncio.gather(self._dedup.stop(), spans)
        if self._console is not None:
            await self._console.stop()
        await (self._role.link.stop() if self._role else self._admin.stop())
        self.telemetry.log_summary()
        log.info("stopped")

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT; a second one ends it at once. Returns the exit code."""
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            (self._stop_now if self._stop_requested.is_set() else self._stop_requested).set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)
        if self._role is None and not sys.stdout.isatty():  # there it means that the terminal is gone
            loop.add_signal_handler(signal.SIGHUP, log_hangup_ignored)
        await self.start()
        await self._stop_requested.wait()
        # Taken out of the load balancer first, still answering: a closed port's 502 is a yes to the vendor.
        self._stopping = True
        self._ingress.drain()
        for poller in self._pollers:
            poller.stop_pulling()
        if self._role is None:
            log_stopping(_STILL_ACCEPTING_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop_now.wait(), _STILL_ACCEPTING_S)
        await self.stop()
        return 0

    def _readiness(self) -> Readiness:
        return self._report.now(stopping=self._stopping)

    def _spools(self) -> list[Spool]:
        return [self._spool, *self._orphans.spools]

    def _build_orphan(self, folder: Path) -> tuple[Spool, Drain]:
        spool = build_orphaned_spool(self._settings, self.telemetry, folder)
        return spool, build_drain(self._settings, self._publisher, spool, self.telemetry)

    def _retire(self) -> None:
        """Leave new connections to the other workers, and stop: another process replaces this one."""
        self._ingress.stop_accepting()
        self._stop_requested.set()

    def _on_supervisor_lost(self) -> None:
        """Stop at once, in order: nobody would start this process again, and its port is to become free."""
        if not self._stop_requested.is_set():
            log.error("supervisor_lost", note="its workers stop; start the bridge again")
            self._stop_requested.set()
        self._stop_now.set()

    async def _summary_loop(self) -> None:
        while True:
            await asyncio.sleep(_SUMMARY_INTERVAL_S)
            self.telemetry.log_summary()


def serve(settings: Settings, role: WorkerRole | None = None) -> int:
    """Run the bridge, or one of its workers, until it is to stop; returns the exit code."""
    prepare_process(settings, worker=role.number if role else 0)

    async def run() -> int:
        return await Bridge(settings, role).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(run())
    exit_despite_threads(code)
    return code
