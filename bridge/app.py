"""Ties all parts, starts and stops them in order. Of what each is built is told in `build`."""

import asyncio
import ctypes
import gc
import os
import resource
import signal
import sys
import threading
from contextlib import suppress
from functools import partial

import aiohttp
import structlog
import uvloop

from bridge import __version__
from bridge.build import (
    build_door,
    build_drain,
    build_memory,
    build_pollers,
    build_spool,
    build_traces,
    build_writer,
    holding_rule,
    ingress_tls,
    now_ms,
    routing_of,
)
from bridge.core.catalogue import BY_NAME
from bridge.core.plural import counted
from bridge.io.admin import Admin, Readiness
from bridge.keeping import Keeper
from bridge.logs import set_up_logging
from bridge.masking import header_secrets, mask_of
from bridge.pipeline import Pipeline
from bridge.reasons.listening import listening
from bridge.reasons.watch import LinkWatch
from bridge.settings import Settings
from bridge.startup import TOPICS_NAMED, callback_paths, dedup_unavailable, log_missing_topics
from bridge.telemetry import Telemetry
from bridge.tending import count_unhandled, tended

log: structlog.stdlib.BoundLogger = structlog.get_logger()

# The stop's time budget, in seconds, so that the end comes within the 20 that the README promises: the writer
# may take 4 more to let go of a producer, the memory and the operators' door a second.
_STILL_ACCEPTING_S = 5.0
_STOP_S = 9.0
_DOOR_S = 7.0
_UNDER_WAY_S = 1.0
_DRAIN_S = 3.0
_WRITER_S = 2.0
_SPOOL_S = 2.0
_SPOOL_LEAST_S = 0.5
_SPANS_S = 2.0
_SPANS_LEAST_S = 0.5
_THREAD_S = 0.5

_SUMMARY_EVERY_S = 60
_LARGE_BLOCK = 256 * 1024
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # as malloc.h has them
_COLLECT_SELDOM = (20_000, 50, 100)


