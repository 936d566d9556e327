"""The tools that only read. The questions are the console's and the commands'."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import suppress
from difflib import get_close_matches
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from bridge.console.questions import QUESTIONS, QuestionContext
from bridge.console.requests import DeadLettersArgs, RecordPosition
from bridge.console.state import event_types, schema_of, settings_in_force
from bridge.core.application import Application
from bridge.core.catalogue import BY_NAME
from bridge.core.event import Notification
from bridge.core.explanation import explain
from bridge.core.record import timestamp
from bridge.mcp_server.answers import (
    CheckAnswer,
    DeadLettersAnswer,
    FindAnswer,
    MetricSample,
    MetricsAnswer,
    RecordAnswer,
    SchemaAnswer,
    SettingsAnswer,
    StatusAnswer,
    TailAnswer,
    TopicsAnswer,
)
from bridge.mcp_server.arguments import (
    DeadLetterArguments,
    FindArguments,
    MetricsArguments,
    NoArguments,
    RecordArguments,
    SchemaArguments,
    TailArguments,
)
from bridge.mcp_server.context import ToolContext
from bridge.mcp_server.errors import ToolError
from bridge.mcp_server.safe_answer import fits
from bridge.operations.admin_api import admin_url, open_admin, read_page, read_status
from bridge.operations.dead_letter_overview import DeadLetterGroup
from bridge.operations.find import FindProgress, FindRequest
from bridge.operations.found_record import FoundRecord
from bridge.operations.newest_records import OTHER, NewestRequest, newest_records
from bridge.operations.read_record import RecordDetails

_MS_PER_HOUR = 3_600_000
_MS_PER_DAY = 24 * _MS_PER_HOUR


async def ask(context: ToolContext, kind: str, args: object = None) -> AsyncIterator[tuple[str, Any]]:
    """Ask one of the console's questions, in this process."""
    question = QuestionContext(settings=context.settings, mask=context.mask)
    async for event, data in QUESTIONS[kind](question, Raw(msgspec.json.encode(args))):
        yield event, data


async def ask_once(context: ToolContext, kind: str, args: object = None) -> Any:  # noqa: ANN401 - its own answer
    """Return the last part of an answer."""
    found: Any = None
    async for _, data in ask(context, kind, args):
        found = data
    return found


async def check(context: ToolContext, _: NoArguments) -> CheckAnswer:
    """Run every check."""
    findings = await ask_once(context, "check")
    states = [finding.state for finding in findings]
    return CheckAnswer(failed=states.count("failed"), warnings=states.count("warning"), findings=findings)


async def find(context: ToolContext, arguments: FindArguments) -> FindAnswer:
    """Find the records of an id, the newest first."""
    now_ms = context.now_ms()
    request = FindRequest(
        text=arguments.id,
        since_ms=max(0, now_ms - int(arguments.days * _MS_PER_DAY)),
        now_ms=now_ms,
        everywhere=arguments.everywhere,
    )
    records: list[FoundRecord] = []
    progress: FindProgress | None = None
    async for event, data in ask(context, "find", request):
        if event == "records":
            records += data
        elif event == "progress":
            progress = data
    shown = records[: arguments.limit]
    return FindAnswer(records=shown, left_out=len(records) - len(shown), progress=progress)


async def record(context: ToolContext, arguments: RecordArguments) -> RecordAnswer:
    """Return one record whole."""
    at = RecordPosition(topic=arguments.topic, partition=arguments.partition, offset=arguments.offset)
    details: RecordDetails = await ask_once(context, "record", at)
    details = replace(details, curl_body="")  # the same as its value or text
    if not (fits(details.value) and fits(details.text)):
        details = replace(details, value=None, text="", omitted_bytes=details.record.bytes)
    return RecordAnswer(details=details)


async def tail(context: ToolContext, arguments: TailArguments) -> TailAnswer:
    """Return the newest records that match."""
    if arguments.type and arguments.type != OTHER and arguments.type not in BY_NAME:
        raise ToolError(_unknown_type(arguments.type, [OTHER]))
    found = await newest_records(
        context.settings,
        NewestRequest(
            event_type=arguments.type,
            application=arguments.application,
            outcome=arguments.outcome,
            limit=arguments.limit,
        ),
    )
    return TailAnswer(
        records=found.records, records_read=found.records_read, records_total=found.records_total
    )


