"""The JSON API below /api/v1: one function a route. `openapi` describes them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
import structlog
from aiohttp import web

from bridge.console.access import Level
from bridge.console.answers import (
    DeadLetters,
    EventTypes,
    Findings,
    Found,
    Groups,
    Job,
    SettingsInForce,
    SpoolState,
    Status,
    Topics,
)
from bridge.console.call import JSON, Call
from bridge.console.live import recent_deliveries, stream_deliveries
from bridge.console.problem import ProblemError
from bridge.console.requests import DeadLettersArgs, RecordPosition, RedriveArgs, RedriveRequest, ReplayArgs
from bridge.console.state import (
    event_types,
    now_ms,
    schema_of,
    settings_in_force,
)
from bridge.console.state import status_of as _status_of
from bridge.operations.check.finding import Finding
from bridge.operations.dead_letter_overview import DeadLetterGroup
from bridge.operations.find import DEFAULT_DAYS, TEXT_MAX, FindProgress, FindRequest, FoundGroups, with_groups
from bridge.operations.found_record import FoundRecord
from bridge.operations.topic_lag import GroupState, TopicState

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_Args = TypeVar("_Args", ReplayArgs, RedriveArgs)

_API_DEPTH = 3  # slashes of a path just below /api/v1
_DAY_MS = 86_400_000
_DAYS_MAX = 366
_TEXT_MIN = 4
_DIGITS_MAX = 18  # of a number of 64 bits; Python refuses to read one of 5,000 digits
_DRY_RUN_HINT = "a dry run shows what a replay would do; dry_run false does it"


async def status(call: Call) -> Status:
    """Answer how this process is."""
    bridge = call.parts.bridge
    if call.asks_peers:
        call.parts.peers.ask_statuses()  # at once with the workers: they have the same second
    report = await bridge.report()
    return _status_of(
        report,
        bridge.settings,
        instance=call.parts.instance,
        can_act=call.level >= Level.ACT,
        peers=await call.parts.peers.statuses() if call.asks_peers else [],
    )


async def deliveries(call: Call) -> web.StreamResponse:
    """Answer with the recent deliveries, or stream what comes."""
    if call.wants_events():
        return await stream_deliveries(call)
    return call.json(await recent_deliveries(call))


async def topics(call: Call) -> Topics:
    """Answer with the topics, as Kafka lists them."""
    return Topics(msgspec.json.decode(await call.ask_once("topics"), type=list[TopicState]))


async def groups(call: Call) -> Groups:
    """Answer with the consumer groups and their lag."""
    return Groups(msgspec.json.decode(await call.ask_once("groups"), type=list[GroupState]))


async def spool(call: Call) -> SpoolState:
    """Answer how full the spool is."""
    return (await call.parts.bridge.report()).total.spool


async def settings(call: Call) -> SettingsInForce:
    """Answer with the settings in force."""
    return settings_in_force(call.parts.bridge.settings)


async def types(call: Call) -> EventTypes:
    """Answer with the catalogue."""
    return await asyncio.to_thread(event_types, call.parts.bridge.settings)


async def type_schema(call: Call) -> web.Response:
    """Answer with the JSON Schema of one type's events."""
    found = await asyncio.to_thread(schema_of, call.path_args["type"])
    if found is None:
        raise ProblemError(404, "no such event type", remedy="types lists them")
    return web.Response(body=found, content_type="application/schema+json")


async def event(call: Call) -> web.Response:
    """Answer with one record of a topic."""
    numbers = [call.path_args[name] for name in ("partition", "offset")]
    if not all(text.isdecimal() and len(text) <= _DIGITS_MAX for text in numbers):
        raise ProblemError(404, "no such record", "partition and offset are numbers")
    partition, offset = map(int, numbers)
    at = RecordPosition(topic=call.path_args["topic"], partition=partition, offset=offset)
    return web.Response(body=await call.ask_once("record", at), content_type=JSON)


async def find(call: Call) -> web.StreamResponse:
    """Answer with the records of an id, or stream them as they are found."""
    request = find_request(call)
    if not call.wants_events():
        return call.json(await find_all(call, request))
    async with call.event_stream() as stream:
        with suppress(ConnectionError, TimeoutError):
            try:
                answers = call.ask("find", request)
                async for name, data in answers:
                    await stream.send(name, bytes(data))
                    if stream.has_left:
                        await answers.aclose()  # type: ignore[attr-defined] # a generator
                        break
                await stream.send("end", b"null")
            except ProblemError as error:
                await stream.send("problem", call.encode(error.problem))
        return stream.response


