"""What a supervisor's console shows of its workers: sums, merges, and who does not answer."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from bridge.console.answers import SpoolState
from bridge.console.state import ProcessView
from bridge.console.view import ProcessReport
from bridge.console.worker_answers import DELIVERIES, REPORT, DeliveriesQuery, WorkerAnswers, WorkerDeliveries
from bridge.core.application import Application
from bridge.core.event import Notification
from bridge.core.outcome import DeliveryOutcome, DeliveryResult
from bridge.io.admin import Readiness
from bridge.observability.recent_deliveries import DeliveryFilter
from bridge.observability.telemetry import Telemetry
from bridge.settings.settings import load
from bridge.workers.console_view import WorkersView
from bridge.workers.messages import Family, WorkerStatus
from bridge.workers.process import NoAnswerError, WorkerProcess
from bridge.workers.summary import WorkersSummary
from tests.console.test_state import Spooled

Asked = Callable[[str, bytes], Awaitable[bytes]]
SETTINGS = load(None, {})


class AnsweringProcess(WorkerProcess):
    """A worker that answers as `WorkerAnswers` does, from a ring of its own; or not."""

    def __init__(self, number: int, problem: str = "", spool_problem: str = "") -> None:
        super().__init__(number, 0)
        self.status = WorkerStatus(ready=True, stopping=False, degraded=[])
        self.telemetry = Telemetry(apps=["default"])
        self.problem = problem
        view = ProcessView(
            settings=SETTINGS,
            telemetry=self.telemetry,
            spools=lambda: [Spooled(number, 10 * number, 0, spool_problem)],
            readiness=lambda: Readiness(ready=True),
        )
        self._answers = WorkerAnswers(view)

    @property
    def pid(self) -> int:
        return 1000 + self.number

    async def ask(self, kind: str, args: bytes) -> bytes:
        if self.problem:
            raise NoAnswerError(self.problem)
        return await self._answers.answer(kind, args)

    def deliver(self, at_ms: int, task_id: str = "") -> None:
        application = Application(name="default")
        notification = Notification(application=application, body=b"", received_ms=at_ms)
        result = DeliveryResult(DeliveryOutcome.PUBLISHED, event_id=f"e{at_ms}", event_type="NewFileUpload")
        self.telemetry.record_delivery(notification, result, None, 0.001 * self.number)
        if task_id:
            self.telemetry.recent.add_delivery(notification, result, 0.001, ("", task_id))


class KeptProcesses:
    """A keeper of what it is given."""

    def __init__(self, number: int, *processes: WorkerProcess) -> None:
        self.number = number
        self.processes = [*processes]

    @property
    def current(self) -> WorkerProcess | None:
        return self.processes[-1] if self.processes else None


def view_of(*keepers: KeptProcesses) -> tuple[WorkersView, WorkersSummary]:
    summary = WorkersSummary(len(keepers), lambda: keepers)  # type: ignore[arg-type,return-value] # what it uses of one
    return WorkersView(lambda: SETTINGS, summary, lambda: keepers), summary  # type: ignore[arg-type,return-value] # likewise


async def test_reports_are_summed_with_what_ended_workers_had_counted() -> None:
    one, other = AnsweringProcess(1), AnsweringProcess(2)
    for process, count in ((one, 3), (other, 1)):
        for at in range(count):
            process.deliver(1_000 * process.number + at)
    view, summary = view_of(KeptProcesses(1, one), KeptProcesses(2, other))
    summary.on_end(
        1,
        [
            Family("x", "", "counter", [("vod_bridge_deliveries_total", {"outcome": "published"}, 5.0)]),
            Family("y", "", "counter", [("vod_bridge_http_requests_rejected_total", {}, 2.0)]),
            Family(
                "vod_bridge_last_event_timestamp_seconds",
                "",
                "gauge",
                [("vod_bridge_last_event_timestamp_seconds", {"app": "default"}, 9.0)],
            ),
        ],
    )
    report = await view.report()
    assert report.total.outcomes["published"] == 9
    assert report.total.refused_requests == 2
    assert report.total.last_event_ms == {"default": 9_000}
    assert report.total.durations_s == [0.001, 0.001, 0.001, 0.002]
    assert (report.total.spool.records, report.total.spool.bytes) == (3, 30)
    assert report.total.spool.max_bytes == SETTINGS.spool.max_bytes
    assert [(each.number, each.state, each.answered) for each in report.workers] == [
        (1, "ready", True),
        (2, "ready", True),
    ]


async def test_who_does_not_answer_and_who_does_not_run_is_named() -> None:
    silent = AnsweringProcess(1, problem="no answer within 1 s")
    view, _ = view_of(KeptProcesses(1, silent), KeptProcesses(2), KeptProcesses(3, AnsweringProcess(3)))
    report = await view.report()
    assert [(each.number, each.state, each.answered, each.reason) for each in report.workers] == [
        (1, "ready", False, "no answer within 1 s"),
        (3, "ready", True, ""),
        (2, "not running", False, "it is started again"),
    ]
    found = await view.deliveries(None, None, 10)
    assert [each.number for each in found.silent_workers] == [1, 2]


async def test_deliveries_are_merged_by_time_and_read_on_from_each_worker() -> None:
    one, other = AnsweringProcess(1), AnsweringProcess(2)
    for at in range(4):
        (one if at % 2 else other).deliver(1_000 + at)
    view, _ = view_of(KeptProcesses(1, one), KeptProcesses(2, other))
    first = await view.deliveries(None, None, 3)
    assert [(each.worker, each.event_id) for each in first.summaries] == [
        (1, "e1001"),
        (2, "e1002"),
        (1, "e1003"),
    ]
    assert first.left_out == 1
    assert first.numbers == {"1001": 2, "1002": 2}
    other.deliver(5_000, task_id="t")
    assert [each.event_id for each in (await view.deliveries(first.numbers, None, 3)).summaries] == [
        "e5000"
    ] * 2
    filtered = await view.deliveries(first.numbers, DeliveryFilter(task_id="t"), 3)
    assert [each.task_id for each in filtered.summaries] == ["t"]


async def test_who_is_silent_once_is_read_on_from_where_it_was() -> None:
    one = AnsweringProcess(1)
    one.deliver(1_000)
    view, _ = view_of(KeptProcesses(1, one))
    first = await view.deliveries(None, None, 10)
    one.problem = "no answer within 1 s"
    second = await view.deliveries(first.numbers, None, 10)
    one.problem = ""
    one.deliver(2_000)
    third = await view.deliveries(second.numbers, None, 10)
    assert second.numbers == first.numbers
    assert [each.event_id for each in third.summaries] == ["e2000"]


@pytest.mark.parametrize(
    ("problems", "shown"),
    [
        (("", ""), ""),
        (("full", "full"), "full"),
        (("", "full"), "worker 2: full"),
        (("a", "b"), "worker 1: a; worker 2: b"),
    ],
)
async def test_a_problem_of_a_spool_names_its_worker(problems: tuple[str, str], shown: str) -> None:
    keepers = [
        KeptProcesses(number, AnsweringProcess(number, spool_problem=problem))
        for number, problem in enumerate(problems, 1)
    ]
    view, _ = view_of(*keepers)
    assert (await view.report()).total.spool.problem == shown


async def test_a_worker_that_is_asked_without_end_answers_shortly_that_it_is_too_much() -> None:
    process = AnsweringProcess(1)
    query = msgspec.msgpack.encode(DeliveriesQuery(0, None, 10))
    answers = await asyncio.gather(*(process.ask(DELIVERIES, query) for _ in range(300)))
    assert any(answers)
    assert not all(answers)
    decoded = msgspec.msgpack.decode(next(filter(None, answers)), type=WorkerDeliveries)
    assert decoded.summaries == []


async def test_a_report_survives_its_way_between_processes() -> None:
    process = AnsweringProcess(1)
    process.deliver(1_000)
    report = msgspec.msgpack.decode(await process.ask(REPORT, b""), type=ProcessReport)
    assert report.outcomes["published"] == 1
    assert isinstance(report.spool, SpoolState)
