"""One worker process, as the supervisor sees it: started anew, asked for its metrics, ended."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

import structlog
from msgspec import Struct

from bridge.io.http.connection_counts import ConnectionCounts
from bridge.workers.channel import Channel
from bridge.workers.messages import (
    Answer,
    Family,
    FromWorker,
    MetricsReply,
    MetricsRequest,
    Question,
    RetireRequest,
    WorkerArguments,
    WorkerStatus,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_METRICS_TIMEOUT_S = 1.0
_ANSWER_TIMEOUT_S = 1.0
_QUESTIONS_MAX = 8  # without an answer: what a worker that hangs is sent is bounded
_CHANNEL_CLOSE_S = 1.0
_PROGRAM = "bridge.worker"


class NoAnswerError(Exception):
    """A worker does not answer a question, or not in time; the text says why."""


class Inherited(Struct, frozen=True, kw_only=True):
    """What every worker gets: the listening sockets, the table of connections, the file of settings."""

    sockets: Sequence[socket.socket]
    counts: ConnectionCounts
    workers: int
    config: str | None


class WorkerProcess:
    """A process of worker ``number``; ``slot`` is its own in the table of connections."""

    def __init__(self, number: int, slot: int) -> None:
        self.number = number
        self.slot = slot
        self.status: WorkerStatus | None = None
        self.families: list[Family] = []  # its metrics, as it last sent them
        self.silent_s = 0  # how many seconds of the supervisor it has reported nothing
        self.retiring = False
        self.exited = asyncio.Event()
        self.ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._channel = Channel[FromWorker](FromWorker, self._on_message, self._on_closed)  # type: ignore[arg-type] # a union of types is none to mypy
        self._requests = 0
        self._replies: dict[int, asyncio.Future[None]] = {}
        self._questions: dict[int, asyncio.Future[Answer]] = {}
        self._closed = asyncio.Event()

    @property
    def pid(self) -> int:
        """The process id; 0 before it was started."""
        return self._process.pid if self._process is not None else 0

    @property
    def exit_code(self) -> int | None:
        """Its exit code (negative: the signal); None while it runs."""
        return self._process.returncode if self._process is not None else None

    async def start(self, inherited: Inherited) -> None:
        """Start the process. Raises OSError where that is not possible."""
        ours, theirs = socket.socketpair()
        with theirs:
            arguments = WorkerArguments(
                number=self.number,
                workers=inherited.workers,
                listen_fds=[sock.fileno() for sock in inherited.sockets],
                counts_fd=inherited.counts.fd,
                slot=self.slot,
                slots=inherited.counts.slots,
                channel_fd=theirs.fileno(),
                config=inherited.config,
            )
            try:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    _PROGRAM,
                    arguments.encode(),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=[*arguments.listen_fds, arguments.counts_fd, arguments.channel_fd],
                )
                ours.setblocking(False)  # noqa: FBT003 - the socket's own signature
                await self._channel.open(ours)
            except BaseException:
                ours.close()
                raise

    async def wait(self) -> None:
        """Wait until it has ended, and until all that it sent is here."""
        if self._process is None:
            return
        await self._process.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), _CHANNEL_CLOSE_S)

    def retire(self) -> None:
        """Have it accept no more, close its connections politely, and end."""
        self.retiring = True
        self._channel.send(RetireRequest())

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, where it still runs."""
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    async def fetch_metrics(self) -> None:
        """Ask it for its metrics; what does not answer keeps those that it sent last."""
        if self.exited.is_set() or self.status is None:
            return
        self._requests = number = self._requests + 1
        reply = self._replies[number] = asyncio.get_running_loop().create_future()
        self._channel.send(MetricsRequest(request=number))
        try:
            async with asyncio.timeout(_METRICS_TIMEOUT_S):
                await reply
        except TimeoutError:
            log.warning("worker_metrics_late", worker=self.number, after_s=_METRICS_TIMEOUT_S)
        finally:
            del self._replies[number]

    async def ask(self, kind: str, args: bytes) -> bytes:
        """Return its answer to a question. Raises `NoAnswerError`, at the latest after a second."""
        if self.exited.is_set() or self.status is None:
            raise NoAnswerError("it is starting")
        if len(self._questions) >= _QUESTIONS_MAX:
            raise NoAnswerError("it has not answered earlier questions")
        self._requests = number = self._requests + 1
        future = self._questions[number] = asyncio.get_running_loop().create_future()
        self._channel.send(Question(request=number, kind=kind, args=args))
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                answer: Answer = await asyncio.shield(future)
        except TimeoutError:
            raise NoAnswerError("no answer within 1 s") from None
        if answer.problem:
            raise NoAnswerError(answer.problem)
        return answer.body

    def _on_message(self, message: FromWorker) -> None:
        self.silent_s = 0
        if isinstance(message, Answer):
            self._end_question(message)
            return
        if isinstance(message, WorkerStatus):
            self.status = message
            if message.ready:
                self.ready.set()
            return
        self._take_metrics(message)

    def _take_metrics(self, message: MetricsReply) -> None:
        self.families = message.families
        reply = self._replies.get(message.request)
        if reply is not None and not reply.done():
            reply.set_result(None)

    def _end_question(self, answer: Answer) -> None:
        future = self._questions.pop(answer.request, None)
        if future is not None and not future.done():
            future.set_result(answer)

    def _on_closed(self) -> None:
        self._closed.set()
        for number in [*self._questions]:
            self._end_question(Answer(request=number, problem="it has ended"))
        for reply in self._replies.values():
            if not reply.done():
                reply.set_result(None)