async def dead_letters(context: ToolContext, arguments: DeadLetterArguments) -> DeadLettersAnswer:
    """Return the dead letters by reason and application, with their age."""
    hours = arguments.max_age_hours
    since = "" if hours is None else timestamp(max(0, context.now_ms() - int(hours * _MS_PER_HOUR)))
    found: list[DeadLetterGroup] = await ask_once(context, "dead_letters", DeadLettersArgs())
    groups = [
        msgspec.structs.replace(
            group, records=[one for one in group.records if one.written >= since][: arguments.records]
        )
        for group in found
        if (not arguments.reason or group.reason == arguments.reason)
        and (not arguments.application or group.application == arguments.application)
        and group.newest >= since
    ]
    return DeadLettersAnswer(
        groups=groups,
        count=sum(group.count for group in groups),
        pending=sum(group.pending for group in groups),
    )


async def schemas(context: ToolContext, arguments: SchemaArguments) -> SchemaAnswer:
    """Return all types, or the schema and an example of one."""
    if not arguments.type:
        return SchemaAnswer(types=event_types(context.settings).types)
    name = BY_NAME[arguments.type].name if arguments.type in BY_NAME else ""
    schema = schema_of(name)
    if schema is None:
        raise ToolError(_unknown_type(arguments.type))
    return SchemaAnswer(type=name, schema=msgspec.json.decode(schema), example=_example_of(name, context))


async def metrics(context: ToolContext, arguments: MetricsArguments) -> MetricsAnswer:
    """Return samples of the running bridge's metrics."""
    url = _admin_url(context)
    async with open_admin(context.settings) as session:
        text = await read_page(session, url, "/metrics")
    samples = [
        MetricSample(
            name=sample.name,
            labels=sample.labels,
            value=sample.value if math.isfinite(sample.value) else None,
        )
        for family in await asyncio.to_thread(_families, text)
        for sample in family.samples
        if arguments.name in sample.name
        and not sample.name.endswith("_created")
        and (arguments.buckets or not sample.name.endswith("_bucket"))
    ]
    shown = samples[: arguments.limit]
    return MetricsAnswer(url=url, samples=shown, left_out=len(samples) - len(shown))


async def status(context: ToolContext, _: NoArguments) -> StatusAnswer:
    """Return how the running bridge is."""
    url = _admin_url(context)
    async with open_admin(context.settings) as session:
        return StatusAnswer(url=url, status=(await read_status(session, url))[1])


async def topics(context: ToolContext, _: NoArguments) -> TopicsAnswer:
    """Return the topics, and the groups that read them."""
    return TopicsAnswer(topics=await ask_once(context, "topics"), groups=await ask_once(context, "groups"))


async def settings(context: ToolContext, _: NoArguments) -> SettingsAnswer:
    """Return the settings in force here."""
    return SettingsAnswer(settings=settings_in_force(context.configured).settings)


def _admin_url(context: ToolContext) -> str:
    url = admin_url(context.settings, context.options.admin_url)
    if not url:
        raise ToolError(
            "which bridge? BRIDGE_ADMIN__PORT is 0 here, so its port is not known: start this server with"
            " `vod-bridge mcp --url http://HOST:PORT`"
        )
    return url


def _families(text: str) -> list[Any]:
    try:
        return list(text_string_to_metric_families(text))
    except ValueError:
        raise ToolError("the answer holds no metrics: is this the admin port of a bridge?") from None


def _unknown_type(name: str, more: list[str] | None = None) -> str:
    names = [*dict.fromkeys(row.name for row in BY_NAME.values()), *(more or ())]
    suggestions = get_close_matches(name, names, n=1)
    hint = f"; is it {suggestions[0]}?" if suggestions else ""
    return f"type: no event type is called {name!r}{hint} `schemas` without a type lists them"


def _example_of(name: str, context: ToolContext) -> Any:  # noqa: ANN401 - any JSON value
    """Return the event made of the package's example notification; None where it has none for the type."""
    with suppress(OSError):
        body = files("bridge").joinpath("samples", "3.0", f"{name}.json").read_bytes()
        notification = Notification(application=Application(name="default"), body=body, received_ms=0)
        return explain(notification, context.settings.routing()).event
    return None
