"""The tools that write: dry first. Each call is logged, whether it is done or refused."""

from datetime import datetime

import structlog
from msgspec.structs import replace

from bridge.console.requests import ReplayArgs, ReplayState
from bridge.core.plural import counted
from bridge.core.unix_time import from_unix_ms
from bridge.io.kafka.client import kafka_options
from bridge.mcp_server.answers import CreateTopicsAnswer, ReplayAnswer
from bridge.mcp_server.arguments import CreateTopicsArguments, ReplayArguments
from bridge.mcp_server.context import ToolContext
from bridge.mcp_server.errors import RefusedActionError, ToolError
from bridge.mcp_server.read_tools import ask_once
from bridge.operations.kafka_admin import NewTopic, describe_cluster
from bridge.operations.topic_plan import (
    TopicDefaults,
    create_missing,
    creation_remedy,
    describe_new_topic,
    missing_topics,
)

log: structlog.stdlib.BoundLogger = structlog.get_logger()

REPLAY, CREATE_TOPICS = "replay_dead_letters", "create_topics"


async def replay_dead_letters(context: ToolContext, arguments: ReplayArguments) -> ReplayAnswer:
    """Show what a replay would do; with its plan, do that."""
    if arguments.plan:
        if replace(arguments, plan="") != ReplayArguments():
            raise _not_alone()
        return await _replay(context, arguments.plan)
    now = from_unix_ms(context.now_ms())
    args = ReplayArgs(
        dry_run=True,
        reasons=arguments.reasons,
        applications=arguments.applications,
        records=arguments.records,
        since=_time("since", arguments.since) if arguments.since else None,
        # What comes from now on is not in the plan.
        until=min(now, _time("until", arguments.until)) if arguments.until else now,
    )
    state: ReplayState = await ask_once(context, "replay", args)
    if state.summary.stop_reason:
        raise ToolError(state.summary.stop_reason)
    number = state.summary.processed
    plan = context.plans.add(REPLAY, args) if number else ""
    next_step = (
        f"nothing is written yet. Show this; then call {REPLAY} with this plan alone, within ten minutes, to"
        f" deliver {counted(number, 'dead letter')} again"
        if plan
        else "nothing is to be done: no pending dead letter matches"
    )
    return ReplayAnswer(
        dry_run=True, summary=state.summary, items=state.items, plan=plan, next_step=next_step
    )


async def _replay(context: ToolContext, plan: str) -> ReplayAnswer:
    _require_idle(context)
    args: ReplayArgs = context.plans.take(REPLAY, plan)
    context.audit.record(
        REPLAY,
        context.client,
        plan=plan,
        reasons=", ".join(args.reasons),
        applications=", ".join(args.applications),
        records=str(len(args.records) or "all"),
    )
    async with context.writing:
        state: ReplayState = await ask_once(context, "replay", replace(args, dry_run=False))
    summary = state.summary
    log.info("replay_done", plan=plan, endings=summary.outcomes, stopped=summary.stop_reason)
    next_step = "done"
    if summary.stop_reason:
        next_step = f"it stopped: {summary.stop_reason}. What is done is stored; the same replay goes on"
    elif not summary.is_successful:
        next_step = "some were not published: see summary and items; they stay dead letters"
    return ReplayAnswer(dry_run=False, summary=summary, items=state.items, next_step=next_step)


async def create_topics(context: ToolContext, arguments: CreateTopicsArguments) -> CreateTopicsAnswer:
    """Show which missing topics would be created; with the plan, create them."""
    options = kafka_options(context.settings.kafka)
    if arguments.plan:
        if replace(arguments, plan="") != CreateTopicsArguments():
            raise _not_alone()
        return await _create_topics(context, arguments.plan)
    defaults = TopicDefaults(partitions=arguments.partitions, replication=arguments.replication)
    wanted = missing_topics(context.settings, await describe_cluster(options), defaults)
    plan = context.plans.add(CREATE_TOPICS, wanted) if wanted else ""
    next_step = (
        f"nothing is created yet. Show this; then call {CREATE_TOPICS} with this plan alone, within ten"
        f" minutes, to create {counted(len(wanted), 'topic')}"
        if plan
        else "nothing is to be done: no topic is missing"
    )
    return CreateTopicsAnswer(
        dry_run=True, topics=[describe_new_topic(topic) for topic in wanted], plan=plan, next_step=next_step
    )


async def _create_topics(context: ToolContext, plan: str) -> CreateTopicsAnswer:
    _require_idle(context)
    wanted: list[NewTopic] = context.plans.take(CREATE_TOPICS, plan)
    options = kafka_options(context.settings.kafka)
    context.audit.record(CREATE_TOPICS, context.client, plan=plan, topics=str(len(wanted)))
    async with context.writing:
        cluster = await describe_cluster(options)
        report = await create_missing(wanted, cluster, options)
    if report.failures:
        reasons = "; ".join(f"{name}: {failure}" for name, failure in list(report.failures.items())[:5])
        number = f"{len(report.failures)} of {counted(len(wanted), 'topic')}"
        raise ToolError(f"not created: {number}: {creation_remedy(report.failures)}. {reasons}")
    return CreateTopicsAnswer(
        dry_run=False,
        topics=[topic.name for topic in wanted],
        warnings=report.concessions,
        next_step="done: `check` looks at them",
    )


def _require_idle(context: ToolContext) -> None:
    if context.writing.locked():
        raise RefusedActionError("another write is under way: wait for its end", "another write")


def _not_alone() -> RefusedActionError:
    return RefusedActionError(
        "plan: is given alone. What is written is what the plan has; for anything else call without `plan`",
        "plan with other arguments",
    )


def _time(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ToolError(f"{name}: {text!r} is no time with its zone, as 2026-01-31T12:00:00Z")
    return found
