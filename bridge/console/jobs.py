"""Replays under way, and the last ones that ended. One at a time: two would take the same dead letters."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from secrets import token_hex
from typing import Any

import msgspec
import structlog

from bridge.console.answers import Job
from bridge.console.helper_client import HelperClient
from bridge.console.problem import ProblemError

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_KEPT = 20


class Jobs:
    """The jobs of this process, by id."""

    def __init__(self, helper: HelperClient) -> None:
        self._helper = helper
        self._numbers = count(1)
        self._jobs: dict[str, Job] = {}
        self._running: asyncio.Task[None] | None = None

    def get(self, job_id: str) -> Job | None:
        """Return a job; None where there is none, or it ended long ago."""
        return self._jobs.get(job_id)

    def start(self, kind: str, args: object) -> Job:
        """Start a replay, of a kind of `questions.QUESTIONS`. Raises `ProblemError` while one is running."""
        if self._running is not None and not self._running.done():
            raise ProblemError(409, "a replay is running", remedy="wait for its end")
        job = Job(id=f"{next(self._numbers)}-{token_hex(4)}", state="running")
        self._keep(job)
        self._running = asyncio.create_task(self._run(job.id, self._helper.ask(kind, args)))
        return job

    async def stop(self) -> None:
        """End the one that is running. The helper has 2 s to store how far it is.

        What it did since it stored that last is done again by the next replay: deduplication recognizes it.
        """
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait((self._running,))

    async def _run(self, job_id: str, answers: AsyncIterator[tuple[str, msgspec.Raw]]) -> None:
        result: dict[str, Any] | None = None
        try:
            async for _, data in answers:
                result = msgspec.json.decode(data)
                self._keep(Job(id=job_id, state="running", result=result))
        except ProblemError as error:
            problem = error.problem
            parts = (problem.title, problem.detail, problem.remedy)
            text = ": ".join(part for part in parts if part)
            self._keep(Job(id=job_id, state="failed", result=result, problem=text))
            log.warning("replay_failed", job=job_id, problem=text)
            return
        except Exception:
            log.exception("internal_error", job=job_id)
            self._keep(Job(id=job_id, state="failed", result=result, problem="failed: see the log"))
            return
        summary = (result or {}).get("summary", {})
        stopped = str(summary.get("stopped", ""))
        self._keep(Job(id=job_id, state="failed" if stopped else "done", result=result, problem=stopped))
        endings, left = summary.get("endings"), summary.get("left")
        log.info("replay_done", job=job_id, endings=endings, left=left, stopped=stopped)

    def _keep(self, job: Job) -> None:
        self._jobs[job.id] = job
        while len(self._jobs) > _KEPT:
            del self._jobs[next(iter(self._jobs))]