class Bridge:
    """The whole program, built from ``settings``. To be made inside a running loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mask = mask_of(settings)
        self._applications = settings.applications()
        self._routing = routing_of(settings)
        self._topics = self._routing.topics(list(self._applications))
        self.telemetry = Telemetry(
            types=BY_NAME,
            apps=list(self._applications),
            pulled=[app.name for app in self._applications.values() if app.mode != "push"],
            deliveries=settings.log.deliveries,
        )
        self._memory = build_memory(settings, self.telemetry)
        self._writer = build_writer(settings, self.telemetry)
        self._spool = build_spool(settings, self.telemetry)
        self._drain = build_drain(settings, self._writer, self._spool, self.telemetry)
        self._traces = traces = build_traces(settings)
        memory, keeper = traces.memory(self._memory), traces.writer(Keeper(self._writer, self._spool))
        rule = holding_rule(settings)
        self._pipeline = Pipeline(memory, keeper, self._routing, self.telemetry, rule)
        deliver = traces.deliver(self._pipeline.deliver)
        self._door = build_door(settings, deliver, self.telemetry)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._pollers = build_pollers(settings, deliver, self._writer, self.telemetry, self._session)
        names = [name.strip() for name in settings.admin.allowed_hosts.split(",") if name.strip()]
        self._admin = Admin(self._readiness, self.telemetry.exposition, allowed_hosts=names)
        self.telemetry.limit_spool(int(settings.spool.max_bytes))
        self.telemetry.ready.set_function(lambda: self._readiness().ready)
        self.telemetry.topics_missing.set_function(lambda: len(self._missing_topics() or ()))
        self._links = LinkWatch(
            settings.kafka,
            settings.redis,
            lambda: not self._writer.flowing,
            lambda: bool(self._memory.unavailable),
        )
        self._stopping = self._stopped = False
        self._beside: list[asyncio.Task[None]] = []
        self.http_port = 0
        self.admin_port = 0

    async def start(self) -> None:
        """Listen, and begin to connect. Kafka and Redis may be away, and the disk may refuse.

        Raises `ListenError` where a port is taken, `InUse` where another process has the spool's folder;
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
            log.warning("settings", warning=weakness.what, todo=weakness.todo)
        self._spool.start()
        self._memory.start()
        self._writer.start()
        self._pipeline.start()
        self._drain.start()
        for poller in self._pollers:
            poller.start()
        admin, http, tls = self._settings.admin, self._settings.http, ingress_tls(self._settings)
        # The admin endpoint last: a process that says it is alive takes deliveries.
        start = partial(self._door.start, tls=tls)
        self.http_port = await listening(start, "HTTP", http.host, http.port)
        self.admin_port = await listening(self._admin.start, "ADMIN", admin.host, admin.port)
        work = (self._summarise, self._links.run, partial(log_missing_topics, self._missing_topics))
        self._beside = [asyncio.create_task(tended(one, self.telemetry)) for one in work]
        log.info(
            "listening",
            version=__version__,
            url=f"{'https' if tls else 'http'}://{http.host or '*'}:{self.http_port}/callbacks",
            http_port=self.http_port,
            admin_port=self.admin_port,
            callbacks=callback_paths(self._applications.values()),
        )

    async def stop(self) -> None:
        """End in order: door, what is under way, drain, writer, spool, memory, spans; within one budget.

        Once it is stopped, or its start failed, there is nothing left to do.
        """
        if self._stopped:
            return
        self._stopping = self._stopped = True
        for task in self._beside:
            task.cancel()
        clock = asyncio.get_running_loop().time
        until = clock() + _STOP_S

        def at_most(seconds: float) -> float:
            return min(seconds, max(0.0, until - clock()))

        pulled = [poller.stop(at_most(_DOOR_S)) for poller in self._pollers]
        for ended in await asyncio.gather(self._door.stop(at_most(_DOOR_S)), *pulled, return_exceptions=True):
            if isinstance(ended, Exception):  # a bug there must not keep what is on its way from the spool
                log.error("internal", exc_info=ended)
                self.telemetry.internal_errors.inc()
        await self._session.close()
        await self._pipeline.stop(at_most(_UNDER_WAY_S))
        drains = self._settings.spool.drain_on_stop and self._writer.flowing
        await self._drain.stop(at_most(_DRAIN_S) if drains else 0)
        # What the writer does not bring to its end it hands to the spool, which is left whole.
        await self._writer.stop(at_most(_WRITER_S))
        await self._spool.stop(max(_SPOOL_LEAST_S, at_most(_SPOOL_S)))
        spans = self._traces.stop(max(_SPANS_LEAST_S, at_most(_SPANS_S)))
        await asyncio.gather(self._memory.stop(), spans)
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
        for poller in self._pollers:
            poller.cease()
        log.info(
            "stopping", accepting_for_s=_STILL_ACCEPTING_S, todo="nothing; a second signal ends it at once"
        )
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
            named = ", ".join(missing[:TOPICS_NAMED]) + (", …" if len(missing) > TOPICS_NAMED else "")
            degraded.append(f"kafka: {counted(len(missing), 'topic')} missing ({named})")
        if self._spool.trouble and self._settings.spool.max_bytes:
            degraded.append(f"spool: {self._spool.trouble}")
        if self._spool.records:
            degraded.append(self._waiting())
        is_unchecked = self._settings.dedup.when_unavailable == "publish"
        degraded += dedup_unavailable(self._memory.unavailable, is_unchecked=is_unchecked)
        degraded += [f"vendor: {one.name} cannot be pulled" for one in self._pollers if one.failing]
        # A spool that takes writes is enough, but a Kafka that is well is given the moment to show it.
        ready = (self._writer.flowing and not missing) or (self._writer.judged and self._spool.takes(0))
        return Readiness(
            ready=ready, stopping=self._stopping, degraded=[self._mask.plain(text) for text in degraded]
        )

    def _missing_topics(self) -> list[str] | None:
        """Name the topics that do not exist; None until Kafka has listed them."""
        return self._writer.missing(self._topics) if self._writer.listed else None

    def _waiting(self) -> str:
        age_s = max(0, now_ms() - (self._spool.oldest_ms or now_ms())) // 1000
        return (
            f"spool: {counted(self._spool.records, 'record')} waiting"
            f" ({self._spool.bytes} bytes, the oldest for {age_s} s)"
        )

    async def _summarise(self) -> None:
        while True:
            await asyncio.sleep(_SUMMARY_EVERY_S)
            self.telemetry.summarise()


def serve(settings: Settings) -> int:
    """Run the bridge in a fast loop of its own until it is told to stop; returns the exit code."""
    set_up_logging(
        settings.log.level, settings.log.format, mask=mask_of(settings, *header_secrets(os.environ)).inside
    )
    # Counting references frees nearly all of an event; the collector's passes over what lives cost a tenth.
    gc.freeze()
    _give_large_blocks_back()
    gc.set_threshold(*_COLLECT_SELDOM)
    _leave_no_core()

    async def run() -> int:
        return await Bridge(settings).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(run())
    _leave_no_thread_behind(code)
    return code


def _leave_no_core() -> None:
    """Have no core file written: it would hold every token and key.

    Only the soft limit, so that who debugs a crash can raise it (``prlimit --core=unlimited``). The process
    stays dumpable (PR_SET_DUMPABLE): without, its own user could neither profile it nor see its descriptors.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _give_large_blocks_back() -> None:
    """Have glibc map what is large apart: in its heap, a few large bodies would keep their memory."""
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)
        mallopt(_M_ARENA_MAX, 2)


def _leave_no_thread_behind(code: int) -> None:
    """End the process here where a disk that does not answer has one of our threads: nobody waits for it."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(_THREAD_S)
            if thread.is_alive():
                log.warning("thread_left", thread=thread.name)
                sys.stdout.flush()
                os._exit(code)
