"""A replay as requested: checks the options, builds the replay, asks for confirmation, runs it."""

import sys
from collections.abc import Sequence
from pathlib import Path

import typer
from msgspec import Struct

from bridge.cli.replay.files import FileReplay, FileSelection
from bridge.cli.replay.report import print_summary_and_exit, reporting
from bridge.cli.replay.time_range import RangeReplay, RangeSelection
from bridge.cli.support.exit import EXIT_USAGE, fail, load_settings_or_exit
from bridge.cli.support.input_files import require_files
from bridge.cli.support.interrupt import run_interruptible
from bridge.cli.support.terminal import mask_nested
from bridge.cli.support.time_arg import parse_time
from bridge.core.outcome import Reason
from bridge.diagnostics.redis import diagnose
from bridge.io.kafka.client import kafka_options
from bridge.observability.logging import configure_logging
from bridge.operations.kafka_admin import describe_cluster
from bridge.operations.kafka_errors import explain_error, silence_aiokafka
from bridge.operations.replay.attempt_counter import MAX_ATTEMPTS
from bridge.operations.replay.common import Replay, ReplayStoppedError, stop_event_on_signals
from bridge.operations.replay.dead_letters import DeadLetterReplay, DeadLetterSelection
from bridge.operations.replay.redrive import GroupRedrive, RedriveSelection
from bridge.operations.replay.report import ReplaySummary, Reporter
from bridge.operations.topic_range import TimeRange
from bridge.settings.settings import Settings
from bridge.wiring import now_ms

REASONS = tuple(map(str, Reason))
GROUP_REASONS = ("failed", "buried", "unreadable")
_CONFIRM_ABOVE = 1_000


class ReplaySource(Struct, frozen=True):
    """What is replayed: exactly one of the others but ``skip``; ``dead_letters_of`` is a consumer group."""

    paths: Sequence[Path]
    topic: str
    dead_letters: bool
    skip: int
    dead_letters_of: str = ""


class ReplayFilter(Struct, frozen=True):
    """Which items of the source."""

    reasons: Sequence[str]
    apps: Sequence[str]
    since: str
    until: str


class ReplayOptions(Struct, frozen=True):
    """Where to, and how."""

    to: str
    republish: bool
    restart: bool
    without_dedup: bool
    group: str
    max_attempts: int = MAX_ATTEMPTS


class ReplayRequest(Struct, frozen=True):
    """The options of the command, grouped."""

    source: ReplaySource
    record_filter: ReplayFilter
    replay_options: ReplayOptions


def run_replay(
    request: ReplayRequest, config: Path | None, *, as_json: bool, execute: bool, yes: bool
) -> None:
    """Replay, or only report what would be done; ends the command."""
    silence_aiokafka()
    settings = load_settings_or_exit(config)
    replay = _build_replay(request, settings)
    configure_logging("error", "console", sys.stderr, mask=mask_nested)
    summary = ReplaySummary(unit=replay.unit, dry_run=not (execute or yes))
    if not summary.dry_run:
        is_deduplicated = not (request.source.topic or request.source.dead_letters_of)
        if is_deduplicated and not request.replay_options.without_dedup:
            _require_redis(settings)
        if not yes:
            _confirm(replay, settings)
    with reporting(summary) as reporter:
        summary.stop_reason = _run_or_stop(replay, reporter, settings)
    if summary.stop_reason and not summary.dry_run:
        summary.resume_hint = replay.resume_hint
    print_summary_and_exit(summary, as_json=as_json)


def _run_or_stop(replay: Replay, reporter: Reporter, settings: Settings) -> str:
    """Run or plan it; return why it stopped, or ""."""
    try:
        if reporter.summary.dry_run:
            run_interruptible(replay.plan(reporter))
        else:
            run_interruptible(_run_until_signal(replay, reporter))
    except ReplayStoppedError as stopped:
        return str(stopped)
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        return str(run_interruptible(explain_error(kafka_options(settings.kafka), error)))
    return ""


async def _run_until_signal(replay: Replay, reporter: Reporter) -> None:
    async with stop_event_on_signals() as stop_event:
        await replay.run(reporter, stop_event)


def _require_redis(settings: Settings) -> None:
    """End the command where Redis is unavailable: nothing would be deduplicated."""
    found = run_interruptible(diagnose(settings.redis))
    if found:
        fail(f"Redis at {found[1]}; --without-dedup goes on without it, and may publish repeats")


def _confirm(replay: Replay, settings: Settings) -> None:
    """Ask before more than 1000 items; without a terminal, end the command."""
    count = _count_if_many(replay, settings)
    if not count:
        return
    if not sys.stdin.isatty():
        fail(f"{count} {replay.unit}: --yes replays them without asking", EXIT_USAGE)
    if not typer.confirm(f"replay {count} {replay.unit}?", err=True):
        fail("nothing was replayed")


def _count_if_many(replay: Replay, settings: Settings) -> str:
    """Return the count as text where there are more than 1000, else ""."""
    if isinstance(replay, FileReplay):
        return f"more than {_CONFIRM_ABOVE}" if replay.has_more_than(_CONFIRM_ABOVE) else ""
    summary = ReplaySummary(unit=replay.unit, dry_run=True)
    with reporting(summary, quiet=True) as reporter:
        if reason := _run_or_stop(replay, reporter, settings):
            fail(reason)
    return str(summary.processed) if summary.processed > _CONFIRM_ABOVE else ""


