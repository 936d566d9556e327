"""The worker's side of its supervisor: reports how it is, answers for its metrics, notices its end."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress

from prometheus_client import Metric

from bridge.io.admin import Readiness
from bridge.workers.channel import Channel
from bridge.workers.messages import (
    MetricsReply,
    MetricsRequest,
    RetireRequest,
    ToWorker,
    WorkerStatus,
    families_of,
)

_STATUS_INTERVAL_S = 0.25
_SILENCE_MAX_S = 1.0
_CLOSE_TIMEOUT_S = 1.0


class LinkHandlers:
    """What a worker does: give its readiness and its metrics, retire, and end without its supervisor."""

    def __init__(
        self,
        readiness: Callable[[], Readiness],
        collect: Callable[[], Iterable[Metric]],
        on_retire: Callable[[], None],
        on_supervisor_lost: Callable[[], None],
    ) -> None:
        self.readiness = readiness
        self.collect = collect
        self.on_retire = on_retire
        self.on_supervisor_lost = on_supervisor_lost


class SupervisorLink:
    """The link of one worker over ``sock``."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._handlers: LinkHandlers | None = None
        self._channel: Channel[ToWorker] | None = None
        self._status: WorkerStatus | None = None
        self._sent_at_s = 0.0

    async def start(self, handlers: LinkHandlers) -> None:
        """Begin to speak; `run` reports from then on."""
        self._handlers = handlers
        self._channel = Channel[ToWorker](ToWorker, self._on_message, handlers.on_supervisor_lost)  # type: ignore[arg-type] # a union of types is none to mypy
        await self._channel.open(self._sock)
        self._report(handlers)

    async def run(self) -> None:
        """Report how it is, at each change and each second: a silent worker is taken for one that hangs."""
        while self._handlers is not None:
            self._report(self._handlers)
            await asyncio.sleep(_STATUS_INTERVAL_S)

    async def stop(self) -> None:
        """Send the last metrics, and close it."""
        if self._channel is None:
            return
        self._send_metrics(0)
        with suppress(OSError):
            await self._channel.close(_CLOSE_TIMEOUT_S)

    def _report(self, handlers: LinkHandlers) -> None:
        now = handlers.readiness()
        status = WorkerStatus(ready=now.ready, stopping=now.stopping, degraded=now.degraded)
        now_s = asyncio.get_running_loop().time()
        if self._channel is not None and (
            status != self._status or now_s - self._sent_at_s >= _SILENCE_MAX_S
        ):
            self._status, self._sent_at_s = status, now_s
            self._channel.send(status)

    def _on_message(self, message: ToWorker) -> None:
        if isinstance(message, MetricsRequest):
            self._send_metrics(message.request)
        elif isinstance(message, RetireRequest) and self._handlers is not None:
            self._handlers.on_retire()

    def _send_metrics(self, request: int) -> None:
        if self._channel is None or self._handlers is None:
            return
        families = families_of(self._handlers.collect())
        self._channel.send(MetricsReply(request=request, families=families))
