"""``vod-bridge audit``: compares the vendor's finished tasks with Kafka, and publishes missing events."""

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

import aiohttp
import typer
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bridge.cli.audit.backfill import BackfillDeferredError, backfill_all, open_pipeline
from bridge.cli.audit.kafka import AuditScan, tasks_without_event
from bridge.cli.audit.report import AuditReport, MissingTask, print_report_and_exit
from bridge.cli.audit.vendor import FinishedTasks
from bridge.cli.support.exit import EXIT_USAGE, ConfigFile, fail, load_settings_or_exit
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.terminal import mask_nested, mask_secrets_of
from bridge.cli.support.time_arg import parse_duration
from bridge.cli.support.vendor_account import (
    AccountOptions,
    AppOption,
    EndpointOption,
    SecretIdOption,
    SecretKeyOption,
    SubAppIdOption,
    account_of,
)
from bridge.io.kafka.client import kafka_options
from bridge.io.vod.account import Account
from bridge.io.vod.api import FinishedTask, VodApi
from bridge.io.vod.errors import ApiError, TransportError
from bridge.observability.logging import configure_logging
from bridge.operations.check.vendor import api_error_remedy
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.settings.settings import Settings
from bridge.wiring import build_routing

_SINCE_MAX = timedelta(hours=72)
_CLOCK_MARGIN = timedelta(minutes=5)  # clocks differ, and an event may be faster than the listed time

_INTERRUPTED = "interrupted: the same command goes on, and finds what was brought in until now"

_Since = Annotated[str, typer.Option(help="Tasks that finished at most so long ago: 72h, 90m; at most 72h.")]
_Until = Annotated[
    str, typer.Option(help="Tasks that finished at least so long ago; later events may still be coming.")
]
_Backfill = Annotated[bool, typer.Option("--backfill", help="Publish the missing events.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")]


class _AuditWindow(Struct, frozen=True):
    since: datetime
    until: datetime


class _AuditStoppedError(Exception):
    """The audit cannot continue; the text is the reason."""


def audit(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    app: AppOption,
    since: _Since = "24h",
    until: _Until = "0h",
    backfill: _Backfill = False,
    as_json: _Json = False,
    secret_id: SecretIdOption = "",
    secret_key: SecretKeyOption = "",
    endpoint: EndpointOption = "",
    sub_app_id: SubAppIdOption = None,
    config: ConfigFile = None,
) -> None:
    """Compare the vendor's finished tasks with Kafka; name those without an event, and bring them in.

    With --backfill events are rebuilt from the tasks' details and published as usual, deduplicated.

    Ends with 1 if an event is missing, or with --backfill if one could not be brought in.

    Example: vod-bridge audit --app my-shop --since 24h --until 10m --backfill
    """
    silence_aiokafka()
    configure_logging("error", "console", sys.stderr, mask=mask_nested)
    settings = load_settings_or_exit(config)
    mask_secrets_of(settings, secret_key)
    window = _audit_window(since, until)
    options = AccountOptions(
        app=app, secret_id=secret_id, secret_key=secret_key, endpoint=endpoint, sub_app_id=sub_app_id
    )
    account, prefix = account_of(settings, options), options.variable_prefix
    report = AuditReport(app=app, since=_format_time(window.since), until=_format_time(window.until))
    with _progress_bar() as progress, suppress(KeyboardInterrupt):
        report.stop_reason = _INTERRUPTED  # replaced when the run ends by itself
        audit_run = _AuditRun(settings, window, report, progress)
        report.stop_reason = run_interruptible(audit_run.run(account, prefix, backfill=backfill))
    print_report_and_exit(report, as_json=as_json, backfill=backfill)


class _AuditRun:
    """One audit; writes its results into ``report``."""

    def __init__(
        self, settings: Settings, window: _AuditWindow, report: AuditReport, progress: Progress
    ) -> None:
        self._settings = settings
        self._window = window
        self._report = report
        self._progress = progress

    async def run(self, account: Account, prefix: str, *, backfill: bool) -> str:
        """List the tasks, read Kafka, publish missing events; return why it stopped, or "".

        ``prefix`` begins the names of the variables that the account was read from.
        """
        try:
            async with aiohttp.ClientSession() as session:
                tasks = self._finished_tasks(account, session)
                await self._compare(await tasks.list_finished(self._window.since, self._window.until))
                if backfill and self._report.missing:
                    await self._backfill(tasks)
        except ApiError as api_error:
            remedy = api_error_remedy(api_error.code, prefix, "--sub-app-id")
            return f"the vendor refuses: {api_error} - {remedy}"
        except (TransportError, BackfillDeferredError, _AuditStoppedError) as error:
            return str(error)
        return ""

    def _finished_tasks(self, account: Account, session: aiohttp.ClientSession) -> FinishedTasks:
        bar = self._progress.add_task("asking the vendor", total=None)
        try:
            api = VodApi(account, session, time.time)
        except ValueError as error:
            raise _AuditStoppedError(f"the vendor's endpoint {account.endpoint}: {error}") from None
        return FinishedTasks(api, lambda: self._progress.advance(bar))

    async def _compare(self, finished: dict[str, FinishedTask]) -> None:
        settings, report = self._settings, self._report
        bar = self._progress.add_task("reading Kafka", total=None)
        topics = build_routing(settings).topics([report.app])
        scan = AuditScan(
            options=kafka_options(settings.kafka),
            topics=[topic for topic in topics if topic != settings.kafka.topic_dead_letter],
            app=report.app,
            since_ms=int((self._window.since - _CLOCK_MARGIN).timestamp() * 1000),
        )
        try:
            missing = await tasks_without_event(
                finished,
                scan,
                lambda done, total: self._progress.update(bar, completed=done, total=total),
            )
        except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
            raise _AuditStoppedError(str(await explain_error(scan.options, error))) from None
        report.finished, report.with_event = len(finished), len(finished) - len(missing)
        report.missing = [
            MissingTask(task_id=task.task_id, type=task.task_type, finish_time=task.finish_time)
            for task in finished.values()
            if task.task_id in missing
        ]

    async def _backfill(self, tasks: FinishedTasks) -> None:
        by_id = {one.task_id: one for one in self._report.missing}
        bar = self._progress.add_task("bringing in", total=len(by_id))

        def on_result(task_id: str, outcome: str) -> None:
            by_id[task_id].outcome = outcome
            self._progress.advance(bar)

        application = self._settings.applications()[self._report.app]
        async with open_pipeline(self._settings) as pipeline:
            await backfill_all(by_id, tasks, application, pipeline, on_result)


def _audit_window(since: str, until: str) -> _AuditWindow:
    now = datetime.now(UTC)
    begin, end = parse_duration("--since", since), parse_duration("--until", until)
    if begin > _SINCE_MAX:
        fail(f"--since {since}: the vendor lists tasks of the last 72 h only", EXIT_USAGE)
    if end >= begin:
        fail(f"--until {until}: must be less than --since {since}", EXIT_USAGE)
    return _AuditWindow(now - begin, now - end)


def _format_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _progress_bar() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