def _build_replay(request: ReplayRequest, settings: Settings) -> Replay:
    """Build the kind of replay that is requested; wrong options end the command."""
    source, record_filter, replay_options = request.source, request.record_filter, request.replay_options
    sources = (bool(source.paths), source.dead_letters, bool(source.dead_letters_of), bool(source.topic))
    if sum(sources) != 1:
        fail("one of --dead-letters, --dead-letters-of, --topic or files, please", EXIT_USAGE)
    has_reasons = source.dead_letters or source.dead_letters_of
    _require(
        "--reason", record_filter.reasons, "--dead-letters and --dead-letters-of", is_allowed=has_reasons
    )
    _require_reasons(record_filter.reasons, GROUP_REASONS if source.dead_letters_of else REASONS)
    _require("--app", record_filter.apps, "the others", is_allowed=not source.dead_letters_of)
    _require("--to", replay_options.to, "--topic", is_allowed=source.topic)
    _require("--republish", replay_options.republish, "--topic", is_allowed=source.topic)
    _require("--skip", source.skip, "files", is_allowed=source.paths)
    _require(
        "--since and --until",
        record_filter.since or record_filter.until,
        "topics",
        is_allowed=not source.paths,
    )
    _require("--restart", replay_options.restart, "topics", is_allowed=not source.paths)
    _require(
        "--without-dedup",
        replay_options.without_dedup,
        "--dead-letters and files",
        is_allowed=not (source.topic or source.dead_letters_of),
    )
    if source.topic:
        return _range_replay(request, settings)
    if source.dead_letters_of:
        return _redrive(request, settings)
    unknown = [app for app in record_filter.apps if app not in settings.applications()]
    if unknown:
        fail(
            f"--app {unknown[0]}: not configured; there is {', '.join(settings.applications())}",
            EXIT_USAGE,
        )
    return _dead_letter_replay(request, settings) if source.dead_letters else _file_replay(request, settings)


def _require_reasons(reasons: Sequence[str], known: Sequence[str]) -> None:
    unknown = [reason for reason in reasons if reason not in known]
    if unknown:
        fail(f"--reason {unknown[0]}: there is {', '.join(known)}", EXIT_USAGE)


def _require(option: str, given: object, required_option: str, *, is_allowed: object) -> None:
    if given and not is_allowed:
        fail(f"{option}: only with {required_option}", EXIT_USAGE)


def _dead_letter_replay(request: ReplayRequest, settings: Settings) -> Replay:
    selection = DeadLetterSelection(
        reasons=request.record_filter.reasons,
        apps=request.record_filter.apps,
        time_range=_time_range(request.record_filter, now_ms()),
        group=request.replay_options.group,
        restart=request.replay_options.restart,
        fail_open=request.replay_options.without_dedup,
        max_attempts=request.replay_options.max_attempts,
    )
    return DeadLetterReplay(settings, selection)


def _redrive(request: ReplayRequest, settings: Settings) -> Replay:
    selection = RedriveSelection(
        group=request.source.dead_letters_of,
        reasons=request.record_filter.reasons,
        time_range=_time_range(request.record_filter, now_ms()),
        progress_group=request.replay_options.group,
        restart=request.replay_options.restart,
        max_attempts=request.replay_options.max_attempts,
    )
    return GroupRedrive(settings, selection)


def _file_replay(request: ReplayRequest, settings: Settings) -> Replay:
    files = require_files(request.source.paths)
    apps = request.record_filter.apps or list(settings.applications())
    if len(apps) != 1:
        fail(f"--app: whose notifications are they? One of {', '.join(apps)}", EXIT_USAGE)
    selection = FileSelection(
        files=files, app=apps[0], skip=request.source.skip, fail_open=request.replay_options.without_dedup
    )
    return FileReplay(settings, selection)


def _range_replay(request: ReplayRequest, settings: Settings) -> Replay:
    topic, to, replay_options = request.source.topic, request.replay_options.to, request.replay_options
    dead_letters = settings.kafka.topic_dead_letter
    if bool(to) == replay_options.republish:
        fail("where to? Either --to TOPIC or --republish", EXIT_USAGE)
    if topic == dead_letters:
        fail(f"--topic {topic}: these are dead letters; --dead-letters replays them", EXIT_USAGE)
    if to == dead_letters:
        fail(f"--to {to}: is the topic of dead letters", EXIT_USAGE)
    if to == topic:
        fail(f"--to {to}: is the topic itself; --republish says so", EXIT_USAGE)
    if not request.record_filter.since:
        fail("--since: from when on?", EXIT_USAGE)
    now = now_ms()
    time_range = _time_range(request.record_filter, now)
    selection = RangeSelection(
        topic=topic,
        to=to or topic,
        time_range=TimeRange(
            time_range.since_ms, now if time_range.until_ms is None else time_range.until_ms
        ),
        apps=request.record_filter.apps,
        group=replay_options.group,
        restart=replay_options.restart,
    )
    _require_topics([topic, to or topic], settings)
    return RangeReplay(settings, selection)


def _require_topics(topics: Sequence[str], settings: Settings) -> None:
    options = kafka_options(settings.kafka)
    try:
        cluster = run_interruptible(describe_cluster(options))
    except Exception as error:  # noqa: BLE001 - whatever Kafka's library raises becomes one line
        fail(str(run_interruptible(explain_error(options, error))))
    missing = [topic for topic in topics if topic not in cluster.topics]
    if missing:
        fail(f"{missing[0]}: there is no such topic")


def _time_range(record_filter: ReplayFilter, now: int) -> TimeRange:
    since = parse_time("--since", record_filter.since, now) if record_filter.since else None
    until = parse_time("--until", record_filter.until, now) if record_filter.until else None
    if since is not None and since >= (now if until is None else until):
        fail(f"--since {record_filter.since}: must be before {record_filter.until or 'now'}", EXIT_USAGE)
    return TimeRange(since, until)
