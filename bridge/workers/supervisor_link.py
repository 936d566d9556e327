"""The worker's side of its supervisor: reports how it is, answers what it is asked, notices its end."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

import structlog
from prometheus_client import Metric

from bridge.io.admin import Readiness
from bridge.workers.channel import Channel
from bridge.workers.messages import (
    Answer,
    MetricsReply,
    MetricsRequest,
    Question,
    RetireRequest,
    ToWorker,
    WorkerStatus,
    families_of,
)

_STATUS_INTERVAL_S = 0.25
_SILENCE_MAX_S = 1.0
_CLOSE_TIMEOUT_S = 1.0
_ANSWER_MAX_BYTES = 4 * 1024 * 1024

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class LinkHandlers:
    """What a worker does: give its readiness and its metrics, retire, and end without its supervisor.

    ``answer`` takes the kind and the arguments of a question, and returns its answer.
    """

    def __init__(
        self,
        readiness: Callable[[], Readiness],
        collect: Callable[[], Iterable[Metric]],
        on_retire: Callable[[], None],
        on_supervisor_lost: Callable[[], None],
        *,
        answer: Callable[[str, bytes], Awaitable[bytes]],
    ) -> None:
        self.answer = answer
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
        self._answering: set[asyncio.Task[None]] = set()

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
        for task in self._answering:
            task.cancel()
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
        elif isinstance(message, Question) and self._handlers is not None:
            task = asyncio.get_running_loop().create_task(self._answer(self._handlers, message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, handlers: LinkHandlers, question: Question) -> None:
        body, problem = b"", ""
        try:
            body = await handlers.answer(question.kind, question.args)
        except Exception as error:  # the console's bug is nothing for deliveries
            log.exception("internal_error", question=question.kind)
            problem = f"it failed: {type(error).__name__}"
        if len(body) > _ANSWER_MAX_BYTES:
            body, problem = b"", "its answer is too large"
        if self._channel is not None:
            self._channel.send(Answer(request=question.request, body=body, problem=problem))

    def _send_metrics(self, request: int) -> None:
        if self._channel is None or self._handlers is None:
            return
        families = families_of(self._handlers.collect())
        self._channel.send(MetricsReply(request=request, families=families))
