"""``vod-bridge audit``: the vendor's finished tasks of which Kafka has no event, and to bring them in."""

import asyncio
import re
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

import aiohttp
import typer
from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bridge.cli.audit_backfill import Deferred, bring_in, journeys
from bridge.cli.audit_kafka import Reading, without_event
from bridge.cli.audit_report import Missing, Report, conclude
from bridge.cli.audit_vendor import Tasks
from bridge.cli.check_vendor import refusal_todo, variables_of
from bridge.cli.ending import USED_WRONGLY, ConfigFile, fail, settings_of
from bridge.cli.terminal import mask_inside, mask_secrets_of
from bridge.cli.trouble import hush_library, trouble_of
from bridge.io.kafka.client import kafka_options
from bridge.io.vod.api import Account, ApiError, Credential, FinishedTask, TransportError, VodApi
from bridge.observability.logging import configure_logging
from bridge.settings.settings import AppSettings, Settings
from bridge.wiring import build_routing, vendor_account

_SPAN = re.compile(r"(\d{1,9})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_MOST = timedelta(hours=72)
_EARLIER = timedelta(minutes=5)  # clocks differ, and an event may be faster than the listed time

_INTERRUPTED = "interrupted: the same command goes on, and finds what was brought in until now"

_App = Annotated[str, typer.Option("--app", help="The application.", show_default=False)]
_Since = Annotated[str, typer.Option(help="Tasks that finished at most so long ago: 72h, 90m; at most 72h.")]
_Until = Annotated[
    str, typer.Option(help="Tasks that finished at least so long ago; later events may still be coming.")
]
_Backfill = Annotated[bool, typer.Option("--backfill", help="Publish the missing events.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")]
_SecretId = Annotated[
    str,
    typer.Option(
        envvar="VOD_SECRET_ID",
        help="SecretId for the vendor's API; mode push has none set.",
        show_default=False,
    ),
]
_SecretKey = Annotated[
    str,
    typer.Option(
        envvar="VOD_SECRET_KEY", help="Its SecretKey; better given by the variable.", show_default=False
    ),
]
_Endpoint = Annotated[
    str, typer.Option(help="Endpoint of the vendor's API, in place of the setting.", show_default=False)
]
_SubAppId = Annotated[
    int | None, typer.Option(help="SubAppId, in place of the setting.", min=0, show_default=False)
]


class _Span(Struct, frozen=True):
    since: datetime
    until: datetime


class _Stopped(Exception):  # noqa: N818 - it says what happened, not that something broke
    """The audit cannot go on, and why."""


def audit(  # noqa: PLR0913 - one parameter is one option of the command
    *,
    app: _App,
    since: _Since = "24h",
    until: _Until = "0h",
    backfill: _Backfill = False,
    as_json: _Json = False,
    secret_id: _SecretId = "",
    secret_key: _SecretKey = "",
    endpoint: _Endpoint = "",
    sub_app_id: _SubAppId = None,
    config: ConfigFile = None,
) -> None:
    """Compare the vendor's finished tasks with Kafka; name those without an event, and bring them in.

    With --backfill events are rebuilt from the tasks' details and published as usual, deduplicated.

    Ends with 1 if an event is missing, or with --backfill if one could not be brought in.

    Example: vod-bridge audit --app my-shop --since 24h --until 10m --backfill
    """
    hush_library()
    configure_logging("error", "console", sys.stderr, mask=mask_inside)
    settings = settings_of(config)
    mask_secrets_of(settings, secret_key)
    span = _span(since, until)
    if app not in settings.applications():
        fail(f"--app {app}: not configured; there is {', '.join(settings.applications())}", USED_WRONGLY)
    account = _account(settings.apps.get(app, AppSettings()), secret_id, secret_key)
    account = replace(
        account,
        endpoint=endpoint or account.endpoint,
        sub_app_id=account.sub_app_id if sub_app_id is None else sub_app_id,
    )
    variables = "VOD_" if secret_id else variables_of(app)
    report = Report(app=app, since=_told(span.since), until=_told(span.until))
    with _progress() as progress, suppress(KeyboardInterrupt):
        report.stopped = _INTERRUPTED  # until it comes to its end, whatever that is
        found = _Audit(settings, span, report, progress)
        report.stopped = asyncio.run(found.run(account, variables, backfill=backfill))
    conclude(report, as_json=as_json, backfill=backfill)


class _Audit:
    """One audit; what it finds it writes into ``report``."""

    def __init__(self, settings: Settings, span: _Span, report: Report, progress: Progress) -> None:
        self._settings = settings
        self._span = span
        self._report = report
        self._progress = progress

    async def run(self, account: Account, variables: str, *, backfill: bool) -> str:
        """Ask the vendor, read Kafka, bring in what misses; give what stopped it, if so.

        ``variables`` is how the names begin of what the account was made from.
        """
        try:
            async with aiohttp.ClientSession() as session:
                tasks = self._tasks(account, session)
                await self._compare(await tasks.finished(self._span.since, self._span.until))
                if backfill and self._report.missing:
                    await self._backfill(tasks)
        except ApiError as refusal:
            todo = refusal_todo(refusal.code, variables, "--sub-app-id")
            return f"the vendor refuses: {refusal} - {todo}"
        except (TransportError, Deferred, _Stopped) as trouble:
            return str(trouble)
        return ""

    def _tasks(self, account: Account, session: aiohttp.ClientSession) -> Tasks:
        bar = self._progress.add_task("asking the vendor", total=None)
        try:
            api = VodApi(account, session, time.time)
        except ValueError as error:
            raise _Stopped(f"the vendor's endpoint {account.endpoint}: {error}") from None
        return Tasks(api, lambda: self._progress.advance(bar))

    async def _compare(self, finished: dict[str, FinishedTask]) -> None:
        settings, report = self._settings, self._report
        bar = self._progress.add_task("reading Kafka", total=None)
        topics = build_routing(settings).topics([report.app])
        reading = Reading(
            options=kafka_options(settings.kafka),
            topics=[topic for topic in topics if topic != settings.kafka.topic_dead_letter],
            app=report.app,
            since_ms=int((self._span.since - _EARLIER).timestamp() * 1000),
        )
        try:
            missing = await without_event(
                finished,
                reading,
                lambda done, total: self._progress.update(bar, completed=done, total=total),
            )
        except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
            raise _Stopped(str(await trouble_of(reading.options, error))) from None
        report.finished, report.with_event = len(finished), len(finished) - len(missing)
        report.missing = [
            Missing(task_id=task.task_id, type=task.task_type, finish_time=task.finish_time)
            for task in finished.values()
            if task.task_id in missing
        ]

    async def _backfill(self, tasks: Tasks) -> None:
        by_id = {one.task_id: one for one in self._report.missing}
        bar = self._progress.add_task("bringing in", total=len(by_id))

        def told(task_id: str, ending: str) -> None:
            by_id[task_id].ending = ending
            self._progress.advance(bar)

        application = self._settings.applications()[self._report.app]
        async with journeys(self._settings) as pipeline:
            await bring_in(by_id, tasks, application, pipeline, told)


def _span(since: str, until: str) -> _Span:
    now = datetime.now(UTC)
    begin, end = _ago("--since", since), _ago("--until", until)
    if begin > _MOST:
        fail(f"--since {since}: the vendor lists tasks of the last 72 h only", USED_WRONGLY)
    if end >= begin:
        fail(f"--until {until}: must be less than --since {since}", USED_WRONGLY)
    return _Span(now - begin, now - end)


def _ago(option: str, text: str) -> timedelta:
    found = _SPAN.fullmatch(text)
    if found is None:
        fail(f"{option} {text}: must be a number and one of s, m, h, d, like 24h or 90m", USED_WRONGLY)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _account(app: AppSettings, secret_id: str, secret_key: str) -> Account:
    """Say how the vendor is asked: with the key that was typed, else with the application's."""
    account = vendor_account(app, wait_for_credential=True)
    if bool(secret_id) != bool(secret_key):
        fail("--secret-id and --secret-key (VOD_SECRET_ID, VOD_SECRET_KEY) belong together", USED_WRONGLY)
    if secret_id:
        typed = Credential(secret_id=secret_id, secret_key=secret_key)
        return replace(account, credential=lambda: typed)
    if app.mode == "push":
        fail(
            "a pushed application has no key of the vendor's API: set VOD_SECRET_ID and VOD_SECRET_KEY",
            USED_WRONGLY,
        )
    return account


def _told(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
