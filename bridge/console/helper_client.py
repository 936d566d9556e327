"""Starts the helper process when somebody asks, hands questions to it, and ends it when nobody does."""

import asyncio
import os
import pickle
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from enum import IntEnum
from itertools import count

import msgspec
import structlog
from msgspec import Raw

from bridge.console.problem import Problem, ProblemError
from bridge.console.requests import CANCEL, Message, Request
from bridge.settings.settings import Settings

log: structlog.stdlib.BoundLogger = structlog.get_logger()

QUESTIONS_MAX = 4
"""Questions that are answered at once; further ones are refused."""


class Caller(IntEnum):
    """Who asks; the number is how many questions those who may no more than this have answered at once.

    One of `QUESTIONS_MAX` is kept for who may act.
    """

    ANYBODY = 2
    READER = 3  # has shown a token to read
    OPERATOR = 4  # may act


_IDLE_S = 120.0
_STOP_S = 2.0
_LINE_MAX_BYTES = 8 * 1024 * 1024
_STARTED_S = 30.0

Answers = asyncio.Queue[Message]


class HelperClient:
    """The helper process, if there is one now. For one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._numbers = count(1)
        self._answers: dict[int, Answers] = {}
        self._callers: dict[int, Caller] = {}
        self._asked: dict[int, asyncio.subprocess.Process] = {}
        self._idle_timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def use_settings(self, settings: Settings) -> None:
        """Start the next helper with other settings; one that is busy keeps its own until it is idle."""
        self._settings = settings
        self.end_if_idle()

    @property
    def pid(self) -> int | None:
        """The helper's process id; None while there is none."""
        return self._process.pid if self._process else None

    async def ask(
        self, kind: str, args: object = None, *, caller: Caller = Caller.OPERATOR
    ) -> AsyncIterator[tuple[str, Raw]]:
        """Yield the events of an answer, with their data as JSON. Raises `ProblemError`.

        Closing the generator cancels the question.
        """
        alike = sum(one <= caller for one in self._callers.values())
        if alike >= caller or len(self._callers) >= QUESTIONS_MAX:
            raise ProblemError(
                503, "busy", f"{alike} questions are being answered", "try again in some seconds"
            )
        number = next(self._numbers)
        self._callers[number] = caller
        answers = self._answers[number] = asyncio.Queue()
        is_whole = False
        try:
            await self._send(
                Request(number, kind, Raw(msgspec.json.encode(args if args is not None else {})))
            )
            while True:
                message = await answers.get()
                if message.event == "end":
                    is_whole = True
                    return
                if message.event == "error":
                    is_whole = True
                    problem = msgspec.json.decode(message.data, type=Problem)
                    raise ProblemError(problem.status, problem.title, problem.detail, problem.remedy)
                yield message.event, message.data
        finally:
            del self._answers[number], self._callers[number]
            self._asked.pop(number, None)
            if not is_whole:
                with suppress(OSError):
                    self._write(Request(number, CANCEL))
            self._restart_idle_timer()

    async def warm_up(self) -> None:
        """Start the helper, where there is none: the first question then need not wait for that."""
        try:
            async with self._starting, asyncio.timeout(_STARTED_S):
                if self._process is None or self._process.returncode is not None:
                    await self._start()
        except (OSError, TimeoutError) as error:
            log.warning("helper_failed", problem=str(error))
        self._restart_idle_timer()

    async def stop(self) -> None:
        """End the helper: what it does ends with its input."""
        self._stopped = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reading is not None:
            self._reading.cancel()

    async def _send(self, request: Request) -> None:
        try:
            async with self._starting, asyncio.timeout(_STARTED_S):
                if self._process is None or self._process.returncode is not None:
                    await self._start()
            self._asked[request.id] = self._write(request)
        except (OSError, TimeoutError) as error:
            raise ProblemError(503, "the helper process cannot be started", str(error)) from None

    async def _start(self) -> None:
        if self._stopped:
            raise OSError("the bridge is stopping")
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bridge.console.helper",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_MAX_BYTES,
            env={name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")},
            start_new_session=True,  # Ctrl-C is for the bridge, which ends it in order
        )
        if process.stdin is None:
            raise OSError("no pipe")
        process.stdin.write(b64encode(pickle.dumps(self._settings)) + b"\n")
        self._reading = asyncio.create_task(self._read(process))

    def _write(self, request: Request) -> asyncio.subprocess.Process:
        if self._process is None or self._process.stdin is None or self._process.stdin.is_closing():
            raise OSError("the helper process has ended")
        self._process.stdin.write(msgspec.json.encode(request) + b"\n")
        return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Hand out messages until the helper ends, and end the questions that it has not answered."""
        try:
            while process.stdout is not None and (line := await process.stdout.readline()):
                message = msgspec.json.decode(line, type=Message)
                if answers := self._answers.get(message.id):
                    answers.put_nowait(message)
        except (ValueError, msgspec.MsgspecError) as error:  # a line beyond the limit
            log.warning("helper_failed", problem=str(error))
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        problem = Problem(status=503, title="the helper process has ended", remedy="try again")
        if self._process is process:
            self._process = None
        for number, asked in self._asked.items():  # another may have been started since
            if asked is process:
                self._answers[number].put_nowait(Message(number, "error", Raw(msgspec.json.encode(problem))))

    def _restart_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if not self._stopped:
            self._idle_timer = asyncio.get_running_loop().call_later(_IDLE_S, self.end_if_idle)

    def end_if_idle(self) -> None:
        """End the helper, unless it answers a question; the next question starts another."""
        if not self._answers and self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process = None