async def find_all(call: Call, request: FindRequest) -> Found:
    """Return all that is found."""
    records: list[FoundRecord] = []
    progress: FindProgress | None = None
    groups = FoundGroups()
    with call.taking_time():
        async for name, data in call.ask("find", request):
            if name == "progress":
                progress = msgspec.json.decode(data, type=FindProgress)
            elif name == "groups":
                groups = msgspec.json.decode(data, type=FoundGroups)
            else:
                records += msgspec.json.decode(data, type=list[FoundRecord])
    return Found(
        records=with_groups(records, groups.offsets), progress=progress, groups_problem=groups.problem
    )


def find_request(call: Call) -> FindRequest:
    """Read the query. Raises `ProblemError`."""
    text = call.query("q")
    if not _TEXT_MIN <= len(text) <= TEXT_MAX:
        raise ProblemError(
            400, "nothing to look for", f"q: a file, task, event or session id of {_TEXT_MIN} to {TEXT_MAX}"
        )
    days = call.query_number("days", DEFAULT_DAYS, _DAYS_MAX)
    now = now_ms()
    return FindRequest(
        text=text,
        since_ms=now - days * _DAY_MS,
        now_ms=now,
        everywhere=call.query("everywhere") in ("1", "true", "on"),
    )


async def dead_letters(call: Call) -> DeadLetters:
    """Answer with the dead letters by reason and application."""
    found = await call.ask_once("dead_letters", dead_letters_args(call))
    return DeadLetters(msgspec.json.decode(found, type=list[DeadLetterGroup]))


def times_of(call: Call) -> dict[str, str]:
    """Return what the query has of ``since`` and ``until``, as it is written there."""
    return {name: text for name in ("since", "until") if (text := call.query(name))}


def dead_letters_args(call: Call) -> DeadLettersArgs:
    """Read the query. Raises `ProblemError`."""
    try:
        return msgspec.convert(times_of(call), DeadLettersArgs)
    except msgspec.ValidationError:
        raise ProblemError(
            400,
            "since or until is no time",
            "a time has a date, a time of day and a zone, like 2026-11-21T18:00:00Z",
            "write the + of a zone as %2B in a URL",
        ) from None


async def replay(call: Call) -> web.Response:
    """Replay dead letters, or show what a replay would do."""
    args = await _body(call, ReplayArgs)
    log_fields = {"applications": args.applications, "without_dedup": args.without_dedup}
    return await _replay(call, args, ("replay", args), log_fields)


async def redrive(call: Call) -> web.Response:
    """Redrive the dead letters of a consumer group to it, or show what that would do."""
    args, group = await _body(call, RedriveArgs), call.path_args["group"]
    return await _replay(call, args, ("redrive", RedriveRequest(group=group, args=args)), {"group": group})


async def _replay(
    call: Call, args: ReplayArgs | RedriveArgs, question: tuple[str, object], log_fields: dict[str, object]
) -> web.Response:
    if not args.dry_run:
        call.parts.access.require_act(call.level)
    records = len(args.records)
    log.info("console_replay", dry_run=args.dry_run, reasons=args.reasons, records=records, **log_fields)
    if args.dry_run:
        return web.Response(body=await call.ask_once(*question), content_type=JSON)
    job = call.parts.jobs.start(*question)
    response = call.json(job, 202)
    # Relative: it works below any path. From the folder of this path to that of the jobs.
    response.headers["Location"] = (
        f"{'../' * (call.request.rel_url.raw_path.count('/') - _API_DEPTH)}jobs/{job.id}"
    )
    return response


async def _body(call: Call, wanted: type[_Args]) -> _Args:
    if call.request.content_type != JSON:
        raise ProblemError(415, "the body must be application/json")
    body = await call.read_body()
    try:
        return msgspec.convert(_whole_numbers(msgspec.json.decode(body or b"{}")), wanted)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, "the body cannot be read", str(error), _DRY_RUN_HINT) from None


def _whole_numbers(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return JSON data with 1.0 as 1: to JSON Schema both are integers."""
    if isinstance(value, dict):
        return {name: _whole_numbers(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


async def job(call: Call) -> Job:
    """Answer how far a job is."""
    found = call.parts.jobs.get(call.path_args["job"])
    if found is None:
        raise ProblemError(404, "no such job", remedy="the last 20 of this process are kept")
    return found


async def check(call: Call) -> Findings:
    """Run all checks, and answer with what they found."""
    findings: Sequence[Finding] = msgspec.json.decode(await call.ask_once("check"), type=list[Finding])
    return Findings(findings)
