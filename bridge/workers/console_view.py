"""What the console of a supervisor shows: the sum of what its workers answer, over their socket pairs.

Nothing is sent while nobody looks. A worker that does not answer in time is named, and not waited for.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from bridge.console.answers import WorkerState
from bridge.console.view import BridgeReport, Numbers, OwnDeliveries, ProcessReport, added_up, newest
from bridge.console.worker_answers import DELIVERIES, REPORT, DeliveriesQuery, WorkerDeliveries
from bridge.observability import metrics
from bridge.observability.recent_deliveries import DeliveryFilter
from bridge.settings.settings import Settings
from bridge.workers.keeper import WorkerKeeper
from bridge.workers.messages import Family
from bridge.workers.process import NoAnswerError, WorkerProcess
from bridge.workers.summary import WorkersSummary

_Answer = TypeVar("_Answer", ProcessReport, WorkerDeliveries)
_BUSY = "asked too often"
_NOT_RUNNING = "it is started again"


class WorkersView:
    """What the console sees of all workers."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        summary: WorkersSummary,
        keepers: Callable[[], Sequence[WorkerKeeper]],
    ) -> None:
        self._settings = settings
        self._summary = summary
        self._keepers = keepers

    @property
    def settings(self) -> Settings:
        """What the workers were started with last."""
        return self._settings()

    async def report(self) -> BridgeReport:
        """Return how all of them are, with the counts of those that have ended."""
        answers = await self._ask_all(REPORT, lambda _: b"", ProcessReport)
        retired = self._summary.retired
        running = self._processes()  # who ended meanwhile is among the ended ones
        found = {one: answer for one, answer in answers.items() if one in running}
        reports = {one: answer for one, answer in found.items() if isinstance(answer, ProcessReport)}
        total = added_up([*reports.values()], self.settings, _spool_problem(reports))
        return BridgeReport(
            total=_with_retired(total, retired),
            readiness=self._summary.readiness(),
            workers=[*map(_state_of, found, found.values()), *self._missing(found)],
        )

    async def deliveries(
        self, after: Numbers | None, wanted: DeliveryFilter | None, limit: int
    ) -> OwnDeliveries:
        """Return at most ``limit`` of the newest deliveries of all workers; each says whose it is."""
        numbers = {} if after is None else after

        def args(process: WorkerProcess) -> bytes:
            query = DeliveriesQuery(numbers.get(str(process.pid), 0), wanted, limit)
            return msgspec.msgpack.encode(query)

        answers = await self._ask_all(DELIVERIES, args, WorkerDeliveries)
        found = {one: answer for one, answer in answers.items() if isinstance(answer, WorkerDeliveries)}
        summaries, cut = newest(
            [replace(each, worker=one.number) for one, answer in found.items() for each in answer.summaries],
            limit,
        )
        reached = {str(one.pid): numbers[str(one.pid)] for one in answers if str(one.pid) in numbers}
        return OwnDeliveries(
            summaries=summaries,
            numbers=reached | {str(one.pid): answer.last_number for one, answer in found.items()},
            left_out=cut + sum(answer.left_out for answer in found.values()),
            silent_workers=[
                *(_state_of(one, answer) for one, answer in answers.items() if isinstance(answer, str)),
                *self._missing(answers),
            ],
        )

    def may_have_more(self, after: Numbers) -> bool:
        """Whether any may have come: only the workers know."""
        del after
        return True

    def count_internal_error(self) -> None:
        """Count an exception that nobody expected."""
        self._summary.internal_errors.inc()

    def _processes(self) -> list[WorkerProcess]:
        return [process for keeper in self._keepers() for process in keeper.processes]

    async def _ask_all(
        self, kind: str, args: Callable[[WorkerProcess], bytes], answer: type[_Answer]
    ) -> dict[WorkerProcess, _Answer | str]:
        """Return what each process answers, or why it does not. Decoding is for who asked to be charged."""
        processes = self._processes()
        bodies = await asyncio.gather(*(_ask(one, kind, args(one)) for one in processes))
        return {
            one: body if isinstance(body, str) else msgspec.msgpack.decode(body, type=answer)
            for one, body in zip(processes, bodies, strict=True)
        }

    def _missing(self, asked: Mapping[WorkerProcess, object]) -> list[WorkerState]:
        numbers = {one.number for one in asked}
        return [
            WorkerState(number=keeper.number, pid=0, state="not running", answered=False, reason=_NOT_RUNNING)
            for keeper in self._keepers()
            if keeper.number not in numbers
        ]


async def _ask(process: WorkerProcess, kind: str, args: bytes) -> bytes | str:
    try:
        return await process.ask(kind, args) or _BUSY
    except NoAnswerError as error:
        return str(error)


def _state_of(process: WorkerProcess, answer: object) -> WorkerState:
    status = process.status
    state = "starting"
    if process.retiring or (status is not None and status.stopping):
        state = "stopping"
    elif status is not None:
        state = "degraded" if status.degraded else "ready" if status.ready else "starting"
    report = answer if isinstance(answer, ProcessReport) else None
    return WorkerState(
        number=process.number,
        pid=process.pid,
        state=state,
        answered=not isinstance(answer, str),
        reason=answer if isinstance(answer, str) else "",
        events_per_second=round(report.events_per_second, 2) if report else 0,
        in_flight=report.in_flight if report else 0,
    )


def _spool_problem(reports: Mapping[WorkerProcess, ProcessReport]) -> str:
    problems = {one.number: report.spool.problem for one, report in reports.items() if report.spool.problem}
    if len(set(problems.values())) == 1 and len(problems) == len(reports):
        return next(iter(problems.values()))
    return "; ".join(f"worker {number}: {problem}" for number, problem in sorted(problems.items()))


def _with_retired(total: ProcessReport, retired: Sequence[Family]) -> ProcessReport:
    """Add what workers had counted that have ended."""
    outcomes, last_event_ms = dict(total.outcomes), dict(total.last_event_ms)
    refused = 0
    for family in retired:
        for name, labels, value in family.samples:
            if name == metrics.DELIVERIES.name:
                outcome = labels["outcome"]
                outcomes[outcome] = outcomes.get(outcome, 0) + int(value)
            elif name == metrics.REQUESTS_REJECTED.name:
                refused += int(value)
            elif name == metrics.LAST_EVENT.name:
                app = labels["app"]
                last_event_ms[app] = max(last_event_ms.get(app, 0), int(value * 1000))
    return replace(
        total,
        outcomes=outcomes,
        last_event_ms=last_event_ms,
        refused_requests=total.refused_requests + refused,
    )
