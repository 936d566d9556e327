"""The questions that the helper process answers: each an async generator of (event, data) pairs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from bridge.console.problem import Problem
from bridge.console.requests import (
    DeadLettersArgs,
    ProbeArgs,
    RecordPosition,
    RedriveRequest,
    ReplayArgs,
    ReplayState,
)
from bridge.core.unix_time import unix_ms
from bridge.diagnostics.redis import diagnose
from bridge.observability.masking import Mask
from bridge.operations.callback_probe import post_probe
from bridge.operations.check.run import run_checks
from bridge.operations.dead_letter_overview import dead_letter_overview
from bridge.operations.find import FindProgress, FindRequest, FoundGroups, find_records
from bridge.operations.read_record import read_record
from bridge.operations.replay.attempt_counter import REPLAY_GROUP
from bridge.operations.replay.common import Replay, ReplayStoppedError
from bridge.operations.replay.dead_letters import DeadLetterReplay, DeadLetterSelection
from bridge.operations.replay.redrive import GroupRedrive, RedriveSelection
from bridge.operations.replay.report import ItemResult, ReplaySummary
from bridge.operations.topic_lag import group_states, topic_states
from bridge.operations.topic_range import TimeRange
from bridge.operations.vendor_states import vendor_states
from bridge.settings.settings import Settings

_REPORT_INTERVAL_S = 0.25
_ITEMS_SHOWN_MAX = 20

Answer = AsyncIterator[tuple[str, object]]


class QuestionContext(Struct, frozen=True):
    """What every question may use."""

    settings: Settings
    mask: Mask


class RefusedError(Exception):
    """The question cannot be answered, or the action is refused."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


async def _find(context: QuestionContext, args: Raw) -> Answer:
    request = msgspec.json.decode(args, type=FindRequest)
    request = replace(request, ids_only=not context.settings.admin.show_payloads)
    async for found in find_records(context.settings, request):
        if isinstance(found, FindProgress):
            yield "progress", found
        else:
            yield ("groups" if isinstance(found, FoundGroups) else "records"), found


async def _record(context: QuestionContext, args: Raw) -> Answer:
    at = msgspec.json.decode(args, type=RecordPosition)
    yield "record", await read_record(context.settings, at.topic, at.partition, at.offset)


async def _topics(context: QuestionContext, _: Raw) -> Answer:
    yield "topics", await topic_states(context.settings)


async def _groups(context: QuestionContext, _: Raw) -> Answer:
    yield "groups", await group_states(context.settings)


async def _dead_letters(context: QuestionContext, args: Raw) -> Answer:
    request = msgspec.json.decode(args, type=DeadLettersArgs)
    now_ms, wanted = time.time_ns() // 1_000_000, _time_range(request.since, request.until)
    yield "groups", await dead_letter_overview(context.settings, now_ms, wanted)


def _time_range(since: datetime | None, until: datetime | None) -> TimeRange:
    return TimeRange(_unix_ms(since), _unix_ms(until))


def _unix_ms(at: datetime | None) -> int | None:
    return None if at is None else max(0, unix_ms(at))


async def _check(context: QuestionContext, _: Raw) -> Answer:
    yield "findings", await run_checks(context.settings, context.mask)


async def _vendor(context: QuestionContext, _: Raw) -> Answer:
    yield "states", await vendor_states(context.settings)


async def _probe(context: QuestionContext, args: Raw) -> Answer:
    request = msgspec.json.decode(args, type=ProbeArgs)
    application = context.settings.applications()[request.application]
    yield "answer", await post_probe(context.settings, application, request.task_id)


class _Reporter:
    """Counts, and keeps the first items that need a person."""

    def __init__(self, summary: ReplaySummary) -> None:
        self.summary = summary
        self._total: int | None = None
        self._done = 0
        self._items: list[ItemResult] = []

    def set_total(self, total: int | None) -> None:
        self._total = total

    def set_done(self, done: int) -> None:
        self._done = done

    def add_result(self, result: ItemResult) -> None:
        self.summary.count(result)
        if len(self._items) < _ITEMS_SHOWN_MAX:
            self._items.append(result)

    def state(self) -> ReplayState:
        return ReplayState(total=self._total, done=self._done, summary=self.summary, items=self._items)


async def _replay(context: QuestionContext, args: Raw) -> Answer:
    request = msgspec.json.decode(args, type=ReplayArgs)
    settings = context.settings
    if not request.dry_run and not request.without_dedup and (found := await diagnose(settings.redis)):
        raise RefusedError(
            Problem(
                status=503,
                title="Redis is unavailable: nothing would be deduplicated",
                detail=found[1].message,
                remedy=f"{found[1].remedy}; or without_dedup, which may publish repeats",
            )
        )
    selection = DeadLetterSelection(
        reasons=request.reasons,
        apps=request.applications,
        time_range=_time_range(request.since, request.until),
        positions=frozenset(request.records),
        group=REPLAY_GROUP,
        fail_open=request.without_dedup,
        max_attempts=request.max_attempts,
    )
    async for answer in _run(context, DeadLetterReplay(settings, selection), dry_run=request.dry_run):
        yield answer


async def _redrive(context: QuestionContext, args: Raw) -> Answer:
    request = msgspec.json.decode(args, type=RedriveRequest)
    selection = RedriveSelection(
        group=request.group,
        reasons=request.args.reasons,
        time_range=_time_range(request.args.since, request.args.until),
        positions=frozenset(request.args.records),
        progress_group=REPLAY_GROUP,
        max_attempts=request.args.max_attempts,
    )
    redrive = GroupRedrive(context.settings, selection)
    async for answer in _run(context, redrive, dry_run=request.args.dry_run):
        yield answer


async def _run(context: QuestionContext, replay: Replay, *, dry_run: bool) -> Answer:
    """Plan or run it, with its progress a few times a second."""
    reporter = _Reporter(ReplaySummary(unit=replay.unit, dry_run=dry_run))
    stop_event = asyncio.Event()
    begun_at = time.monotonic()
    replaying = replay.plan(reporter) if dry_run else replay.run(reporter, stop_event)
    work = asyncio.ensure_future(replaying)
    try:
        while not work.done():
            await asyncio.wait((work,), timeout=_REPORT_INTERVAL_S)
            reporter.summary.seconds = round(time.monotonic() - begun_at, 3)
            yield "progress", reporter.state()
        await work
    except ReplayStoppedError as stopped:
        reporter.summary.stop_reason = context.mask.mask_line(str(stopped))
        reporter.summary.resume_hint = "the same replay goes on from there"
    finally:
        if not work.done():  # cancelled: the progress is stored before it ends
            stop_event.set()
            await asyncio.wait((work,), timeout=30)
            work.cancel()
    yield "done", reporter.state()


QUESTIONS: Mapping[str, Callable[[QuestionContext, Raw], Any]] = MappingProxyType(
    {
        "find": _find,
        "record": _record,
        "topics": _topics,
        "groups": _groups,
        "dead_letters": _dead_letters,
        "check": _check,
        "vendor": _vendor,
        "probe": _probe,
        "replay": _replay,
        "redrive": _redrive,
    }
)
